"""Many small images in one picture.

All images are one array on one pair of axes. Axes of their own for each image would take ten times
as long to draw.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from textwrap import wrap

import numpy as np
import numpy.typing as npt
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure

from handwriting.common.params.datasets import ImageFormat
from handwriting.figures import style

# In inches.
_MARGIN = 0.1
_CAPTION_LINE = 0.16
_TITLE_LINE = 0.24
_ROW_LABELS = 0.3
# Per inch, with some reserve.
_TITLE_CHARACTERS = 9.5


@dataclass(frozen=True)
class Tile:
    """One image of a mosaic.

    Attributes
    ----------
    pixels : ndarray of shape (height * width,), uint8
    row, column : int
        Its place.
    caption : str
        One or more lines, drawn above the image.
    colour : str
        Of the caption.
    """

    pixels: npt.NDArray[np.uint8]
    row: int
    column: int
    caption: str = ""
    colour: str = "black"


@dataclass(frozen=True)
class Layout:
    """How large a mosaic is.

    Attributes
    ----------
    n_rows, n_columns : int
        At least 1.
    side : float
        Longer side of an image, in inches.
    gap : float
        Between two columns, in inches.
    caption_size : int
        Font size, in points.
    row_labels : sequence of str
        One for each row, or none.
    """

    n_rows: int
    n_columns: int
    side: float
    gap: float
    caption_size: int = 8
    row_labels: Sequence[str] = ()


def mosaic(tiles: Sequence[Tile], image: ImageFormat, layout: Layout, title: str) -> Figure:
    """Draw images, dark ink on white, each with its caption above it.

    Parameters
    ----------
    tiles : sequence of Tile
        In any order; places without a tile stay white.
    image : ImageFormat
        Of every tile.
    layout : Layout
    title : str
        One or more lines; long ones are wrapped.
    """
    dots = max(image.height, image.width) / layout.side  # image pixels per inch
    caption_lines = max((1 + tile.caption.count("\n") for tile in tiles if tile.caption), default=0)
    across = image.width + max(1, round(layout.gap * dots))
    above = max(1, math.ceil((0.06 + caption_lines * _CAPTION_LINE) * dots))
    down = image.height + above
    # Outside the images nothing is drawn.
    canvas = np.full((layout.n_rows * down, layout.n_columns * across), np.nan, dtype=np.float32)
    frames = []
    for tile in tiles:
        top, left = tile.row * down + above, tile.column * across
        bottom, right = top + image.height, left + image.width
        canvas[top:bottom, left:right] = tile.pixels.reshape(image.height, image.width)
        # Pixel i is drawn from i - 0.5 to i + 0.5.
        frames.append(np.array([(left, top), (right, top), (right, bottom), (left, bottom)]) - 0.5)

    left_margin = _MARGIN + (_ROW_LABELS if layout.row_labels else 0)
    width, height = canvas.shape[1] / dots, canvas.shape[0] / dots
    title_width = int((left_margin + width) * _TITLE_CHARACTERS)
    title_lines = [part for line in title.splitlines() for part in wrap(line, title_width)]
    top_margin = _MARGIN + len(title_lines) * _TITLE_LINE
    figure = Figure(figsize=(left_margin + width, top_margin + height + _MARGIN))
    total_width, total_height = figure.get_size_inches()
    ax = figure.add_axes(
        (
            left_margin / total_width,
            _MARGIN / total_height,
            width / total_width,
            height / total_height,
        )
    )
    ax.set_axis_off()
    ax.imshow(canvas, cmap=style.INK, vmin=0, vmax=image.pixel_max, interpolation="nearest")
    # The frames of the last row are half outside the axes.
    ax.add_collection(
        PolyCollection(frames, facecolor="none", edgecolor="0.6", linewidth=0.6, clip_on=False)
    )
    for tile in tiles:
        ax.text(
            tile.column * across + image.width / 2 - 0.5,
            tile.row * down + above - 0.5 - 0.03 * dots,
            tile.caption,
            ha="center",
            va="bottom",
            fontsize=layout.caption_size,
            color=tile.colour,
        )
    for row, label in enumerate(layout.row_labels):
        ax.text(
            -0.15 * dots,
            row * down + above + image.height / 2 - 0.5,
            label,
            ha="right",
            va="center",
            fontsize=13,
        )
    figure.suptitle("\n".join(title_lines), fontsize=12, y=1 - 0.5 * _MARGIN / total_height)
    return figure
