"""Predicts the digits of many images: decodes large files in threads and predicts in batches."""

import io
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, TextIO

import numpy as np
from tqdm import tqdm

from handwriting.app.contact_sheet import N_PICTURES, ContactSheet, Original
from handwriting.app.pixel_rows import read_rows
from handwriting.app.writers import Result, Writer
from handwriting.common.errors import InputError
from handwriting.pictures.decode import SUFFIXES, read_grey
from handwriting.recognizer import Box, Found, Recognizer

STANDARD_INPUT = "-"

# Number of images per call of the model. Each call of a support vector classifier prepares its
# support vectors again, which takes as long as predicting a few hundred images.
_BATCH = 4096
# Files of at least this size in bytes are decoded in threads. For smaller files, most of the time
# is spent in Python code, which holds the interpreter lock; two threads took 1.6 times as long.
_LARGE = 2**14
# Minimum number of files for a progress bar.
_MANY = 20
# The first bytes of image files; anything else on standard input is parsed as a table.
_SIGNATURES = (b"\x89PNG", b"\xff\xd8\xff", b"II*\0", b"MM\0*", b"II+\0", b"MM\0+", b"BM")


@dataclass
class _Image:
    """A decoded image: the parts that may be digits, or the reason why it cannot be read."""

    file: str
    row: int | None = None
    found: Sequence[Found] = field(default_factory=list)
    original: Original | None = None
    error: str | None = None


def predict(
    recognizer: Recognizer,
    inputs: Sequence[str],
    writer: Writer,
    sheet: ContactSheet | None = None,
) -> int:
    """Predict the digits of images and write the results, in the order of the inputs.

    An input that cannot be read is reported on standard error; the others are still processed.

    Parameters
    ----------
    recognizer : Recognizer
    inputs : sequence of str
        Images, folders, tables, or ``-``.
    writer : Writer
        Receives one result per image that could be read.
    sheet : ContactSheet, optional
        Receives the first images.

    Returns
    -------
    int
        Number of inputs that could not be read.
    """
    files = list(_expand(inputs))
    progress = tqdm(total=len(files), unit="file", disable=None if len(files) >= _MANY else True)
    n_failed = 0
    with progress, ThreadPoolExecutor(os.cpu_count()) as executor:
        try:
            n_originals = N_PICTURES if sheet is not None else 0
            for batch in _batches(recognizer, files, executor, n_originals, progress):
                results = _recognize(recognizer, batch)
                with tqdm.external_write_mode(sys.stdout):
                    for image, result in zip(batch, results, strict=True):
                        if result is None:
                            n_failed += 1
                            print(f"error: {image.error}", file=sys.stderr)
                            continue
                        writer.write(result)
                        if sheet is not None and not sheet.is_full:
                            sheet.add(_original(image, recognizer), result.readings)
        except BaseException:
            executor.shutdown(cancel_futures=True)
            raise
    writer.close()
    return n_failed


def _expand(inputs: Sequence[str]) -> Iterator[str | _Image]:
    """Replace folders with the images in them, sorted by path."""
    for name in inputs:
        if name == STANDARD_INPUT or not Path(name).is_dir():
            yield name
            continue
        images = [
            os.path.join(folder, file)  # noqa: PTH118 - a Path per file takes four times as long
            for folder, _, names in os.walk(name)
            for file in names
            if _suffix(file) in SUFFIXES
        ]
        if not images:
            yield _Image(name, error=f"{name}: the folder has no PNG, JPEG, TIFF or BMP image")
        yield from sorted(images, key=lambda path: path.split(os.sep))  # noqa: PTH206 - as above


def _batches(
    recognizer: Recognizer,
    files: Sequence[str | _Image],
    executor: ThreadPoolExecutor,
    n_originals: int,
    progress: Any,
) -> Iterator[list[_Image]]:
    """Yield decoded images in batches.

    For the first `n_originals` files, the reduced pictures are kept to be drawn later.
    """
    numbers = iter(range(len(files)))

    def start() -> list[Callable[[], Iterable[list[_Image]]]]:
        """Submit large files to the threads; return one callable per file with its images."""
        tasks: list[Callable[[], Iterable[list[_Image]]]] = []
        for number in islice(numbers, _BATCH):
            load = partial(_load, recognizer, files[number], number < n_originals)
            tasks.append(executor.submit(load).result if _is_large(files[number]) else load)
        return tasks

    batch: list[_Image] = []
    upcoming = start()
    while upcoming:
        # At most one batch is decoded ahead, so that the memory is bounded.
        current, upcoming = upcoming, start()
        for wait_or_load in current:
            for images in wait_or_load():
                batch += images
                if len(batch) >= _BATCH:
                    yield batch
                    batch = []
            progress.update()
    if batch:
        yield batch


def _suffix(file: str) -> str:
    return os.path.splitext(file)[1].lower()  # noqa: PTH122 - as above


def _is_large(file: str | _Image) -> bool:
    if isinstance(file, _Image) or file == STANDARD_INPUT:
        return False
    try:
        return os.stat(file).st_size >= _LARGE  # noqa: PTH116 - as above
    except OSError:  # `_load` reports the error
        return False


def _load(
    recognizer: Recognizer, file: str | _Image, keep_original: bool
) -> Iterable[list[_Image]]:
    """Decode one file; a table is read lazily, block by block."""
    if isinstance(file, _Image):
        return [[file]]
    content: bytes | None = None
    name = file
    if file == STANDARD_INPUT:
        name, content = "standard input", sys.stdin.buffer.read()
        if not content:
            return [[_Image(name, error=f"{name}: is empty; must be an image or a table")]]
    is_table = (
        not content.startswith(_SIGNATURES) if content is not None else _suffix(file) == ".csv"
    )
    if is_table:
        return _load_table(recognizer, name, content)
    try:
        grey = read_grey(file if content is None else content, name)
        found = recognizer.find(grey)
    except InputError as error:
        message = str(error)
        return [[_Image(name, error=message if message.startswith(name) else f"{name}: {message}")]]
    if not found:
        return [[_Image(name, error=f"{name}: the image is empty: it contains no ink")]]
    return [[_Image(name, None, found, Original.reduce(grey) if keep_original else None)]]


def _load_table(recognizer: Recognizer, name: str, content: bytes | None) -> Iterator[list[_Image]]:
    image = recognizer.image
    box = Box(0, 0, image.width, image.height)
    n_rows = 0
    try:
        with _open(name, content) as lines:
            for block in read_rows(lines, name, image):
                pixels = block.reshape(-1, image.height, image.width)
                yield [
                    _Image(name, number, [Found(box, 0, own)])
                    for number, own in enumerate(pixels, start=n_rows + 1)
                ]
                n_rows += len(block)
    except FileNotFoundError:
        yield [_Image(name, error=f"{name}: no such file")]
    except OSError as error:
        yield [_Image(name, error=f"{name}: cannot be read ({error.strerror})")]
    except InputError as error:
        yield [_Image(name, error=str(error))]


def _open(name: str, content: bytes | None) -> TextIO:
    if content is None:
        return Path(name).open(encoding="utf-8", newline="")
    return io.TextIOWrapper(io.BytesIO(content), encoding="utf-8", newline="")


def _recognize(recognizer: Recognizer, batch: Sequence[_Image]) -> list[Result | None]:
    """Predict all digits of a batch at once; the result of a faulty image is None."""
    readings = iter(recognizer.recognize([found for image in batch for found in image.found]))
    return [
        None
        if image.error is not None
        else Result(image.file, image.row, list(islice(readings, len(image.found))))
        for image in batch
    ]


def _original(image: _Image, recognizer: Recognizer) -> Original:
    """Return the reduced picture; a row of a table is converted to a picture."""
    if image.original is not None:
        return image.original
    scaled = image.found[0].pixels * (255 / recognizer.image.pixel_max)
    return Original.reduce(np.asarray(255 - scaled, dtype=np.uint8))
