"""Finds out what a table or a folder of images contains, and in which form."""

from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from handwriting.app.inspection.label import find_label, without_named
from handwriting.app.inspection.layout import Layout, sniff
from handwriting.app.inspection.options import Options
from handwriting.app.inspection.pixels import (
    RANGES_IN_WORDS,
    image_format,
    image_size,
    pixel_range,
    ranges,
)
from handwriting.app.inspection.statistics import Label, Statistics, read_statistics
from handwriting.common.errors import InputError
from handwriting.common.params.datasets import ImageFolder, ImageFormat, Role, Table
from handwriting.data import image_folders
from handwriting.data.table_forms import N_DIGITS

# Images of a folder that are larger than this are scaled down, to the size of MNIST's.
LARGEST_SIDE = 64
USUAL_SIDE = 28


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
    layout = sniff(path)
    statistics = read_statistics(path, layout)
    return _describe(
        path, layout, statistics, find_label(layout, statistics, options, path), options
    )


def inspect_unlabelled(path: Path, options: Options) -> Findings:
    """Find out the form and the content of a table without labels; every value is read.

    Raises
    ------
    InputError
        If the table cannot be understood, with what was found.
    """
    layout = sniff(path)
    return _describe(path, layout, read_statistics(path, layout), None, options)


def inspect_for_model(path: Path, image: ImageFormat) -> Findings:
    """Find out the form of a table for a model, which reads its pixels and no labels.

    Columns that the header names as label or writer may contain anything.

    Parameters
    ----------
    path : Path
    image : ImageFormat
        Of the images that the model was trained on.

    Returns
    -------
    Findings
        `image` is the model's.

    Raises
    ------
    InputError
        If the table cannot be understood or has images of another size, with what was found.
    """
    layout = without_named(sniff(path))
    statistics = read_statistics(path, layout)
    options = Options(height=image.height, width=image.width)
    label = None
    if len(layout.core) != image.n_pixels:
        if len(layout.core) not in (image.n_pixels + 1, image.n_pixels + N_DIGITS):
            raise InputError(
                f"{path}: {len(layout.core)} pixel columns; the model was trained on images of "
                f"{image.height} × {image.width} = {image.n_pixels} pixels"
            )
        try:
            label = find_label(layout, statistics, options, path)
        except InputError:
            raise InputError(
                f"{path}: {len(layout.core)} columns, of which {image.n_pixels} are pixels; it "
                "cannot be seen where the label is: name its column `label` in a header"
            ) from None
    pixels = np.array([i for i in layout.core if not (label and i in label.columns)])
    low, high, where = _extremes(layout, statistics, pixels)
    if not ranges(low, high):
        raise InputError(
            f"{path}: pixels from {low:g} to {high:g}{where}; must be within {RANGES_IN_WORDS}"
        )
    if low == high:  # empty images, whose range cannot be seen
        options = replace(options, paper=0.0, ink=float(max(image.pixel_max, high)))
    if low == high and low < 0:
        options = replace(options, paper=-1.0, ink=1.0)
    findings = _describe(path, layout, statistics, label, options)
    return fit_range(replace(findings, image=image))


def fit_range(findings: Findings) -> Findings:
    """Take the range of the model for values that lie in it.

    The values of few images may not fill it.
    """
    low, high = findings.pixel_range
    if not (low >= 0 and 1 < high <= findings.image.pixel_max):
        return findings
    end = float(findings.image.pixel_max)
    paper, ink = (0.0, end) if findings.paper < findings.ink else (end, 0.0)
    return replace(findings, paper=paper, ink=ink)


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
    image = image_format(height, width, 255, path)
    total, low, high = np.zeros(image.n_pixels), 255.0, 0.0
    for file in files:
        # Without a known paper, the edges are extended by white, as most paper is.
        grey = image_folders.read_grey(
            file.path, 255 if options.paper is None else options.paper, image
        )
        total += grey
        low, high = min(low, grey.min()), max(high, grey.max())
    means = (total / len(files)).reshape(height, width)
    paper, ink, _ = pixel_range(float(low), float(high), True, means, options, path)
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


def _describe(
    path: Path,
    layout: Layout,
    statistics: Statistics,
    label: Label | None,
    options: Options,
) -> Findings:
    label_columns = label.columns if label else []
    # A single writer cannot be kept apart from others, and nobody asks who wrote a test image.
    n_writers = len(statistics.writers) if label and len(statistics.writers) > 1 else 0
    pixels = np.array([i for i in layout.core if i not in label_columns])
    height, width = image_size(len(pixels), options, path)
    low, high, where = _extremes(layout, statistics, pixels)
    integers = bool(statistics.integers[pixels].all())
    means = (statistics.total[pixels] / statistics.n_rows).reshape(height, width)
    paper, ink, pixel_max = pixel_range(low, high, integers, means, options, path, where)
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
    layout: Layout, statistics: Statistics, pixels: npt.NDArray[np.intp]
) -> tuple[float, float, str]:
    """Return the smallest and the largest pixel value, and where they are, in words."""
    lowest = int(pixels[statistics.low[pixels].argmin()])
    highest = int(pixels[statistics.high[pixels].argmax()])
    where = (
        f" (the lowest in row {statistics.low_row[lowest]}, {layout.column(lowest)}; the highest "
        f"in row {statistics.high_row[highest]}, {layout.column(highest)})"
    )
    return float(statistics.low[lowest]), float(statistics.high[highest]), where


def _columns(layout: Layout, label: Label | None, has_writers: bool) -> list[Role]:
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
