"""Turns the image of a digit into the strokes of a pen that would write it."""

import numpy as np
from scipy.ndimage import binary_hit_or_miss, uniform_filter1d, zoom

Point = tuple[float, float]

# The two patterns of Golay's alphabet L, each in four directions: 1 is ink, 0 is paper, -1 is
# either. An ink pixel that matches is removed. (Gonzalez and Woods, Digital Image Processing,
# "Thinning".)
_EDGE = np.array([[0, 0, 0], [-1, 1, -1], [1, 1, 1]])
_CORNER = np.array([[-1, 0, 0], [1, 1, 0], [-1, 1, -1]])
_PATTERNS = [np.rot90(pattern, turn) for turn in range(4) for pattern in (_EDGE, _CORNER)]

# The middle of the ink is found between the pixels, too.
_FINER = 4

_NEIGHBOURS = [(0, 1), (1, 0), (0, -1), (-1, 0), (1, 1), (1, -1), (-1, 1), (-1, -1)]


def trace(image: np.ndarray) -> list[list[Point]]:
    """Return the strokes along the middle of the ink, points (x, y) in pixels of the image."""
    ink = zoom(image.astype(float), _FINER, order=1, mode="grid-constant", grid_mode=True) >= 96
    waiting = {(int(y), int(x)) for y, x in np.argwhere(thin(ink))}
    strokes = []
    while waiting:
        # A pen begins at an end; a ring has none.
        point = min(waiting, key=lambda point: (len(_near(point, waiting)), point))
        stroke = [point]
        waiting.discard(point)
        while near := _near(point, waiting):
            point = _straight_on(stroke, near)
            stroke.append(point)
            waiting.discard(point)
        strokes.append(_closed(stroke))
    longest = max(map(len, strokes))
    # Short branches come from the outline of the ink; a pen did not write them.
    return [
        _smooth(stroke) for stroke in strokes if len(stroke) > 2 * _FINER or len(stroke) == longest
    ]


def thin(ink: np.ndarray) -> np.ndarray:
    """Remove ink from the edges until lines of one pixel are left."""
    ink = np.pad(ink, 1)
    while True:
        before = ink.copy()
        for pattern in _PATTERNS:
            ink = ink & ~binary_hit_or_miss(ink, pattern == 1, pattern == 0)
        if (ink == before).all():
            return ink[1:-1, 1:-1]


def _near(point: tuple[int, int], points: set[tuple[int, int]]) -> list[tuple[int, int]]:
    y, x = point
    return [(y + dy, x + dx) for dy, dx in _NEIGHBOURS if (y + dy, x + dx) in points]


def _straight_on(stroke: list[tuple[int, int]], near: list[tuple[int, int]]) -> tuple[int, int]:
    """Return the neighbour that continues the direction of the last pixels."""
    if len(stroke) == 1:
        return near[0]
    direction = np.subtract(stroke[-1], stroke[-min(len(stroke), 2 * _FINER)])
    return max(near, key=lambda point: float(np.dot(direction, np.subtract(point, stroke[-1]))))


def _smooth(stroke: list[tuple[int, int]]) -> list[Point]:
    """Return a smooth line through the pixels, with a point about every pixel of the image."""
    smooth = uniform_filter1d(np.array(stroke, dtype=float), 2 * _FINER + 1, axis=0, mode="nearest")
    smooth[[0, -1]] = stroke[0], stroke[-1]
    chosen = np.append(smooth[:-1:_FINER], smooth[-1:], axis=0)
    return [(float(x), float(y)) for y, x in (chosen + 0.5) / _FINER]


def _closed(stroke: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Join the end of a ring to its beginning."""
    is_ring = len(stroke) > 4 * _FINER and max(map(abs, np.subtract(stroke[0], stroke[-1]))) <= 1
    return [*stroke, stroke[0]] if is_ring else stroke
