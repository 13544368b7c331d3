"""Finds out what a table or a folder of images contains, and in which form."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from handwriting.common.errors import InputError
from handwriting.common.params.datasets import ImageFolder, ImageFormat, Role, Table
from handwriting.common.params.messages import shorten
from handwriting.data import image_folders, table_forms
from handwriting.data.table_forms import N_DIGITS
from handwriting.data.text_files import open_text

FEWEST_PIXELS = 10
# What the names of columns mean in tables met in practice, in lower-case letters.
LABEL_NAMES = ("label", "labels", "digit", "class", "target", "y")
WRITER_NAMES = ("writer", "writers", "writer_id")
IGNORED_NAMES = ("", "id", "index", "imageid", "image_id", "unnamed: 0", "row")
# Ranges in which pixels are stored. The first one that has all of a table's values is used.
RANGES = ((0.0, 1.0), (-1.0, 1.0), (0.0, 16.0), (0.0, 255.0))
# Images of a folder that are larger than this are scaled down, to the size of MNIST's.
LARGEST_SIDE = 64
USUAL_SIDE = 28

_SAMPLE_LINES = 20
# The corner of an image is nearly always paper. A column with a larger share of one digit may be a
# pixel; the label has to be named then.
_PIXEL_SHARE = 0.7

Floats = npt.NDArray[np.float64]
Side = Literal["first", "last"]


@dataclass(frozen=True)
class Options:
    """What a user says about a table, because it cannot be seen in it; None is found out.

    Attributes
    ----------
    height, width : int or None
        Size of the images.
    label : str or None
        Whether the label is the first or the last column.
    paper, ink : float or None
        Pixel values of paper and of ink.
    """

    height: int | None = None
    width: int | None = None
    label: Side | None = None
    paper: float | None = None
    ink: float | None = None


@dataclass(frozen=True)
class Findings:
    """What a source of images contains.

    Attributes
    ----------
    n_rows : int
        Number of images.
    image : ImageFormat
        Size of the images, and their pixel range in the project.
    pixel_range : tuple of float
        The smallest and the largest pixel value in the source.
    paper, ink : float
        The pixel values of the source that become 0 and `pixel_max`.
    digits : ndarray of shape (10,), int
        Number of images of each digit; zeros if the source has no labels.
    n_writers : int
        0 if the source names no writers, or only one.
    is_sorted : bool
        Whether the rows are sorted by digit.
    separator, header, columns
        As in `Table`; None, and no columns, for a folder of images.
    sizes : str
        The sizes of the files of a folder, in words; '' for a table.
    """

    n_rows: int
    image: ImageFormat
    pixel_range: tuple[float, float]
    paper: float
    ink: float
    digits: npt.NDArray[np.intp]
    n_writers: int
    is_sorted: bool
    separator: str | None = None
    header: bool | None = None
    columns: list[Role] = field(default_factory=list)
    sizes: str = ""


def inspect_table(path: Path, options: Options) -> Findings:
    """Find out the form and the content of a table with labels; every value is read.

    Raises
    ------
    InputError
        If the table cannot be understood, with what was found.
    """
    layout = _sniff(path)
    statistics = _read_all(path, layout)
    return _describe(
        path, layout, statistics, _find_label(layout, statistics, options, path), options
    )


def inspect_unlabelled(path: Path, options: Options) -> Findings:
    """Find out the form and the content of a table without labels; every value is read.

    Raises
    ------
    InputError
        If the table cannot be understood, with what was found.
    """
    layout = _sniff(path)
    return _describe(path, layout, _read_all(path, layout), None, options)


def _describe(
    path: Path,
    layout: "_Layout",
    statistics: "_Statistics",
    label: "_Label | None",
    options: Options,
) -> Findings:
    label_columns = label.columns if label else []
    # A single writer cannot be kept apart from others, and nobody asks who wrote a test image.
    n_writers = len(statistics.writers) if label and len(statistics.writers) > 1 else 0
    pixels = np.array([i for i in layout.core if i not in label_columns])
    height, width = _image_size(len(pixels), options, path)
    low, high, where = _extremes(layout, statistics, pixels)
    integers = bool(statistics.integers[pixels].all())
    means = (statistics.total[pixels] / statistics.n_rows).reshape(height, width)
    paper, ink, pixel_max = _pixel_range(low, high, integers, means, options, path, where)
    return Findings(
        n_rows=statistics.n_rows,
        image=ImageFormat(height=height, width=width, pixel_max=pixel_max),
        pixel_range=(low, high),
        paper=paper,
        ink=ink,
        digits=label.counts if label else np.zeros(N_DIGITS, dtype=np.intp),
        n_writers=n_writers,
        is_sorted=label is not None and label.is_sorted,
        separator=layout.separator,
        header=layout.header,
        columns=_columns(layout, label, n_writers > 0),
    )


def _extremes(
    layout: "_Layout", statistics: "_Statistics", pixels: npt.NDArray[np.intp]
) -> tuple[float, float, str]:
    """Return the smallest and the largest pixel value, and where they are, in words."""
    lowest = int(pixels[statistics.low[pixels].argmin()])
    highest = int(pixels[statistics.high[pixels].argmax()])
    where = (
        f" (the lowest in row {statistics.low_row[lowest]}, {layout.column(lowest)}; the highest "
        f"in row {statistics.high_row[highest]}, {layout.column(highest)})"
    )
    return float(statistics.low[lowest]), float(statistics.high[highest]), where


def inspect_folder(path: Path, options: Options) -> Findings:
    """Find out what a folder with one subfolder of images per digit contains; reads every image.

    Raises
    ------
    InputError
        If the folder or a file in it cannot be used.
    """
    files = image_folders.list_files(path, str(path))
    sizes = sorted({image_folders.size(file.path) for file in files})
    smallest, largest = sizes[0], sizes[-1]
    height, width = largest
    if len(sizes) > 1 or max(largest) > LARGEST_SIDE:
        height = width = USUAL_SIDE
    if options.height is not None and options.width is not None:
        height, width = options.height, options.width
    image = _image_format(height, width, 255, path)
    total, low, high = np.zeros(image.n_pixels), 255.0, 0.0
    for file in files:
        # Without a known paper, the edges are extended by white, as most paper is.
        grey = image_folders.read_grey(
            file.path, 255 if options.paper is None else options.paper, image
        )
        total += grey
        low, high = min(low, grey.min()), max(high, grey.max())
    means = (total / len(files)).reshape(height, width)
    paper, ink, _ = _pixel_range(float(low), float(high), True, means, options, path)
    return Findings(
        n_rows=len(files),
        image=image,
        pixel_range=(float(low), float(high)),
        paper=paper,
        ink=ink,
        digits=np.bincount([file.digit for file in files], minlength=N_DIGITS),
        n_writers=0,
        is_sorted=False,
        sizes=(
            f"{smallest[0]}×{smallest[1]}"
            if len(sizes) == 1
            else f"{len(sizes)} sizes from {smallest[0]}×{smallest[1]} to {largest[0]}×{largest[1]}"
        ),
    )


@dataclass(frozen=True)
class _Layout:
    """What the first lines of a table show.

    `core` are the positions of the columns with pixels and labels; `writer` is the position of the
    writers, or None.
    """

    separator: str
    header: bool
    names: list[str]
    n_columns: int
    ignored: list[bool]
    writer: int | None

    @property
    def core(self) -> list[int]:
        return [i for i in range(self.n_columns) if not self.ignored[i] and i != self.writer]

    def column(self, position: int) -> str:
        """Return how messages name a column."""
        name = f" ({self.names[position]})" if self.header else ""
        return f"column {position + 1}{name}"


def _sniff(path: Path) -> _Layout:
    """Find the separator and the header in the first lines of a table."""
    with open_text(path, str(path)) as lines:
        sample = list(islice((line for line in lines if line.strip()), _SAMPLE_LINES))
    if not sample:
        raise InputError(f"{path}: the file is empty; must have one image per row")
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
    return _Layout(separator, header, first, len(first), ignored, writer)


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
    return len(numbers) >= FEWEST_PIXELS and numbers == [
        str(start + i) for i in range(len(numbers))
    ]


class _Label:
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


class _Statistics:
    """What all rows of a table show about each column."""

    def __init__(self, layout: _Layout) -> None:
        n = layout.n_columns
        self.n_rows = 0
        self.low, self.high = np.full(n, np.inf), np.full(n, -np.inf)
        # The rows of these values, from 1.
        self.low_row, self.high_row = np.zeros(n, dtype=np.intp), np.zeros(n, dtype=np.intp)
        self.total, self.integers = np.zeros(n), np.ones(n, dtype=bool)
        self.writers: set[float] = set()
        self._writer = layout.writer
        core = layout.core
        self.labels = [_Label(core[:1], "label"), _Label(core[-1:], "label")]
        if len(core) > N_DIGITS:
            self.labels += [
                _Label(core[:N_DIGITS], "one_hot"),
                _Label(core[-N_DIGITS:], "one_hot"),
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


def _read_all(path: Path, layout: _Layout) -> _Statistics:
    if not layout.core:
        raise InputError(f"{path}: {layout.n_columns} columns, none of them with pixels")
    statistics = _Statistics(layout)
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


def _find_label(layout: _Layout, statistics: _Statistics, options: Options, path: Path) -> _Label:
    """Return where the label is.

    Raises
    ------
    InputError
        If no column can be the label, or if two can.
    """
    core = layout.core
    side = options.label or _named_side(layout)
    places = [
        label
        for label in statistics.labels
        if side is None
        or (side == "first" and label.columns[0] == core[0])
        or (side == "last" and label.columns[-1] == core[-1])
    ]
    plausible = [
        label
        for label in places
        if label.is_valid
        and label.n_digits > 1
        and (side is not None or label.largest_share <= _PIXEL_SHARE)
        and len(core) > len(label.columns)
    ]
    sized = [label for label in plausible if _fits(len(core) - len(label.columns), options)]
    if not sized and side is None and _fits(len(core), options):
        raise InputError(
            f"{path}: {len(core)} columns are whole images, and none is left for the label; for a "
            "table without labels: --unlabelled"
        )
    if not plausible:
        raise InputError(f"{path}: {_no_label(layout, statistics, side)}")
    if not sized:
        # Raises the error about the size.
        _image_size(len(core) - len(plausible[0].columns), options, path)
    return _most_plausible(sized, statistics, layout, path)


def _named_side(layout: _Layout) -> Side | None:
    """Return where the header has the label, if it names it."""
    names = [name.strip().strip('"').lower() for name in layout.names]
    core = layout.core
    if layout.header and names[core[0]] in LABEL_NAMES:
        return "first"
    if layout.header and names[core[-1]] in LABEL_NAMES:
        return "last"
    return None


def _no_label(layout: _Layout, statistics: _Statistics, side: Side | None) -> str:
    """Describe the columns in which a label was looked for."""

    def describe(position: int) -> str:
        label = next(label for label in statistics.labels if label.columns == [position])
        if label.is_valid:
            share = f"{label.counts.argmax()} in {label.largest_share:.0%} of the rows"
            return f"{layout.column(position)} is {share}"
        low, high = statistics.low[position], statistics.high[position]
        return (
            f"{layout.column(position)} has values from {low:g} to {high:g}, in row "
            f"{label.first_fault} the first that is no digit"
        )

    first, last = layout.core[0], layout.core[-1]
    if side is None:
        found = f"{describe(first)}, {describe(last)}"
    else:
        found = describe(first if side == "first" else last)
    return (
        f"no label found: {found}; must be several digits from 0 to 9 in the first or the last "
        "column (--label first or --label last names it), or ten columns with a single 1"
    )


def _fits(n_pixels: int, options: Options) -> bool:
    if options.height is not None and options.width is not None:
        return n_pixels == options.height * options.width
    return n_pixels >= FEWEST_PIXELS and math.isqrt(n_pixels) ** 2 == n_pixels


def _most_plausible(
    labels: list[_Label], statistics: _Statistics, layout: _Layout, path: Path
) -> _Label:
    """Choose among the places where the label may be."""
    # No ten pixels have a single 1 in every image.
    labels = [label for label in labels if label.role == "one_hot"] or labels
    if len(labels) > 1:
        # No pixel is above the range of all the others.
        inner = statistics.high[layout.core[1:-1]].max()
        above = [label for label in labels if statistics.high[label.columns[0]] > inner]
        labels = above if len(above) == 1 else labels
    if len(labels) > 1:
        raise InputError(
            f"{path}: {layout.column(labels[0].columns[0])} and "
            f"{layout.column(labels[1].columns[0])} can both be the label; name it with --label "
            "first or --label last"
        )
    return labels[0]


def _columns(layout: _Layout, label: _Label | None, has_writers: bool) -> list[Role]:
    """Return the roles of the columns from left to right, with pixels as one entry."""
    columns: list[Role] = []
    for position in range(layout.n_columns):
        if layout.ignored[position]:
            role: Role = "ignored"
        elif position == layout.writer:
            role = "writer" if has_writers else "ignored"
        else:
            role = label.role if label and position in label.columns else "pixels"
        if role in ("pixels", "one_hot") and columns and columns[-1] == role:
            continue
        columns.append(role)
    return columns


def _image_size(n_pixels: int, options: Options, path: Path) -> tuple[int, int]:
    if n_pixels < FEWEST_PIXELS:
        raise InputError(
            f"{path}: {n_pixels} pixel columns; an image must have at least {FEWEST_PIXELS} pixels"
        )
    if options.height is not None and options.width is not None:
        if options.height * options.width != n_pixels:
            raise InputError(
                f"{path}: {n_pixels} pixel columns; must be height × width = {options.height} × "
                f"{options.width} = {options.height * options.width}"
            )
        return options.height, options.width
    side = math.isqrt(n_pixels)
    if side**2 != n_pixels:
        raise InputError(
            f"{path}: {n_pixels} pixel columns, which are no square image; name the size with "
            "--height and --width"
        )
    return side, side


def _image_format(height: int, width: int, pixel_max: int, path: Path) -> ImageFormat:
    if height * width < FEWEST_PIXELS:
        raise InputError(
            f"{path}: images of {height}×{width} pixels; must have at least {FEWEST_PIXELS} pixels"
        )
    return ImageFormat(height=height, width=width, pixel_max=pixel_max)


def _pixel_range(
    low: float,
    high: float,
    integers: bool,
    means: Floats,
    options: Options,
    path: Path,
    where: str = "",
) -> tuple[float, float, int]:
    """Return the values of paper and of ink, and the pixel range of the project.

    Parameters
    ----------
    low, high : float
        The smallest and the largest value of all pixels.
    integers : bool
        Whether all of them are integers.
    means : ndarray of shape (height, width), float64
        The mean image, whose rim is mostly paper.
    where : str
        For messages: where the smallest and the largest value are.
    """
    if options.paper is not None and options.ink is not None:
        paper, ink = options.paper, options.ink
        if paper == ink or low < min(paper, ink) or high > max(paper, ink):
            raise InputError(
                f"{path}: pixels from {low:g} to {high:g}{where}; --paper {paper:g} and --ink "
                f"{ink:g} must differ and contain this range"
            )
    else:
        ranges = [(start, end) for start, end in RANGES if start <= low and high <= end]
        if not ranges:
            raise InputError(
                f"{path}: pixels from {low:g} to {high:g}{where}; must be within 0 to 1, -1 to 1, "
                "0 to 16 or 0 to 255; name the values of other ranges with --paper and --ink"
            )
        if low == high:
            raise InputError(f"{path}: all pixels are {low:g}; must be images of digits")
        paper, ink = ranges[0]
        rim = np.concatenate([means[0], means[-1], means[:, 0], means[:, -1]]).mean()
        if rim > (paper + ink) / 2:
            paper, ink = ink, paper
    span = abs(ink - paper)
    # Integers that fit one byte stay as they are; everything else gets the resolution of a byte.
    pixel_max = int(span) if integers and span == int(span) and span <= 255 else 255
    if integers and min(paper, ink) < 0:
        pixel_max = 255
    return paper, ink, pixel_max


def table_source(findings: Findings, location: str) -> Table:
    """Return the parameters with which a table is read."""
    return Table.model_validate(
        {
            "kind": "table",
            "location": location,
            "separator": findings.separator,
            "header": findings.header,
            "paper": findings.paper,
            "ink": findings.ink,
            "order": "interleaved" if findings.is_sorted else "table",
            "columns": findings.columns,
        }
    )


def folder_source(findings: Findings, location: str) -> ImageFolder:
    """Return the parameters with which a folder of images is read."""
    return ImageFolder(kind="images", location=location, paper=findings.paper, ink=findings.ink)
