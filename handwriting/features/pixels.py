"""Pixels as features."""

from typing import Any, Self

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted, validate_data


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
