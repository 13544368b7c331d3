"""Normalisation of images: slant, size and position."""

from typing import Any, Self

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted, validate_data

Floats = npt.NDArray[np.float32]

# Limits for images in which slant and size mean little, such as a single dot.
_MAX_SLANT = 1.0
_MAX_SCALING = 2.0
# The width stays as it is between these multiples of the wanted height, so that a 1 stays narrow.
_NARROW, _WIDE = 0.62, 1.15


class Deskew(TransformerMixin, BaseEstimator):
    """Shear, scale and shift images so that they differ less in slant, size and position.

    The slant, the standard deviations of the ink along both axes and the centre of mass are
    computed from the moments of an image up to the second order. The result is sampled with
    bilinear interpolation; outside the image there is no ink.

    Parameters
    ----------
    height, width : int, default=28
        Shape of the images, ≥ 1.
    size : int, default=28
        Height and width of the result, ≥ 1.
    margin : float, default=0
        White border that is added on each side before the image is scaled to `size`, in pixels of
        the image, ≥ 0.
    slant : float, default=1
        Share of the slant that is removed, 0–1.
    scaling : float, default=0.5
        How far the standard deviation of the ink along the vertical axis is brought to `spread`:
        0 keeps it, 1 reaches it, 0.5 reaches the geometric mean of both. The width follows only
        where it is unusual.
    spread : float, default=0.19
        Standard deviation of the ink along the vertical axis to be reached, as a share of `size`.

    References
    ----------
    Y. LeCun, L. Bottou, Y. Bengio and P. Haffner, "Gradient-based learning applied to document
    recognition", Proceedings of the IEEE 86(11), 1998: deskewing by moments.
    C.-L. Liu, K. Nakashima, H. Sako and H. Fujisawa, "Handwritten digit recognition: investigation
    of normalization and feature extraction techniques", Pattern Recognition 37(2), 2004:
    normalisation by moments.
    """

    def __init__(
        self,
        height: int = 28,
        width: int = 28,
        *,
        size: int = 28,
        margin: float = 0.0,
        slant: float = 1.0,
        scaling: float = 0.5,
        spread: float = 0.19,
    ) -> None:
        self.height = height
        self.width = width
        self.size = size
        self.margin = margin
        self.slant = slant
        self.scaling = scaling
        self.spread = spread

    def fit(self, X: npt.ArrayLike, y: Any = None) -> Self:
        """Check the shape of `X`; nothing is learned from its values.

        Raises
        ------
        ValueError
            If the rows of `X` have another length than `height` * `width`.
        """
        validate_data(self, X)
        if self.n_features_in_ != self.height * self.width:
            raise ValueError(
                f"X has {self.n_features_in_} features; images of {self.height}×{self.width} have "
                f"{self.height * self.width}"
            )
        return self

    def transform(self, X: npt.ArrayLike) -> Floats:
        """Normalise images.

        Parameters
        ----------
        X : array-like of shape (n, height * width)
            Ink, at least 0.

        Returns
        -------
        ndarray of shape (n, size * size), float32
            Ink, in the unit and the range of `X`.
        """
        check_is_fitted(self)
        pixels = validate_data(self, X, dtype=np.float32, reset=False)
        images = pixels.reshape(-1, self.height, self.width)
        zoom = self.size / (max(self.height, self.width) + 2 * self.margin)
        centre, slant, deviation = _moments(images)
        slant = self.slant * np.clip(slant, -_MAX_SLANT, _MAX_SLANT)

        wanted = self.spread * self.size / zoom
        widths = np.clip(deviation[:, 1], _NARROW * wanted, _WIDE * wanted)
        scale = np.stack([deviation[:, 0] / wanted, deviation[:, 1] / widths], axis=1)
        scale = np.clip(scale, 1 / _MAX_SCALING, _MAX_SCALING) ** self.scaling

        # Pixel (i, j) of the result shows the point (rows[i], columns[i, j]) of the image.
        steps = (np.arange(self.size) - (self.size - 1) / 2) / zoom
        from_centre = scale[:, :1] * steps
        rows = centre[:, :1] + from_centre
        columns = (centre[:, 1:] + slant[:, None] * from_centre)[:, :, None] + (
            scale[:, 1:] * steps
        )[:, None, :]
        return _sample(images, rows, columns).reshape(len(images), -1)

    def __sklearn_tags__(self) -> Tags:
        """Declare that ink is at least 0 and that the result is float32 for every input type."""
        tags: Tags = super().__sklearn_tags__()
        tags.input_tags.positive_only = True
        tags.transformer_tags.preserves_dtype = []
        return tags


def _moments(
    images: Floats,
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return centre of mass, slant and standard deviations of the ink of images (n, h, w).

    Returns
    -------
    centre : ndarray of shape (n, 2), float64
        Row and column; the middle of an image without ink.
    slant : ndarray of shape (n,), float64
        Columns by which the ink moves per row; 0 where all ink is in one row.
    deviation : ndarray of shape (n, 2), float64
        Of the rows, and of the columns after the slant has been removed.
    """
    n, height, width = images.shape
    row, column = np.arange(height) - (height - 1) / 2, np.arange(width) - (width - 1) / 2
    # Sums over an axis, not matrix products: the result does not depend on the other images.
    by_row = images.sum(axis=2, dtype=np.float64)
    by_column = images.sum(axis=1, dtype=np.float64)
    mixed = ((images * column).sum(axis=2) * row).sum(axis=1)
    mass = np.maximum(by_row.sum(axis=1), np.finfo(np.float64).tiny)
    mean_row = (by_row * row).sum(axis=1) / mass
    mean_column = (by_column * column).sum(axis=1) / mass
    var_row = np.maximum((by_row * row**2).sum(axis=1) / mass - mean_row**2, 0)
    var_column = (by_column * column**2).sum(axis=1) / mass - mean_column**2
    covariance = mixed / mass - mean_row * mean_column
    slant = np.divide(covariance, var_row, out=np.zeros(n), where=var_row > 1e-6)
    deviation = np.sqrt(np.stack([var_row, np.maximum(var_column - slant * covariance, 0)], axis=1))
    centre = np.stack([mean_row + (height - 1) / 2, mean_column + (width - 1) / 2], axis=1)
    return centre, slant, deviation


def _sample(
    images: Floats, rows: npt.NDArray[np.float64], columns: npt.NDArray[np.float64]
) -> Floats:
    """Interpolate images (n, h, w) at the points (rows[:, i], columns[:, i, j]), bilinearly.

    All points of a row of the result lie in one row of the image, so that the two axes can be
    interpolated one after the other.
    """
    n, _, width = images.shape
    size = rows.shape[1]
    before, share = _neighbours(rows, images.shape[1])
    padded = np.pad(images, ((0, 0), (1, 2), (0, 0)))
    image = np.arange(n)[:, None]
    lines = np.zeros((n, size, width + 3), dtype=np.float32)
    share = share[:, :, None]
    lines[:, :, 1:-2] = padded[image, before] * (1 - share) + padded[image, before + 1] * share

    before, share = _neighbours(columns, width)
    before += (np.arange(n * size) * (width + 3)).reshape(n, size, 1)
    flat = lines.ravel()
    result: Floats = flat.take(before) * (1 - share)
    before += 1
    result += flat.take(before) * share
    return result


def _neighbours(
    position: npt.NDArray[np.float64], length: int
) -> tuple[npt.NDArray[np.intp], Floats]:
    """Return for each position the pixel before it and the share of the pixel after it.

    Pixels are counted in an axis with one more empty pixel before the first and two after the last.
    """
    # Positions more than one pixel outside are as empty as those one pixel outside.
    position = np.clip(position, -1, length)
    before = np.floor(position)
    share = (position - before).astype(np.float32)
    return before.astype(np.intp) + 1, share
