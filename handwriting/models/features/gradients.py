"""Histograms of oriented gradients."""

from typing import Any, Self

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted, validate_data

Floats = npt.NDArray[np.float32]


class OrientedGradients(TransformerMixin, BaseEstimator):
    """Describe square images by the directions of their edges, in overlapping cells.

    The gradient of each pixel is divided between the two nearest of `n_orientations` directions.
    The maps of all directions are averaged with Gaussian weights around the centres of a grid of
    cells. In each cell, the square root of each direction's share is the feature. The square root
    makes the Euclidean distance of two cells the Hellinger distance of their histograms.

    Parameters
    ----------
    size : int, default=28
        Height and width of the images, ≥ 2.
    n_orientations : int, default=12
        Number of directions in the full circle, ≥ 3.
    n_cells : int, default=8
        Number of cells along each axis, ≥ 1.
    step : float, default=3
        Distance between the centres of neighbouring cells, in pixels, > 0.
    sigma : float, default=2
        Standard deviation of the Gaussian weights, in pixels, > 0.
    regularization : float, default=0.15
        Added to the sum of the directions of a cell before the division, as a share of the sum that
        a cell full of unit gradients would have. Larger values give faint cells less weight, > 0.
    n_levels : int or None, default=None
        Features are rounded to multiples of 1/n_levels, ≥ 2; None does not round. A tree is
        fitted several times faster to few different values.

    References
    ----------
    N. Dalal and B. Triggs, "Histograms of oriented gradients for human detection", CVPR 2005.
    C.-L. Liu, K. Nakashima, H. Sako and H. Fujisawa, "Handwritten digit recognition: benchmarking
    of state-of-the-art techniques", Pattern Recognition 36(10), 2003: gradient features and their
    Gaussian sampling.
    R. Arandjelović and A. Zisserman, "Three things everyone should know to improve object
    retrieval", CVPR 2012: the square root of histograms.
    """

    def __init__(
        self,
        size: int = 28,
        *,
        n_orientations: int = 12,
        n_cells: int = 8,
        step: float = 3.0,
        sigma: float = 2.0,
        regularization: float = 0.15,
        n_levels: int | None = None,
    ) -> None:
        self.size = size
        self.n_orientations = n_orientations
        self.n_cells = n_cells
        self.step = step
        self.sigma = sigma
        self.regularization = regularization
        self.n_levels = n_levels

    def fit(self, X: npt.ArrayLike, y: Any = None) -> Self:
        """Check the shape of `X`; nothing is learned from its values.

        Raises
        ------
        ValueError
            If the rows of `X` have another length than `size` squared.
        """
        validate_data(self, X)
        if self.n_features_in_ != self.size**2:
            raise ValueError(
                f"X has {self.n_features_in_} features; images of {self.size}×{self.size} have "
                f"{self.size**2}"
            )
        return self

    def transform(self, X: npt.ArrayLike) -> Floats:
        """Compute the features.

        Parameters
        ----------
        X : array-like of shape (n, size * size)
            Images with a range of about 1.

        Returns
        -------
        ndarray of shape (n, n_orientations * n_cells * n_cells), float32
            Between 0 and 1, ordered by direction, row and column of the cell. Direction 0 has ink
            that grows to the right, the next ones turn towards ink that grows downwards.
        """
        check_is_fitted(self)
        pixels = validate_data(self, X, dtype=np.float32, reset=False)
        n = len(pixels)
        maps = _orientation_maps(pixels.reshape(n, self.size, self.size), self.n_orientations)
        weights = _pooling_weights(self.size, self.n_cells, self.step, self.sigma)
        # A matrix product pools both axes of all maps of an image. One product for all images could
        # change the last bits of an image with its place among the others.
        pooled = maps @ np.ascontiguousarray(np.kron(weights, weights).T)
        largest = np.float32(weights.sum(axis=1).max() ** 2)
        total = pooled.sum(axis=1, keepdims=True) + np.float32(self.regularization) * largest
        features: Floats = np.sqrt(pooled / total).reshape(n, -1)
        return features if self.n_levels is None else _round_to(features, self.n_levels)

    def __sklearn_tags__(self) -> Tags:
        """Declare that the result is float32 for every input type."""
        tags: Tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = []
        return tags


def _orientation_maps(images: Floats, n_orientations: int) -> Floats:
    """Divide the gradient of each pixel between the two nearest directions.

    Returns
    -------
    ndarray of shape (n, n_orientations, size * size), float32
    """
    n, size, _ = images.shape
    down, right = np.zeros_like(images), np.zeros_like(images)
    np.subtract(images[:, 2:], images[:, :-2], out=down[:, 1:-1])
    np.subtract(images[:, :, 2:], images[:, :, :-2], out=right[:, :, 1:-1])
    down, right = down.ravel(), right.ravel()
    # Most of an image is paper or the inside of a stroke, without a gradient.
    found = np.flatnonzero((down != 0) | (right != 0))
    down, right = down[found], right[found]
    length = np.sqrt(down * down + right * right)
    turn = np.arctan2(down, right) * np.float32(n_orientations / (2 * np.pi))
    lower = np.floor(turn)
    upper_share = length * (turn - lower)
    direction = lower.astype(np.intp) % n_orientations
    image, pixel = np.divmod(found, size * size)
    maps = np.zeros(n * n_orientations * size * size, dtype=np.float32)
    maps[(image * n_orientations + direction) * (size * size) + pixel] = length - upper_share
    direction += 1
    direction[direction == n_orientations] = 0
    maps[(image * n_orientations + direction) * (size * size) + pixel] = upper_share
    return maps.reshape(n, n_orientations, size * size)


def _round_to(features: Floats, n_levels: int) -> Floats:
    """Round to the nearest multiple of 1/n_levels."""
    levels: Floats = np.rint(features * np.float32(n_levels))
    return levels / np.float32(n_levels)


def _pooling_weights(size: int, n_cells: int, step: float, sigma: float) -> Floats:
    """Return the Gaussian weight of each pixel in each cell along one axis, (n_cells, size)."""
    centres = (size - 1) / 2 + step * (np.arange(n_cells) - (n_cells - 1) / 2)
    distance = np.arange(size) - centres[:, None]
    return np.exp(-(distance**2) / (2 * sigma**2)).astype(np.float32)
