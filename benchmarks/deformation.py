"""Random elastic deformations of images."""

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
    n, height, width = images.shape
    noise = random.standard_normal((2, n, height, width), dtype=np.float32)
    field = np.float32(amplitude) * (
        _smoothing(height, smoothness) @ noise @ _smoothing(width, smoothness).T
    )
    rows = np.clip(np.arange(height, dtype=np.float32)[:, None] + field[0], -1, height)
    columns = np.clip(np.arange(width, dtype=np.float32) + field[1], -1, width)
    return _interpolate(images, rows, columns)


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
