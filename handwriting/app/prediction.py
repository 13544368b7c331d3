"""Reads many images: decodes them in threads and recognises them in batches."""

import io
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import chain, islice
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

# So many images are recognised at once. Each call of a support vector classifier prepares its
# support vectors again, which takes as long as some hundred images.
_BATCH = 4096
# So many files are one task of a thread: handing over single small files would take longer than
# decoding them.
_TASK = 32
# A progress bar is worth its line from here.
_MANY = 20
# What images begin with; anything else on standard input is a table.
_SIGNATURES = (b"\x89PNG", b"\xff\xd8\xff", b"II*\0", b"MM\0*", b"II+\0", b"MM\0+", b"BM")


@dataclass
class _Image:
    """An image before it is recognised: what was found in it, or why it cannot be read."""

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
    """Read images and write what was read, in their order.

    A fault of one input is one line on standard error; the others are read nevertheless.

    Parameters
    ----------
    recognizer : Recognizer
    inputs : sequence of str
        Images, folders, tables, or ``-``.
    writer : Writer
        Gets one result per image that could be read.
    sheet : ContactSheet, optional
        Gets the first images.

    Returns
    -------
    int
        Number of faults.
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
    """Replace folders by the images in them, in the order of their names."""
    for name in inputs:
        if name == STANDARD_INPUT or not Path(name).is_dir():
            yield name
            continue
        images = sorted(path for path in Path(name).rglob("*") if path.suffix.lower() in SUFFIXES)
        if not images:
            yield _Image(name, error=f"{name}: the folder has no PNG, JPEG, TIFF or BMP image")
        yield from map(str, images)


def _batches(
    recognizer: Recognizer,
    files: Sequence[str | _Image],
    executor: ThreadPoolExecutor,
    n_originals: int,
    progress: Any,
) -> Iterator[list[_Image]]:
    """Yield decoded images in batches.

    The first `n_originals` files keep what is to be drawn of them.
    """

    def load(start: int) -> list[Iterable[list[_Image]]]:
        return [
            _load(recognizer, files[number], number < n_originals)
            for number in range(start, min(start + _TASK, len(files)))
        ]

    starts = iter(range(0, len(files), _TASK))

    def submit() -> list[Any]:
        return [executor.submit(load, start) for start in islice(starts, _BATCH // _TASK)]

    batch: list[_Image] = []
    upcoming = submit()
    while upcoming:
        # While a batch is recognised, only the next one is decoded, so that memory is bounded.
        current, upcoming = upcoming, submit()
        for future in current:
            task = future.result()
            for images in chain.from_iterable(task):
                batch += images
                if len(batch) >= _BATCH:
                    yield batch
                    batch = []
            progress.update(len(task))
    if batch:
        yield batch


def _load(
    recognizer: Recognizer, file: str | _Image, keep_original: bool
) -> Iterable[list[_Image]]:
    """Decode one file; a table is read block by block when the result is used."""
    if isinstance(file, _Image):
        return [[file]]
    content: bytes | None = None
    name = file
    if file == STANDARD_INPUT:
        name, content = "standard input", sys.stdin.buffer.read()
        if not content:
            return [[_Image(name, error=f"{name}: is empty; must be an image or a table")]]
    is_table = (
        not content.startswith(_SIGNATURES)
        if content is not None
        else Path(file).suffix.lower() == ".csv"
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
        return [[_Image(name, error=f"{name}: the image is empty: nothing stands out from paper")]]
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
    """Recognise all digits of a batch at once; the result of a faulty image is None."""
    readings = iter(recognizer.recognize([found for image in batch for found in image.found]))
    return [
        None
        if image.error is not None
        else Result(image.file, image.row, list(islice(readings, len(image.found))))
        for image in batch
    ]


def _original(image: _Image, recognizer: Recognizer) -> Original:
    """Return the picture, or the row of a table as a picture."""
    if image.original is not None:
        return image.original
    scaled = image.found[0].pixels * (255 / recognizer.image.pixel_max)
    return Original.reduce(np.asarray(255 - scaled, dtype=np.uint8))
