"""Solves the problem of a pair of classes in memory that does not depend on its size.

Three nested sets of samples are optimized, each until the optimality conditions hold in it:

- all samples of the pair, whose margins are computed block by block and never kept as kernel rows;
- the candidates: samples inside the margin or near it, which may become support vectors. They are
  chosen by approximate margins first, and by the margins of all samples in the end;
- the working set: those candidates that violate the conditions most, as many as have a kernel
  matrix that fits into memory. Sequential minimal optimization solves its problem.

Each step starts from the solution before, so that steps in which little changes are short.

References
----------
E. Osuna, R. Freund and F. Girosi, "An improved training algorithm for support vector machines",
IEEE Workshop on Neural Networks for Signal Processing, 1997: decomposition.
R.-E. Fan, P.-H. Chen and C.-J. Lin, "Working set selection using second order information for
training support vector machines", Journal of Machine Learning Research 6, 2005: the choice of two
samples.
E. Ndiaye, O. Fercoq, A. Gramfort and J. Salmon, "Gap safe screening rules for sparsity enforcing
penalties", Journal of Machine Learning Research 18, 2017: samples that a bound on the change of the
solution excludes are not looked at again.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from handwriting.models.svm.kernels import Floats
from handwriting.models.svm.pair import Pair, PairSolution, Settings, check_finite
from handwriting.models.svm.projection import project
from handwriting.models.svm.workspace import Workspace

_Floats64 = NDArray[np.float64]

# Samples with a margin up to 1 + this value are candidates. With a smaller value, the margins of
# all samples are computed more often; with a larger one, those of more candidates.
_CANDIDATE_MARGIN = 0.2

# While candidates are chosen by approximate margins, whose error is larger, their problem is solved
# to this tolerance. The choice ends when it adds less than this share of the candidates as
# violators.
_APPROACH_TOL = 0.05
_FEW = 0.01

# The working set has all support vectors, at most half as many violators as these, and some of the
# nearest other samples, because they may become support vectors while it is optimized.
_GROWTH = 0.5
_SPARE_SAMPLES = 256
# A kernel matrix of that size is small.
_MIN_WORKING_SET = 256

# The violation within the working set is reduced to this share of the violation before. With a
# smaller share, steps are lost when the working set changes; with a larger one, it changes more
# often, and the other candidates are updated each time.
_PROGRESS = 0.001

# Smallest curvature of the objective, as in libsvm: that of two equal samples is 0.
_MIN_CURVATURE = 1e-12


@dataclass
class _State:
    """A problem while it is optimized.

    Attributes
    ----------
    coefficients : ndarray of shape (n,), float64
        Dual variables times the target (1 or -1) of each sample.
    low, high : ndarray of shape (n,), float64
        Bounds of the coefficients, low < high.
    residuals : ndarray of shape (n,), float64
        Target minus the sum of the coefficients times the kernel values: equal to the intercept
        for samples on the margin.
    """

    coefficients: _Floats64
    low: _Floats64
    high: _Floats64
    residuals: _Floats64

    def take(self, rows: NDArray[np.intp]) -> "_State":
        """Return a copy of the state of some samples; the other coefficients are constant in it."""
        return _State(
            self.coefficients[rows], self.low[rows], self.high[rows], self.residuals[rows]
        )

    def put(self, rows: NDArray[np.intp], state: "_State") -> None:
        """Overwrite the state of some samples."""
        self.coefficients[rows] = state.coefficients
        self.residuals[rows] = state.residuals

    def increasable(self) -> _Floats64:
        """Return the residuals of samples whose coefficient can increase, -inf for others."""
        return np.where(self.coefficients < self.high, self.residuals, -np.inf)

    def decreasable(self) -> _Floats64:
        """Return the residuals of samples whose coefficient can decrease, inf for others."""
        return np.where(self.coefficients > self.low, self.residuals, np.inf)

    def violation(self) -> float:
        """Return by how much two samples violate the optimality conditions at most."""
        return float(self.increasable().max() - self.decreasable().min())

    def intercept(self) -> float:
        """Return the constant of the decision function, as libsvm computes it."""
        is_free = (self.low < self.coefficients) & (self.coefficients < self.high)
        if is_free.any():
            return float(self.residuals[is_free].mean())
        return float(self.increasable().max() + self.decreasable().min()) / 2


def solve(
    pair: Pair, start: PairSolution, settings: Settings, workspace: Workspace
) -> PairSolution:
    """Solve a pair of classes, given the solution for some of its samples.

    Parameters
    ----------
    pair : Pair
    start : PairSolution
        Satisfies the constraints; the nearer to the solution, the fewer steps.
    settings : Settings
        The kernel matrix of the working set has at most the size `cache_size`.
    workspace : Workspace
        Memory for this matrix.

    Returns
    -------
    PairSolution
        The violation of any two samples is at most `tol`.

    Raises
    ------
    ValueError
        If a kernel value is not finite.
    """
    optimizer = _Optimizer(pair, start, settings, workspace)
    optimizer.approach(settings.tol / 2)
    optimizer.complete(settings.tol / 2)
    return optimizer.solution()


def approximate(
    pair: Pair, start: PairSolution, settings: Settings, workspace: Workspace
) -> PairSolution:
    """Solve a pair of classes approximately: a start for a problem with more samples.

    Parameters and errors are those of `solve`. The optimality conditions hold for the candidates
    only, which are chosen by approximate margins.
    """
    optimizer = _Optimizer(pair, start, settings, workspace)
    optimizer.approach(settings.tol / 2)
    return optimizer.solution()


class _Optimizer:
    """Optimizes the candidates, a growing set of samples."""

    def __init__(
        self, pair: Pair, start: PairSolution, settings: Settings, workspace: Workspace
    ) -> None:
        self._pair = pair
        self._state = _State(
            coefficients=np.zeros(len(pair)),
            low=np.where(pair.targets > 0, 0.0, -pair.bounds),
            high=np.where(pair.targets > 0, pair.bounds, 0.0),
            residuals=np.zeros(len(pair)),
        )
        self._state.coefficients[start.support] = start.coefficients
        self._matrix = _KernelMatrix(pair, settings.cache_size * 1e6, workspace)
        self._is_candidate = np.zeros(len(pair), dtype=bool)
        self._n_iter = start.n_iter
        self._lengths = np.sqrt(pair.kernel.diagonal(pair.norms))
        # By how much the margin of a sample may be lower than its residual says; infinite for a
        # sample whose residual has not been computed.
        self._drift = np.full(len(pair), np.inf)
        self._include(start.support)

    def approach(self, tol: float) -> None:
        """Optimize the samples that approximate margins select, until these are nearly all."""
        projected = project(self._pair)
        while True:
            others = np.flatnonzero(~self._is_candidate)
            margins = self._approximate_margins(projected, others)
            near = others[margins < 1 + _CANDIDATE_MARGIN]
            self._include(near)
            self._optimize(max(tol, _APPROACH_TOL))
            if np.sum(margins < 1) <= _FEW * np.sum(self._is_candidate):
                break

    def complete(self, tol: float) -> None:
        """Optimize until the margins of all samples satisfy the optimality conditions."""
        self._optimize(tol)
        while True:
            # Only samples whose margin may have become too small are computed again.
            is_in_doubt = ~self._is_candidate & (self._margins() - self._drift < 1 - tol)
            in_doubt = np.flatnonzero(is_in_doubt)
            self._update_residuals(in_doubt)
            margins = self._margins()[in_doubt]
            if not (margins < 1 - tol).any():
                break
            self._is_candidate[in_doubt[margins < 1 + _CANDIDATE_MARGIN]] = True
            self._optimize(tol)

    def solution(self) -> PairSolution:
        """Return the present solution."""
        support = np.flatnonzero(self._state.coefficients)
        return PairSolution(
            support, self._state.coefficients[support], self._state.intercept(), self._n_iter
        )

    def _margins(self) -> _Floats64:
        return 1 - self._pair.targets * (self._state.residuals - self._intercept())

    def _intercept(self) -> float:
        if not self._is_candidate.any():  # the start has no support vectors
            return 0.0
        return self._state.take(np.flatnonzero(self._is_candidate)).intercept()

    def _include(self, rows: NDArray[np.intp]) -> None:
        """Make samples candidates."""
        self._update_residuals(rows)
        self._is_candidate[rows] = True

    def _update_residuals(self, rows: NDArray[np.intp]) -> None:
        """Compute the residuals of some samples from the coefficients of all."""
        sums = self._sums(self._pair, rows)
        self._state.residuals[rows] = self._pair.targets[rows] - sums
        self._drift[rows] = 0

    def _approximate_margins(self, projected: Pair, rows: NDArray[np.intp]) -> _Floats64:
        return projected.targets[rows] * (self._sums(projected, rows) + self._intercept())

    def _sums(self, pair: Pair, rows: NDArray[np.intp]) -> _Floats64:
        """Return the decision values of some samples without the intercept."""
        support = np.flatnonzero(self._state.coefficients)
        sums = pair.weighted_sums(support, self._state.coefficients[support], rows)
        check_finite(sums)
        return sums

    def _optimize(self, tol: float) -> None:
        """Optimize the coefficients of the candidates."""
        rows = np.flatnonzero(self._is_candidate)
        before = self._state.take(rows)
        self._n_iter += _optimize_candidates(self._matrix, rows, self._state, tol)
        self._drift += self._lengths * _weights_distance(before, self._state.take(rows))


def _weights_distance(before: _State, after: _State) -> float:
    """Return the distance of two weight vectors in the feature space of the kernel.

    Both states have all samples whose coefficients differ.
    """
    changes = after.coefficients - before.coefficients
    squared = float(changes @ (before.residuals - after.residuals))
    return float(np.sqrt(max(0.0, squared)))  # rounding may make 0 negative


def _optimize_candidates(
    matrix: "_KernelMatrix", candidates: NDArray[np.intp], state: _State, tol: float
) -> int:
    """Optimize the coefficients of the candidates; return the number of steps."""
    # The samples are copied, because they are read in each round.
    pair = matrix.pair.select(candidates).copy()
    candidate_state = state.take(candidates)
    n_iter = 0
    while (violation := candidate_state.violation()) > tol:
        matrix.include(candidates[_working_set(candidate_state, matrix.capacity)])
        rows = np.searchsorted(candidates, matrix.rows)
        working = candidate_state.take(rows)
        n_iter += _optimize_working_set(
            matrix.values(), working, max(tol / 2, _PROGRESS * violation)
        )
        changes = working.coefficients - candidate_state.coefficients[rows]
        candidate_state.put(rows, working)
        changed = np.flatnonzero(changes)
        others = np.setdiff1d(np.arange(len(candidates)), rows)
        sums = pair.weighted_sums(rows[changed], changes[changed], others)
        check_finite(sums)
        candidate_state.residuals[others] -= sums
    state.put(candidates, candidate_state)
    return n_iter


def _working_set(state: _State, largest: int) -> NDArray[np.intp]:
    """Return at most `largest` samples, those that violate the conditions most.

    One half are those whose coefficient should increase most, the other those whose coefficient
    should decrease most: an increase is possible only with a decrease.
    """
    increasable, decreasable = state.increasable(), state.decreasable()
    middle = (increasable.max() + decreasable.min()) / 2
    is_violator = (increasable > middle) | (decreasable < middle)
    is_support = state.coefficients != 0
    n_support = int(is_support.sum())
    n_violators = int(np.sum(is_violator & ~is_support))
    size = n_support + min(n_violators, int(_GROWTH * n_support)) + _SPARE_SAMPLES
    ranks = np.minimum(_ranks(-increasable), _ranks(decreasable))
    return np.argsort(ranks, kind="stable")[: min(size, largest)]


def _ranks(values: _Floats64) -> NDArray[np.intp]:
    """Return the position of each value in ascending order; the first of equal ones is first."""
    ranks = np.empty(len(values), dtype=np.intp)
    ranks[np.argsort(values, kind="stable")] = np.arange(len(values))
    return ranks


class _KernelMatrix:
    """The kernel matrix of the working set, updated in place when samples join and leave it.

    Attributes
    ----------
    pair : Pair
    capacity : int
        Largest number of samples.
    rows : ndarray of shape (n,), int
        The samples as rows of `pair`, in the order of the matrix.
    """

    def __init__(self, pair: Pair, max_bytes: float, workspace: Workspace) -> None:
        self.pair = pair
        largest = max(int(np.sqrt(max_bytes / pair.norms.itemsize)), _MIN_WORKING_SET)
        self.capacity = min(largest, len(pair))
        self.rows = np.empty(0, dtype=np.intp)
        # The operating system provides memory only for the parts that are written.
        self._values = workspace.empty("matrix", (self.capacity,) * 2, pair.norms.dtype)

    def values(self) -> Floats:
        """Return the matrix (n, n), a view."""
        return self._values[: len(self.rows), : len(self.rows)]

    def include(self, rows: NDArray[np.intp]) -> None:
        """Add those of `rows` that are missing; others leave if there is no room for them.

        Raises
        ------
        ValueError
            If a kernel value is not finite.
        """
        new = np.setdiff1d(rows, self.rows)
        n_old = len(self.rows)
        n_leaving = max(0, n_old + len(new) - self.capacity)
        leaving = np.flatnonzero(~np.isin(self.rows, rows))[:n_leaving]
        places = np.concatenate([leaving, np.arange(n_old, n_old + len(new) - n_leaving)])
        self.rows = np.concatenate([self.rows, new[n_leaving:]])
        self.rows[places] = new
        added = self.pair.kernel_matrix(new, self.rows)
        check_finite(added)
        values = self.values()
        values[places] = added
        values[:, places] = added.T


def _optimize_working_set(kernel_matrix: Floats, state: _State, tol: float) -> int:
    """Optimize two coefficients at a time; return the number of steps.

    The first sample violates the conditions most, the second promises the largest decrease of the
    objective function with the first.
    """
    coefficients, low, high = state.coefficients, state.low, state.high
    increasable, decreasable = state.increasable(), state.decreasable()
    diagonal = kernel_matrix.diagonal().copy()
    difference, gain = np.empty_like(low), np.empty_like(low)
    curvature, change = np.empty_like(diagonal), np.empty_like(diagonal)
    n_iter = 0
    while True:
        first = int(increasable.argmax())
        np.subtract(increasable[first], decreasable, out=difference)
        if difference.max() <= tol:
            break
        # the curvature of the objective if both coefficients change
        np.multiply(kernel_matrix[first], -2, out=curvature)
        curvature += diagonal
        curvature += diagonal[first]
        np.maximum(curvature, _MIN_CURVATURE, out=curvature)
        np.maximum(difference, 0, out=difference)
        np.multiply(difference, difference, out=gain)
        gain /= curvature
        second = int(gain.argmax())
        step = min(
            difference[second] / curvature[second],
            high[first] - coefficients[first],
            coefficients[second] - low[second],
        )
        np.subtract(kernel_matrix[first], kernel_matrix[second], out=change)
        np.multiply(change, step, out=difference)
        increasable -= difference
        decreasable -= difference
        # rounding must not carry a coefficient beyond its bound
        moved = (
            (first, min(coefficients[first] + step, high[first])),
            (second, max(coefficients[second] - step, low[second])),
        )
        for row, coefficient in moved:
            residual = increasable[row] if np.isfinite(increasable[row]) else decreasable[row]
            coefficients[row] = coefficient
            increasable[row] = residual if coefficients[row] < high[row] else -np.inf
            decreasable[row] = residual if coefficients[row] > low[row] else np.inf
        n_iter += 1
    state.residuals = np.where(np.isfinite(increasable), increasable, decreasable)
    return n_iter
