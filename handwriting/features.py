"""From an image's raw pixels to what a classifier is given."""

from typing import Any, Self

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted, validate_data


class UnitPixels(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
    """Pixels divided by the largest value that they can have, as float32.

    Parameters
    ----------
    pixel_max
        The largest value that a pixel can have, above 0.
    """

    def __init__(self, pixel_max: float = 255) -> None:
        self.pixel_max = pixel_max

    def fit(self, X: npt.ArrayLike, y: Any = None) -> Self:
        """Check `X`, shape (n, pixels), and remember how many pixels an image has."""
        validate_data(self, X)
        return self

    def transform(self, X: npt.ArrayLike) -> npt.NDArray[np.float32]:
        """Return `X`, shape (n, pixels), divided by `pixel_max`."""
        check_is_fitted(self)
        pixels = validate_data(self, X, dtype=np.float32, reset=False)
        return np.asarray(pixels / np.float32(self.pixel_max))

    def __sklearn_tags__(self) -> Tags:
        """Say that the result is float32, whatever comes in."""
        tags: Tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = []
        return tags
