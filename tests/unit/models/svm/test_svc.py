"""The support vector classifier compared with scikit-learn's, an independent oracle."""

import os
import platform
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import sklearn.svm
import skops.io
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.metrics.pairwise import pairwise_kernels
from sklearn.utils._param_validation import InvalidParameterError
from sklearn.utils.estimator_checks import parametrize_with_checks

from handwriting.models.svm import active_set, solvers, svc
from handwriting.models.svm.solvers import SOLVER_VARIABLE
from handwriting.models.svm.svc import SVC

HAS_WHEEL = platform.system() in ("Linux", "Windows") and platform.machine() in ("x86_64", "AMD64")
needs_onedal = pytest.mark.skipif(
    find_spec("sklearnex") is None, reason="scikit-learn-intelex has no wheel for this platform"
)
OTHER_SOLVERS = ("active_set", pytest.param("onedal", marks=needs_onedal))
SOLVERS = ("libsvm", *OTHER_SOLVERS)
KERNELS = ("linear", "poly", "rbf", "sigmoid")
quick = settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@pytest.fixture
def force(monkeypatch):
    """Return a function that forces a solver for the rest of the test."""
    return lambda solver: monkeypatch.setenv(SOLVER_VARIABLE, solver)


@st.composite
def problems(draw, min_classes=2):
    """Draw training rows, labels and test rows; rows may repeat and a column may be constant."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n_classes = draw(st.integers(min_classes, 6))
    n_rows = n_classes * draw(st.integers(2, 8))
    n_features = draw(st.integers(1, 6))
    decimals = draw(st.integers(0, 3))  # few decimals cause equal rows
    dtype = draw(st.sampled_from([np.float32, np.float64]))
    X = (rng.normal(size=(n_rows, n_features)) * 2).round(decimals).astype(dtype)
    if draw(st.booleans()):
        X[:, 0] = 1
    if draw(st.booleans()):
        X[: n_rows // 2] = X[n_rows // 2 : 2 * (n_rows // 2)]
    y = rng.permutation(np.arange(n_rows) % n_classes)
    X_test = (rng.normal(size=(draw(st.integers(1, 12)), n_features)) * 2).astype(dtype)
    return X, y, X_test


@st.composite
def parameters(draw, kernels=KERNELS):
    """Draw parameters for which scikit-learn's solver converges quickly."""
    return {
        "kernel": draw(st.sampled_from(kernels)),
        "C": draw(st.sampled_from([0.1, 1.0, 5.0])),
        "gamma": draw(st.sampled_from(["scale", "auto", 0.05])),
        "degree": draw(st.integers(0, 3)),
        "coef0": draw(st.sampled_from([0.0, 0.5])),
        "class_weight": draw(st.sampled_from([None, "balanced", {0: 3.0}])),
        "decision_function_shape": draw(st.sampled_from(["ovo", "ovr"])),
    }


def small_problem(n_classes=4, dtype=np.float64):
    rng = np.random.default_rng(0)
    y = np.arange(20 * n_classes) % n_classes
    X = rng.normal(size=(len(y), 5)) + rng.normal(size=(n_classes, 5))[y]
    return X.astype(dtype), y


def as_columns(values):
    return values.reshape(len(values), -1)


def fitted_arrays(model):
    return {name: value for name, value in vars(model).items() if isinstance(value, np.ndarray)}


# Prediction from the arrays that libsvm fitted


def summed_terms(model, params, X):
    """Return the sum of the absolute terms in the decision function for each row (n_rows, 1)."""
    kernels = pairwise_kernels(
        X.astype(np.float64),
        model.support_vectors_,
        metric=params["kernel"],
        filter_params=True,
        gamma=model._gamma,
        degree=params["degree"],
        coef0=params["coef0"],
    )
    return (np.abs(kernels) @ np.abs(model.dual_coef_).max(axis=0))[:, np.newaxis]


@quick
@given(problem=problems(), params=parameters())
def test_decision_values_equal_those_of_libsvm(problem, params, force):
    """Compare votes ('ovr') only where rounding cannot change the sign of a pairwise value."""
    force("libsvm")
    X, y, X_test = problem
    reference, ours = sklearn.svm.SVC(**params).fit(X, y), SVC(**params).fit(X, y)
    # The tolerance is relative to the summed terms, because they may cancel almost completely.
    size = 1 + summed_terms(reference, params, X_test)
    tolerance = (1e-9 if X.dtype == np.float64 else 1e-5) * size

    def compare(shape):
        reference.decision_function_shape = ours.decision_function_shape = shape
        expected, actual = reference.decision_function(X_test), ours.decision_function(X_test)
        assert actual.shape == expected.shape
        assert actual.dtype == np.float64
        expected, difference = as_columns(expected), np.abs(as_columns(actual - expected))
        is_close = (difference <= tolerance) & (difference <= 1e-5 * np.abs(expected) + 1e-6 * size)
        return expected, is_close

    pairs, is_close = compare("ovo")
    assert is_close.all()
    has_certain_votes = (np.abs(pairs) > tolerance).all(axis=1)
    _, is_close = compare("ovr")
    assert is_close[has_certain_votes].all()


@quick
@given(problem=problems(), params=parameters())
def test_predictions_equal_those_of_libsvm(problem, params, force):
    force("libsvm")
    X, y, X_test = problem
    params["decision_function_shape"] = "ovo"
    reference = sklearn.svm.SVC(**params).fit(X, y)
    ours = SVC(**params).fit(X, y)
    is_clear = np.abs(as_columns(reference.decision_function(X_test))).min(axis=1) > 1e-4
    np.testing.assert_array_equal(
        ours.predict(X_test)[is_clear], reference.predict(X_test)[is_clear]
    )


@quick
@given(problem=problems(), params=parameters())
def test_fitted_attributes_equal_those_of_libsvm(problem, params, force):
    force("libsvm")
    X, y, _ = problem
    reference = sklearn.svm.SVC(**params).fit(X, y)
    ours = SVC(**params).fit(X, y)
    assert ours.support_vectors_.dtype == X.dtype
    for name in (
        *("support_", "support_vectors_", "n_support_", "dual_coef_", "intercept_", "classes_"),
        *("class_weight_", "n_iter_", "fit_status_", "shape_fit_", "n_features_in_", "_gamma"),
    ):
        np.testing.assert_array_equal(getattr(ours, name), getattr(reference, name), err_msg=name)


@quick
@given(
    n_classes=st.integers(2, 6),
    values=st.lists(st.sampled_from([-1.0, 0.0, 1.0]), min_size=15, max_size=15),
)
def test_votes_and_ties_equal_those_of_libsvm(n_classes, values, force):
    """With zero coefficients, the pairwise values are the intercepts: ties and exact zeros."""
    force("libsvm")
    X, y = small_problem(n_classes)
    intercept = np.array(values[: n_classes * (n_classes - 1) // 2])
    reference, ours = sklearn.svm.SVC().fit(X, y), SVC().fit(X, y)
    reference._dual_coef_ = np.zeros_like(reference._dual_coef_)
    ours.dual_coef_ = np.zeros_like(ours.dual_coef_)
    # for two classes, the public sign is the opposite of libsvm's
    reference._intercept_ = intercept
    ours.intercept_ = -intercept if n_classes == 2 else intercept
    np.testing.assert_array_equal(ours.predict(X), reference.predict(X))
    np.testing.assert_array_equal(ours.decision_function(X), reference.decision_function(X))
    for model in (reference, ours):
        model.set_params(break_ties=True)
    np.testing.assert_array_equal(ours.predict(X), reference.predict(X))


@pytest.mark.parametrize("n_classes", [2, 3, 5])
def test_coef_equals_that_of_libsvm(n_classes, force):
    force("libsvm")
    X, y = small_problem(n_classes)
    reference = sklearn.svm.SVC(kernel="linear").fit(X, y)
    ours = SVC(kernel="linear").fit(X, y)
    np.testing.assert_allclose(ours.coef_, reference.coef_, rtol=1e-12)
    with pytest.raises(ValueError, match="read-only"):
        ours.coef_[0] = 0
    assert not hasattr(SVC().fit(X, y), "coef_")


@pytest.mark.parametrize("kernel", KERNELS)
def test_block_size_does_not_change_decision_values(kernel, monkeypatch):
    X, y = small_problem(5)
    model = SVC(kernel=kernel, decision_function_shape="ovo").fit(X, y)
    expected = model.decision_function(X)
    monkeypatch.setattr(svc, "_BLOCK_ROWS", 7)
    monkeypatch.setattr(svc, "_BLOCK_VECTORS", 3)
    np.testing.assert_allclose(model.decision_function(X), expected, rtol=1e-10, atol=1e-12)


def test_double_precision_is_used_far_from_the_origin(force):
    """Far from the origin, squared distances suffer from cancellation in single precision."""
    force("libsvm")
    X, y = small_problem(3, np.float32)
    X += np.float32(300)
    params = {"gamma": 0.1, "decision_function_shape": "ovo"}
    reference, ours = sklearn.svm.SVC(**params).fit(X, y), SVC(**params).fit(X, y)
    np.testing.assert_allclose(ours.decision_function(X), reference.decision_function(X), atol=1e-7)


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("scale", [1e-20, 1e20])
def test_values_near_the_limits_of_single_precision(solver, scale, force):
    force("libsvm")
    X, y = small_problem(3, np.float32)
    X *= np.float32(scale)
    reference = sklearn.svm.SVC(decision_function_shape="ovo").fit(X, y)
    force(solver)
    ours = SVC(decision_function_shape="ovo").fit(X, y)
    np.testing.assert_allclose(ours.decision_function(X), reference.decision_function(X), atol=2e-3)


def test_rows_far_from_the_support_vectors(force):
    force("libsvm")
    X, y = small_problem(3, np.float32)
    far = np.full((1, 5), 1e25, dtype=np.float32)
    reference, ours = (
        kind(decision_function_shape="ovo").fit(X, y) for kind in (sklearn.svm.SVC, SVC)
    )
    np.testing.assert_allclose(
        ours.decision_function(far), reference.decision_function(far), atol=1e-9
    )


@pytest.mark.filterwarnings("ignore:Solver terminated early")
@pytest.mark.parametrize("C", [1.0, 100.0, 1e4])
def test_single_precision_is_precise_enough(C, force):
    """Large dual coefficients amplify rounding errors: they require double precision."""
    force("libsvm")
    rng = np.random.default_rng(0)
    y = np.arange(1500) % 2
    X = (rng.normal(size=(1500, 10)) + y[:, np.newaxis] * 0.3).astype(np.float32)
    model = SVC(C=C, gamma=0.05, max_iter=20_000).fit(X, y)
    exact = model.decision_function(X.astype(np.float64))
    np.testing.assert_allclose(model.decision_function(X), exact, atol=2e-4)


def test_one_row_is_predicted_and_no_row_is_an_error():
    X, y = small_problem()
    model = SVC().fit(X, y)
    assert model.predict(X[:1]).shape == (1,)
    with pytest.raises(ValueError, match="0 sample"):
        model.predict(X[:0])
    with pytest.raises(ValueError, match="0 sample"):
        model.decision_function(X[:0])


def test_break_ties_needs_ovr():
    X, y = small_problem()
    model = SVC(break_ties=True, decision_function_shape="ovo").fit(X, y)
    with pytest.raises(ValueError, match="break_ties must be False"):
        model.predict(X)


# Fitting with active sets and with oneDAL


def test_onedal_is_installed_where_it_has_a_wheel():
    if not HAS_WHEEL:
        pytest.skip("scikit-learn-intelex has no wheel for this platform")
    assert find_spec("sklearnex") is not None


@pytest.mark.parametrize("solver", OTHER_SOLVERS)
@quick
@given(problem=problems(), params=parameters(kernels=("linear", "poly", "rbf")))
def test_solvers_find_the_solution_of_libsvm(solver, problem, params, force, monkeypatch):
    """Compare the solutions with a small tolerance, in double precision.

    The normal vector of the solution is unique. If all support vectors are at the bound C, the
    intercept is not: any value in an interval is optimal, which the next test checks.
    """
    force(solver)
    monkeypatch.setattr(active_set, "_START_SAMPLES", 2)  # to have several rounds
    X, y, X_test = problem
    X, X_test = X.astype(np.float64), X_test.astype(np.float64)
    params = {**params, "tol": 1e-6, "decision_function_shape": "ovo"}
    reference = sklearn.svm.SVC(**params).fit(X, y)
    ours = SVC(**params).fit(X, y)
    assert ours.solver_ == solver
    expected = as_columns(reference.decision_function(X_test)) - reference.intercept_
    actual = as_columns(ours.decision_function(X_test)) - ours.intercept_
    np.testing.assert_allclose(actual, expected, atol=1e-3 * (1 + np.abs(expected).max()))


@pytest.mark.parametrize("solver", OTHER_SOLVERS)
@quick
@given(problem=problems(min_classes=3), params=parameters(kernels=("linear", "poly", "rbf")))
def test_solutions_are_optimal(solver, problem, params, force, monkeypatch):
    """Check the Karush-Kuhn-Tucker conditions for two classes."""
    force(solver)
    monkeypatch.setattr(active_set, "_START_SAMPLES", 2)
    X, y, _ = problem
    X, y = X.astype(np.float64), (y > 1).astype(int)
    ours = SVC(**{**params, "tol": 1e-6}).fit(X, y)
    margins = np.where(y == 1, 1, -1) * ours.decision_function(X)
    alpha = np.zeros(len(X))
    alpha[ours.support_] = np.abs(ours.dual_coef_[0])
    bound = params["C"] * ours.class_weight_[y]
    slack = 1e-4 * (1 + np.abs(margins).max())
    assert np.all(margins[alpha < bound * (1 - 1e-6)] >= 1 - slack)
    assert np.all(margins[alpha > bound * 1e-6] <= 1 + slack)


@pytest.mark.parametrize("solver", OTHER_SOLVERS)
@pytest.mark.parametrize("n_classes", [2, 4])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_arrays_have_the_layout_of_libsvm(solver, n_classes, dtype, force):
    X, y = small_problem(n_classes, dtype)
    force("libsvm")
    reference = SVC(tol=1e-5).fit(X, y)
    force(solver)
    model = SVC(tol=1e-5).fit(X, y)
    assert vars(model).keys() == vars(reference).keys()
    for name, expected in fitted_arrays(reference).items():
        actual = getattr(model, name)
        assert (actual.shape, actual.dtype) == (expected.shape, expected.dtype), name
        assert actual.flags.c_contiguous, name
        assert actual.flags.owndata, name
    np.testing.assert_array_equal(model.support_, reference.support_)
    np.testing.assert_array_equal(model.support_vectors_, X[model.support_])
    np.testing.assert_array_equal(model.n_support_, reference.n_support_)
    np.testing.assert_allclose(model.dual_coef_, reference.dual_coef_, atol=1e-2)
    np.testing.assert_allclose(model.intercept_, reference.intercept_, atol=1e-3)


@pytest.mark.parametrize("solver", OTHER_SOLVERS)
@pytest.mark.parametrize(
    ("params", "weight"),
    [
        ({"kernel": "sigmoid"}, None),
        ({"kernel": "poly", "coef0": -1.0}, None),
        ({"gamma": 0.0}, None),
        ({"max_iter": 1000}, None),
        ({"C": np.inf}, None),
        ({"C": 1e300, "class_weight": {0: 1e300}}, None),
        ({}, [1, 0, 1, 1, 1, 1]),
    ],
)
def test_libsvm_solves_what_other_solvers_cannot(solver, params, weight, force):
    X = np.random.default_rng(0).normal(size=(6, 3))
    assert_solved_by_libsvm(solver, X, [0, 0, 1, 1, 2, 2], params, weight, force)


@needs_onedal
def test_onedal_does_not_solve_pairs_of_three_samples(force):
    X = np.random.default_rng(0).normal(size=(6, 3))
    assert_solved_by_libsvm("onedal", X, [0, 1, 1, 2, 2, 2], {}, None, force)


def assert_solved_by_libsvm(solver, X, y, params, weight, force):
    model = SVC(**params).fit(X, y, weight)
    assert model.solver_ == "libsvm"
    reference = sklearn.svm.SVC(**params).fit(X, y, weight)
    np.testing.assert_array_equal(model.dual_coef_, reference.dual_coef_)
    force(solver)
    with pytest.raises(ValueError, match=f"^{SOLVER_VARIABLE} is '{solver}', but .*: unset it"):
        SVC(**params).fit(X, y, weight)


@pytest.mark.parametrize("class_weight", [{0: 0.0}, {0: -1.0}])
def test_class_weights_that_are_not_positive_raise_the_error_of_libsvm(class_weight):
    X, y = small_problem()
    with pytest.raises(ValueError, match="not finite"):
        sklearn.svm.SVC(class_weight=class_weight).fit(X, y)
    with pytest.raises(ValueError, match="not finite"):
        SVC(class_weight=class_weight).fit(X, y)


def test_problem_size_selects_the_solver(monkeypatch):
    X, y = small_problem(n_classes=2)  # forty samples of five features
    assert SVC().fit(X, y).solver_ != "active_set"
    monkeypatch.setattr(solvers, "_ACTIVE_SET_PAIR_SAMPLES", {"onedal": 40, "libsvm": 40})
    monkeypatch.setattr(solvers, "_MAX_WORK", {"onedal": np.inf, "libsvm": np.inf})
    monkeypatch.setattr(solvers, "_LIBSVM_VALUES", 0)
    assert SVC().fit(X, y).solver_ == "active_set"
    assert SVC(kernel="sigmoid").fit(X, y).solver_ == "libsvm"


def overlapping(distance, n_features=20):
    """Return two classes of 1,000 samples each; 0 is the distance of random labels."""
    rng = np.random.default_rng(0)
    y = np.arange(2000) % 2
    return rng.normal(size=(2000, n_features)) + distance * y[:, np.newaxis], y


@pytest.mark.parametrize(
    ("distance", "C", "with_onedal", "without"),
    [
        (1.0, 1.0, "active_set", "active_set"),
        (0.0, 1.0, "onedal", "active_set"),  # nearly all samples are support vectors
        (0.2, 1000.0, "onedal", "libsvm"),  # many iterations
    ],
)
def test_a_trial_selects_the_solver(monkeypatch, distance, C, with_onedal, without):
    if find_spec("sklearnex") is None:
        with_onedal = without
    model = SVC(C=C, gamma=0.05)
    assert model.fit(*overlapping(distance)).solver_ == with_onedal
    monkeypatch.setattr(solvers, "_onedal_obstacle", lambda task: "it is not installed")
    assert model.fit(*overlapping(distance)).solver_ == without


def test_libsvm_is_selected_for_few_values_and_support_vectors():
    model = SVC()
    assert model.fit(*overlapping(4.0, n_features=2)).solver_ == "libsvm"
    assert model.fit(*overlapping(4.0, n_features=20)).solver_ == "active_set"
    assert model.fit(*overlapping(0.0, n_features=2)).solver_ != "active_set"


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("class_weight", [None, "balanced"])
def test_sample_weights_change_the_solution_as_in_libsvm(solver, n_classes, class_weight, force):
    force(solver)
    X, y = small_problem(n_classes)
    weight = np.random.default_rng(1).uniform(0.1, 3, size=len(y))
    params = {"tol": 1e-6, "class_weight": class_weight}
    reference = sklearn.svm.SVC(**params).fit(X, y, weight)
    ours = SVC(**params).fit(X, y, weight)
    assert not np.allclose(SVC(**params).fit(X, y).decision_function(X), ours.decision_function(X))
    np.testing.assert_allclose(ours.decision_function(X), reference.decision_function(X), atol=1e-3)


# All solvers


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_repeated_fits_return_the_same_bytes(solver, dtype, force):
    force(solver)
    X, y = small_problem(4, dtype)
    first, second = fitted_arrays(SVC().fit(X, y)), fitted_arrays(SVC().fit(X, y))
    assert first.keys() == second.keys()
    for name in first:
        assert first[name].tobytes() == second[name].tobytes(), name


@pytest.mark.parametrize("solver", SOLVERS)
def test_fitted_attributes_are_plain_types(solver, force):
    force(solver)
    X, y = small_problem()
    plain_types = (np.ndarray, str, int, float, bool, tuple, type(None))
    assert all(isinstance(value, plain_types) for value in vars(SVC().fit(X, y)).values())


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("n_classes", [2, 4])
def test_stored_model_needs_no_onedal(solver, n_classes, force, tmp_path):
    force(solver)
    X, y = small_problem(n_classes)
    labels = np.array(["zero", "one", "two", "three"])[y]
    model = SVC(kernel="rbf").fit(X, labels)
    skops.io.dump(model, tmp_path / "model.skops")
    np.savez(
        tmp_path / "expected.npz",
        X=X,
        decision=model.decision_function(X),
        predicted=model.predict(X),
    )
    script = """
import sys
for name in ("sklearnex", "onedal", "daal4py"):
    sys.modules[name] = None  # importing it raises ImportError
import numpy as np
import skops.io
expected = np.load("expected.npz")
model = skops.io.load("model.skops", trusted=["handwriting.models.svm.svc.SVC"])
np.testing.assert_array_equal(model.predict(expected["X"]), expected["predicted"])
np.testing.assert_array_equal(model.decision_function(expected["X"]), expected["decision"])
assert model.fit(expected["X"], expected["predicted"]).solver_ == "libsvm"
"""
    run_python(script, tmp_path)


def test_importing_the_classifier_imports_no_solver(tmp_path):
    script = """
import sys
import handwriting.models.svm.svc
assert not {"sklearnex", "onedal", "daal4py", "sklearn.svm"} & set(sys.modules)
"""
    run_python(script, tmp_path)


def run_python(script, directory):
    environment = {name: value for name, value in os.environ.items() if name != SOLVER_VARIABLE}
    environment["PYTHONPATH"] = str(Path(svc.__file__).parents[3])
    completed = subprocess.run(
        [sys.executable, "-c", script],
        cwd=directory,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert completed.returncode == 0, completed.stderr


# The environment variable and the parameters


def test_unknown_solver_raises_a_one_line_error(force):
    force("thunder")
    with pytest.raises(
        ValueError,
        match=f"^{SOLVER_VARIABLE} is 'thunder': set it to 'active_set', 'onedal' or 'libsvm'$",
    ):
        SVC().fit(*small_problem())


def test_missing_onedal_raises_a_one_line_error(force, monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearnex", None)
    assert SVC().fit(*small_problem()).solver_ == "libsvm"
    force("onedal")
    with pytest.raises(
        ValueError, match=f"^{SOLVER_VARIABLE} is 'onedal', but .* is not installed: unset it"
    ):
        SVC().fit(*small_problem())


@pytest.mark.parametrize(
    "invalid",
    [{"kernel": "precomputed"}, {"kernel": np.dot}, {"C": 0}, {"gamma": -1.0}, {"tol": 0}],
)
def test_invalid_parameter_is_named(invalid):
    with pytest.raises(InvalidParameterError, match=f"'{next(iter(invalid))}' parameter"):
        SVC(**invalid).fit(*small_problem())


def test_model_is_not_fitted_after_a_failed_fit(force):
    force("thunder")
    model = SVC()
    X, y = small_problem()
    with pytest.raises(ValueError, match=SOLVER_VARIABLE):
        model.fit(X, y)
    with pytest.raises(NotFittedError):
        model.predict(X)


def test_reaching_max_iter_warns():
    with pytest.warns(ConvergenceWarning):
        model = SVC(max_iter=1).fit(*small_problem())
    assert model.fit_status_ == 1


def test_parameters_and_defaults_equal_those_of_scikit_learn():
    """Parameters that only affect probabilities and printing are left out."""
    reference = sklearn.svm.SVC().get_params()
    ours = SVC().get_params()
    assert reference.keys() - ours.keys() == {"probability", "random_state", "verbose"}
    assert {name: reference[name] for name in ours} == ours
    assert clone(SVC(C=7)).C == 7


@parametrize_with_checks(
    [SVC()],
    expected_failed_checks=lambda _: {
        "check_sample_weight_equivalence_on_dense_data": "fails for sklearn.svm.SVC, too: row "
        "order changes the solution within its tolerance"
    },
)
def test_scikit_learn_checks(estimator, check):
    check(estimator)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_gamma_scale_is_that_of_all_samples_in_blocks(
    monkeypatch: pytest.MonkeyPatch, dtype: type
) -> None:
    X = np.random.default_rng(0).normal(3, 2, (100, 7)).astype(dtype)
    expected = 1 / (7 * X.var(dtype=np.float64))
    for rows in (1, 30, 100):
        monkeypatch.setattr(svc, "_VARIANCE_ROWS", rows)
        found = SVC().fit(X, np.arange(100) % 2)
        assert found._gamma == pytest.approx(expected, rel=1e-12)
