"""Pixels as features."""

from typing import Any, Self

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted, validate_data


class ImagePixels(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
    """Check that images have the size and the pixel range that a model takes, and pass them on.

    Parameters
    ----------
    height, width : int, default=28
        Shape of the images, ≥ 1.
    pixel_max : int, default=255
        The largest value of a pixel, > 0; the smallest is 0.
    """

    def __init__(self, height: int = 28, width: int = 28, pixel_max: int = 255) -> None:
        self.height = height
        self.width = width
        self.pixel_max = pixel_max

    def fit(self, X: npt.ArrayLike, y: Any = None) -> Self:
        """Check `X`, shape (n, height * width)."""
        self._check(X)
        return self

    def transform(self, X: npt.ArrayLike) -> npt.NDArray[Any]:
        """Return `X`, shape (n, height * width), as it is.

        Raises
        ------
        ValueError
            If an image has another number of pixels, or a pixel is out of range.
        """
        return self._check(X)

    def _check(self, X: npt.ArrayLike) -> npt.NDArray[Any]:
        pixels = np.asarray(X)
        n_pixels = self.height * self.width
        if pixels.ndim != 2 or pixels.shape[1] != n_pixels:
            raise ValueError(
                f"images of shape {pixels.shape}; must be (n, {n_pixels}), one row of "
                f"{self.height}×{self.width} pixels for each image"
            )
        # A comparison that NaN does not pass.
        if pixels.size and not (pixels.min() >= 0 and pixels.max() <= self.pixel_max):
            raise ValueError(
                f"pixels from {pixels.min()} to {pixels.max()}; must be 0–{self.pixel_max}"
            )
        return pixels

    def __sklearn_is_fitted__(self) -> bool:
        """Return True: there is nothing to fit."""
        return True


class UnitPixels(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
    """Scale pixels to the range 0–1, as float32.

    Parameters
    ----------
    pixel_max : float, default=255
        The largest value of a pixel, > 0.
    """

    def __init__(self, pixel_max: float = 255) -> None:
        self.pixel_max = pixel_max

    def fit(self, X: npt.ArrayLike, y: Any = None) -> Self:
        """Check `X`, shape (n, n_pixels), and store the number of pixels."""
        validate_data(self, X)
        return self

    def transform(self, X: npt.ArrayLike) -> npt.NDArray[np.float32]:
        """Return `X`, shape (n, n_pixels), divided by `pixel_max`."""
        check_is_fitted(self)
        pixels = validate_data(self, X, dtype=np.float32, reset=False)
        return np.asarray(pixels / np.float32(self.pixel_max))

    def __sklearn_tags__(self) -> Tags:
        """Declare that the result is float32 for every input type."""
        tags: Tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = []
        return tags
