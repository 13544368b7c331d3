"""Finds the separator and the header of a table, and the columns that are no pixels."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from handwriting.common.errors import InputError
from handwriting.common.params.messages import decimal_hint, shorten
from handwriting.data import table_forms
from handwriting.data.text_files import open_text

# What the names of columns mean in tables met in practice, in lower-case letters.
WRITER_NAMES = ("writer", "writers", "writer_id")
IGNORED_NAMES = ("", "id", "index", "imageid", "image_id", "unnamed: 0", "row")

_SAMPLE_LINES = 20
_DECIMAL_COMMA = re.compile(r"[-+]?[0-9]+,[0-9]+([eE][-+]?[0-9]+)?")
# Fewer numbers that count the columns are the values of an image.
_FEWEST_NUMBERS = 10


@dataclass(frozen=True)
class Layout:
    """What the first lines of a table show.

    Attributes
    ----------
    separator : str
    header : bool
        Whether the first line has the names of the columns.
    names : list of str
        The values of the first line.
    n_columns : int
    ignored : list of bool
        Which columns count the rows.
    writer : int or None
        Position of the column with the writers.
    """

    separator: str
    header: bool
    names: list[str]
    n_columns: int
    ignored: list[bool]
    writer: int | None

    @property
    def core(self) -> list[int]:
        """Positions of the columns with pixels and labels."""
        return [i for i in range(self.n_columns) if not self.ignored[i] and i != self.writer]

    def column(self, position: int) -> str:
        """Return how messages name a column."""
        name = f" ({self.names[position]})" if self.header else ""
        return f"column {position + 1}{name}"


def sniff(path: Path) -> Layout:
    """Find the separator and the header in the first lines of a table."""
    with open_text(path, str(path)) as lines:
        sample = list(islice((line for line in lines if line.strip()), _SAMPLE_LINES))
    if not sample:
        raise InputError(f"{path}: the file is empty; must have one image per row")
    if (value := _decimal_comma(sample)) is not None:
        raise InputError(
            f"{path}: {value!r} has a decimal comma{decimal_hint(value)}; `tr , . < TABLE > NEW` "
            "replaces all commas of a text"
        )
    separator = _find_separator(sample, path)
    rows = [table_forms.split_line(line, separator) for line in sample]
    first = rows[0]
    header = _is_header(first)
    if header and len(rows) > 1 and len(first) != len(rows[1]):
        raise InputError(
            f"{path}: row 0 (the header) has {len(first)} columns, row 1 has {len(rows[1])}; must "
            "have as many"
        )
    if header and sum(map(table_forms.is_number, rows[-1])) * 2 < len(first):
        value = next(value for value in rows[-1] if not table_forms.is_number(value))
        raise InputError(
            f"{path}: row {len(rows) - 1} has {shorten(value)}; must have numbers: one image per "
            "row, its pixels and its digit"
        )
    names = [name.strip().strip('"').lower() for name in first] if header else [""] * len(first)
    # Only columns before the pixels: in the middle, a gap in the names is no reason to skip.
    ignored = [False] * len(first)
    for position, name in enumerate(names if header else ()):
        if name not in IGNORED_NAMES:
            break
        ignored[position] = True
    writer = next((i for i, name in enumerate(names) if name in WRITER_NAMES), None)
    return Layout(separator, header, first, len(first), ignored, writer)


def _decimal_comma(sample: Sequence[str]) -> str | None:
    """Return a number with a decimal comma, if one of the lines has only numbers and some such."""
    for line in sample:
        for separator in ("semicolon", "tab", "space"):
            values = table_forms.split_line(line, separator)
            found = [value for value in values if _DECIMAL_COMMA.fullmatch(value)]
            n_numbers = sum(map(table_forms.is_number, values))
            if found and len(values) > 1 and len(found) + n_numbers == len(values):
                return found[0]
    return None


def _find_separator(sample: Sequence[str], path: Path) -> str:
    """Return the separator that gives the most columns, with numbers in most of them."""
    best, best_score = "", (0, 0)
    for separator in table_forms.SEPARATORS:
        values = table_forms.split_line(sample[-1], separator)
        numbers = sum(map(table_forms.is_number, values))
        # The tab comes before the space, which also stands for tabs, and wins if both fit.
        if (score := (numbers, len(values))) > best_score and numbers > 1:
            best, best_score = separator, score
    if not best:
        raise InputError(
            f"{path}: the last of its first {len(sample)} lines is {shorten(sample[-1].strip())}; "
            "must be a table of numbers, separated by commas, semicolons, tabs or spaces, with one "
            "image per row"
        )
    return best


def _is_header(values: Sequence[str]) -> bool:
    """Return whether a first line has names and not the values of an image.

    Names may be numbers that count the columns. A faulty value among the pixels makes no header.
    """
    numbers = [value for value in values if table_forms.is_number(value)]
    if 2 * len(numbers) < len(values):
        return True
    start = int(numbers[0]) if numbers[0] in ("0", "1") else 0
    return len(numbers) >= _FEWEST_NUMBERS and numbers == [
        str(start + i) for i in range(len(numbers))
    ]
