"""Support vector classification by active sets: many samples at the speed of matrix products.

For each pair of classes libsvm solves a small active set of the samples, for which it is given the
kernel matrix. One matrix product then gives the margins of all samples of the pair; the worst of
those that violate the optimality conditions join the active set, until there is none. The solution
is that of the whole problem, to the same tolerance. Kernel rows over the whole pair have been
computed only for samples that were support vectors in some round.

References
----------
E. Osuna, R. Freund and F. Girosi, "An improved training algorithm for support vector machines",
IEEE Workshop on Neural Networks for Signal Processing, 1997: the decomposition and why it ends.
"""

from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from handwriting.cores import count_threads, map_over_cores
from handwriting.kernels import Floats, Kernel

# A pair starts with one sample in so many, but with this many at least, and its active set grows
# by at most a half in each round. Measured on MNIST: a larger start or step costs kernel values
# that turn out not to be needed, a smaller one costs rounds.
_START_SHARE = 24
_START_SAMPLES = 400
_GROWTH = 0.5

# Where this share of the active samples are support vectors, so will be most of those that join,
# and they may join in greater numbers.
_DENSE_SHARE = 0.9
_DENSE_GROWTH = 2.0

# Kernel rows are computed, and kept or computed anew, in blocks of so many, or of this share of the
# cache if that is less; each in strips of so many columns, which are in the processor's cache when
# the kernel function comes to them.
_BLOCK_ROWS = 512
_BLOCK_SHARE = 1 / 8
_STRIP_COLUMNS = 1024


@dataclass(frozen=True)
class PairSolution:
    """The solution for two classes.

    Attributes
    ----------
    support : ndarray of shape (n_SV,), int
        Rows of the support vectors.
    coefficients : ndarray of shape (n_SV,), float64
        Dual coefficients, positive for the first class.
    intercept : float
        Constant of the decision function, which is positive for the first class.
    n_iter : int
        libsvm's iterations over all rounds, or for the pair as a whole where it solved that.
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
        Their squared norms, in the type to compute the kernel in.
    classes : ndarray of shape (n_samples,), int
        Index of each sample's class, from 0 to n_classes - 1.
    bounds : ndarray of shape (n_samples,), float64
        Upper bound of each sample's dual variable: C times its weights, > 0.
    kernel : Kernel
        Positive semidefinite.
    """

    X: Floats
    norms: Floats
    classes: NDArray[np.intp]
    bounds: NDArray[np.float64]
    kernel: Kernel


@dataclass(frozen=True)
class Settings:
    """How far and with what to solve.

    Attributes
    ----------
    tol : float
        Tolerance of the optimality conditions, as libsvm measures it.
    shrinking : bool
        Whether libsvm uses the shrinking heuristic.
    cache_size : float
        MB of kernel rows that all pairs being solved keep together; what is beyond is computed
        anew in each round. Also the size of libsvm's cache, and of the largest kernel matrix of
        an active set: libsvm solves a pair as a whole when its active set outgrows that.
    """

    tol: float
    shrinking: bool
    cache_size: float


def solve(problem: Problem, settings: Settings) -> list[PairSolution]:
    """Solve every pair of classes, on all cores.

    With more than two classes the result does not depend on how many cores there are; one pair has
    all of BLAS's threads, whose number may show in the last bits.

    Returns
    -------
    list of PairSolution
        Pairs in the order (0, 1), (0, 2), …, (1, 2), …

    Raises
    ------
    ValueError
        If a kernel value is not finite.
    """
    n_classes = int(problem.classes.max()) + 1
    rows = [np.flatnonzero(problem.classes == index) for index in range(n_classes)]
    pairs = list(combinations(range(n_classes), 2))
    cache_bytes = settings.cache_size * 1e6 / min(count_threads(), len(pairs))

    def solve_pair(pair: tuple[int, int]) -> PairSolution:
        first, second = pair
        chosen = np.concatenate([rows[first], rows[second]])
        targets = np.repeat([1.0, -1.0], [len(rows[first]), len(rows[second])])
        solution = _solve_pair(_Pair(problem, chosen, targets), settings, cache_bytes)
        return replace(solution, support=chosen[solution.support])

    return map_over_cores(solve_pair, pairs)


class _Pair:
    """Two classes of a problem; rows are counted within the two.

    Attributes
    ----------
    X : ndarray of shape (n, n_features)
        Samples, in the type to compute the kernel in.
    targets : ndarray of shape (n,), float64
        1 for the first class, -1 for the second.
    bounds : ndarray of shape (n,), float64
        Upper bounds of the dual variables.
    kernel : Kernel
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
        """Size of one sample's kernel row."""
        return len(self) * self.X.itemsize

    def kernel_rows(self, rows: NDArray[np.intp]) -> Floats:
        """Compute the kernel of some rows with all (len(rows), n)."""
        return self._kernel_values(rows, self.X, self._norms)

    def kernel_matrix(self, rows: NDArray[np.intp], columns: NDArray[np.intp]) -> Floats:
        """Compute the kernel of some rows with others (len(rows), len(columns))."""
        return self._kernel_values(rows, self.X[columns], self._norms[columns])

    def _kernel_values(self, rows: NDArray[np.intp], X: Floats, norms: Floats) -> Floats:
        left, left_norms = self.X[rows], self._norms[rows]
        values = np.empty((len(left), len(X)), dtype=X.dtype)
        with np.errstate(over="ignore", invalid="ignore"):  # what is not finite is found later
            for start in range(0, len(X), _STRIP_COLUMNS):
                strip = slice(start, start + _STRIP_COLUMNS)
                np.matmul(left, X[strip].T, out=values[:, strip])
                self.kernel.apply(values[:, strip], left_norms, norms[strip])
        return values


def _solve_pair(pair: _Pair, settings: Settings, cache_bytes: float) -> PairSolution:
    """Solve a pair of classes; the rows of the support vectors are counted within it."""
    found = _solve_by_active_sets(pair, settings, cache_bytes)
    return _solve_whole(pair, settings) if found is None else found


def _solve_by_active_sets(
    pair: _Pair, settings: Settings, cache_bytes: float
) -> PairSolution | None:
    """Solve a pair of classes by active sets; None when one outgrows the cache.

    libsvm ends when the conditions of no two samples contradict each other by more than its
    tolerance. Half of `tol` for the active set, and half of it to either side for the samples
    outside, make `tol` for any two samples of the pair.
    """
    kernel_matrix = _KernelMatrix(pair)
    sums = _KernelSums(pair, settings, cache_bytes)
    active = np.empty(0, dtype=np.intp)
    joining = _starting_rows(pair.targets)
    n_iter = 0
    while len(joining) > 0:
        active = np.concatenate([active, joining])
        if len(active) ** 2 * kernel_matrix.itemsize > settings.cache_size * 1e6:
            return None
        kernel_matrix.extend(joining)
        found = _solve_active(pair, active, kernel_matrix.values(), settings)
        n_iter += found.n_iter
        joining = _find_violators(pair, active, found, sums, settings.tol)
    return replace(found, n_iter=n_iter)


def _find_violators(
    pair: _Pair, active: NDArray[np.intp], found: PairSolution, sums: "_KernelSums", tol: float
) -> NDArray[np.intp]:
    """Find the rows that are to join: outside the active set, the worst violators first."""
    is_outside = np.ones(len(pair), dtype=bool)
    is_outside[active] = False
    if not is_outside.any():
        return active[:0]
    margins = pair.targets * (sums.evaluate(found) + found.intercept)
    _check_finite(margins)  # of kernel values that are not, some margin is not
    violators = np.flatnonzero(is_outside & (margins < 1 - tol / 2))
    worst_first = violators[np.argsort(margins[violators], kind="stable")]
    is_dense = len(found.support) >= _DENSE_SHARE * len(active)
    growth = _DENSE_GROWTH if is_dense else _GROWTH
    return worst_first[: int(len(active) * growth) + 1]


def _check_finite(values: Floats) -> None:
    """Raise a ValueError where kernel values, or sums of them, are not finite."""
    if not np.isfinite(values).all():
        raise ValueError(
            "A value of the kernel is not finite."
            " The input data may contain large values and need to be preprocessed."
        )


def _starting_rows(targets: NDArray[np.float64]) -> NDArray[np.intp]:
    """Choose rows to start with: of each class the first and then every so many."""
    step = max(1, min(_START_SHARE, len(targets) // _START_SAMPLES))
    return np.concatenate(
        [np.flatnonzero(targets > 0)[::step], np.flatnonzero(targets < 0)[::step]]
    )


class _KernelMatrix:
    """The kernel matrix of the active rows, which grows where it stands.

    It is the largest array that libsvm is given: a copy for each round would cost more time and
    memory than the few values that join it.
    """

    def __init__(self, pair: _Pair) -> None:
        self._pair = pair
        self._rows = np.empty(0, dtype=np.intp)
        self._values = np.empty(0)
        self.itemsize = self._values.itemsize

    def values(self) -> NDArray[np.float64]:
        """Give the matrix (n_active, n_active), which holds until rows join it."""
        return self._values.reshape(len(self._rows), -1)

    def extend(self, joining: NDArray[np.intp]) -> None:
        """Let rows join.

        Raises
        ------
        ValueError
            If a kernel value is not finite.
        """
        n_old, n_new = len(self._rows), len(self._rows) + len(joining)
        self._rows = np.concatenate([self._rows, joining])
        new = self._pair.kernel_matrix(joining, self._rows)
        _check_finite(new)
        self._values.resize(n_new * n_new, refcheck=False)
        for row in reversed(range(1, n_old)):
            old_place = self._values[row * n_old : (row + 1) * n_old]
            self._values[row * n_new : row * n_new + n_old] = old_place
        matrix = self.values()
        matrix[n_old:] = new
        matrix[:n_old, n_old:] = new[:, :n_old].T
        # Rounded in another order the mirror image of a value may differ in its last bit.
        own = matrix[n_old:, n_old:]
        np.maximum(own, own.T.copy(), out=own)


def _solve_active(
    pair: _Pair,
    active: NDArray[np.intp],
    kernel_matrix: NDArray[np.float64],
    settings: Settings,
) -> PairSolution:
    """Solve the problem of the active rows alone, with libsvm."""
    model = _libsvm(replace(settings, tol=settings.tol / 2), kernel="precomputed")
    return _solution(model.fit(kernel_matrix, pair.targets[active], pair.bounds[active]), active)


def _solve_whole(pair: _Pair, settings: Settings) -> PairSolution:
    """Solve a pair with libsvm alone."""
    model = _libsvm(
        settings,
        kernel=pair.kernel.name,
        gamma=pair.kernel.gamma,
        coef0=pair.kernel.coef0,
        degree=pair.kernel.degree,
    ).fit(pair.X, pair.targets, pair.bounds)
    return _solution(model, np.arange(len(pair)))


def _libsvm(settings: Settings, **kernel: Any) -> Any:
    """Make a `sklearn.svm.SVC` in which the weights of the samples are their bounds."""
    import sklearn.svm  # takes a second, and predicting does without

    return sklearn.svm.SVC(
        C=1.0,
        tol=settings.tol,
        shrinking=settings.shrinking,
        cache_size=settings.cache_size,
        **kernel,
    )


def _solution(model: Any, rows: NDArray[np.intp]) -> PairSolution:
    """Read the solution for the targets -1 and 1 of the given rows from a `sklearn.svm.SVC`."""
    return PairSolution(
        support=rows[model.support_],
        coefficients=model.dual_coef_[0],
        intercept=float(model.intercept_[0]),
        n_iter=int(model.n_iter_[0]),
    )


class _KernelSums:
    """Sums of kernel rows for changing coefficients; a row is computed when it first has one."""

    def __init__(self, pair: _Pair, settings: Settings, cache_bytes: float) -> None:
        self._pair = pair
        self._free_bytes = cache_bytes
        # A block is a small part of the cache, so that one which finds no room in it can be
        # computed beside it. Its size may not depend on the threads: the bits depend on it.
        block_bytes = _BLOCK_SHARE * settings.cache_size * 1e6
        self._block_rows = int(np.clip(block_bytes / pair.row_bytes, 1, _BLOCK_ROWS))
        self._has_row = np.zeros(len(pair), dtype=bool)
        # Rows of a block, and their kernel rows where there was room for them. Computed anew in
        # the same block, a row has the same bits.
        self._blocks: list[tuple[NDArray[np.intp], Floats | None]] = []

    def evaluate(self, solution: PairSolution) -> NDArray[np.float64]:
        """Sum coefficients times kernel rows: the decision values but for the intercept (n,)."""
        coefficients = np.zeros(len(self._pair))
        coefficients[solution.support] = solution.coefficients
        self._add_rows(solution.support[~self._has_row[solution.support]])
        total = np.zeros(len(self._pair))
        for rows, kept in self._blocks:
            total += self._sum_block(coefficients[rows], rows, kept)
        return total

    def _sum_block(
        self, coefficients: NDArray[np.float64], rows: NDArray[np.intp], kept: Floats | None
    ) -> Floats | float:
        """Sum one block, in the type of the kernel."""
        if not coefficients.any():
            return 0.0
        kernel_rows = self._pair.kernel_rows(rows) if kept is None else kept
        with np.errstate(over="ignore", invalid="ignore"):
            total: Floats = coefficients.astype(kernel_rows.dtype) @ kernel_rows
        return total

    def _add_rows(self, rows: NDArray[np.intp]) -> None:
        """Add rows, and compute them now where there is room to keep them."""
        for start in range(0, len(rows), self._block_rows):
            block = rows[start : start + self._block_rows]
            kept = None
            if self._pair.row_bytes * len(block) <= self._free_bytes:
                kept = self._pair.kernel_rows(block)
                self._free_bytes -= kept.nbytes
            self._blocks.append((block, kept))
        self._has_row[rows] = True
