"""Which pixels a tree or a forest relies on, as a figure."""

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from handwriting.common.params.datasets import ImageFormat
from handwriting.figures import style


def pixel_importances(
    importances: npt.NDArray[np.float64],
    mean: npt.NDArray[np.float64],
    image: ImageFormat,
    title: str,
) -> Figure:
    """Draw the importance of each pixel above the mean image, which shows where there is ink.

    Parameters
    ----------
    importances : ndarray of shape (height * width,), float64
        Sum 1.
    mean : ndarray of shape (height * width,), float64
        Mean of the training images.
    image : ImageFormat
    title : str
    """
    figure = Figure(figsize=(5.4, 8.3), layout="constrained")
    upper, lower = figure.subplots(2, 1)
    shape = (image.height, image.width)
    picture = upper.imshow(importances.reshape(shape), cmap=style.SEQUENTIAL, vmin=0)
    upper.set_title("importance of each pixel", fontsize=11)
    figure.colorbar(
        picture,
        ax=upper,
        shrink=0.8,
        label="share of the decrease in impurity",
        format=PercentFormatter(1, symbol=" %"),
    )
    picture = lower.imshow(mean.reshape(shape), cmap=style.INK, vmin=0, vmax=image.pixel_max)
    lower.set_title("mean of the training images", fontsize=11)
    figure.colorbar(picture, ax=lower, shrink=0.8, label="pixel value")
    for ax in (upper, lower):
        style.hide_ticks(ax)
    figure.suptitle(title, fontsize=12)
    return figure
