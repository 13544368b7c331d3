"""The CSV table of digit images: header ``label``, optionally ``writer``, then ``pixel0`` onwards.

It is the form of Kaggle's Digit Recognizer: integers, one image a row, pixels row by row.
"""

import csv
import re
import warnings
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, TextIO

import numpy as np
import numpy.typing as npt
import pandas as pd

from handwriting.errors import InputError
from handwriting.images import Digits
from handwriting.params import Image

LARGEST_LABEL = 9
LARGEST_WRITER = int(np.iinfo(np.int32).max)
_WHOLE_NUMBER = re.compile(r"\s*\d+\s*", re.ASCII)


def header(pixels: int, writers: bool) -> list[str]:
    """Name the columns of a table of images with so many pixels."""
    return ["label", *(["writer"] if writers else []), *(f"pixel{i}" for i in range(pixels))]


def write(digits: Digits, path: Path) -> None:
    """Write images as a table, in their order."""
    parts: list[npt.NDArray[Any]] = [digits.labels[:, np.newaxis], digits.pixels]
    if digits.writers is not None:
        parts.insert(1, digits.writers[:, np.newaxis])
    columns = header(digits.pixels.shape[1], writers=digits.writers is not None)
    frame = pd.DataFrame(np.hstack(parts), columns=columns)
    frame.to_csv(path, index=False, lineterminator="\n")


def normalise(source: Path, name: str, path: Path) -> None:
    """Copy somebody's table, adding the header where it has none and ending lines with LF.

    Values are copied as they are: `read` is what checks them.

    Parameters
    ----------
    source
        The table: with the header of this module, or without one and the label first.
    name
        How a message names the source.
    path
        Where to write.

    Raises
    ------
    InputError
        When the source is not text, is empty, or has another header.
    """
    try:
        with source.open(newline="", encoding="utf-8-sig") as lines:
            rows: Iterator[list[str]] = csv.reader(lines)
            first = next(rows, [])
            if not any(first):
                raise InputError(f"{name}: the file is empty; must hold one image a row")
            if _is_header(first):
                columns, body = first, rows
            else:
                columns, body = header(len(first) - 1, writers=False), chain([first], rows)
            _check_header(columns, name)
            with path.open("w", newline="", encoding="ascii", errors="backslashreplace") as file:
                writer = csv.writer(file, lineterminator="\n")
                writer.writerow(columns)
                writer.writerows(body)
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{name}: not a CSV text ({error}); must be a table in UTF-8") from None


def read(path: Path, image: Image) -> Digits:
    """Read a table and check that every image in it is what `image` says.

    Parameters
    ----------
    path
        The table.
    image
        Height, width and pixel range that every row must have.

    Raises
    ------
    InputError
        With the row (1 is the first image) and the column of the first fault.
    """
    with _opened(path) as lines:
        columns = _header_of(lines, path)
        _check_header(columns, str(path))
        pixels = len(columns) - columns.index("pixel0")
        if pixels != image.pixels:
            raise InputError(
                f"{path}: row 0 (the header): {pixels} pixel columns; must be height × width = "
                f"{image.height} × {image.width} = {image.pixels}"
            )
        frame = _read_rows(lines, columns)
    if frame is None:
        raise InputError(f"{path}: {_first_fault(path, columns, image)}")
    if len(frame) == 0:
        raise InputError(f"{path}: no rows below the header; must hold at least one image")
    labels = frame["label"].to_numpy()
    table = frame.loc[:, "pixel0":].to_numpy()
    writers = frame["writer"].to_numpy() if "writer" in columns else None
    negative = writers is not None and writers.min() < 0
    if labels.max() > LARGEST_LABEL or table.max() > image.pixel_max or negative:
        raise InputError(f"{path}: {_first_fault(path, columns, image)}")
    rows = np.arange(len(frame), dtype=np.int32)
    return Digits(np.ascontiguousarray(table), labels, rows, writers)


def _opened(path: Path) -> TextIO:
    """Open a table; bytes that are no text come out as text that is no number."""
    try:
        return path.open(newline="", encoding="utf-8", errors="backslashreplace")
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; run `dvc repro`, which makes it") from None


def _header_of(lines: TextIO, path: Path) -> list[str]:
    """Read the header and stop before the first row."""
    try:
        columns = next(csv.reader(lines), [])
    except csv.Error as error:
        raise InputError(f"{path}: not a CSV text ({error}); must be a table in UTF-8") from None
    if not columns:
        raise InputError(f"{path}: the file is empty; must hold a header and one image a row")
    return columns


def _read_rows(lines: TextIO, columns: list[str]) -> pd.DataFrame | None:
    """Read the rows below the header; None where something is wrong.

    Where it is only a slower look can tell: pandas does not say.
    """
    dtypes = dict.fromkeys(columns, np.dtype(np.uint8)) | {"writer": np.dtype(np.int32)}
    try:
        with warnings.catch_warnings():
            # A first row with too many values is only a warning to pandas.
            warnings.simplefilter("error", pd.errors.ParserWarning)
            return pd.read_csv(
                lines,
                names=columns,
                header=None,
                dtype=dtypes,
                index_col=False,
                na_filter=False,
                engine="c",
            )
    except pd.errors.EmptyDataError:
        return pd.DataFrame(columns=columns)
    except (ValueError, OverflowError, pd.errors.ParserWarning):
        return None


def _is_header(fields: Sequence[str]) -> bool:
    return not re.fullmatch(r"\s*-?[\d.]+\s*", fields[0])


def _check_header(columns: Sequence[str], name: str) -> None:
    """Compare a header with the one that its length calls for."""
    writers = "writer" in columns
    expected = header(max(len(columns) - 1 - writers, 1), writers)
    for position, (found, wanted) in enumerate(zip(columns, expected, strict=False)):
        if found != wanted:
            raise InputError(
                f"{name}: row 0 (the header), column {position + 1}: {found!r}; must be {wanted!r} "
                "(label, then optionally writer, then pixel0, pixel1, …)"
            )
    if len(columns) < len(expected):
        raise InputError(f"{name}: row 0 (the header): no pixel columns; must be label, pixel0, …")


def _first_fault(path: Path, columns: Sequence[str], image: Image) -> str:
    """Look at a table value by value and describe the first that is wrong."""
    largest = {"label": LARGEST_LABEL, "writer": LARGEST_WRITER}
    with _opened(path) as lines:
        table = csv.reader(lines)
        next(table)
        for row, values in enumerate(filter(None, table), start=1):  # blank lines are no rows
            if len(values) != len(columns):
                last = columns[min(len(values), len(columns)) - 1]
                return (
                    f"row {row}, column {last}: the row has {len(values)} values; must have "
                    f"{len(columns)}"
                )
            for column, value in zip(columns, values, strict=True):
                allowed = largest.get(column, image.pixel_max)
                if not value.strip():
                    return f"row {row}, column {column}: no value; must be a whole number"
                if not (_WHOLE_NUMBER.fullmatch(value) and int(value) <= allowed):
                    return (
                        f"row {row}, column {column}: {value!r}; must be a whole number from 0 to "
                        f"{allowed}"
                    )
    return "cannot be read as a table of whole numbers"
