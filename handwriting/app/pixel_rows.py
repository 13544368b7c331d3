"""Reads CSV tables with one image per row, with or without labels."""

import csv
import itertools
from collections.abc import Iterator
from typing import TextIO

import numpy as np
import numpy.typing as npt

from handwriting.common.errors import InputError
from handwriting.common.params.datasets import ImageFormat

UInt8Array = npt.NDArray[np.uint8]

BLOCK_ROWS = 512


def read_rows(lines: TextIO, name: str, image: ImageFormat) -> Iterator[UInt8Array]:
    """Read a table of pixels in blocks of rows.

    A header is optional. The pixel columns are the last ones. If there is a header, the columns
    `label` and `writer` before them are skipped.

    Parameters
    ----------
    lines : text stream
        One image per line, integers from 0 to `pixel_max`; high values are ink.
    name : str
        Name of the table in error messages.
    image : ImageFormat
        Format of the images that the model was trained on.

    Yields
    ------
    ndarray of shape (n, height * width), uint8
        At most 512 rows.

    Raises
    ------
    InputError
        If the table is empty, is not UTF-8 text, has the wrong number of columns or contains an
        invalid value. The message contains the row of the first fault (1 is the first image).
    """
    try:
        first = next(lines, "").lstrip("\ufeff")
        if not first.strip():
            raise InputError(f"{name}: the table is empty; must have one image per row")
        cells = [cell.strip().strip('"') for cell in first.split(",")]
        has_header = not _is_number(cells[-1])
        n_before = sum(cell in ("label", "writer") for cell in cells) if has_header else 0
        n_columns = len(cells)
        if n_columns - n_before != image.n_pixels:
            hint = "; a column of labels needs a header" if not has_header else ""
            raise InputError(
                f"{name}: {n_columns - n_before} pixel columns; the model was trained on images of "
                f"{image.height} × {image.width} = {image.n_pixels} pixels{hint}"
            )
        rest = lines if has_header else itertools.chain([first], lines)
        n_read = 0
        while block := list(itertools.islice(rest, BLOCK_ROWS)):
            yield _parse(block, n_read, n_before, name, image)
            n_read += len(block)
    except UnicodeDecodeError as error:
        raise InputError(f"{name}: not CSV text ({error}); must be a table in UTF-8") from None


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _parse(
    block: list[str], n_read: int, n_before: int, name: str, image: ImageFormat
) -> UInt8Array:
    columns = range(n_before, n_before + image.n_pixels)
    try:
        values = np.loadtxt(
            block, dtype=np.int64, delimiter=",", quotechar='"', usecols=columns, ndmin=2
        )
    except (ValueError, OverflowError):
        values = np.empty((0, 0), dtype=np.int64)
    sound = len(values) == len(block) and bool(((values >= 0) & (values <= image.pixel_max)).all())
    if not sound:
        raise InputError(f"{name}: {_first_fault(block, n_read, n_before, image)}")
    return values.astype(np.uint8)


def _first_fault(block: list[str], n_read: int, n_before: int, image: ImageFormat) -> str:
    """Describe the first row that cannot be read."""
    n_columns = n_before + image.n_pixels
    for number, cells in enumerate(csv.reader(block), start=n_read + 1):
        if len(cells) != n_columns:
            return f"row {number}: {len(cells)} columns; must be {n_columns}"
        for column, cell in enumerate(cells[n_before:], start=n_before + 1):
            text = cell.strip()
            digits = text.isascii() and text.isdecimal() and len(text) < 10
            if not (digits and int(text) <= image.pixel_max):
                return (
                    f"row {number}, column {column}: {cell[:20]!r}; "
                    f"must be an integer from 0 to {image.pixel_max}"
                )
    return "rows differ in their number of columns"
