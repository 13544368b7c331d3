"""Which parts of the image a tree or a forest relies on, as a figure."""

from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from handwriting.figures import style


def importance_map(
    importances: npt.NDArray[np.float64],
    mean: npt.NDArray[np.floating[Any]],
    pixel_max: int,
    part: str,
    title: str,
) -> Figure:
    """Draw the importance of each part of the image above the mean image, which shows the ink.

    Parameters
    ----------
    importances : ndarray of shape (rows, columns), float64
        Sum 1.
    mean : ndarray of shape (height, width)
        Mean of the training images.
    pixel_max : int
        The largest value of a pixel.
    part : str
        What `importances` are of: a pixel or a cell.
    title : str
    """
    figure = Figure(figsize=(5.4, 8.3), layout="constrained")
    upper, lower = figure.subplots(2, 1)
    picture = upper.imshow(importances, cmap=style.SEQUENTIAL, vmin=0)
    upper.set_title(f"importance of each {part}", fontsize=11)
    figure.colorbar(
        picture,
        ax=upper,
        shrink=0.8,
        label="share of the decrease in impurity",
        format=PercentFormatter(1, symbol=" %"),
    )
    picture = lower.imshow(mean, cmap=style.INK, vmin=0, vmax=pixel_max)
    lower.set_title("mean of the training images", fontsize=11)
    figure.colorbar(picture, ax=lower, shrink=0.8, label="pixel value")
    for ax in (upper, lower):
        style.hide_ticks(ax)
    figure.suptitle(title, fontsize=12)
    return figure
