"""Decomposition solves the full problem in bounded memory, from any start."""

from dataclasses import replace

import numpy as np
import pytest
import sklearn.svm
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics.pairwise import pairwise_kernels
from threadpoolctl import threadpool_limits

from handwriting.models.svm import active_set, decomposition, one_vs_one
from handwriting.models.svm.kernels import Kernel, squared_norms
from handwriting.models.svm.pair import NO_SUPPORT, Pair, Settings
from handwriting.models.svm.projection import project
from handwriting.models.svm.solvers import SOLVER_VARIABLE
from handwriting.models.svm.svc import SVC
from handwriting.models.svm.workspace import Workspace

SETTINGS = Settings(tol=1e-3, shrinking=True, cache_size=200)
SMALLEST_CACHE = replace(SETTINGS, cache_size=1e-3)
KERNELS = [
    Kernel("rbf", gamma=0.3, coef0=0.0, degree=3),
    Kernel("linear", gamma=1.0, coef0=0.0, degree=3),
    Kernel("poly", gamma=0.1, coef0=1.0, degree=2),
]


def make_pair(seed=0, n=400, kernel=KERNELS[0], dtype=np.float64, share=0.5):
    """Return overlapping classes of 5 features, `share` of them in the first class."""
    random = np.random.default_rng(seed)
    targets = np.where(np.arange(n) < max(1, int(share * n)), 1.0, -1.0)
    X = (random.normal(size=(n, 5)) + targets[:, np.newaxis] / 2).astype(dtype)
    bounds = random.uniform(0.5, 2, n)
    return Pair(X, None, squared_norms(X).astype(dtype), targets, bounds, kernel)


def kernel_values(pair):
    kernel = pair.kernel
    parameters = {
        "rbf": {"gamma": kernel.gamma},
        "linear": {},
        "poly": {"gamma": kernel.gamma, "coef0": kernel.coef0, "degree": kernel.degree},
    }[kernel.name]
    return pairwise_kernels(pair.X.astype(np.float64), metric=kernel.name, **parameters)


def coefficients_of(solution, pair):
    coefficients = np.zeros(len(pair))
    coefficients[solution.support] = solution.coefficients
    return coefficients


def assert_optimal(solution, pair, tol):
    """Check the constraints and libsvm's stopping criterion over all samples."""
    coefficients = coefficients_of(solution, pair)
    alpha = coefficients * pair.targets
    assert (alpha >= 0).all()
    assert (alpha <= pair.bounds).all()
    assert abs(coefficients.sum()) < 1e-9
    conditions = pair.targets - kernel_values(pair) @ coefficients
    can_increase = np.where(pair.targets > 0, alpha < pair.bounds, alpha > 0)
    can_decrease = np.where(pair.targets > 0, alpha > 0, alpha < pair.bounds)
    assert conditions[can_increase].max() - conditions[can_decrease].min() <= tol


@pytest.fixture
def small_working_sets(monkeypatch):
    monkeypatch.setattr(decomposition, "_MIN_WORKING_SET", 30)


@pytest.mark.parametrize("kernel", KERNELS, ids=lambda kernel: kernel.name)
@pytest.mark.parametrize("share", [0.5, 0.05, 0.001])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_the_solution_meets_the_tolerance_of_libsvm(kernel, share, dtype, small_working_sets):
    pair = make_pair(kernel=kernel, share=share, dtype=dtype)
    solution = decomposition.solve(pair, NO_SUPPORT, SMALLEST_CACHE, Workspace())
    assert_optimal(solution, pair, SETTINGS.tol + (0 if dtype is np.float64 else 1e-4))


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 1000),
    n=st.integers(2, 300),
    share=st.floats(0.01, 0.9),
    capacity=st.sampled_from([20, 50, 1000]),
)
def test_the_objective_is_that_of_libsvm(seed, n, share, capacity):
    pair = make_pair(seed, n, share=share)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(decomposition, "_MIN_WORKING_SET", capacity)
        solution = decomposition.solve(pair, NO_SUPPORT, SMALLEST_CACHE, Workspace())
    assert_optimal(solution, pair, SETTINGS.tol)
    reference = sklearn.svm.SVC(C=1.0, gamma=0.3).fit(pair.X, pair.targets, pair.bounds)
    expected = np.zeros(n)
    expected[reference.support_] = reference.dual_coef_[0]
    values = kernel_values(pair)

    def objective(coefficients):
        return np.abs(coefficients).sum() - coefficients @ values @ coefficients / 2

    found = coefficients_of(solution, pair)
    assert objective(found) == pytest.approx(objective(expected), abs=n * SETTINGS.tol)
    decisions = values @ found + solution.intercept
    np.testing.assert_allclose(decisions, reference.decision_function(pair.X), atol=0.02)


def test_the_kernel_matrix_is_never_larger_than_the_cache(monkeypatch, small_working_sets):
    sizes = []
    optimize = decomposition._optimize_working_set

    def record(kernel_matrix, state, tol):
        sizes.append(kernel_matrix.nbytes)
        return optimize(kernel_matrix, state, tol)

    monkeypatch.setattr(decomposition, "_optimize_working_set", record)
    decomposition.solve(make_pair(), NO_SUPPORT, replace(SETTINGS, cache_size=0.02), Workspace())
    assert len(sizes) > 3  # samples left the working set
    assert max(sizes) <= 0.02e6


def test_the_kernel_matrix_holds_the_values_of_its_rows(monkeypatch, small_working_sets):
    pair = make_pair()
    expected = kernel_values(pair)
    include = decomposition._KernelMatrix.include
    evictions = []

    def check(matrix, rows):
        before = matrix.rows
        include(matrix, rows)
        np.testing.assert_allclose(
            matrix.values(), expected[np.ix_(matrix.rows, matrix.rows)], atol=1e-12
        )
        assert len(np.unique(matrix.rows)) == len(matrix.rows)
        assert np.isin(rows, matrix.rows).all()
        evictions.append(len(np.setdiff1d(before, matrix.rows)))

    monkeypatch.setattr(decomposition._KernelMatrix, "include", check)
    decomposition.solve(pair, NO_SUPPORT, replace(SETTINGS, cache_size=0.02), Workspace())
    assert max(evictions) > 0


def test_the_start_does_not_matter_but_saves_steps():
    pair = make_pair()
    solution = decomposition.solve(pair, NO_SUPPORT, SETTINGS, Workspace())
    again = decomposition.solve(pair, replace(solution, n_iter=0), SETTINGS, Workspace())
    assert again.n_iter < solution.n_iter / 10
    np.testing.assert_allclose(
        coefficients_of(again, pair), coefficients_of(solution, pair), atol=1e-2
    )


def test_an_active_set_that_exceeds_the_cache_is_continued(monkeypatch, small_working_sets):
    monkeypatch.setattr(active_set, "_START_SAMPLES", 20)
    pair = make_pair()
    small = replace(SETTINGS, cache_size=0.05)
    _, is_optimal = active_set.solve(pair, small, 0, Workspace())
    assert not is_optimal
    assert_optimal(one_vs_one.solve_pair(pair, small, 0, Workspace()), pair, SETTINGS.tol)


def test_a_large_pair_starts_from_some_of_its_samples(monkeypatch):
    monkeypatch.setattr(one_vs_one, "_LARGE_PAIR", 60)
    solved = []

    def record(function):
        def recorded(pair, start, *arguments):
            solved.append((function.__name__, len(pair), len(start.support) > 0))
            return function(pair, start, *arguments)

        return recorded

    for function in (decomposition.approximate, decomposition.solve):
        monkeypatch.setattr(decomposition, function.__name__, record(function))
    pair = make_pair(n=800)
    solution = one_vs_one.solve_pair(pair, SETTINGS, 1e6, Workspace())
    assert_optimal(solution, pair, SETTINGS.tol)
    assert solved == [("approximate", 200, True), ("solve", 800, True)]


def project_badly(pair):
    """Return samples whose approximate kernel values say nothing."""
    return replace(pair, X=np.zeros_like(pair.X))


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 1000), step=st.integers(2, 40), kernel=st.sampled_from(KERNELS))
def test_bad_approximations_cost_time_only(seed, step, kernel):
    pair = make_pair(seed, kernel=kernel)
    rows = np.arange(0, len(pair), step)
    start = decomposition.solve(pair.select(rows), NO_SUPPORT, SETTINGS, Workspace())
    start = replace(start, support=rows[start.support])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(decomposition, "project", project_badly)
        solution = decomposition.solve(pair, start, SETTINGS, Workspace())
    assert_optimal(solution, pair, SETTINGS.tol)


def make_wide_pair(dtype):
    """Return overlapping classes of 300 features; most of their variance is in 20 directions."""
    random = np.random.default_rng(0)
    targets = np.repeat([1.0, -1.0], 500)
    X = random.normal(size=(1000, 20)) + targets[:, np.newaxis] / 5
    X = X @ random.normal(size=(20, 300)) / 20 + random.normal(scale=0.03, size=(1000, 300))
    X = X.astype(dtype)
    kernel = Kernel("rbf", gamma=0.05, coef0=0.0, degree=3)
    return Pair(X, None, squared_norms(X).astype(dtype), targets, np.ones(1000), kernel)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_projected_samples_approximate_the_kernel(dtype):
    pair = make_wide_pair(dtype)
    projected = project(pair)
    assert projected.X.shape == (1000, 64)
    assert projected.X.dtype == dtype
    rows = np.arange(len(pair))
    expected = pair.kernel_matrix(rows, rows)
    found = projected.kernel_matrix(rows, rows)
    errors = found - expected
    np.fill_diagonal(errors, 0)  # what is missing of a sample is not random with itself
    assert abs(errors).max() < 0.05 * expected.std()
    assert project(make_pair()).X.shape == (400, 5)  # nothing to gain


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_candidates_chosen_by_projected_samples_contain_nearly_all_violators(monkeypatch, dtype):
    pair = make_wide_pair(dtype)
    solutions = []
    complete = decomposition._Optimizer.complete

    def record(optimizer, tol):
        solutions.append(optimizer.solution())
        complete(optimizer, tol)

    monkeypatch.setattr(decomposition._Optimizer, "complete", record)
    solution = decomposition.solve(pair, NO_SUPPORT, SETTINGS, Workspace())
    assert_optimal(solution, pair, SETTINGS.tol + (0 if dtype is np.float64 else 1e-4))
    missing = np.setdiff1d(solution.support, solutions[0].support)
    assert len(missing) <= 0.05 * len(solution.support)


def test_number_of_threads_and_repetition_do_not_change_the_bits(monkeypatch):
    monkeypatch.setattr(one_vs_one, "_LARGE_PAIR", 100)
    monkeypatch.setenv(SOLVER_VARIABLE, "active_set")
    random = np.random.default_rng(1)
    labels = np.arange(1200) % 4
    X = (random.normal(size=(1200, 30)) + labels[:, np.newaxis] / 3).astype(np.float32)

    def fit():
        model = SVC(cache_size=0.05).fit(X, labels)
        return model.support_.tobytes(), model.dual_coef_.tobytes(), model.intercept_.tobytes()

    parallel = fit()
    assert fit() == parallel
    with threadpool_limits(1):
        assert fit() == parallel


def test_samples_that_are_not_copied_give_the_same_bits(monkeypatch):
    pair = make_pair(dtype=np.float32)
    scattered = np.random.default_rng(0).permutation(len(pair))
    selected = Pair(
        pair.X[scattered],
        np.argsort(scattered),
        pair.norms,
        pair.targets,
        pair.bounds,
        pair.kernel,
    )
    copied, found = (
        decomposition.solve(p, NO_SUPPORT, SETTINGS, Workspace()) for p in (pair, selected)
    )
    np.testing.assert_array_equal(found.support, copied.support)
    np.testing.assert_array_equal(found.coefficients, copied.coefficients)


@pytest.mark.parametrize("kernel", KERNELS, ids=lambda kernel: kernel.name)
def test_weighted_sums_and_diagonal_are_those_of_the_kernel_matrix(kernel):
    pair = make_pair(n=1500, kernel=kernel)  # several blocks and strips
    expected = kernel_values(pair)
    random = np.random.default_rng(0)
    rows, columns = random.permutation(1500)[:700], random.permutation(1500)[:1300]
    weights = random.normal(size=700)
    found = pair.weighted_sums(rows, weights, columns)
    np.testing.assert_allclose(found, weights @ expected[np.ix_(rows, columns)], rtol=1e-9)
    np.testing.assert_allclose(kernel.diagonal(pair.norms), expected.diagonal())


@pytest.mark.parametrize("row", [0, 399])
def test_a_kernel_value_that_is_not_finite_raises_an_error(row):
    pair = make_pair(kernel=Kernel("poly", gamma=1.0, coef0=0.0, degree=9))
    pair.X[row] = 1e40
    with pytest.raises(ValueError, match=r"^A value of the kernel is not finite\."):
        decomposition.solve(pair, NO_SUPPORT, SETTINGS, Workspace())
