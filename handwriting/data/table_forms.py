"""Reads tables of digit images in other forms than the project's own, block by block.

A form is the separator, the header, the role of each column and the pixel range, as `Table` of
``params.yaml`` declares them.
"""

import csv
import io
import math
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TextIO

import numpy as np
import numpy.typing as npt
import pandas as pd

from handwriting.common.errors import InputError
from handwriting.common.images import Int32Array, UInt8Array
from handwriting.common.params.datasets import ImageFormat, Role, Table
from handwriting.common.params.messages import decimal_hint, shorten

SEPARATORS = {"comma": ",", "semicolon": ";", "tab": "\t", "space": r"\s+"}
LARGEST_WRITER = int(np.iinfo(np.int32).max)
N_DIGITS = 10

# Bounds the memory of a block: 32 MiB of 64-bit numbers.
_BLOCK_CELLS = 2**22


@dataclass(frozen=True)
class Block:
    """Some consecutive rows of a table.

    Attributes
    ----------
    pixels : ndarray of shape (n, height * width), uint8
        0 is paper, `pixel_max` is ink.
    labels : ndarray of shape (n,), uint8, or None
        The digits; None if the table has no labels.
    writers : ndarray of shape (n,), int32, or None
        None if the table names no writers.
    """

    pixels: UInt8Array
    labels: UInt8Array | None
    writers: Int32Array | None


def read(lines: TextIO, form: Table, image: ImageFormat, name: str) -> Iterator[Block]:
    """Read a table block by block and convert its pixels to integers.

    Parameters
    ----------
    lines : file of text
        The table, at its start.
    form : Table
    image : ImageFormat
        Size of the images and their pixel range after the conversion.
    name : str
        How messages name the table.

    Raises
    ------
    InputError
        With the row (1 is the first image), the column and the first faulty value.
    """
    roles = expand(form.columns, image.n_pixels)
    names = list(map(str, range(1, len(roles) + 1)))
    if form.header:
        header = read_header(lines, form.separator)
        names = [f"{position} ({text})" for position, text in enumerate(header, start=1)]
        if len(header) != len(roles):
            raise InputError(
                f"{name}: row 0 (the header): {len(header)} columns; must have {len(roles)}, with "
                f"{image.height} × {image.width} = {image.n_pixels} pixels"
            )
    ignored = [role == "ignored" for role in roles]
    n_rows = 0
    for block in blocks_of_lines(lines, len(roles)):
        cells = parse(block, form.separator, ignored)
        found = (
            first_unreadable(block, form.separator, ignored)
            if cells is None
            else _convert(cells, roles, form, image)
        )
        if not isinstance(found, Block):
            row, column, fault = found
            raise InputError(f"{name}: row {n_rows + row + 1}, column {names[column]}: {fault}")
        n_rows += len(block)
        yield found
    if n_rows == 0:
        raise InputError(f"{name}: no rows; must have one image per row")


def expand(columns: Sequence[Role], n_pixels: int) -> list[Role]:
    """Return the role of every single column."""
    widths = {"pixels": n_pixels, "one_hot": N_DIGITS}
    return [role for role in columns for _ in range(widths.get(role, 1))]


def read_header(lines: TextIO, separator: str) -> list[str]:
    """Read the first line that is not blank and return its values."""
    return split_line(next((line for line in lines if line.strip()), ""), separator)


def split_line(line: str, separator: str) -> list[str]:
    """Split one line of a table into its values, without the spaces around them."""
    if separator == "space":
        return line.split()
    try:
        values = next(csv.reader([line], delimiter=SEPARATORS[separator]), [])
    except csv.Error:  # a value that is much too long, for example; it is no number either
        values = line.split(SEPARATORS[separator])
    return [value.strip() for value in values]


def blocks_of_lines(lines: TextIO, n_columns: int) -> Iterator[list[str]]:
    """Divide the lines of a table that are not blank into blocks of bounded size."""
    n_rows = max(1, _BLOCK_CELLS // n_columns)
    block: list[str] = []
    for line in lines:
        if line.strip():
            block.append(line)
        if len(block) == n_rows:
            yield block
            block = []
    if block:
        yield block


def parse(
    lines: Sequence[str], separator: str, ignored: Sequence[bool]
) -> npt.NDArray[np.float64] | None:
    """Convert lines of text to numbers; None if a value is no finite number or a row is not full.

    Parameters
    ----------
    lines : sequence of str
    separator : str
        A key of `SEPARATORS`.
    ignored : sequence of bool
        For each column, whether it may contain anything; its numbers are 0.

    Returns
    -------
    ndarray of shape (len(lines), len(ignored)), float64
    """
    columns = range(len(ignored))
    dtypes = {column: str if ignored[column] else np.float64 for column in columns}
    try:
        with warnings.catch_warnings():
            # pandas only warns about a first row with too many values.
            warnings.simplefilter("error", pd.errors.ParserWarning)
            frame = pd.read_csv(
                io.StringIO("".join(lines)),
                sep=SEPARATORS[separator],
                header=None,
                names=columns,
                dtype=dtypes,
                index_col=False,
                skipinitialspace=True,
                na_filter=False,
                engine="c",
            )
    except (ValueError, OverflowError, pd.errors.ParserWarning):
        return None
    for column in columns:
        if ignored[column]:
            frame[column] = 0.0
    cells = frame.to_numpy(np.float64)
    return cells if len(cells) == len(lines) and np.isfinite(cells).all() else None


def first_unreadable(
    lines: Sequence[str], separator: str, ignored: Sequence[bool]
) -> tuple[int, int, str]:
    """Find the first value of a block that `parse` cannot read.

    Returns
    -------
    tuple
        The position of the line and of the column, from 0, and what is wrong.
    """
    for row, line in enumerate(lines):
        values = split_line(line, separator)
        if len(values) != len(ignored):
            column = min(len(values), len(ignored)) - 1
            return row, column, f"the row has {len(values)} values; must have {len(ignored)}"
        for column, value in enumerate(values):
            if not ignored[column] and not is_number(value):
                found = shorten(value) if value else "no value"
                return row, column, f"{found}; must be a number{decimal_hint(value)}"
    return 0, 0, "cannot be read as a table of numbers"


def is_number(value: str) -> bool:
    """Return whether a text is a finite number, as `parse` reads it."""
    try:
        return math.isfinite(float(value))
    except ValueError:
        return False


def _convert(
    cells: npt.NDArray[np.float64], roles: Sequence[Role], form: Table, image: ImageFormat
) -> Block | tuple[int, int, str]:
    """Convert numbers to a block, or say where the first fault is and what is allowed."""
    columns = {role: np.flatnonzero([found == role for found in roles]) for role in set(roles)}
    raw = cells[:, columns["pixels"]]
    pixels = np.rint((raw - form.paper) * (image.pixel_max / (form.ink - form.paper)))
    wrong = np.zeros(cells.shape, dtype=bool)
    wrong[:, columns["pixels"]] = (pixels < 0) | (pixels > image.pixel_max)
    allowed = {"pixels": f"from {min(form.paper, form.ink):g} to {max(form.paper, form.ink):g}"}
    labels = writers = None
    if "label" in columns:
        labels = cells[:, columns["label"][0]]
        wrong[:, columns["label"][0]] = (labels != np.rint(labels)) | (labels < 0) | (labels > 9)
        allowed["label"] = "a digit from 0 to 9"
    if "one_hot" in columns:
        ten = cells[:, columns["one_hot"]]
        labels = ten.argmax(axis=1)
        wrong[:, columns["one_hot"]] = ~is_one_hot(ten)[:, np.newaxis]
        allowed["one_hot"] = "ten columns with a single 1, at the digit, and nine 0"
    if "writer" in columns:
        writers = cells[:, columns["writer"][0]]
        outside = (writers < 0) | (writers > LARGEST_WRITER)
        wrong[:, columns["writer"][0]] = (writers != np.rint(writers)) | outside
        allowed["writer"] = f"an integer from 0 to {LARGEST_WRITER}"
    if wrong.any():
        row, column = np.argwhere(wrong)[0]
        value = f"{cells[row, column]:.10g}"
        return int(row), int(column), f"{value}; must be {allowed[roles[column]]}"
    return Block(
        pixels.astype(np.uint8),
        None if labels is None else labels.astype(np.uint8),
        None if writers is None else writers.astype(np.int32),
    )


def is_one_hot(cells: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
    """Return for each row whether it has a single 1 and otherwise 0."""
    binary = ((cells == 0) | (cells == 1)).all(axis=1)
    single: npt.NDArray[np.bool_] = binary & (cells.sum(axis=1) == 1)
    return single
