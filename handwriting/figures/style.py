"""Colours, and small helpers that all figures share."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from handwriting.common.params.datasets import ImageFormat

# Dark blue on white is distinguishable with and without colour vision.
SEQUENTIAL = "Blues"
INK = "Greys"
MISTAKES = "Oranges"
WRONG = "#b2182b"
_DOTS_PER_INCH = 100


def save(figure: Figure, path: Path) -> None:
    """Write a figure as a PNG without timestamp or software metadata."""
    figure.savefig(path, format="png", dpi=_DOTS_PER_INCH, metadata={"Software": None})


def placeholder(text: str) -> Figure:
    """Draw a placeholder with one line of text."""
    figure = Figure(figsize=(8.4, 1.0))
    figure.text(0.5, 0.5, text, ha="center", va="center", fontsize=11)
    return figure


def draw_image(ax: Axes, pixels: npt.NDArray[np.uint8], image: ImageFormat) -> None:
    """Draw one image, shape (height * width,), dark ink on white."""
    shape = (image.height, image.width)
    ax.imshow(pixels.reshape(shape), cmap=INK, vmin=0, vmax=image.pixel_max)


def hide_ticks(ax: Axes) -> None:
    """Remove the ticks of both axes."""
    ax.set(xticks=[], yticks=[])


def label_row(row: Sequence[Axes], digit: int) -> None:
    """Write the digit to the left of a row of axes."""
    for ax in row:
        hide_ticks(ax)
    row[0].set_ylabel(str(digit), rotation=0, labelpad=10, va="center", fontsize=13)
