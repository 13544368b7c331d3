"""Random affine and elastic deformations of images."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]


def deform(
    images: Floats, amplitude: float, smoothness: float, random: np.random.Generator
) -> Floats:
    """Displace the pixels of each image by a separate smooth random field.

    Parameters
    ----------
    images : ndarray of shape (n, height, width), float32
    amplitude : float
        Root mean square of the displacement along each axis, in pixels, ≥ 0.
    smoothness : float
        Standard deviation of the Gaussian that smooths the field, in pixels, > 0.
    random : numpy.random.Generator

    Returns
    -------
    ndarray of shape (n, height, width), float32
        Sampled with bilinear interpolation; pixels outside an image are 0.

    References
    ----------
    P. Y. Simard, D. Steinkraus and J. C. Platt, "Best practices for convolutional neural networks
    applied to visual document analysis", ICDAR 2003.
    """
    height, width = images.shape[1:]
    field = _elastic_field(images.shape, amplitude, smoothness, random)
    rows = np.arange(height, dtype=np.float32)[:, None] + field[0]
    columns = np.arange(width, dtype=np.float32) + field[1]
    return _sample(images, rows, columns)


@dataclass(frozen=True)
class Distortion:
    """The size of random affine and elastic deformations.

    Attributes
    ----------
    angle : float
        Largest angle of rotation and of slant, in radians, ≥ 0.
    scale : float
        Largest relative change of height and of width, 0–1.
    amplitude, smoothness : float
        Of the elastic field, as in `deform`, in pixels.
    """

    angle: float = 0.1
    scale: float = 0.05
    amplitude: float = 0.7
    smoothness: float = 4.0


def distort(images: Floats, size: Distortion, random: np.random.Generator) -> Floats:
    """Rotate, slant and scale each image about its centre and displace its pixels.

    Each image has its own rotation, slant, height and width, uniformly distributed, and its own
    elastic field.

    Parameters
    ----------
    images : ndarray of shape (n, height, width), float32
    size : Distortion
    random : numpy.random.Generator

    Returns
    -------
    ndarray of shape (n, height, width), float32
        Sampled once, with bilinear interpolation; pixels outside an image are 0.
    """
    n, height, width = images.shape
    uniform = random.uniform(-1, 1, (4, n, 1, 1)).astype(np.float32)
    angle, slant = size.angle * uniform[:2]
    scale_y, scale_x = 1 + size.scale * uniform[2:]
    field = _elastic_field(images.shape, size.amplitude, size.smoothness, random)
    y = np.arange(height, dtype=np.float32)[:, None] - (height - 1) / 2
    x = np.arange(width, dtype=np.float32) - (width - 1) / 2
    x_slanted = x + np.tan(slant) * y
    rows = scale_y * (np.cos(angle) * y - np.sin(angle) * x_slanted) + (height - 1) / 2
    columns = scale_x * (np.sin(angle) * y + np.cos(angle) * x_slanted) + (width - 1) / 2
    return _sample(
        images, (rows + field[0]).astype(np.float32), (columns + field[1]).astype(np.float32)
    )


def _elastic_field(
    shape: tuple[int, ...], amplitude: float, smoothness: float, random: np.random.Generator
) -> Floats:
    """Return displacements along both axes, shape (2, n, height, width), in pixels."""
    _, height, width = shape
    noise = random.standard_normal((2, *shape), dtype=np.float32)
    field: Floats = np.float32(amplitude) * (
        _smoothing(height, smoothness) @ noise @ _smoothing(width, smoothness).T
    )
    return field


def _sample(images: Floats, rows: Floats, columns: Floats) -> Floats:
    """Return the values of images (n, h, w) at points (n, h, w); 0 outside an image."""
    height, width = images.shape[1:]
    return _interpolate(images, np.clip(rows, -1, height), np.clip(columns, -1, width))


def _smoothing(length: int, sigma: float) -> Floats:
    """Return the matrix, (length, length), that smooths white noise and keeps its variance."""
    position = np.arange(length)
    weights = np.exp(-((position - position[:, None]) ** 2) / (2 * sigma**2))
    weights /= np.sqrt((weights**2).sum(axis=1, keepdims=True))
    return weights.astype(np.float32)


def _interpolate(images: Floats, rows: Floats, columns: Floats) -> Floats:
    """Return the values of images (n, h, w) at points (n, h, w) at most one pixel outside."""
    n, _, width = images.shape
    # One empty pixel before the first and two after the last: each point has four neighbours.
    padded = np.pad(images, ((0, 0), (1, 2), (1, 2)))
    above, left = np.floor(rows), np.floor(columns)
    down, right = rows - above, columns - left
    start = (np.arange(n) * padded[0].size)[:, None, None]
    corner = start + (above.astype(np.intp) + 1) * (width + 3) + left.astype(np.intp) + 1
    flat = padded.ravel()
    upper = flat.take(corner) * (1 - right) + flat.take(corner + 1) * right
    corner += width + 3
    lower = flat.take(corner) * (1 - right) + flat.take(corner + 1) * right
    result: Floats = upper * (1 - down) + lower * down
    return result
