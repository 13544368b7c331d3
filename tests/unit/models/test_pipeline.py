from typing import Any

import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

from handwriting.common.images import LabelledImages
from handwriting.common.params.models import NOT_FOR_ESTIMATOR, DecisionTree
from handwriting.models import pipeline
from tests.helpers import DIGITS_FORMAT, HYPERPARAMETERS, fit_digits


@pytest.mark.parametrize(
    ("kind", "oracle"),
    [
        ("svc", SVC(C=2, gamma=0.3)),
        ("tree", DecisionTreeClassifier(criterion="entropy", max_depth=7, random_state=3)),
        ("forest", RandomForestClassifier(7, min_samples_leaf=3, random_state=3)),
    ],
)
def test_a_model_predicts_the_same_as_scikit_learn(
    kind: str, oracle: Any, digits: LabelledImages
) -> None:
    scale = 16 if kind == "svc" else 1
    oracle.fit(digits.pixels[:900] / np.float32(scale), digits.labels[:900])
    expected = oracle.predict(digits.pixels[900:] / np.float32(scale))
    found = fit_digits(kind, digits).predict(digits.pixels[900:])
    np.testing.assert_array_equal(found, expected)


def test_binary_features_are_pixels_above_0(digits: LabelledImages) -> None:
    hyperparameters = DecisionTree(kind="tree", features="binary")
    train = digits.take(np.arange(300))
    model = pipeline.fit(pipeline.build(hyperparameters, DIGITS_FORMAT), train)
    oracle = DecisionTreeClassifier(random_state=0).fit(train.pixels > 0, train.labels)
    np.testing.assert_array_equal(
        model.predict(digits.pixels[300:]), oracle.predict(digits.pixels[300:] > 0)
    )


@pytest.mark.parametrize("kind", HYPERPARAMETERS)
def test_hyperparameters_are_arguments_of_the_classifier(kind: str) -> None:
    hyperparameters = HYPERPARAMETERS[kind]
    found = pipeline.build(hyperparameters, DIGITS_FORMAT)[-1].get_params()
    for name, value in hyperparameters.model_dump(exclude=NOT_FOR_ESTIMATOR).items():
        assert found[name] == value


def test_a_fitted_forest_predicts_in_one_thread(digits: LabelledImages) -> None:
    assert fit_digits("forest", digits)[-1].n_jobs is None


@pytest.mark.parametrize("kind", HYPERPARAMETERS)
def test_margins_are_the_best_score_minus_the_second(kind: str, digits: LabelledImages) -> None:
    model = fit_digits(kind, digits)
    pixels = digits.pixels[900:920]
    method = "decision_function" if kind.startswith("svc") else "predict_proba"
    scores = np.sort(getattr(model, method)(pixels), axis=1)
    margins = pipeline.margins(model, pixels)
    assert margins.dtype == np.float64
    np.testing.assert_allclose(margins, scores[:, -1] - scores[:, -2])


@pytest.mark.parametrize("kind", HYPERPARAMETERS)
def test_margins_of_two_classes(kind: str, digits: LabelledImages) -> None:
    two = digits.take(np.flatnonzero(digits.labels < 2))
    model = pipeline.fit(pipeline.build(HYPERPARAMETERS[kind], DIGITS_FORMAT), two)
    margins = pipeline.margins(model, two.pixels)
    if kind.startswith("svc"):
        expected = 2 * np.abs(model.decision_function(two.pixels))
    else:
        expected = np.abs(np.diff(model.predict_proba(two.pixels))).ravel()
    np.testing.assert_allclose(margins, expected)


@pytest.mark.parametrize("kind", HYPERPARAMETERS)
def test_features_learn_nothing_from_the_images(kind: str, digits: LabelledImages) -> None:
    """Cross-validation computes them once for all folds."""
    features = pipeline.build(HYPERPARAMETERS[kind], DIGITS_FORMAT)[:-1]
    of_all = features.fit_transform(digits.pixels)[:20]
    np.testing.assert_array_equal(features.fit_transform(digits.pixels[:20]), of_all)


@pytest.mark.parametrize("kind", HYPERPARAMETERS)
def test_a_model_knows_the_number_of_its_pixels(kind: str, digits: LabelledImages) -> None:
    assert pipeline.n_pixels(fit_digits(kind, digits)) == 64


def test_gradients_recognise_more_digits_of_other_writers_than_pixels(
    digits: LabelledImages,
) -> None:
    test, actual = digits.pixels[900:], digits.labels[900:]
    mistakes = {
        kind: int(np.sum(fit_digits(kind, digits).predict(test) != actual))
        for kind in ("svc", "svc with gradients")
    }
    assert mistakes["svc with gradients"] < 0.6 * mistakes["svc"]
