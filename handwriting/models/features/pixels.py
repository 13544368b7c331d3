"""Pixels as features."""

from typing import Any, NamedTuple, Self

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted, validate_data

# A centre of mass that is rounded to a pixel is off by up to half a pixel, and by a little more
# because pixels are whole numbers.
_CENTRED = 0.55
# The framing is learned from at most this number of images, evenly spaced.
_MOST_IMAGES = 5_000
# Percentile of the heights and widths that gives the box; larger digits count as faults.
_PERCENTILE = 99
# Digits have one size if at least this share of them fills the box.
_LEAST_FILLING = 0.9


class ImagePixels(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
    """Check that images have the size and the pixel range that a model takes, and pass them on.

    `fit` also learns the size and position of the digits in their images, so that other pictures
    can be framed in the same way.

    Parameters
    ----------
    height, width : int, default=28
        Shape of the images, ≥ 1.
    pixel_max : int, default=255
        The largest value of a pixel, > 0; the smallest is 0.

    Attributes
    ----------
    box_height_, box_width_ : int
        Size of the box that a digit is scaled to fit, in pixels. If digits are of different sizes,
        it has the size that half of them exceed.
    one_size_ : bool
        Whether nearly all digits fill the box in height or in width.
    by_mass_ : bool
        Whether the centre of mass of most digits is at the pixel (height // 2, width // 2). For
        other images, the middle of the box is taken for the middle of the image.
    n_features_in_ : int
        Number of pixels of an image.
    """

    def __init__(self, height: int = 28, width: int = 28, pixel_max: int = 255) -> None:
        self.height = height
        self.width = width
        self.pixel_max = pixel_max

    def fit(self, X: npt.ArrayLike, y: Any = None) -> Self:
        """Check `X`, shape (n, height * width), and learn the size and position of the digits.

        Ink is what is greater than 0. Images without ink are ignored; if there are no others, the
        framing is that of MNIST, scaled.
        """
        pixels = self._check(X)
        step = max(1, -(-len(pixels) // _MOST_IMAGES))
        learned = _learn_framing(pixels[::step].reshape(-1, self.height, self.width))
        self.box_height_, self.box_width_, self.one_size_, self.by_mass_ = learned
        self.n_features_in_ = self.height * self.width
        return self

    def transform(self, X: npt.ArrayLike) -> npt.NDArray[Any]:
        """Return `X`, shape (n, height * width), as it is.

        Raises
        ------
        ValueError
            If an image has another number of pixels, or a pixel is out of range.
        """
        check_is_fitted(self)
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


class _Framing(NamedTuple):
    """Size and position of the digits in their images; see `ImagePixels`."""

    box_height: int
    box_width: int
    one_size: bool
    by_mass: bool


def _learn_framing(images: npt.NDArray[Any]) -> _Framing:
    """Return the framing of images, shape (n, height, width)."""
    by_row = images.sum(axis=2, dtype=np.float64)
    by_column = images.sum(axis=1, dtype=np.float64)
    mass = by_row.sum(axis=1)
    if not mass.any():
        height, width = (max(1, round(length * 20 / 28)) for length in images.shape[1:])
        return _Framing(height, width, one_size=True, by_mass=True)
    by_row, by_column, mass = by_row[mass > 0], by_column[mass > 0], mass[mass > 0]
    top, bottom = _extent(by_row)
    left, right = _extent(by_column)
    box_height, box_width, one_size = _find_box(bottom - top, right - left)
    balanced = _is_balanced(by_row, mass) & _is_balanced(by_column, mass)
    # In the middle, or half a pixel beside it where the number of pixels left is odd.
    middle = (np.abs(top + bottom - by_row.shape[1]) <= 1) & (
        np.abs(left + right - by_column.shape[1]) <= 1
    )
    # Symmetric digits are centred in both ways, and small images leave no other place.
    by_mass = balanced.mean() > max(0.5, middle.mean())
    return _Framing(box_height, box_width, one_size, bool(by_mass))


def _extent(sums: npt.NDArray[np.float64]) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Return the first row or column of each image that has ink, and the one after the last."""
    inked = sums > 0
    return inked.argmax(axis=1), sums.shape[1] - inked[:, ::-1].argmax(axis=1)


def _find_box(heights: npt.NDArray[np.intp], widths: npt.NDArray[np.intp]) -> tuple[int, int, bool]:
    """Return the height and width of the box of digits, and whether they have one size."""
    box = np.array([np.percentile(s, _PERCENTILE, method="higher") for s in (heights, widths)])
    # The faint last pixel of a stroke may be missing; see `normalize.already_framed`. Few digits
    # are as wide as high, so a box that is one pixel short of a square is a square.
    if np.ptp(box) == 1:
        box[:] = box.max()
    filled = (heights >= box[0] - 1) | (widths >= box[1] - 1)
    if filled.mean() >= _LEAST_FILLING:
        return int(box[0]), int(box[1]), True
    scale = np.median(np.maximum(heights / box[0], widths / box[1]))
    height, width = (max(1, round(length * scale)) for length in box.tolist())
    return height, width, False


def _is_balanced(sums: npt.NDArray[np.float64], mass: npt.NDArray[np.float64]) -> Any:
    """Return whether the centre of mass of each image is at the pixel after its middle."""
    length = sums.shape[1]
    # Not a matrix product, whose last bits may depend on the number of threads.
    centres = (sums * np.arange(length)).sum(axis=1) / mass
    return np.abs(centres - length // 2) <= _CENTRED


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
        pixels = validate_data(self, X, reset=False)
        # Pixels are converted in small pieces on the way, so only the result takes memory.
        unit: npt.NDArray[np.float32] = np.divide(
            pixels, np.float32(self.pixel_max), dtype=np.float32
        )
        return unit

    def __sklearn_tags__(self) -> Tags:
        """Declare that the result is float32 for every input type."""
        tags: Tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = []
        return tags
