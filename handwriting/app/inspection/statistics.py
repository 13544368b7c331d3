"""Reads all rows of a table: the range of each column, and where the label may be."""

from pathlib import Path

import numpy as np
import numpy.typing as npt

from handwriting.app.inspection.layout import Layout
from handwriting.common.errors import InputError
from handwriting.common.params.datasets import Role
from handwriting.data import table_forms
from handwriting.data.table_forms import N_DIGITS
from handwriting.data.text_files import open_text

Floats = npt.NDArray[np.float64]


class Label:
    """A place where the label may be, and how often it has each digit if it is the label.

    Attributes
    ----------
    columns : list of int
        One column, or ten.
    role : str
    first_fault : int or None
        The first row, from 1, that has no digit there.
    is_sorted : bool
    counts : ndarray of shape (10,), int
    """

    def __init__(self, columns: list[int], role: Role) -> None:
        self.columns, self.role = columns, role
        self.first_fault: int | None = None
        self.is_sorted = True
        self.counts = np.zeros(N_DIGITS, dtype=np.intp)
        self._last = -1

    def add(self, cells: Floats, n_rows: int) -> None:
        """Take in a block of the whole table, which follows `n_rows` other rows."""
        if not self.is_valid:
            return
        values = cells[:, self.columns]
        if self.role == "one_hot":
            digits, sound = values.argmax(axis=1), table_forms.is_one_hot(values)
        else:
            digits, sound = values[:, 0], np.isin(values[:, 0], np.arange(N_DIGITS))
        if not sound.all():
            self.first_fault = n_rows + int(np.flatnonzero(~sound)[0]) + 1
            return
        digits = digits.astype(np.intp)
        self.counts += np.bincount(digits, minlength=N_DIGITS)
        self.is_sorted &= bool(np.all(np.diff(digits, prepend=self._last) >= 0))
        self._last = int(digits[-1])

    @property
    def is_valid(self) -> bool:
        """Whether all rows have a digit there."""
        return self.first_fault is None

    @property
    def n_digits(self) -> int:
        """Number of different digits."""
        return int(np.count_nonzero(self.counts))

    @property
    def largest_share(self) -> float:
        """Share of the rows that the most frequent digit has."""
        return float(self.counts.max() / max(self.counts.sum(), 1))


class Statistics:
    """What all rows of a table show about each column."""

    def __init__(self, layout: Layout) -> None:
        n = layout.n_columns
        self.n_rows = 0
        self.low, self.high = np.full(n, np.inf), np.full(n, -np.inf)
        # The rows of these values, from 1.
        self.low_row, self.high_row = np.zeros(n, dtype=np.intp), np.zeros(n, dtype=np.intp)
        self.total, self.integers = np.zeros(n), np.ones(n, dtype=bool)
        self.writers: set[float] = set()
        self._writer = layout.writer
        core = layout.core
        self.labels = [Label(core[:1], "label"), Label(core[-1:], "label")]
        if len(core) > N_DIGITS:
            self.labels += [
                Label(core[:N_DIGITS], "one_hot"),
                Label(core[-N_DIGITS:], "one_hot"),
            ]

    def add(self, cells: Floats) -> None:
        """Take in a block."""
        for label in self.labels:
            label.add(cells, self.n_rows)
        low, high = cells.min(axis=0), cells.max(axis=0)
        lower, higher = low < self.low, high > self.high
        self.low_row[lower] = self.n_rows + cells[:, lower].argmin(axis=0) + 1
        self.high_row[higher] = self.n_rows + cells[:, higher].argmax(axis=0) + 1
        self.low, self.high = np.minimum(self.low, low), np.maximum(self.high, high)
        self.n_rows += len(cells)
        self.total += cells.sum(axis=0)
        self.integers &= (cells == np.rint(cells)).all(axis=0)
        if self._writer is not None:
            self.writers.update(cells[:, self._writer].tolist())


def read_statistics(path: Path, layout: Layout) -> Statistics:
    """Read a table block by block.

    Raises
    ------
    InputError
        If a value is no number or a row has another number of columns: where, and what is there.
    """
    if not layout.core:
        raise InputError(f"{path}: {layout.n_columns} columns, none of them with pixels")
    statistics = Statistics(layout)
    with open_text(path, str(path)) as lines:
        if layout.header:
            table_forms.read_header(lines, layout.separator)
        for block in table_forms.blocks_of_lines(lines, layout.n_columns):
            cells = table_forms.parse(block, layout.separator, layout.ignored)
            if cells is None:
                row, column, fault = table_forms.first_unreadable(
                    block, layout.separator, layout.ignored
                )
                number = statistics.n_rows + row + 1
                raise InputError(f"{path}: row {number}, {layout.column(column)}: {fault}")
            statistics.add(cells)
    if statistics.n_rows == 0:
        raise InputError(f"{path}: no rows below the header; must have one image per row")
    if layout.writer is not None and not (
        statistics.integers[layout.writer]
        and statistics.low[layout.writer] >= 0
        and statistics.high[layout.writer] <= table_forms.LARGEST_WRITER
    ):
        raise InputError(
            f"{path}: {layout.column(layout.writer)}: from {statistics.low[layout.writer]:g} to "
            f"{statistics.high[layout.writer]:g}; must be integers from 0"
        )
    return statistics
