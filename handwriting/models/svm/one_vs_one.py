"""Support vector classification of any number of classes: a problem for each pair of them."""

from dataclasses import replace
from itertools import combinations

import numpy as np

from handwriting.models.svm import active_set, cluster, decomposition, threads
from handwriting.models.svm.long_fits import KeptPairs
from handwriting.models.svm.pair import Pair, PairSolution, Settings
from handwriting.models.svm.problem import Problem
from handwriting.models.svm.workspace import Workspace

# A pair with more samples starts from the solution of every 4th of them. Most samples are far from
# the margin, and the start shows which ones.
_LARGE_PAIR = 16_384
_COARSE_STEP = 4

# The samples of a pair are copied if they are at most this share of the cache size.
_COPY_SHARE = 0.5


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
    n_threads = min(threads.blas_threads(), len(pairs))
    cache_bytes = settings.cache_size * 1e6 / n_threads
    workspace = Workspace()

    def solve_classes(classes: tuple[int, int]) -> PairSolution:
        first, second = (rows[label] for label in classes)
        pair = problem.pair(first, second)
        solution = solve_pair(pair, settings, cache_bytes, workspace)
        return replace(solution, support=np.concatenate([first, second])[solution.support])

    kept = KeptPairs(problem, settings, len(pairs), n_threads)
    solutions = kept.load()
    missing = [classes for classes in pairs if classes not in solutions]
    # A pair that is missing alone has one BLAS thread, as it has among others.
    map_pairs = threads.map_threads if len(pairs) == 1 else cluster.iterate_tasks
    for classes, solution in zip(missing, map_pairs(solve_classes, missing), strict=True):
        kept.save(classes, solution)
        solutions[classes] = solution
    return [solutions[classes] for classes in pairs]


def solve_pair(
    pair: Pair, settings: Settings, cache_bytes: float, workspace: Workspace
) -> PairSolution:
    """Solve the problem of two classes, with the method that its size allows.

    Parameters
    ----------
    pair : Pair
    settings : Settings
    cache_bytes : float
        Size in bytes of the cache for kernel rows. It does not change the result.
    workspace : Workspace
        Memory for the large arrays.

    Returns
    -------
    PairSolution
        Its support vectors are rows of `pair`.

    Raises
    ------
    ValueError
        If a kernel value is not finite.
    """
    is_large = len(pair) > _LARGE_PAIR
    if pair.sample_bytes <= _COPY_SHARE * settings.cache_size * 1e6:
        # The start of a large pair is a pair with its own copy.
        name = "samples of a large pair" if is_large else "samples"
        shape = len(pair), pair.X.shape[1]
        pair = pair.copy_to(workspace.empty(name, shape, pair.norms.dtype))
    if is_large:
        start = _start(pair, settings, cache_bytes, workspace)
        return decomposition.solve(pair, start, settings, workspace)
    solution, is_optimal = active_set.solve(pair, settings, cache_bytes, workspace)
    return solution if is_optimal else decomposition.solve(pair, solution, settings, workspace)


def _start(
    pair: Pair, settings: Settings, cache_bytes: float, workspace: Workspace
) -> PairSolution:
    """Return an approximate solution from every 4th sample."""
    first, second = np.flatnonzero(pair.targets > 0), np.flatnonzero(pair.targets < 0)
    rows = np.concatenate([first[::_COARSE_STEP], second[::_COARSE_STEP]])
    coarse = pair.select(rows)
    if len(coarse) <= _LARGE_PAIR:
        solution = solve_pair(coarse, settings, cache_bytes, workspace)
    else:
        start = _start(coarse, settings, cache_bytes, workspace)
        solution = decomposition.approximate(coarse, start, settings, workspace)
    return replace(solution, support=rows[solution.support])
