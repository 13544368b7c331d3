"""Finds the size of images and what their values mean."""

import math
from pathlib import Path

import numpy as np
import numpy.typing as npt

from handwriting.app.inspection.options import Options
from handwriting.common.errors import InputError
from handwriting.common.params.datasets import ImageFormat

FEWEST_PIXELS = 10
# Ranges in which pixels are stored. The first one that has all of a table's values is used.
RANGES = ((0.0, 1.0), (-1.0, 1.0), (0.0, 16.0), (0.0, 255.0))
RANGES_IN_WORDS = "0 to 1, -1 to 1, 0 to 16 or 0 to 255"

Floats = npt.NDArray[np.float64]


def ranges(low: float, high: float) -> list[tuple[float, float]]:
    """Return the usual ranges that contain all pixels, the most probable one first."""
    return [(start, end) for start, end in RANGES if start <= low and high <= end]


def fits(n_pixels: int, options: Options) -> bool:
    """Return whether so many pixels are an image of the named size, or a square."""
    if options.height is not None and options.width is not None:
        return n_pixels == options.height * options.width
    return n_pixels >= FEWEST_PIXELS and math.isqrt(n_pixels) ** 2 == n_pixels


def image_size(n_pixels: int, options: Options, path: Path) -> tuple[int, int]:
    """Return the height and the width of images of `n_pixels` pixels.

    Raises
    ------
    InputError
        If the named size has another number of pixels, or if they are no square.
    """
    if n_pixels < FEWEST_PIXELS:
        raise InputError(
            f"{path}: {n_pixels} pixel columns; an image must have at least {FEWEST_PIXELS} pixels"
        )
    if options.height is not None and options.width is not None:
        if options.height * options.width != n_pixels:
            raise InputError(
                f"{path}: {n_pixels} pixel columns; must be height × width = {options.height} × "
                f"{options.width} = {options.height * options.width}"
            )
        return options.height, options.width
    side = math.isqrt(n_pixels)
    if side**2 != n_pixels:
        raise InputError(
            f"{path}: {n_pixels} pixel columns, which are no square image; name the size with "
            "--height and --width"
        )
    return side, side


def image_format(height: int, width: int, pixel_max: int, path: Path) -> ImageFormat:
    """Return the format of images of a size.

    Raises
    ------
    InputError
        If they have too few pixels.
    """
    if height * width < FEWEST_PIXELS:
        raise InputError(
            f"{path}: images of {height}×{width} pixels; must have at least {FEWEST_PIXELS} pixels"
        )
    return ImageFormat(height=height, width=width, pixel_max=pixel_max)


def pixel_range(
    low: float,
    high: float,
    integers: bool,
    means: Floats,
    options: Options,
    path: Path,
    where: str = "",
) -> tuple[float, float, int]:
    """Return the values of paper and of ink, and the pixel range of the project.

    Parameters
    ----------
    low, high : float
        The smallest and the largest value of all pixels.
    integers : bool
        Whether all of them are integers.
    means : ndarray of shape (height, width), float64
        The mean image, whose rim is mostly paper.
    where : str
        For messages: where the smallest and the largest value are.
    """
    if options.paper is not None and options.ink is not None:
        paper, ink = options.paper, options.ink
        if paper == ink or low < min(paper, ink) or high > max(paper, ink):
            raise InputError(
                f"{path}: pixels from {low:g} to {high:g}{where}; --paper {paper:g} and --ink "
                f"{ink:g} must differ and contain this range"
            )
    else:
        possible = ranges(low, high)
        if not possible:
            raise InputError(
                f"{path}: pixels from {low:g} to {high:g}{where}; must be within "
                f"{RANGES_IN_WORDS}; name the values of other ranges with --paper and --ink"
            )
        if low == high:
            raise InputError(f"{path}: all pixels are {low:g}; must be images of digits")
        paper, ink = possible[0]
        rim = np.concatenate([means[0], means[-1], means[:, 0], means[:, -1]]).mean()
        if rim > (paper + ink) / 2:
            paper, ink = ink, paper
    span = abs(ink - paper)
    # Integers that fit one byte stay as they are; everything else gets the resolution of a byte.
    pixel_max = int(span) if integers and span == int(span) and span <= 255 else 255
    if integers and min(paper, ink) < 0:
        pixel_max = 255
    return paper, ink, pixel_max
