"""Solves a small part of a problem, to see which solver suits it.

Active sets save kernel values of samples that are no support vectors, but repeat iterations. They
do not suit a problem in which most samples are support vectors, or which needs many iterations.
"""

from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from handwriting.models.svm import active_set
from handwriting.models.svm.pair import Pair, PairSolution, Settings
from handwriting.models.svm.problem import Problem
from handwriting.models.svm.threads import map_blocks

# Every 24th sample of a pair of classes is solved, but at least and at most about so many.
_STEP = 24
_FEWEST, _MOST = 480, 2000

# Rows of the first and of the second class of a pair.
_Rows = tuple[NDArray[np.intp], NDArray[np.intp]]


@dataclass(frozen=True)
class Trial:
    """What the first, the middle and the last pair of classes have in common.

    Attributes
    ----------
    support_share : float
        Estimated share of the samples of a whole pair that are support vectors, from 0 to 1. The
        share among few samples is larger, so it is extrapolated from two numbers of samples.
    iterations : float
        Iterations of libsvm per sample in the part that was solved.
    """

    support_share: float
    iterations: float


def run(problem: Problem, settings: Settings) -> Trial:
    """Solve a part of up to three pairs of classes, and half of that part.

    The result does not depend on the number of threads.

    Raises
    ------
    ValueError
        If a kernel value is not finite.
    """
    classes = list(combinations(range(int(problem.classes.max()) + 1), 2))
    chosen = sorted({0, len(classes) // 2, len(classes) - 1})
    pairs = [_pair_rows(problem, *classes[index]) for index in chosen]
    parts = [problem.pair(*_part(pair)).copy() for pair in pairs]
    halves = [problem.pair(*_half(_part(pair))).copy() for pair in pairs]
    solutions = map_blocks(lambda part: _solve(part, settings), parts + halves)
    whole = _Totals.of(parts, solutions[: len(parts)])
    half = _Totals.of(halves, solutions[len(parts) :])
    n_samples = sum(len(first) + len(second) for first, second in pairs)
    n_support = whole.n_support * (n_samples / whole.n_samples) ** _growth(half, whole)
    return Trial(n_support / n_samples, whole.n_iter / whole.n_samples)


@dataclass(frozen=True)
class _Totals:
    """The sums over some pairs of classes."""

    n_samples: int
    n_support: int
    n_iter: int

    @classmethod
    def of(cls, pairs: list[Pair], solutions: list[PairSolution]) -> "_Totals":
        """Return the sums for pairs and their solutions."""
        return cls(
            n_samples=sum(map(len, pairs)),
            n_support=sum(len(solution.support) for solution in solutions),
            n_iter=sum(solution.n_iter for solution in solutions),
        )


def _growth(half: _Totals, whole: _Totals) -> float:
    """Return b, from 0 to 1, in n_support = a · n_samples^b."""
    if half.n_samples == whole.n_samples:  # classes of one sample cannot be halved
        return 1.0
    growth = np.log(whole.n_support / half.n_support) / np.log(whole.n_samples / half.n_samples)
    return float(np.clip(growth, 0.0, 1.0))


def _pair_rows(problem: Problem, first: int, second: int) -> _Rows:
    return np.flatnonzero(problem.classes == first), np.flatnonzero(problem.classes == second)


def _part(rows: _Rows) -> _Rows:
    """Return evenly spaced samples of both classes, those of the trial."""
    n_samples = sum(map(len, rows))
    step = int(np.ceil(n_samples / np.clip(n_samples / _STEP, _FEWEST, _MOST)))
    return rows[0][::step], rows[1][::step]


def _half(rows: _Rows) -> _Rows:
    return rows[0][::2], rows[1][::2]


def _solve(pair: Pair, settings: Settings) -> PairSolution:
    rows: NDArray[np.intp] = np.arange(len(pair))
    return active_set.solve_small(pair, rows, settings)
