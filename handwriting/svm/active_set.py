"""Support vector classification with active sets, for problems with many samples.

For each pair of classes, libsvm solves the problem of a small active set of samples, given its
precomputed kernel matrix. Matrix products then give the margins of all samples of the pair, and the
worst violators of the optimality conditions are added to the active set, until none remains. The
result solves the full problem to the same tolerance. Full kernel rows are computed only for samples
that were support vectors in some round.

References
----------
E. Osuna, R. Freund and F. Girosi, "An improved training algorithm for support vector machines",
IEEE Workshop on Neural Networks for Signal Processing, 1997: the decomposition and its
convergence.
"""

from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from handwriting.svm.kernels import Floats, Kernel
from handwriting.svm.threads import blas_threads, map_threads

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
# A block is computed in strips of 1024 columns, so that the products are still in the processor's
# cache when the kernel function is applied.
_BLOCK_ROWS = 512
_BLOCK_SHARE = 1 / 8
_STRIP_COLUMNS = 1024


@dataclass(frozen=True)
class PairSolution:
    """The solution for a pair of classes.

    Attributes
    ----------
    support : ndarray of shape (n_SV,), int
        Rows of the support vectors.
    coefficients : ndarray of shape (n_SV,), float64
        Dual coefficients, positive for the first class.
    intercept : float
        Constant of the decision function, which is positive for the first class.
    n_iter : int
        Number of libsvm's iterations in all rounds; if libsvm solved the full pair, in that run.
    """

    support: NDArray[np.intp]
    coefficients: NDArray[np.float64]
    intercept: float
    n_iter: int


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


@dataclass(frozen=True)
class Settings:
    """Stopping criterion and resources of the solver.

    Attributes
    ----------
    tol : float
        Tolerance of libsvm's stopping criterion.
    shrinking : bool
        Whether libsvm uses the shrinking heuristic.
    cache_size : float
        Size in MB of the cache for kernel rows, shared by all threads; rows that do not fit are
        recomputed in each round. Also the size of libsvm's cache and the maximum size of the
        kernel matrix of an active set; beyond that, libsvm solves the full pair.
    """

    tol: float
    shrinking: bool
    cache_size: float


def solve(problem: Problem, settings: Settings) -> list[PairSolution]:
    """Solve every pair of classes, in parallel threads.

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

    def solve_pair(pair: tuple[int, int]) -> PairSolution:
        first, second = pair
        pair_rows = np.concatenate([rows[first], rows[second]])
        targets = np.repeat([1.0, -1.0], [len(rows[first]), len(rows[second])])
        solution = _solve_pair(_Pair(problem, pair_rows, targets), settings, cache_bytes)
        return replace(solution, support=pair_rows[solution.support])

    return map_threads(solve_pair, pairs)


class _Pair:
    """The samples of two classes; rows are indices among these samples only.

    Attributes
    ----------
    X : ndarray of shape (n, n_features)
        Samples, in the dtype to compute the kernel in.
    targets : ndarray of shape (n,), float64
        1 for the first class, -1 for the second.
    bounds : ndarray of shape (n,), float64
        Upper bounds of the dual variables.
    kernel : Kernel
        Positive semidefinite kernel function.
    """

    def __init__(
        self, problem: Problem, rows: NDArray[np.intp], targets: NDArray[np.float64]
    ) -> None:
        self.targets = targets
        self.bounds = problem.bounds[rows]
        self.X = problem.X[rows].astype(problem.norms.dtype, copy=False)
        self._norms = problem.norms[rows]
        self.kernel = problem.kernel

    def __len__(self) -> int:
        return len(self.targets)

    @property
    def row_bytes(self) -> int:
        """Size in bytes of one kernel row."""
        return len(self) * self.X.itemsize

    def kernel_rows(self, rows: NDArray[np.intp]) -> Floats:
        """Compute the kernel values of `rows` with all rows (len(rows), n)."""
        return self._kernel_values(rows, self.X, self._norms)

    def kernel_matrix(self, rows: NDArray[np.intp], columns: NDArray[np.intp]) -> Floats:
        """Compute the kernel values of `rows` with `columns` (len(rows), len(columns))."""
        return self._kernel_values(rows, self.X[columns], self._norms[columns])

    def _kernel_values(self, rows: NDArray[np.intp], X: Floats, norms: Floats) -> Floats:
        left, left_norms = self.X[rows], self._norms[rows]
        values = np.empty((len(left), len(X)), dtype=X.dtype)
        with np.errstate(over="ignore", invalid="ignore"):  # `_check_finite` reports them
            for start in range(0, len(X), _STRIP_COLUMNS):
                strip = slice(start, start + _STRIP_COLUMNS)
                np.matmul(left, X[strip].T, out=values[:, strip])
                self.kernel.apply(values[:, strip], left_norms, norms[strip])
        return values


def _solve_pair(pair: _Pair, settings: Settings, cache_bytes: float) -> PairSolution:
    solution = _solve_with_active_sets(pair, settings, cache_bytes)
    return _solve_with_libsvm(pair, settings) if solution is None else solution


def _solve_with_active_sets(
    pair: _Pair, settings: Settings, cache_bytes: float
) -> PairSolution | None:
    """Solve a pair of classes with active sets; return None if one becomes too large.

    libsvm stops when no two samples violate the optimality conditions by more than its tolerance.
    With a tolerance of `tol` / 2 within the active set and of `tol` / 2 for the margin of each
    other sample, the violation of any two samples of the pair is at most `tol`.
    """
    kernel_matrix = _KernelMatrix(pair)
    sums = _KernelSums(pair, settings, cache_bytes)
    active = np.empty(0, dtype=np.intp)
    added = _initial_rows(pair.targets)
    n_iter = 0
    while len(added) > 0:
        active = np.concatenate([active, added])
        if len(active) ** 2 * kernel_matrix.itemsize > settings.cache_size * 1e6:
            return None
        kernel_matrix.extend(added)
        solution = _solve_active(pair, active, kernel_matrix.values(), settings)
        n_iter += solution.n_iter
        added = _find_violators(pair, active, solution, sums, settings.tol)
    return replace(solution, n_iter=n_iter)


def _find_violators(
    pair: _Pair, active: NDArray[np.intp], solution: PairSolution, sums: "_KernelSums", tol: float
) -> NDArray[np.intp]:
    """Return the rows to add to the active set, the worst violators first."""
    is_inactive = np.ones(len(pair), dtype=bool)
    is_inactive[active] = False
    if not is_inactive.any():
        return active[:0]
    margins = pair.targets * (sums.evaluate(solution) + solution.intercept)
    _check_finite(margins)  # a kernel value that is not finite makes some margin not finite
    violators = np.flatnonzero(is_inactive & (margins < 1 - tol / 2))
    worst_first = violators[np.argsort(margins[violators], kind="stable")]
    is_dense = len(solution.support) >= _DENSE_SHARE * len(active)
    growth = _DENSE_GROWTH if is_dense else _GROWTH
    return worst_first[: int(len(active) * growth) + 1]


def _check_finite(values: Floats) -> None:
    """Raise a ValueError if a kernel value, or a sum of them, is not finite."""
    if not np.isfinite(values).all():
        raise ValueError(
            "A value of the kernel is not finite."
            " The input data may contain large values and need to be preprocessed."
        )


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

    def __init__(self, pair: _Pair) -> None:
        self._pair = pair
        self._rows = np.empty(0, dtype=np.intp)
        self._values = np.empty(0)
        self.itemsize = self._values.itemsize

    def values(self) -> NDArray[np.float64]:
        """Return the matrix (n_active, n_active), a view that `extend` invalidates."""
        return self._values.reshape(len(self._rows), -1)

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
        _check_finite(new)
        self._values.resize(n_new * n_new, refcheck=False)
        for row in reversed(range(1, n_old)):
            old_row = self._values[row * n_old : (row + 1) * n_old]
            self._values[row * n_new : row * n_new + n_old] = old_row
        matrix = self.values()
        matrix[n_old:] = new
        matrix[:n_old, n_old:] = new[:, :n_old].T
        # Transposed values may differ in the last bit: make the matrix exactly symmetric.
        corner = matrix[n_old:, n_old:]
        np.maximum(corner, corner.T.copy(), out=corner)


def _solve_active(
    pair: _Pair,
    active: NDArray[np.intp],
    kernel_matrix: NDArray[np.float64],
    settings: Settings,
) -> PairSolution:
    """Solve the problem restricted to the active rows."""
    model = _make_libsvm(replace(settings, tol=settings.tol / 2), kernel="precomputed")
    model.fit(kernel_matrix, pair.targets[active], pair.bounds[active])
    return _read_solution(model, active)


def _solve_with_libsvm(pair: _Pair, settings: Settings) -> PairSolution:
    """Solve the full pair in one run of libsvm."""
    model = _make_libsvm(
        settings,
        kernel=pair.kernel.name,
        gamma=pair.kernel.gamma,
        coef0=pair.kernel.coef0,
        degree=pair.kernel.degree,
    ).fit(pair.X, pair.targets, pair.bounds)
    return _read_solution(model, np.arange(len(pair)))


def _make_libsvm(settings: Settings, **kernel: Any) -> Any:
    """Return an unfitted `sklearn.svm.SVC` whose sample weights are the bounds (C is 1)."""
    import sklearn.svm  # imported here because it takes a second and predicting does not need it

    return sklearn.svm.SVC(
        C=1.0,
        tol=settings.tol,
        shrinking=settings.shrinking,
        cache_size=settings.cache_size,
        **kernel,
    )


def _read_solution(model: Any, rows: NDArray[np.intp]) -> PairSolution:
    """Read the solution from a `sklearn.svm.SVC` that was fitted to `rows`."""
    return PairSolution(
        support=rows[model.support_],
        coefficients=model.dual_coef_[0],
        intercept=float(model.intercept_[0]),
        n_iter=int(model.n_iter_[0]),
    )


class _KernelSums:
    """Weighted sums of kernel rows; computes the rows on demand and caches them in blocks."""

    def __init__(self, pair: _Pair, settings: Settings, cache_bytes: float) -> None:
        self._pair = pair
        self._free_bytes = cache_bytes
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
            cached = None
            if self._pair.row_bytes * len(block) <= self._free_bytes:
                cached = self._pair.kernel_rows(block)
                self._free_bytes -= cached.nbytes
            self._blocks.append((block, cached))
        self._has_row[rows] = True
