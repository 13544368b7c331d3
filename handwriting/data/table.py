"""The CSV table of digit images: header ``label``, optionally ``writer``, then ``pixel0`` onwards.

This is the format of Kaggle's Digit Recognizer: integers, one image per row, pixels in row-major
order.
"""

import csv
import re
import warnings
from collections.abc import Iterable, Sequence
from itertools import chain
from pathlib import Path
from typing import TextIO

import numpy as np
import pandas as pd

from handwriting.common.errors import InputError
from handwriting.common.images import Int32Array, LabelledImages, UInt8Array
from handwriting.common.params.datasets import ImageFormat
from handwriting.common.params.messages import shorten

LARGEST_LABEL = 9
LARGEST_WRITER = int(np.iinfo(np.int32).max)
# Ten digits are enough for every allowed value; int() refuses thousands of digits.
_INTEGER = re.compile(r"\s*0*\d{1,10}\s*", re.ASCII)
# The text of each pixel value in a row.
_CELLS = np.array([f",{value}" for value in range(256)], dtype=np.bytes_)
_BLOCK_ROWS = 4096
_OTHER_SEPARATORS = {";": "semicolons", "\t": "tabs", " ": "spaces", "|": "vertical bars"}


def column_names(n_pixels: int, writers: bool) -> list[str]:
    """Return the columns of a table of images with `n_pixels` pixels each."""
    return ["label", *(["writer"] if writers else []), *(f"pixel{i}" for i in range(n_pixels))]


def write(images: LabelledImages, path: Path) -> None:
    """Write images as a table, in their order."""
    starts = range(0, len(images), _BLOCK_ROWS)
    blocks = (
        images.take(np.arange(start, min(start + _BLOCK_ROWS, len(images)))) for start in starts
    )
    write_blocks(blocks, path)


def write_blocks(blocks: Iterable[LabelledImages], path: Path) -> None:
    """Write blocks of images as one table; all have the same size, and all or none have writers.

    The text of each pixel value is looked up in a table and whole blocks of rows are joined at
    once, which is several times faster than formatting number by number.
    """
    with path.open("wb") as file:
        for number, block in enumerate(blocks):
            if number == 0:
                columns = column_names(block.pixels.shape[1], writers=block.writers is not None)
                file.write((",".join(columns) + "\n").encode("ascii"))
            file.write(_format_rows(block))


def _format_rows(images: LabelledImages) -> bytes:
    """Return the lines of a table without its header."""
    if images.writers is None:
        first = [str(label) for label in images.labels]
    else:
        pairs = zip(images.labels.tolist(), images.writers.tolist(), strict=True)
        first = [f"{label},{writer}" for label, writer in pairs]
    # Fixed-width cells, padded with zero bytes, which no text contains.
    cells = [
        np.array(first, dtype=np.bytes_)[:, np.newaxis],
        _CELLS[images.pixels],
        np.full((len(images), 1), b"\n"),
    ]
    text = np.hstack([np.ascontiguousarray(part).view(np.uint8) for part in cells])
    content: bytes = text[text != 0].tobytes()
    return content


def add_header(source: Path, name: str, path: Path) -> None:
    r"""Copy a user's table, add the header if it has none, and end lines with ``\n``.

    Values are copied as they are; `read` checks them.

    Parameters
    ----------
    source : Path
        A table with the header of this module, or without a header and with the label first.
    name : str
        How messages name the source.
    path : Path
        Where the copy is written.

    Raises
    ------
    InputError
        If the source is not text, is empty, has another separator or has another header.
    """
    try:
        with source.open(newline="", encoding="utf-8-sig") as lines:
            first = next(csv.reader(lines), [])
            if not any(first):
                raise InputError(f"{name}: the file is empty; must have one image per row")
            has_header = _is_header(first)
            columns = first if has_header else column_names(len(first) - 1, writers=False)
            _check_header(columns, first, name)
            with path.open("w", newline="", encoding="ascii", errors="backslashreplace") as file:
                writer = csv.writer(file, lineterminator="\n")
                writer.writerows([columns] if has_header else [columns, first])
                for line in lines:
                    # Most lines need no parsing, which takes most of the time.
                    if '"' in line or len(line) > csv.field_size_limit():
                        writer.writerow(next(csv.reader(chain([line], lines))))
                    else:
                        file.write(line.rstrip("\r\n") + "\n")
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{name}: not CSV text ({error}); must be a table in UTF-8") from None


def read(path: Path, image: ImageFormat, name: str | None = None) -> LabelledImages:
    """Read a table and check every value against the image format.

    Parameters
    ----------
    path : Path
        The table.
    image : ImageFormat
        Height, width and pixel range of every image.
    name : str, optional
        How messages name the table; by default its path.

    Raises
    ------
    InputError
        With the row (1 is the first image) and the column of the first fault.
    """
    name = str(path) if name is None else name
    with _open(path) as lines:
        columns = _read_header(lines, name)
        _check_header(columns, columns, name)
        n_pixels = len(columns) - columns.index("pixel0")
        if n_pixels != image.n_pixels:
            raise InputError(
                f"{name}: row 0 (the header): {n_pixels} pixel columns; must be height × width = "
                f"{image.height} × {image.width} = {image.n_pixels}"
            )
        blocks = _read_blocks(lines, columns, image)
    if blocks is None:
        raise InputError(f"{name}: {_first_fault(path, columns, image)}")
    if not blocks:
        raise InputError(f"{name}: no rows below the header; must have at least one image")
    pixels, labels, writers = (np.concatenate(parts) for parts in zip(*blocks, strict=True))
    rows = np.arange(len(labels), dtype=np.int32)
    return LabelledImages(pixels, labels, rows, writers if "writer" in columns else None)


def _open(path: Path) -> TextIO:
    """Open a table; undecodable bytes become text that later fails the number check."""
    try:
        return path.open(newline="", encoding="utf-8", errors="backslashreplace")
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; run `dvc repro`, which creates it") from None


def _read_header(lines: TextIO, name: str) -> list[str]:
    """Read the header and stop before the first row."""
    try:
        columns = next(csv.reader(lines), [])
    except csv.Error as error:
        raise InputError(f"{name}: not CSV text ({error}); must be a table in UTF-8") from None
    if not columns:
        raise InputError(f"{name}: the file is empty; must have a header and one image per row")
    return columns


def _read_blocks(
    lines: TextIO, columns: list[str], image: ImageFormat
) -> list[tuple[UInt8Array, UInt8Array, Int32Array]] | None:
    """Read the rows below the header, block by block; None if a value is faulty.

    pandas does not report where the fault is; `_first_fault` finds it.

    Returns
    -------
    list of (ndarray of shape (n, height * width), ndarray of shape (n,), ndarray of shape (n,))
        The pixels, labels and writers of each block; the writers are 0 if there are none.
    """
    dtypes = dict.fromkeys(columns, np.dtype(np.uint8)) | {"writer": np.dtype(np.int32)}
    try:
        with warnings.catch_warnings():
            # pandas only warns about a first row with too many values and about infinite values.
            warnings.simplefilter("error", pd.errors.ParserWarning)
            warnings.simplefilter("error", RuntimeWarning)
            frames = pd.read_csv(
                lines,
                names=columns,
                header=None,
                dtype=dtypes,
                index_col=False,
                na_filter=False,
                engine="c",
                chunksize=_BLOCK_ROWS,
            )
            blocks = [_convert(frame) for frame in frames if len(frame)]
    except pd.errors.EmptyDataError:
        return []
    except (ValueError, OverflowError, pd.errors.ParserWarning, RuntimeWarning):
        return None
    allowed = all(
        labels.max() <= LARGEST_LABEL and pixels.max() <= image.pixel_max and writers.min() >= 0
        for pixels, labels, writers in blocks
    )
    return blocks if allowed else None


def _convert(frame: pd.DataFrame) -> tuple[UInt8Array, UInt8Array, Int32Array]:
    pixels = np.ascontiguousarray(frame.loc[:, "pixel0":].to_numpy())
    labels = frame["label"].to_numpy()
    writers = frame["writer"].to_numpy() if "writer" in frame else np.zeros(len(frame), np.int32)
    return pixels, labels, writers


def _is_header(fields: Sequence[str]) -> bool:
    return not re.fullmatch(r"\s*-?[\d.]+\s*", fields[0])


def _check_header(columns: Sequence[str], first: Sequence[str], name: str) -> None:
    """Compare a header with the one that its length requires.

    `first` is the table's first line, which shows whether another separator is in use.
    """
    if len(first) == 1:
        for separator, word in _OTHER_SEPARATORS.items():
            if separator in first[0].strip():
                raise InputError(
                    f"{name}: row 0 (the first line) is separated by {word}; must be separated by "
                    "commas"
                )
    writers = "writer" in columns
    expected = column_names(max(len(columns) - 1 - writers, 1), writers)
    for position, (found, wanted) in enumerate(zip(columns, expected, strict=False)):
        if found != wanted:
            raise InputError(
                f"{name}: row 0 (the header), column {position + 1}: {shorten(found)}; must be "
                f"{wanted!r} (label, then optionally writer, then pixel0, pixel1, …)"
            )
    if len(columns) < len(expected):
        raise InputError(f"{name}: row 0 (the header): no pixel columns; must be label, pixel0, …")


def _first_fault(path: Path, columns: Sequence[str], image: ImageFormat) -> str:
    """Check a table value by value and describe the first faulty one."""
    with _open(path) as lines:
        table = csv.reader(lines)
        next(table)
        row = 0
        try:
            for row, values in enumerate(filter(None, table), start=1):  # blank lines are not rows
                fault = _row_fault(values, columns, image)
                if fault:
                    return f"row {row}, column {fault}"
        except csv.Error as error:
            return f"row {row + 1}: not CSV text ({error})"
    return "cannot be read as a table of integers"


def _row_fault(values: Sequence[str], columns: Sequence[str], image: ImageFormat) -> str:
    """Name the column of a row's first faulty value and what is allowed; '' if there is none."""
    if len(values) != len(columns):
        last = columns[min(len(values), len(columns)) - 1]
        return f"{last}: the row has {len(values)} values; must have {len(columns)}"
    largest = {"label": LARGEST_LABEL, "writer": LARGEST_WRITER}
    for column, value in zip(columns, values, strict=True):
        allowed = largest.get(column, image.pixel_max)
        if not value.strip():
            return f"{column}: no value; must be an integer"
        if not (_INTEGER.fullmatch(value) and int(value.strip().lstrip("0") or 0) <= allowed):
            return f"{column}: {shorten(value)}; must be an integer from 0 to {allowed}"
    return ""
