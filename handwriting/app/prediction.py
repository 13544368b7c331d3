"""Predicts the digits of many images: decodes large files in threads and predicts in batches."""

import os
import re
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from handwriting.app.contact_sheet import N_PICTURES, ContactSheet, Original
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
# Tables have many endings, for example `.csv.gz` or the `.train` of USPS.
_TABLES = frozenset({".csv", ".tsv", ".txt", ".dat", ".data", ".gz", ".zip"})
_NUMBERS = re.compile(rb"\s*-?[0-9.]+(e[-+][0-9]+)?\s*[,;\s]")


@dataclass(frozen=True)
class Unread:
    """A folder in which nothing can be read.

    Attributes
    ----------
    error : str
        The reason, with the name of the folder.
    """

    error: str


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
    files: Sequence[str | Unread],
    writer: Writer,
    sheet: ContactSheet | None = None,
) -> int:
    """Predict the digits of images and write the results, in the order of the inputs.

    An input that cannot be read is reported on standard error; the others are still processed.

    Parameters
    ----------
    recognizer : Recognizer
    files : sequence of str or Unread
        Images, tables, or ``-``: what `expand` returns.
    writer : Writer
        Receives one result per image that could be read.
    sheet : ContactSheet, optional
        Receives the first images.

    Returns
    -------
    int
        Number of inputs that could not be read.
    """
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


def expand(inputs: Sequence[str]) -> list[str | Unread]:
    """Replace folders by the images in them, in the order of their names.

    Parameters
    ----------
    inputs : sequence of str
        Images, folders, tables, or ``-``.
    """
    return list(_expand(inputs))


def _expand(inputs: Sequence[str]) -> Iterator[str | Unread]:
    for name in inputs:
        # `Path.is_dir` raises an error for some paths; `_load` says what is wrong with them.
        if name == STANDARD_INPUT or not os.path.isdir(name):  # noqa: PTH112
            yield name
            continue
        unreadable: list[OSError] = []
        images = [
            os.path.join(folder, file)  # noqa: PTH118 - a Path per file takes four times as long
            for folder, _, names in os.walk(name, onerror=unreadable.append)
            for file in names
            if _suffix(file) in SUFFIXES
        ]
        for error in unreadable:
            yield Unread(f"{error.filename}: cannot be read ({error.strerror})")
        if not images and not unreadable:
            yield Unread(f"{name}: the folder has no PNG, JPEG, TIFF or BMP image")
        yield from sorted(images, key=lambda path: path.split(os.sep))  # noqa: PTH206 - as above


def _batches(
    recognizer: Recognizer,
    files: Sequence[str | Unread],
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


def _is_large(file: str | Unread) -> bool:
    if isinstance(file, Unread) or file == STANDARD_INPUT:
        return False
    try:
        return os.stat(file).st_size >= _LARGE  # noqa: PTH116 - as above
    except OSError:  # `_load` reports the error
        return False


def _is_table(file: str) -> bool:
    """Return whether a file is a table by its name, or, if that says nothing, by its content."""
    suffix = _suffix(file)
    if suffix in SUFFIXES or suffix in _TABLES:
        return suffix in _TABLES
    try:
        with open(file, "rb") as opened:  # noqa: PTH123 - as above
            start = opened.read(64)
    except OSError:  # `_load` says what is wrong with the file
        return False
    return bool(_NUMBERS.match(start))


def _load(
    recognizer: Recognizer, file: str | Unread, keep_original: bool
) -> Iterable[list[_Image]]:
    """Decode one file; a table is read block by block when the result is used."""
    if isinstance(file, Unread):
        return [[_Image("", error=file.error)]]
    content: bytes | None = None
    name = file
    if file == STANDARD_INPUT:
        name, content = "standard input", sys.stdin.buffer.read()
        if not content:
            return [[_Image(name, error=f"{name}: is empty; must be an image or a table")]]
    if _is_table(file) if content is None else not content.startswith(_SIGNATURES):
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
    """Read a table in any form that `handwriting add` reads."""
    # pandas is slow to import; images do not need it.
    from handwriting.app.inspection.content import inspect_for_model, table_source
    from handwriting.data import table_forms
    from handwriting.data.text_files import open_text

    image = recognizer.image
    box = Box(0, 0, image.width, image.height)
    n_rows = 0
    with ExitStack() as stack:
        path = Path(name)
        if content is not None:  # it is read twice
            path = Path(stack.enter_context(tempfile.TemporaryDirectory()), "table")
            path.write_bytes(content)
        try:
            form = table_source(inspect_for_model(path, image), "table")
            lines = stack.enter_context(open_text(path, name))
            for block in table_forms.read(lines, form, image, name):
                pixels = block.pixels.reshape(-1, image.height, image.width)
                yield [
                    _Image(name, number, [Found(box, 0, own)])
                    for number, own in enumerate(pixels, start=n_rows + 1)
                ]
                n_rows += len(pixels)
        except OSError as error:
            yield [_Image(name, error=f"{name}: cannot be read ({error.strerror})")]
        except InputError as error:
            message = str(error).removeprefix(f"{path}: ").removeprefix(f"{name}: ")
            yield [_Image(name, error=f"{name}: {message}")]


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
