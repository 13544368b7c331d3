"""Support vector classification of any number of classes: a problem for each pair of them."""

from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from handwriting.svm import active_set, decomposition
from handwriting.svm.cluster import map_tasks
from handwriting.svm.kernels import Floats, Kernel
from handwriting.svm.pair import Pair, PairSolution, Settings
from handwriting.svm.threads import blas_threads

# A pair with more samples starts from the solution of every 4th of them. Most samples are far from
# the margin, and the start shows which ones.
_LARGE_PAIR = 32_768
_COARSE_STEP = 4

# The samples of a pair are copied if they are at most this share of the cache size.
_COPY_SHARE = 0.5


@dataclass(frozen=True)
class Problem:
    """A classification problem with any number of classes.

    Attributes
    ----------
    X : ndarray of shape (n_samples, n_features), float32 or float64
        Samples.
    norms : ndarray of shape (n_samples,)
        Squared norms of the samples, in the dtype to compute the kernel in.
    classes : ndarray of shape (n_samples,), int
        Class index of each sample, from 0 to n_classes - 1.
    bounds : ndarray of shape (n_samples,), float64
        Upper bound of each dual variable: C times class and sample weight, > 0.
    kernel : Kernel
        Positive semidefinite kernel function.
    """

    X: Floats
    norms: Floats
    classes: NDArray[np.intp]
    bounds: NDArray[np.float64]
    kernel: Kernel


def solve(problem: Problem, settings: Settings) -> list[PairSolution]:
    """Solve every pair of classes, in parallel threads or on the cluster in use.

    With more than two classes, the result does not depend on the number of threads. With two
    classes, BLAS parallelizes the matrix products, and its number of threads may change the last
    bits of the result.

    Parameters
    ----------
    problem : Problem
    settings : Settings

    Returns
    -------
    list of PairSolution
        Pairs in the order (0, 1), (0, 2), …, (1, 2), …; `support` indexes the rows of `problem.X`.

    Raises
    ------
    ValueError
        If a kernel value is not finite.
    """
    n_classes = int(problem.classes.max()) + 1
    rows = [np.flatnonzero(problem.classes == index) for index in range(n_classes)]
    pairs = list(combinations(range(n_classes), 2))
    cache_bytes = settings.cache_size * 1e6 / min(blas_threads(), len(pairs))

    def solve_classes(classes: tuple[int, int]) -> PairSolution:
        first, second = classes
        pair_rows = np.concatenate([rows[first], rows[second]])
        pair = Pair(
            X=problem.X,
            members=pair_rows,
            norms=problem.norms[pair_rows],
            targets=np.repeat([1.0, -1.0], [len(rows[first]), len(rows[second])]),
            bounds=problem.bounds[pair_rows],
            kernel=problem.kernel,
        )
        solution = solve_pair(pair, settings, cache_bytes)
        return replace(solution, support=pair_rows[solution.support])

    return map_tasks(solve_classes, pairs)


def solve_pair(pair: Pair, settings: Settings, cache_bytes: float) -> PairSolution:
    """Solve the problem of two classes, with the method that its size allows.

    Parameters
    ----------
    pair : Pair
    settings : Settings
    cache_bytes : float
        Size in bytes of the cache for kernel rows. It does not change the result.

    Returns
    -------
    PairSolution
        Its support vectors are rows of `pair`.

    Raises
    ------
    ValueError
        If a kernel value is not finite.
    """
    if pair.sample_bytes <= _COPY_SHARE * settings.cache_size * 1e6:
        pair = pair.copy()
    if len(pair) <= _LARGE_PAIR:
        solution, is_optimal = active_set.solve(pair, settings, cache_bytes)
        return solution if is_optimal else decomposition.solve(pair, solution, settings)
    first, second = np.flatnonzero(pair.targets > 0), np.flatnonzero(pair.targets < 0)
    coarse = np.concatenate([first[::_COARSE_STEP], second[::_COARSE_STEP]])
    start = solve_pair(pair.select(coarse), settings, cache_bytes)
    start = replace(start, support=coarse[start.support])
    return decomposition.solve(pair, start, settings)
