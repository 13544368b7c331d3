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

# Every 24th sample of a pair of classes is solved, but at least and at most about so many. The
# share of support vectors among few samples is larger than among all.
_STEP = 24
_FEWEST, _MOST = 480, 2000


@dataclass(frozen=True)
class Trial:
    """What the first, the middle and the last pair of classes have in common.

    Attributes
    ----------
    support_share : float
        Share of the samples that are support vectors, from 0 to 1.
    iterations : float
        Iterations of libsvm per sample.
    """

    support_share: float
    iterations: float


def run(problem: Problem, settings: Settings) -> Trial:
    """Solve a part of up to three pairs of classes.

    The result does not depend on the number of threads.

    Raises
    ------
    ValueError
        If a kernel value is not finite.
    """
    classes = list(combinations(range(int(problem.classes.max()) + 1), 2))
    chosen = sorted({0, len(classes) // 2, len(classes) - 1})
    pairs = [_sample_pair(problem, *classes[index]) for index in chosen]
    solutions = map_blocks(lambda pair: _solve(pair, settings), pairs)
    n_samples = sum(len(pair) for pair in pairs)
    return Trial(
        support_share=sum(len(solution.support) for solution in solutions) / n_samples,
        iterations=sum(solution.n_iter for solution in solutions) / n_samples,
    )


def _sample_pair(problem: Problem, first: int, second: int) -> Pair:
    rows = [np.flatnonzero(problem.classes == label) for label in (first, second)]
    n_samples = len(rows[0]) + len(rows[1])
    step = int(np.ceil(n_samples / np.clip(n_samples / _STEP, _FEWEST, _MOST)))
    return problem.pair(rows[0][::step], rows[1][::step]).copy()


def _solve(pair: Pair, settings: Settings) -> PairSolution:
    rows: NDArray[np.intp] = np.arange(len(pair))
    return active_set.solve_small(pair, rows, settings)
