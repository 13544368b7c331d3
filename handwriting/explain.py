"""What a fitted model goes by: the pixels that a tree asks, the images that a border leans on."""

import numpy as np
import numpy.typing as npt
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import Binarizer

from handwriting.features import UnitPixels
from handwriting.images import Digits, UInt8Array
from handwriting.svm import SVC

Floats = npt.NDArray[np.float64]


def has_support_vectors(model: Pipeline) -> bool:
    """Tell whether a model's borders rest on training images."""
    return isinstance(model[-1], SVC)


def sees_pixels(model: Pipeline) -> bool:
    """Tell whether each feature of a model is one pixel, whatever its scale."""
    return isinstance(model["features"], str | UnitPixels | Binarizer)


def pixel_importances(model: Pipeline) -> Floats:
    """Share of each pixel in what a tree, or a forest's trees on average, gain by asking.

    Returns
    -------
    ndarray
        float64, shape (height · width,), sum 1, for a model that `sees_pixels`.
    """
    return np.asarray(model[-1].feature_importances_, dtype=np.float64)


def heaviest_support(
    model: Pipeline, labels: UInt8Array, per_digit: int
) -> tuple[npt.NDArray[np.intp], Floats]:
    """Find, for each digit, the training images that weigh most in a support vector classifier.

    An image's weight is the sum of its coefficients' sizes over the borders that it takes part in,
    one between its digit and each other; each is at most C.

    Parameters
    ----------
    model
        Fitted on the training images.
    labels
        Of all training images, shape (n,).
    per_digit
        How many to find of each digit, at most.

    Returns
    -------
    positions, weights
        Where the images stand among the training images, and their weights; the digits in rising
        order, in each the heaviest first, of equally heavy ones the first in the table.
    """
    support = np.asarray(model[-1].support_, dtype=np.intp)
    weights = np.abs(model[-1].dual_coef_).sum(axis=0)
    order = np.lexsort((support, -weights, labels[support]))
    ranks = np.arange(len(order)) - np.searchsorted(labels[support][order], labels[support][order])
    chosen = order[ranks < per_digit]
    return support[chosen], np.asarray(weights[chosen], dtype=np.float64)


def mean_image(digits: Digits) -> Floats:
    """Mean of each pixel over all images, shape (height · width,)."""
    return np.asarray(digits.pixels.mean(axis=0), dtype=np.float64)
