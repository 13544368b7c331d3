"""Cuts the ink of a picture into digits, in reading order.

Connected strokes are pieces, which form lines. Where pieces may be parts of one digit, or a
piece may be several digits that touch, all ways to join and to cut them are tried, and the
recogniser decides.
"""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from handwriting.common.errors import InputError

Floats = npt.NDArray[np.float32]
Quality = Callable[[Sequence[Floats]], npt.NDArray[np.float64]]

# Shares of the height of a digit, unless another unit is given.
_FAINT, _DARK = 0.2, 0.5  # of full ink: a stroke is connected by the first and contains the second
_SPECK = 0.12  # smaller in both directions: dust
_MARK = 0.5  # smaller in both directions and part of no digit: a comma, a blot
_MAIN = 0.5  # higher: a digit or most of one
_WHOLE = 0.75  # higher: never the lesser part of a broken digit
_NEAR = 0.5  # largest distance of a part from the rest of its digit
_BREAK = 0.15  # largest gap in a stroke between an upper and a lower half
_NEXT = 8  # pieces to the right among which the other half is sought
_SAME_LINE = 0.5  # largest step from one digit of a line to the next, up or down
_GAP = 0.3  # largest gap between parts side by side
_WIDE, _WIDE_ALONE = 1.0, 1.05  # wider: perhaps several digits; alone in a picture, few digits are
_WIDEST = 1.6  # no digit is wider
_NARROWEST = 0.15  # no part that is cut off is narrower
# In the unit of the quality.
_CUT_COST = 0.3
_MARK_COST = 0.3
_DOUBTFUL = -1.0  # worse: worth trying to cut
_CUTS_PER_HEIGHT = 4.0  # per piece as wide as a digit is high
_MAX_JOINED = 10  # atoms per digit
_CUT_HEIGHT = 48  # pixels to which a piece is reduced while cuts are sought
_MAX_PIECES = 5_000


class Part(NamedTuple):
    """The ink of one digit.

    Attributes
    ----------
    left, top, right, bottom : int
        Its box in pixels; `right` and `bottom` are the first ones outside.
    line : int
        From 0, downwards.
    ink : ndarray of shape (bottom - top, right - left), float32
        Without the ink of neighbours in the same box.
    """

    left: int
    top: int
    right: int
    bottom: int
    line: int
    ink: Floats


@dataclass(frozen=True)
class _Piece:
    """Ink in a box."""

    left: int
    top: int
    ink: Floats
    is_cut: bool = False  # whether its right neighbour was cut from it

    @property
    def height(self) -> int:
        return int(self.ink.shape[0])

    @property
    def width(self) -> int:
        return int(self.ink.shape[1])

    @property
    def right(self) -> int:
        return self.left + self.width

    @property
    def bottom(self) -> int:
        return self.top + self.height

    @property
    def middle(self) -> float:
        return self.top + self.height / 2


def cut(ink: Floats, quality: Quality) -> list[Part]:
    """Cut a picture's ink into digits, line by line, from left to right.

    Parameters
    ----------
    ink : ndarray of shape (height, width), float32
        Between 0 and 1; see `handwriting.pictures.normalize.find_ink`.
    quality : callable
        Gets a list of inks and returns for each one how well it looks like a digit, at most 0. It
        is called only where there is a choice.

    Raises
    ------
    InputError
        If the picture has more than 5,000 separate strokes.
    """
    pieces = _connected(ink)
    if not pieces:
        return []
    weights = np.array([piece.height for piece in pieces], dtype=np.float64) ** 2
    order = np.argsort([piece.height for piece in pieces], kind="stable")
    middle = order[np.searchsorted(np.cumsum(weights[order]), weights.sum() / 2)]
    height = pieces[middle].height
    lines = _lines(pieces, height)
    parts = []
    for number, line in enumerate(lines):
        alone = len(lines) == 1 and len(line) == 1
        for piece in _choose(line, quality, alone):
            parts.append(Part(piece.left, piece.top, piece.right, piece.bottom, number, piece.ink))
    return parts


def _connected(ink: Floats) -> list[_Piece]:
    """Return the strokes that are dark somewhere."""
    labels, n = ndimage.label(ink > _FAINT, structure=np.ones((3, 3)))
    if n == 0:
        return []
    peaks = ndimage.maximum(ink, labels, np.arange(1, n + 1))
    dark = np.flatnonzero(np.asarray(peaks) >= _DARK) + 1
    boxes = ndimage.find_objects(labels)
    heights = np.array([boxes[label - 1][0].stop - boxes[label - 1][0].start for label in dark])
    if len(dark) == 0:
        return []
    # Dust does not count as strokes: what is much smaller than the largest stroke.
    dark = dark[heights >= 0.02 * heights.max()]
    if len(dark) > _MAX_PIECES:
        raise InputError(
            f"the picture has {len(dark):,} separate strokes; must have at most {_MAX_PIECES:,}: "
            "cut out the part with the digits"
        )
    pieces = []
    for label in dark.tolist():
        rows, columns = boxes[label - 1]
        own = np.where(labels[rows, columns] == label, ink[rows, columns], np.float32(0))
        pieces.append(_Piece(columns.start, rows.start, own))
    return pieces


def _lines(pieces: Sequence[_Piece], height: int) -> list[list[_Piece]]:
    """Divide pieces into lines, from the top, and order each line from the left.

    Lesser parts are joined with the digit that they are above, below or inside of.
    """
    mains = sorted(
        (piece for piece in pieces if piece.height >= _MAIN * height), key=lambda piece: piece.left
    )
    mains = _join_halves(mains, height)
    lesser = [piece for piece in pieces if piece.height < _MAIN * height]
    groups = [[main] for main in mains]
    alone = []
    for piece in lesser:
        if max(piece.height, piece.width) < _SPECK * height:
            continue
        distances = [_distance(piece, main) for main in mains]
        nearest = int(np.argmin(distances))
        if distances[nearest] <= _NEAR * height and _overlap(piece, mains[nearest]) >= 0.5:
            groups[nearest].append(piece)
        elif distances[nearest] <= _NEAR * height or piece.width >= _MARK * height:
            alone.append((nearest, piece))
    number_of = _number_lines(mains, height)
    lines: list[list[_Piece]] = [[] for _ in range(max(number_of) + 1)]
    for number, group in zip(number_of, groups, strict=True):
        lines[number].append(_join(group))
    for nearest, piece in alone:
        lines[number_of[nearest]].append(piece)
    lines.sort(key=lambda line: float(np.mean([piece.middle for piece in line])))
    return [sorted(line, key=lambda piece: piece.left + piece.right) for line in lines]


def _join_halves(mains: Sequence[_Piece], height: int) -> list[_Piece]:
    """Join pieces that almost meet, one above the other: a digit with a broken stroke.

    Parameters
    ----------
    mains : sequence of _Piece
        Ordered from the left.
    height : int
        Of a digit.
    """
    remaining = list(mains)
    joined = []
    while remaining:
        piece = remaining.pop(0)
        for other in [other for other in remaining[:_NEXT] if other.left < piece.right]:
            down = max(other.top - piece.bottom, piece.top - other.bottom)
            if 0 <= down <= _BREAK * height and _overlap(piece, other) >= 0.5:
                remaining.remove(other)
                piece = _join([piece, other])
        joined.append(piece)
    return sorted(joined, key=lambda piece: piece.left)


def _number_lines(mains: Sequence[_Piece], height: int) -> list[int]:
    """Follow each line from the left: a digit continues the line whose last digit is beside it."""
    last: list[float] = []
    numbers = []
    for piece in mains:
        steps = np.abs(np.array(last) - piece.middle)
        if last and steps.min() <= _SAME_LINE * max(height, piece.height):
            number = int(np.argmin(steps))
            last[number] = piece.middle
        else:
            number = len(last)
            last.append(piece.middle)
        numbers.append(number)
    return numbers


def _distance(a: _Piece, b: _Piece) -> float:
    across = max(a.left - b.right, b.left - a.right, 0)
    down = max(a.top - b.bottom, b.top - a.bottom, 0)
    return float(np.hypot(across, down))


def _overlap(a: _Piece, b: _Piece) -> float:
    """Return the share of the width of the narrower one that both have in common."""
    return (min(a.right, b.right) - max(a.left, b.left)) / min(a.width, b.width)


def _join(pieces: Sequence[_Piece]) -> _Piece:
    """Return one piece with the ink of all."""
    if len(pieces) == 1:
        return pieces[0]
    left, top = min(piece.left for piece in pieces), min(piece.top for piece in pieces)
    right, bottom = max(piece.right for piece in pieces), max(piece.bottom for piece in pieces)
    ink = np.zeros((bottom - top, right - left), dtype=np.float32)
    for piece in pieces:
        place = ink[piece.top - top : piece.bottom - top, piece.left - left : piece.right - left]
        np.maximum(place, piece.ink, out=place)
    return _Piece(left, top, ink, pieces[-1].is_cut)


def _choose(line: Sequence[_Piece], quality: Quality, alone: bool) -> list[_Piece]:
    """Join and cut the pieces of a line in the way that gives the best digits."""
    # Lesser parts do not count for the height of the line.
    heights = sorted(piece.height for piece in line)
    height = float(np.median(heights[len(heights) // 2 :]))
    atoms = _atoms(line, height, _WIDE_ALONE if alone else _WIDE, quality)
    candidates = {
        (first, last): _join(atoms[first : last + 1])
        for first in range(len(atoms))
        for last in range(first, min(first + _MAX_JOINED, len(atoms)))
        if _may_be_one(atoms[first : last + 1], height)
    }
    if len(candidates) == len(atoms):  # no choice
        return [atom for atom in atoms if not _is_mark(atom, height)]
    found = quality([candidate.ink for candidate in candidates.values()])
    value = {
        span: -_MARK_COST
        if _is_mark(candidate, height)
        else float(q) - _CUT_COST * candidate.is_cut
        for (span, candidate), q in zip(candidates.items(), found, strict=True)
    }
    # The best way to read the first n atoms, for each n.
    best: list[tuple[float, int]] = [(0.0, 0)]
    for last in range(len(atoms)):
        best.append(
            max(
                (best[first][0] + value[first, last], first)
                for first in range(last + 1)
                if (first, last) in value
            )
        )
    chosen = []
    end = len(atoms)
    while end:
        start = best[end][1]
        if not _is_mark(candidates[start, end - 1], height):
            chosen.append(candidates[start, end - 1])
        end = start
    return chosen[::-1]


def _atoms(line: Sequence[_Piece], height: float, wide: float, quality: Quality) -> list[_Piece]:
    """Cut the wide pieces of a line that do not look like one digit."""
    positions = [number for number, piece in enumerate(line) if piece.width > wide * height]
    found = quality([line[number].ink for number in positions]) if positions else ()
    doubtful = {number for number, q in zip(positions, found, strict=True) if q < _DOUBTFUL}
    return [
        atom
        for number, piece in enumerate(line)
        for atom in (_cuts(piece, height) if number in doubtful else [piece])
    ]


def _is_mark(piece: _Piece, height: float) -> bool:
    return not piece.is_cut and max(piece.height, piece.width) < _MARK * height


def _may_be_one(atoms: Sequence[_Piece], height: float) -> bool:
    """Return whether neighbouring atoms may be parts of one digit."""
    if len(atoms) == 1:
        return True
    if atoms[-1].right - atoms[0].left > _WIDEST * height:
        return False
    return all(
        left.is_cut
        or (
            right.left - left.right <= _GAP * height
            and (min(left.height, right.height) < _WHOLE * height or _overlap(left, right) > 0.15)
        )
        for left, right in itertools.pairwise(atoms)
    )


def _cuts(piece: _Piece, height: float) -> list[_Piece]:
    """Cut a piece wherever digits may touch; the recogniser joins what belongs together."""
    factor = max(1.0, piece.height / _CUT_HEIGHT)
    small = _shrink(piece.ink, factor)
    unit = height / factor
    n_cuts = _CUTS_PER_HEIGHT * small.shape[1] / unit
    seams = _seams(small, max(2, round(_NARROWEST * unit)), n_cuts)
    owner = np.zeros(piece.ink.shape, dtype=np.intp)
    rows = np.minimum((np.arange(piece.height) / factor).astype(np.intp), len(small) - 1)
    columns = np.arange(piece.width)
    for seam in seams:
        owner += columns >= np.rint(seam[rows] * factor)[:, None]
    atoms = []
    for number in range(len(seams) + 1):
        own = np.where(owner == number, piece.ink, np.float32(0))
        trimmed = _trim(_Piece(piece.left, piece.top, own, is_cut=number < len(seams)))
        if trimmed is not None:
            atoms.append(trimmed)
    return atoms


def _shrink(ink: Floats, factor: float) -> Floats:
    shape = [max(1, round(length / factor)) for length in ink.shape]
    zoomed = ndimage.zoom(
        ink, [new / old for new, old in zip(shape, ink.shape, strict=True)], order=1
    )
    return np.asarray(zoomed, dtype=np.float32)


def _seams(ink: Floats, distance: int, n_cuts: float) -> list[npt.NDArray[np.intp]]:
    """Return the cheapest ways to cut ink from top to bottom, from the left.

    A seam moves by at most one column per row and pays for the ink that it crosses. The cheapest
    seam through each column of the middle row is found; those that are at least `distance`
    columns apart remain, the cheapest `n_cuts` of them.
    """
    n_rows, n_columns = ink.shape
    cost = np.minimum(ink, 1) + np.float32(0.02)
    middle = n_rows // 2
    up, up_steps = _paths(cost[: middle + 1][::-1])
    down, down_steps = _paths(cost[middle:])
    total = up + down - cost[middle]
    chosen: list[int] = []
    for column in np.argsort(total, kind="stable").tolist():
        inside = distance <= column < n_columns - distance
        if inside and all(abs(column - other) >= distance for other in chosen):
            chosen.append(column)
        if len(chosen) >= n_cuts:
            break
    return [
        np.array(_follow(up_steps, column)[::-1] + _follow(down_steps, column)[1:])
        for column in sorted(chosen)
    ]


def _paths(cost: Floats) -> tuple[Floats, list[npt.NDArray[np.intp]]]:
    """Return the cost of the cheapest path from each column of the first row to the last row.

    Returns
    -------
    total : ndarray of shape (n_columns,), float32
    steps : list of ndarray of shape (n_columns,)
        For each row but the last, the step to the next row's column: -1, 0 or 1.
    """
    total = cost[-1].copy()
    steps = []
    for row in cost[-2::-1]:
        padded = np.pad(total, 1, constant_values=np.inf)
        # Straight on is preferred; a step aside costs a little.
        ways = np.stack([padded[1:-1], padded[:-2] + 0.02, padded[2:] + 0.02])
        best = np.argmin(ways, axis=0)
        steps.append(np.array([0, -1, 1])[best])
        total = row + ways[best, np.arange(len(row))]
    return total, steps[::-1]


def _follow(steps: Sequence[npt.NDArray[np.intp]], column: int) -> list[int]:
    columns = [column]
    for step in steps:
        columns.append(columns[-1] + int(step[columns[-1]]))
    return columns


def _trim(piece: _Piece) -> _Piece | None:
    """Return a piece without empty rows and columns, or None if it is empty."""
    rows = np.flatnonzero((piece.ink > _FAINT).any(axis=1))
    columns = np.flatnonzero((piece.ink > _FAINT).any(axis=0))
    if len(rows) == 0:
        return None
    ink = piece.ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return _Piece(piece.left + int(columns[0]), piece.top + int(rows[0]), ink, piece.is_cut)
