"""Solves the problem of a pair of classes with many samples by active sets.

libsvm solves the problem of a small active set of samples, given its precomputed kernel matrix.
Matrix products then give the margins of all samples of the pair, and the
worst violators of the optimality conditions are added to the active set, until none remains. The
result solves the full problem to the same tolerance. Full kernel rows are computed only for samples
that were support vectors in some round.

References
----------
E. Osuna, R. Freund and F. Girosi, "An improved training algorithm for support vector machines",
IEEE Workshop on Neural Networks for Signal Processing, 1997: the decomposition and its
convergence.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from handwriting.models.svm.kernels import Floats
from handwriting.models.svm.pair import NO_SUPPORT, Pair, PairSolution, Settings, check_finite
from handwriting.models.svm.workspace import Workspace

# The first active set has every 24th sample of a pair, at least about 400 samples. Each round adds
# at most half of its size. Measured on MNIST: with a larger start or growth, more kernel values
# prove unnecessary; with a smaller one, more rounds are needed.
_START_STEP = 24
_START_SAMPLES = 400
_GROWTH = 0.5

# If at least this share of the active samples are support vectors, most added samples will be, too:
# larger steps then save rounds.
_DENSE_SHARE = 0.9
_DENSE_GROWTH = 2.0

# Kernel rows are computed and cached in blocks of at most 512 rows or an eighth of the cache size.
_BLOCK_ROWS = 512
_BLOCK_SHARE = 1 / 8

_FLOAT64_BYTES = 8


def solve(
    pair: Pair, settings: Settings, cache_bytes: float, workspace: Workspace
) -> tuple[PairSolution, bool]:
    """Solve a pair of classes, as long as the kernel matrix of the active set fits into memory.

    libsvm stops when no two samples violate the optimality conditions by more than its tolerance.
    With a tolerance of `tol` / 2 within the active set and of `tol` / 2 for the margin of each
    other sample, the violation of any two samples of the pair is at most `tol`.

    Parameters
    ----------
    pair : Pair
    settings : Settings
    cache_bytes : float
        Size in bytes of the cache for kernel rows. It does not change the result.
    workspace : Workspace
        Memory for the cache and for the kernel matrix.

    Returns
    -------
    solution : PairSolution
        The solution, or that of the last active set before one became too large.
    is_optimal : bool
        Whether it solves the full problem.

    Raises
    ------
    ValueError
        If a kernel value is not finite.
    """
    # The operating system provides memory only for the parts that are written.
    largest = min(len(pair) ** 2, int(settings.cache_size * 1e6 / _FLOAT64_BYTES))
    kernel_matrix = _KernelMatrix(pair, workspace.empty("matrix", (largest,), np.float64))
    cached = min(len(pair) ** 2, int(cache_bytes / pair.norms.itemsize))
    cache = workspace.empty("kernel rows", (cached,), pair.norms.dtype)
    sums = _KernelSums(pair, settings, cache)
    solution = NO_SUPPORT
    n_iter = 0
    active = np.empty(0, dtype=np.intp)
    added = _initial_rows(pair.targets)
    while len(added) > 0:
        active = np.concatenate([active, added])
        if len(active) ** 2 > largest:
            return replace(solution, n_iter=n_iter), False
        kernel_matrix.extend(added)
        solution = _solve_active(pair, active, kernel_matrix.values(), settings)
        n_iter += solution.n_iter
        added = _find_violators(pair, active, solution, sums, settings.tol)
    return replace(solution, n_iter=n_iter), True


def solve_small(pair: Pair, rows: NDArray[np.intp], settings: Settings) -> PairSolution:
    """Solve the problem restricted to some rows, whose kernel matrix fits into memory.

    Raises
    ------
    ValueError
        If a kernel value is not finite.
    """
    kernel_matrix = _KernelMatrix(pair, np.empty(len(rows) ** 2))
    kernel_matrix.extend(rows)
    return _solve_active(pair, rows, kernel_matrix.values(), settings)


def _find_violators(
    pair: Pair, active: NDArray[np.intp], solution: PairSolution, sums: "_KernelSums", tol: float
) -> NDArray[np.intp]:
    """Return the rows to add to the active set, the worst violators first."""
    is_inactive = np.ones(len(pair), dtype=bool)
    is_inactive[active] = False
    if not is_inactive.any():
        return active[:0]
    margins = pair.targets * (sums.evaluate(solution) + solution.intercept)
    check_finite(margins)  # a kernel value that is not finite makes some margin not finite
    violators = np.flatnonzero(is_inactive & (margins < 1 - tol / 2))
    worst_first = violators[np.argsort(margins[violators], kind="stable")]
    is_dense = len(solution.support) >= _DENSE_SHARE * len(active)
    growth = _DENSE_GROWTH if is_dense else _GROWTH
    return worst_first[: int(len(active) * growth) + 1]


def _initial_rows(targets: NDArray[np.float64]) -> NDArray[np.intp]:
    """Return the rows of the first active set, evenly spaced within each class."""
    step = max(1, min(_START_STEP, len(targets) // _START_SAMPLES))
    return np.concatenate(
        [np.flatnonzero(targets > 0)[::step], np.flatnonzero(targets < 0)[::step]]
    )


class _KernelMatrix:
    """The kernel matrix of the active rows, enlarged in place.

    It is the largest array passed to libsvm. Copying it in each round would cost more time and
    memory than computing the added values.
    """

    def __init__(self, pair: Pair, memory: NDArray[np.float64]) -> None:
        self._pair = pair
        self._rows = np.empty(0, dtype=np.intp)
        self._memory = memory  # for the values of the matrix, row after row

    def values(self) -> NDArray[np.float64]:
        """Return the matrix (n_active, n_active), a view that `extend` invalidates."""
        n_rows = len(self._rows)
        return self._memory[: n_rows * n_rows].reshape(n_rows, n_rows)

    def extend(self, added: NDArray[np.intp]) -> None:
        """Add rows, and the same columns.

        Raises
        ------
        ValueError
            If a kernel value is not finite.
        """
        n_old, n_new = len(self._rows), len(self._rows) + len(added)
        self._rows = np.concatenate([self._rows, added])
        new = self._pair.kernel_matrix(added, self._rows)
        check_finite(new)
        for row in reversed(range(1, n_old)):
            old_row = self._memory[row * n_old : (row + 1) * n_old]
            self._memory[row * n_new : row * n_new + n_old] = old_row
        matrix = self.values()
        matrix[n_old:] = new
        matrix[:n_old, n_old:] = new[:, :n_old].T
        # Transposed values may differ in the last bit: make the matrix exactly symmetric.
        corner = matrix[n_old:, n_old:]
        np.maximum(corner, corner.T.copy(), out=corner)


def _solve_active(
    pair: Pair,
    active: NDArray[np.intp],
    kernel_matrix: NDArray[np.float64],
    settings: Settings,
) -> PairSolution:
    """Solve the problem restricted to the active rows, with libsvm.

    The sample weights are the bounds of the dual variables; C is 1.
    """
    import sklearn.svm  # imported here because it takes a second and predicting does not need it

    model = sklearn.svm.SVC(
        C=1.0,
        kernel="precomputed",
        tol=settings.tol / 2,
        shrinking=settings.shrinking,
        cache_size=settings.cache_size,
    ).fit(kernel_matrix, pair.targets[active], pair.bounds[active])
    return PairSolution(
        support=active[model.support_],
        coefficients=model.dual_coef_[0],
        intercept=float(model.intercept_[0]),
        n_iter=int(model.n_iter_[0]),
    )


class _KernelSums:
    """Weighted sums of kernel rows; computes the rows on demand and caches them in blocks."""

    def __init__(self, pair: Pair, settings: Settings, cache: Floats) -> None:
        self._pair = pair
        self._free = cache  # the part of the cache that has no kernel rows yet
        # A block is small compared with the cache, so that a block that does not fit into it can be
        # recomputed with little extra memory. The block size must not depend on the number of
        # threads, because the last bits of the sums depend on it.
        block_bytes = _BLOCK_SHARE * settings.cache_size * 1e6
        self._block_rows = int(np.clip(block_bytes / pair.row_bytes, 1, _BLOCK_ROWS))
        self._has_row = np.zeros(len(pair), dtype=bool)
        # The rows of each block, with their kernel rows if they fit into the cache. Recomputing a
        # whole block gives the same bits.
        self._blocks: list[tuple[NDArray[np.intp], Floats | None]] = []

    def evaluate(self, solution: PairSolution) -> NDArray[np.float64]:
        """Return the decision values of all rows without the intercept (n,)."""
        coefficients = np.zeros(len(self._pair))
        coefficients[solution.support] = solution.coefficients
        self._add_rows(solution.support[~self._has_row[solution.support]])
        total = np.zeros(len(self._pair))
        for rows, cached in self._blocks:
            total += self._sum_block(coefficients[rows], rows, cached)
        return total

    def _sum_block(
        self, coefficients: NDArray[np.float64], rows: NDArray[np.intp], cached: Floats | None
    ) -> Floats | float:
        """Return the weighted sum of one block, in the dtype of the kernel values."""
        if not coefficients.any():
            return 0.0
        kernel_rows = self._pair.kernel_rows(rows) if cached is None else cached
        with np.errstate(over="ignore", invalid="ignore"):
            total: Floats = coefficients.astype(kernel_rows.dtype) @ kernel_rows
        return total

    def _add_rows(self, rows: NDArray[np.intp]) -> None:
        """Append rows in blocks; compute and cache those that fit into the cache."""
        for start in range(0, len(rows), self._block_rows):
            block = rows[start : start + self._block_rows]
            cached = self._reserve(len(block))
            if cached is not None:
                self._pair.kernel_rows(block, cached)
            self._blocks.append((block, cached))
        self._has_row[rows] = True

    def _reserve(self, n_rows: int) -> Floats | None:
        """Return the place of a block in the cache, None if it does not fit."""
        size = n_rows * len(self._pair)
        if size > len(self._free):
            return None
        place, self._free = self._free[:size], self._free[size:]
        return place.reshape(n_rows, -1)
