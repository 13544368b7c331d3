"""Active sets solve the full problem, independently of the cache size and the thread count."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from sklearn.utils.estimator_checks import estimator_checks_generator
from threadpoolctl import threadpool_limits

from handwriting.models.svm import active_set, one_vs_one, solvers
from handwriting.models.svm.kernels import Kernel, squared_norms
from handwriting.models.svm.pair import Pair, Settings
from handwriting.models.svm.problem import Problem
from handwriting.models.svm.solvers import SOLVER_VARIABLE
from handwriting.models.svm.svc import SVC
from handwriting.models.svm.workspace import Workspace

SETTINGS = Settings(tol=1e-3, shrinking=True, cache_size=200)


@pytest.fixture
def active_sizes(monkeypatch):
    """Make the first active set small; record the size of each active set that is solved."""
    monkeypatch.setattr(active_set, "_START_SAMPLES", 20)
    sizes = []
    solve_active = active_set._solve_active

    def record(pair, active, *arguments):
        sizes.append(len(active))
        return solve_active(pair, active, *arguments)

    monkeypatch.setattr(active_set, "_solve_active", record)
    return sizes


def overlapping_classes(n_rows=600, dtype=np.float32):
    """Return samples (n_rows, 5) of two overlapping classes and class indices (n_rows,)."""
    rng = np.random.default_rng(0)
    classes = np.arange(n_rows) % 2
    return (rng.normal(size=(n_rows, 5)) + classes[:, np.newaxis]).astype(dtype), classes


def make_problem(X, classes, C=1.0):
    return Problem(
        X=X,
        norms=squared_norms(X).astype(X.dtype),
        classes=classes,
        bounds=np.full(len(X), C),
        kernel=Kernel("rbf", gamma=0.3, coef0=0.0, degree=3),
    )


def make_pair(X, classes, C=1.0):
    """Return two classes as a pair whose rows are those of `X`."""
    problem = make_problem(X, classes, C)
    targets = np.where(classes == 0, 1.0, -1.0)
    return Pair(problem.X, None, problem.norms, targets, problem.bounds, problem.kernel)


def as_bits(solution):
    return (
        solution.support.tobytes(),
        solution.coefficients.tobytes(),
        solution.intercept,
        solution.n_iter,
    )


def test_full_problem_meets_the_tolerance_of_libsvm(active_sizes):
    """Check libsvm's stopping criterion over all samples, not only over the active set."""
    X, classes = overlapping_classes(dtype=np.float64)
    (solution,) = one_vs_one.solve(make_problem(X, classes), SETTINGS)
    assert len(active_sizes) > 2
    assert active_sizes[-1] < len(X)
    alpha = np.zeros(len(X))
    alpha[solution.support] = np.abs(solution.coefficients)
    targets = np.where(classes == 0, 1.0, -1.0)
    distances = ((X[:, np.newaxis] - X) ** 2).sum(axis=2)
    conditions = targets - np.exp(-0.3 * distances) @ (targets * alpha)
    is_upper = np.where(targets > 0, alpha < 1, alpha > 0)
    is_lower = np.where(targets > 0, alpha > 0, alpha < 1)
    assert conditions[is_upper].max() - conditions[is_lower].min() <= SETTINGS.tol
    assert abs(np.sum(targets * alpha)) < 1e-9


def test_active_sets_grow_without_duplicates(monkeypatch):
    active_sets = []
    solve_active = active_set._solve_active

    def record(pair, active, kernel_matrix, settings):
        expected = pair.kernel_matrix(active, active)
        np.testing.assert_allclose(kernel_matrix, expected, atol=1e-6)
        np.testing.assert_array_equal(kernel_matrix, kernel_matrix.T)
        active_sets.append(active)
        return solve_active(pair, active, kernel_matrix, settings)

    monkeypatch.setattr(active_set, "_START_SAMPLES", 20)
    monkeypatch.setattr(active_set, "_solve_active", record)
    one_vs_one.solve(make_problem(*overlapping_classes()), SETTINGS)
    assert len(active_sets) > 2
    for earlier, later in pairwise(active_sets):
        np.testing.assert_array_equal(later[: len(earlier)], earlier)
        assert len(later) > len(earlier)
        assert len(np.unique(later)) == len(later)


@pytest.mark.parametrize("cache_bytes", [0, 100_000])
def test_rows_outside_the_cache_are_recomputed_with_the_same_bits(cache_bytes, monkeypatch):
    monkeypatch.setattr(active_set, "_START_SAMPLES", 20)
    X, classes = overlapping_classes()
    pair = make_pair(X, classes)
    cached, _ = active_set.solve(pair, SETTINGS, 1e9, Workspace())
    recomputed, _ = active_set.solve(pair, SETTINGS, cache_bytes, Workspace())
    assert as_bits(recomputed) == as_bits(cached)


def test_an_active_set_that_exceeds_the_cache_is_not_solved(active_sizes):
    pair = make_pair(*overlapping_classes(dtype=np.float64))
    small = replace(SETTINGS, cache_size=0.05)  # 79 x 79 values
    solution, is_optimal = active_set.solve(pair, small, 1e6, Workspace())
    assert not is_optimal
    assert max(active_sizes) <= 79
    assert len(solution.support) > 0
    assert abs(solution.coefficients.sum()) < 1e-9


def test_uncached_blocks_are_small_compared_with_the_cache(monkeypatch):
    monkeypatch.setattr(active_set, "_START_SAMPLES", 20)
    X, classes = overlapping_classes(dtype=np.float64)
    sizes = []
    kernel_rows = Pair.kernel_rows

    def record(pair, rows):
        sizes.append(len(rows) * pair.row_bytes)
        return kernel_rows(pair, rows)

    monkeypatch.setattr(Pair, "kernel_rows", record)
    pair, small = make_pair(X, classes), replace(SETTINGS, cache_size=2)
    _, is_optimal = active_set.solve(pair, small, 0, Workspace())
    assert is_optimal
    assert len(sizes) > 3
    assert max(sizes) <= 2e6 / 8


def test_number_of_threads_does_not_change_the_solution(active_sizes):
    rng = np.random.default_rng(1)
    classes = np.arange(1200) % 4
    X = (rng.normal(size=(1200, 30)) + classes[:, np.newaxis] / 3).astype(np.float32)
    parallel = one_vs_one.solve(make_problem(X, classes), SETTINGS)
    assert len(active_sizes) > 2 * len(parallel)
    with threadpool_limits(1):
        serial = one_vs_one.solve(make_problem(X, classes), SETTINGS)
    assert [as_bits(solution) for solution in parallel] == [
        as_bits(solution) for solution in serial
    ]


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_repeated_solves_return_the_same_bits(n_classes, dtype, active_sizes):
    rng = np.random.default_rng(1)
    classes = np.arange(2400) % n_classes
    X = (rng.normal(size=(2400, 30)) + classes[:, np.newaxis] / 3).astype(dtype)
    first, second = (one_vs_one.solve(make_problem(X, classes), SETTINGS) for _ in range(2))
    assert len(active_sizes) > 4 * len(first)
    assert [as_bits(solution) for solution in first] == [as_bits(solution) for solution in second]


def test_active_sets_of_dense_problems_grow_faster(active_sizes):
    """With a very narrow kernel, every sample is a support vector."""
    X, classes = overlapping_classes()
    problem = make_problem(X, classes)
    one_vs_one.solve(replace(problem, kernel=replace(problem.kernel, gamma=100.0)), SETTINGS)
    assert active_sizes == [26, 79, 238, 600]


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("row", [0, 1, 2, 3])
def test_kernel_value_that_is_not_finite_raises_a_one_line_error(row, monkeypatch):
    """The value may be in the first active set or outside it."""
    monkeypatch.setenv(SOLVER_VARIABLE, "active_set")
    monkeypatch.setattr(active_set, "_START_SAMPLES", 20)
    X, classes = overlapping_classes(600, np.float64)
    X[row] = 1e40
    with pytest.raises(ValueError, match=r"^A value of the kernel is not finite\. .*preprocessed"):
        SVC(kernel="poly", degree=9, gamma=1.0, C=1e-3).fit(X, classes)


def test_single_class_raises_a_one_line_error(monkeypatch):
    monkeypatch.setenv(SOLVER_VARIABLE, "active_set")
    X, classes = overlapping_classes(10)
    with pytest.raises(ValueError, match="number of classes has to be greater than one; got 1"):
        SVC().fit(X, np.zeros_like(classes))


@pytest.mark.parametrize(
    "check",
    [
        check
        for _, check in estimator_checks_generator(SVC())
        # fails for sklearn.svm.SVC, too: the order of the rows changes the solution within tol
        if check.func.__name__ != "check_sample_weight_equivalence_on_dense_data"
    ],
    ids=lambda check: check.func.__name__,
)
def test_scikit_learn_checks(check, monkeypatch):
    # The solver is not forced, because libsvm has to solve what active sets cannot.
    monkeypatch.setattr(solvers, "_ACTIVE_SET_PAIR_SAMPLES", {"onedal": 0, "libsvm": 0})
    monkeypatch.setattr(solvers, "_MAX_WORK", {"onedal": np.inf, "libsvm": np.inf})
    monkeypatch.setattr(solvers, "_LIBSVM_VALUES", 0)
    check(SVC())
