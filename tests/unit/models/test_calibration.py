from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from joblib import parallel_config
from scipy.special import softmax
from sklearn.base import clone
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import log_loss
from sklearn.tree import DecisionTreeClassifier

from handwriting.common.images import LabelledImages
from handwriting.models import calibration
from handwriting.models.calibration import CalibratedClassifier
from handwriting.models.novelty import ClassSubspaces
from handwriting.models.svm.svc import SVC


def svc() -> SVC:
    return SVC(C=5, gamma=0.001, decision_function_shape="ovo")


CLASSIFIERS = {
    "svc": svc(),
    "tree": DecisionTreeClassifier(random_state=0),
    "forest": RandomForestClassifier(20, random_state=0),
}


@pytest.fixture(scope="module", name="X")
def pixels(digits: LabelledImages) -> np.ndarray:
    return digits.pixels.astype(np.float32)


def calibrated(name: str) -> CalibratedClassifier:
    return CalibratedClassifier(CLASSIFIERS[name], ClassSubspaces())


def fit(name: str, X: np.ndarray, y: np.ndarray) -> CalibratedClassifier:
    """Fit to the first 600 digits; calibrate on the last 200 of them."""
    folds = [(np.arange(400), np.arange(400, 600))]
    return calibrated(name).fit(X[:600], y[:600], folds)


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_probabilities_have_the_sum_1_and_the_prediction_is_the_most_probable(
    name: str, X: np.ndarray, digits: LabelledImages
) -> None:
    model = fit(name, X, digits.labels)
    found = model.predict_proba(X[600:])
    assert found.shape == (len(X) - 600, 10)
    np.testing.assert_allclose(found.sum(axis=1), 1)
    assert (found > 0).all()
    np.testing.assert_array_equal(model.predict(X[600:]), model.classes_[found.argmax(axis=1)])


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_fits_side_by_side_are_the_same_as_one_after_the_other(
    name: str, X: np.ndarray, digits: LabelledImages
) -> None:
    one = fit(name, X, digits.labels)
    with parallel_config("threading", n_jobs=2):
        two = fit(name, X, digits.labels)
    assert one.exponent_ == two.exponent_
    np.testing.assert_array_equal(one.predict_proba(X[600:]), two.predict_proba(X[600:]))


def test_the_largest_fit_comes_last(
    X: np.ndarray, digits: LabelledImages, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beside a forest of all samples, other fits would need memory."""
    sizes = []
    for estimator in (ClassSubspaces, RandomForestClassifier):

        def fit_and_record(
            self: Any,
            X: np.ndarray,
            y: np.ndarray,
            fit: Any = estimator.fit,
            name: str = estimator.__name__,
        ) -> Any:
            sizes.append((name, len(X)))
            return fit(self, X, y)

        monkeypatch.setattr(estimator, "fit", fit_and_record)
    fit("forest", X, digits.labels)
    assert sizes == [
        ("ClassSubspaces", 600),
        ("RandomForestClassifier", 400),
        ("RandomForestClassifier", 600),
    ]


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_the_classifier_is_fitted_to_all_samples(
    name: str, X: np.ndarray, digits: LabelledImages
) -> None:
    model = fit(name, X, digits.labels)
    oracle = CLASSIFIERS[name].fit(X[:600], digits.labels[:600])
    np.testing.assert_array_equal(model.classifier_.predict(X), oracle.predict(X))


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_the_exponent_has_the_smallest_log_loss_on_held_out_samples(
    name: str, X: np.ndarray, digits: LabelledImages
) -> None:
    """The oracle tries many exponents on the scores of a classifier that saw 400 digits."""
    y = digits.labels
    model = fit(name, X, y)
    held_out = calibrated(name).fit(X[:400], y[:400], [(np.arange(400),) * 2])
    losses = {}
    for exponent in [model.exponent_, *np.geomspace(0.05, 20, 60)]:
        held_out.exponent_ = exponent
        losses[exponent] = log_loss(y[400:600], held_out.predict_proba(X[400:600]))
    assert losses[model.exponent_] <= min(losses.values()) + 1e-4


def test_calibration_lowers_the_log_loss_on_other_digits(
    X: np.ndarray, digits: LabelledImages
) -> None:
    model = fit("forest", X, digits.labels)
    calibrated = log_loss(digits.labels[600:], model.predict_proba(X[600:]))
    votes = np.clip(model.classifier_.predict_proba(X[600:]), 1e-3, 1)
    assert calibrated < log_loss(digits.labels[600:], votes / votes.sum(axis=1, keepdims=True))


def test_scores_of_pairs_are_products_of_logistic_functions(
    X: np.ndarray, digits: LabelledImages
) -> None:
    """The oracle multiplies the probabilities of each class's pairs one by one."""
    model = fit("svc", X, digits.labels)
    values = model.classifier_.decision_function(X[600:610])
    products = np.ones((10, 10))
    column = 0
    for first in range(10):
        for second in range(first + 1, 10):
            wins = 1 / (1 + np.exp(-calibration._SLOPE * values[:, column]))
            products[:, first] *= wins
            products[:, second] *= 1 - wins
            column += 1
    expected = products**model.exponent_
    expected /= expected.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(model.predict_proba(X[600:610]), expected, rtol=1e-6)


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_two_classes(name: str, X: np.ndarray, digits: LabelledImages) -> None:
    two = digits.labels < 2
    folds = [(np.arange(200), np.arange(200, 300))]
    model = calibrated(name).fit(X[two][:300], digits.labels[two][:300], folds)
    accuracy = np.mean(model.predict(X[two][300:]) == digits.labels[two][300:])
    assert accuracy > 0.9
    assert model.predict_proba(X[two][300:]).shape[1] == 2


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_a_class_that_a_fold_does_not_train_gets_the_lowest_score(
    name: str, X: np.ndarray, digits: LabelledImages
) -> None:
    y = digits.labels[:600]
    fitted = np.flatnonzero(y[:400] != 9)
    model = calibrated(name)
    model.fit(X[:600], y, [(fitted, np.arange(400, 600))])
    assert model.classes_.tolist() == list(range(10))
    assert np.isfinite(model.predict_proba(X[600:])).all()


@pytest.mark.parametrize("without_class", [None, 9])
@pytest.mark.parametrize(
    "hyperparameters",
    [
        {},
        {"criterion": "entropy", "max_depth": 6},
        {"criterion": "log_loss", "min_samples_leaf": 3, "min_samples_split": 9},
        {"max_features": 0.3, "ccp_alpha": 0.001},
        {"max_features": "sqrt", "random_state": 7},
    ],
)
def test_the_tree_of_a_fold_is_the_same_as_one_that_is_fitted_to_a_copy(
    hyperparameters: dict[str, Any],
    without_class: int | None,
    X: np.ndarray,
    digits: LabelledImages,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It ignores the held-out samples, whose weight is 0; their scores are computed in blocks."""
    monkeypatch.setattr(calibration, "_SCORED_ROWS", 70)
    y = digits.labels
    is_fitted = (np.random.default_rng(0).random(len(X)) < 0.6) & (y != without_class)
    fold = np.flatnonzero(is_fitted), np.flatnonzero(~is_fitted)
    tree = DecisionTreeClassifier(**{"random_state": 0, **hyperparameters})
    model = CalibratedClassifier(tree, ClassSubspaces()).fit(X, y, [fold])
    expected = model._held_out_scores(X, y, *fold, calibration._fit_to_copy)
    found = model._held_out_scores(X, y, *fold, model._choose_fit(True))
    np.testing.assert_array_equal(found, expected, strict=True)
    with calibration._fit_by_weight(tree, X, y, *fold) as (by_weight, blocks):
        assert max(map(len, blocks)) == 70
        oracle = clone(tree).fit(X[is_fitted], y[is_fitted])
        assert by_weight.tree_.__getstate__()["nodes"].tobytes() == (
            oracle.tree_.__getstate__()["nodes"].tobytes()
        )


@given(hnp.arrays(np.float64, (3, 4), elements=st.floats(-1e6, 1e6)))
def test_normalisation_is_scipys_softmax_for_numbers_of_any_size(logarithms: np.ndarray) -> None:
    found = np.exp(calibration._normalise(logarithms))
    np.testing.assert_allclose(found, softmax(logarithms, axis=1), rtol=1e-9, atol=1e-300)
