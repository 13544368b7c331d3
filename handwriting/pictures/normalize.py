"""Turns pictures of digits into what a model was trained on, in the way MNIST was made.

`find_ink` separates the ink from its paper, `frame` scales and centres the ink of one digit, and
`prepare` does both for a picture of one digit.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image
from scipy import ndimage

from handwriting.common.params.datasets import ImageFormat

UInt8Array = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]
Float64Array = npt.NDArray[np.float64]

# Larger pictures are reduced; a page of 40 lines then still has 25 pixels per digit.
_LONGEST_SIDE = 2000
# The surface of the paper is estimated on a picture that is reduced to this many pixels per side.
_BACKGROUND_SIDE = 128
_SURFACE_SIDE = 32
_N_REWEIGHTINGS = 8
# What is darker than the paper over a larger part of the shorter side is a shadow, not ink.
_LARGEST_STROKE = 0.4
# Ink absorbs at least this share of the light and is this many standard deviations above the noise.
_LEAST_CONTRAST = 0.1
_LEAST_SIGMAS = 6.0
# At least this share of a picture is paper, also where it ends at the ink.
_LEAST_PAPER = 0.25
# Where the skewness is less, ink may fill half of the picture.
_CLEAR_SKEWNESS = 1.3
# Ink between these shares of the darkest ink is grey; less is paper, more is black.
_PAPER, _BLACK = 0.08, 0.9
# A digit reaches as far as ink of this value.
_EDGE = 0.2
# As in `handwriting.models.features.pixels`: how far a centre of mass may be off, in pixels.
_CENTRED = 0.55


@dataclass(frozen=True)
class Framing:
    """The format of a dataset's images, and the size and position of the digits in them.

    Attributes
    ----------
    image : ImageFormat
        Size and pixel range of the images.
    box_height, box_width : int
        Size of the box that a digit is scaled to fit, in pixels.
    by_mass : bool
        Whether the centre of mass of the ink is in the middle, or the middle of its box.
    one_size : bool
        Whether the digits of the dataset fill the box, or are of different sizes.
    """

    image: ImageFormat
    box_height: int
    box_width: int
    by_mass: bool
    one_size: bool = True

    @property
    def blocks(self) -> int:
        """If not 0, each pixel counts the dark dots of a block of `blocks` × `blocks` dots."""
        image = self.image
        return 4 if (image.height, image.width, image.pixel_max) == (8, 8, 16) else 0


def prepare(grey: UInt8Array, framing: Framing) -> UInt8Array:
    """Turn a picture of one digit into an image in a model's format.

    Parameters
    ----------
    grey : ndarray of shape (any, any), uint8
        0 is black, 255 is white. All ink belongs to the digit.
    framing : Framing
        Of the images that the model was trained on.

    Returns
    -------
    ndarray of shape (height, width), uint8
        0 is paper, `pixel_max` is ink. Only paper if the picture has no ink.
    """
    unchanged = already_framed(grey, framing)
    return frame(find_ink(grey), framing) if unchanged is None else unchanged


def already_framed(grey: UInt8Array, framing: Framing) -> UInt8Array | None:
    """Return a picture that already is in a model's format, light or dark ink, else None.

    The picture has the size of the format, its paper is of one colour, and the digit lies in it as
    those of the dataset do: it fits the box, and if the dataset is centred by mass, it fills the
    box and is centred. Where digits are of different sizes, it may have any size. Its values are
    not changed, except that dark ink is inverted and the range 0–255 becomes 0–`pixel_max`.
    """
    image = framing.image
    if grey.shape != (image.height, image.width):
        return None
    paper = _paper_of_one_colour(grey)
    if paper is None:
        return None
    ink = grey if paper == 0 else 255 - grey
    by_row, by_column = _projections(ink)
    rows, columns = by_row.nonzero()[0], by_column.nonzero()[0]
    if len(rows) == 0:
        return None
    height, width = rows[-1] - rows[0] + 1, columns[-1] - columns[0] + 1
    if framing.one_size:
        if height > framing.box_height or width > framing.box_width:
            return None
        # In MNIST the longer side has 20 pixels, or 19 where the last one is too faint.
        if framing.by_mass and height < framing.box_height - 1 and width < framing.box_width - 1:
            return None
    if framing.by_mass:
        # Centres of mass are in the pixel after the middle.
        down, right = _centre_of_mass(by_row, by_column)
        if abs(down - image.height // 2) > _CENTRED or abs(right - image.width // 2) > _CENTRED:
            return None
    if image.pixel_max == 255:
        return ink
    return _to_range(np.asarray(ink / np.float32(255)), image.pixel_max)


def _paper_of_one_colour(grey: UInt8Array) -> int | None:
    """Return 0 or 255 if that is the colour of the paper, else None.

    Paper is what is most frequent on the border, also where a digit touches it. Black and white
    that are equally frequent there are counted in the whole picture.
    """
    border = np.concatenate([grey[0], grey[-1], grey[1:-1, 0], grey[1:-1, -1]])
    counts = np.bincount(border, minlength=256)
    if max(counts[0], counts[255]) < counts.max():
        return None
    if counts[0] == counts[255]:
        counts = np.bincount(grey.ravel(), minlength=256)
        if counts[0] == counts[255]:
            return None
    return 0 if counts[0] > counts[255] else 255


def reduce(grey: UInt8Array) -> tuple[UInt8Array, float]:
    """Reduce a picture so that no side is longer than 2,000 pixels.

    Returns
    -------
    grey : ndarray of shape (height, width), uint8
        The picture itself if it is small enough.
    factor : float
        Pixels of the picture per pixel of the result, ≥ 1.
    """
    factor = max(grey.shape) / _LONGEST_SIDE
    if factor <= 1:
        return grey, 1.0
    height, width = (max(1, round(length / factor)) for length in grey.shape)
    return np.asarray(Image.fromarray(grey).resize((width, height), Image.Resampling.BOX)), factor


def find_ink(grey: UInt8Array) -> Floats:
    """Separate the ink of a picture from its paper.

    Whether the ink is dark or light is detected. Shadows and uneven light are removed, noise of the
    paper becomes 0, and the grey edges of strokes are kept.

    Parameters
    ----------
    grey : ndarray of shape (height, width), uint8
        0 is black, 255 is white.

    Returns
    -------
    ndarray of shape (height, width), float32
        0 is paper, 1 is ink; 0 everywhere if nothing stands out from the paper. A picture and its
        negative give the same result.
    """
    surface, ink_is_dark = _smooth_surface(grey)
    light = grey.astype(np.float32)
    if not ink_is_dark:
        light, surface = 255 - light, 255 - surface
    paper = np.maximum(_paper(light, surface), 1)
    # The share of the light that is absorbed does not depend on the light.
    absorbed = np.clip(1 - light / paper, 0, 1)
    level, noise = _level_and_noise(absorbed)
    least = level + max(_LEAST_CONTRAST, _LEAST_SIGMAS * noise)
    inked = absorbed[absorbed > least]
    if inked.size == 0:
        return np.zeros_like(absorbed)
    darkest = float(np.percentile(inked, 90))
    low = level + max(3 * noise, _PAPER * (darkest - level))
    high = level + _BLACK * (darkest - level)
    if low >= high:
        return np.zeros_like(absorbed)
    return np.asarray(np.clip((absorbed - low) / (high - low), 0, 1), dtype=np.float32)


def frame(ink: Floats, framing: Framing) -> UInt8Array:
    """Scale the ink of one digit into its box and centre the box in an image.

    Parameters
    ----------
    ink : ndarray of shape (any, any), float32
        Between 0 and 1.
    framing : Framing

    Returns
    -------
    ndarray of shape (height, width), uint8
        0 is paper, `pixel_max` is ink.
    """
    image = framing.image
    result = np.zeros((image.height, image.width), dtype=np.float32)
    rows = np.flatnonzero((ink > _EDGE).any(axis=1))
    columns = np.flatnonzero((ink > _EDGE).any(axis=0))
    if len(rows) == 0:
        return _to_range(result, image.pixel_max)
    digit = ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    scale = min(framing.box_height / digit.shape[0], framing.box_width / digit.shape[1])
    height = min(framing.box_height, max(1, round(digit.shape[0] * scale)))
    width = min(framing.box_width, max(1, round(digit.shape[1] * scale)))
    digit = (
        _count_dots(digit, height, width, framing.blocks)
        if framing.blocks
        else _resize(digit, height, width)
    )
    if framing.by_mass:
        down, right = _centre_of_mass(*_projections(digit))
        top, left = round(image.height // 2 - down), round(image.width // 2 - right)
    else:
        top, left = (image.height - height) // 2, (image.width - width) // 2
    top = min(max(top, 0), image.height - height)
    left = min(max(left, 0), image.width - width)
    result[top : top + height, left : left + width] = digit
    return _to_range(result, image.pixel_max)


def _smooth_surface(grey: UInt8Array) -> tuple[Floats, bool]:
    """Return the brightness of smoothly lit paper, and whether the ink is darker than it.

    Paper is what a smooth surface fits best; the border counts as much as all the rest, because a
    thick digit may fill most of the picture. Ink is on one side of that surface. If it is not clear
    on which one, the picture may end at the ink, and the surface is as much that of the ink as that
    of the paper. Then it is taken to be flat, and the border to have more paper than the rest.

    Returns
    -------
    surface : ndarray of the shape of `grey`, float32
    ink_is_dark : bool
    """
    small = _reduced(grey.astype(np.float32), _SURFACE_SIDE)
    border = np.ones(small.shape, dtype=bool)
    border[1:-1, 1:-1] = False
    share = np.where(border, 1 / border.sum(), 1 / max(1, (~border).sum())).ravel()
    terms, values = _terms(small.shape), small.ravel().astype(np.float64)
    residual = values - np.median(values[border.ravel()])
    for _ in range(_N_REWEIGHTINGS):
        # Iteratively reweighted least squares: a surface through the majority of the pixels.
        weighted = terms * (share / (np.abs(residual) + 2))[:, None]
        solution = np.linalg.lstsq(weighted.T @ terms, weighted.T @ values, rcond=None)[0]
        residual = values - terms @ solution
    is_clear = abs((residual**3).mean()) > _CLEAR_SKEWNESS * (residual**2).mean() ** 1.5
    if is_clear or border.all():
        surface = _polynomial(solution.astype(np.float32), grey.shape)
        return surface, bool((residual**3).sum() <= 0)
    flat = np.full(grey.shape, 127.5, dtype=np.float32)
    return flat, bool(values[border.ravel()].mean() >= values.mean())


def _level_and_noise(absorbed: Floats | Float64Array) -> tuple[float, float]:
    """Return how much light paper seems to absorb, and the standard deviation of that.

    Ink may fill most of the picture, so only the lightest pixels count. Noise is also what
    neighbours differ by where they differ least: in a picture of nothing but noise, the lightest
    pixels are no paper.
    """
    lightest, light = (float(value) for value in np.percentile(absorbed, [5, 100 * _LEAST_PAPER]))
    steps = np.concatenate([np.abs(np.diff(absorbed, axis=axis)).ravel() for axis in (0, 1)])
    # Of normally distributed noise, if between a half and all of the picture is paper: between 0.97
    # and 1.28 standard deviations lie between the two, and up to 0.67 between the second one and
    # the middle. A quarter of the steps are less than 0.45 standard deviations, up to rounding.
    noise = (light - lightest) / 1.05
    if steps.size:
        noise = max(noise, (float(np.percentile(steps, 25)) + 1 / 255) / 0.45)
    return light + 0.5 * (light - lightest), noise


def _polynomial(factors: Floats, shape: tuple[int, ...]) -> Floats:
    """Evaluate a polynomial of degree 2 in both axes, which run from -1 to 1, at each pixel."""
    down, right = (_positions(length) for length in shape)
    constant, by_down, by_right, by_both, by_down2, by_right2 = factors
    rows = constant + by_down * down + by_down2 * down**2
    columns = by_right * right + by_right2 * right**2
    return np.asarray(rows[:, None] + columns + np.outer(by_both * down, right), dtype=np.float32)


def _terms(shape: tuple[int, ...]) -> npt.NDArray[np.float64]:
    """Return the terms of the same polynomial at each pixel, shape (height * width, 6)."""
    down, right = np.meshgrid(*map(_positions, shape), indexing="ij")
    terms = [np.ones_like(down), down, right, down * right, down**2, right**2]
    return np.stack(terms, axis=-1).reshape(-1, len(terms)).astype(np.float64)


def _positions(length: int) -> Floats:
    """Return the middles of `length` pixels that together reach from -1 to 1."""
    return ((np.arange(length) + 0.5) * (2 / length) - 1).astype(np.float32)


def _paper(light: Floats, surface: Floats) -> Floats:
    """Estimate how bright the paper is at each pixel, also under the ink.

    The smooth surface takes the slope out of the light; without that, a closing would take the dark
    side of a picture for ink.
    """
    surface = np.clip(surface, 16, 255)
    small = _reduced(light / surface, _BACKGROUND_SIDE)
    if small.shape == light.shape:
        small = ndimage.gaussian_filter(small, 0.7)  # noise must not count as bright paper
    size = max(3, round(_LARGEST_STROKE * min(small.shape)))
    paper = ndimage.gaussian_filter(ndimage.grey_closing(small, size=(size, size)), size / 6)
    if paper.shape != light.shape:
        paper = _resize(paper, *light.shape)
    return np.asarray(paper * surface, dtype=np.float32)


def _reduced(values: Floats, side: int) -> Floats:
    """Average blocks of pixels so that no side is longer than `side`."""
    factor = side / max(values.shape)
    if factor >= 1:
        return values
    # A polynomial of degree 2 needs three positions in each axis.
    height, width = (max(min(length, 3), round(length * factor)) for length in values.shape)
    return _resize(values, height, width)


def _resize(values: Floats, height: int, width: int) -> Floats:
    """Scale an array; each new pixel is the weighted mean of the old ones that it covers."""
    image = Image.fromarray(np.ascontiguousarray(values, dtype=np.float32))
    return np.asarray(image.resize((width, height), Image.Resampling.BILINEAR))


def _count_dots(ink: Floats, height: int, width: int, blocks: int) -> Floats:
    """Scale to dots, each black or white, and return the share of black ones in each block."""
    dots = _resize(ink, height * blocks, width * blocks) > 0.5
    counts = dots.reshape(height, blocks, width, blocks).mean(axis=(1, 3))
    return np.asarray(counts, dtype=np.float32)


def _projections(ink: Floats | UInt8Array) -> tuple[Float64Array, Float64Array]:
    """Return the sum of each row and of each column."""
    return ink.sum(axis=1, dtype=np.float64), ink.sum(axis=0, dtype=np.float64)


def _centre_of_mass(by_row: Float64Array, by_column: Float64Array) -> tuple[float, float]:
    """Return row and column of the centre of mass of ink that is not 0 everywhere."""
    total = by_row.sum()
    down = by_row @ np.arange(len(by_row)) / total
    right = by_column @ np.arange(len(by_column)) / total
    return float(down), float(right)


def _to_range(ink: Floats, pixel_max: int) -> UInt8Array:
    return np.asarray(np.rint(ink * pixel_max), dtype=np.uint8)
