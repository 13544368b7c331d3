import numpy as np
import pytest
import sklearn.svm
from threadpoolctl import threadpool_limits

from handwriting.models.svm import trial
from handwriting.models.svm.kernels import Kernel, squared_norms
from handwriting.models.svm.pair import Settings
from handwriting.models.svm.problem import Problem
from handwriting.models.svm.trial import Trial

SETTINGS = Settings(tol=1e-3, shrinking=True, cache_size=200)


def make_problem(n_samples, n_classes=4):
    random = np.random.default_rng(0)
    classes = np.sort(random.integers(0, n_classes, n_samples))
    X = random.normal(size=(n_samples, 10)) + classes[:, np.newaxis] / 2
    kernel = Kernel("rbf", gamma=0.1, coef0=0.0, degree=3)
    return Problem(X, squared_norms(X), classes, np.full(n_samples, 2.0), kernel)


def test_a_trial_is_that_of_libsvm_on_the_same_samples():
    problem = make_problem(600)  # so few that all are solved
    expected = []
    for first, second in [(0, 1), (1, 2), (2, 3)]:
        rows = np.flatnonzero(np.isin(problem.classes, [first, second]))
        model = sklearn.svm.SVC(C=2.0, gamma=0.1, tol=5e-4)
        model.fit(problem.X[rows], problem.classes[rows])
        expected.append((len(rows), len(model.support_), model.n_iter_.sum()))
    n_samples, n_support, n_iter = np.sum(expected, axis=0)
    found = trial.run(problem, SETTINGS)
    assert found.support_share == pytest.approx(n_support / n_samples)
    assert found.iterations == pytest.approx(
        n_iter / n_samples, rel=0.1
    )  # from another order of samples


@pytest.mark.parametrize("distance", [0.0, 0.2, 0.5])
def test_the_share_of_support_vectors_is_that_of_the_whole_problem(distance):
    random = np.random.default_rng(0)
    classes = np.arange(10_000) % 2
    X = random.normal(size=(10_000, 20)) + distance * classes[:, np.newaxis]
    kernel = Kernel("rbf", gamma=0.05, coef0=0.0, degree=3)
    problem = Problem(X, squared_norms(X), classes, np.ones(10_000), kernel)
    whole = sklearn.svm.SVC(gamma=0.05).fit(X, classes)
    part = sklearn.svm.SVC(gamma=0.05).fit(X[:480], classes[:480])
    share = len(whole.support_) / 10_000
    error = abs(np.log(trial.run(problem, SETTINGS).support_share / share))
    assert error < 0.2
    if distance > 0:  # without an extrapolation, the share is too large
        assert error < abs(np.log(len(part.support_) / 480 / share))


def test_classes_of_one_sample():
    kernel = Kernel("rbf", gamma=1.0, coef0=0.0, degree=3)
    problem = Problem(np.eye(2), np.ones(2), np.arange(2), np.ones(2), kernel)
    assert trial.run(problem, SETTINGS).support_share == 1


@pytest.mark.parametrize("n_classes", [2, 3, 4])
def test_any_number_of_classes_and_threads(n_classes):
    problem = make_problem(3_000, n_classes)
    found = trial.run(problem, SETTINGS)
    assert 0 < found.support_share < 1
    assert found.iterations > 0
    with threadpool_limits(1):
        assert trial.run(problem, SETTINGS) == found


def test_a_trial_of_a_large_problem_takes_few_samples(monkeypatch):
    sizes = []
    solve = trial._solve

    def record(pair, settings):
        sizes.append(len(pair))
        return solve(pair, settings)

    monkeypatch.setattr(trial, "_solve", record)
    assert isinstance(trial.run(make_problem(100_000), SETTINGS), Trial)
    assert len(sizes) == 6  # a part of three pairs, and half of it
    assert max(sizes) < 2_100
    sizes.clear()
    trial.run(make_problem(2_000), SETTINGS)
    assert max(sizes) < 700
