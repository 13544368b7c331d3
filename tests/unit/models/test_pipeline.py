from typing import Any

import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.pipeline import Pipeline
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

from handwriting.common.images import LabelledImages
from handwriting.common.params.datasets import ImageFormat
from handwriting.common.params.models import (
    DecisionTree,
    Hyperparameters,
    RandomForest,
    SupportVectorClassifier,
)
from handwriting.models import pipeline

IMAGE = ImageFormat(height=8, width=8, pixel_max=16)
HYPERPARAMETERS: dict[str, Hyperparameters] = {
    "svc": SupportVectorClassifier(kind="svc", features="unit", C=2, gamma=0.3),
    "tree": DecisionTree(
        kind="tree", features="raw", criterion="entropy", max_depth=7, random_state=3
    ),
    "forest": RandomForest(
        kind="forest", features="raw", n_estimators=7, min_samples_leaf=3, random_state=3
    ),
}


def fitted(kind: str, digits: LabelledImages) -> Pipeline:
    """Fit a kind of model on 900 digits."""
    model = pipeline.build(HYPERPARAMETERS[kind], IMAGE)
    return pipeline.fit(model, digits.take(np.arange(900)))


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
    found = fitted(kind, digits).predict(digits.pixels[900:])
    np.testing.assert_array_equal(found, expected)


def test_binary_features_are_pixels_above_0(digits: LabelledImages) -> None:
    hyperparameters = DecisionTree(kind="tree", features="binary")
    train = digits.take(np.arange(300))
    model = pipeline.fit(pipeline.build(hyperparameters, IMAGE), train)
    oracle = DecisionTreeClassifier(random_state=0).fit(train.pixels > 0, train.labels)
    np.testing.assert_array_equal(
        model.predict(digits.pixels[300:]), oracle.predict(digits.pixels[300:] > 0)
    )


@pytest.mark.parametrize("kind", HYPERPARAMETERS)
def test_hyperparameters_are_arguments_of_the_classifier(kind: str) -> None:
    hyperparameters = HYPERPARAMETERS[kind]
    found = pipeline.build(hyperparameters, IMAGE)[-1].get_params()
    for name, value in hyperparameters.model_dump(exclude={"kind", "features"}).items():
        assert found[name] == value


def test_a_fitted_forest_predicts_in_one_thread(digits: LabelledImages) -> None:
    assert fitted("forest", digits)[-1].n_jobs is None


@pytest.mark.parametrize("kind", HYPERPARAMETERS)
def test_margins_are_the_best_score_minus_the_second(kind: str, digits: LabelledImages) -> None:
    model = fitted(kind, digits)
    pixels = digits.pixels[900:920]
    method = "decision_function" if kind == "svc" else "predict_proba"
    scores = np.sort(getattr(model, method)(pixels), axis=1)
    margins = pipeline.margins(model, pixels)
    assert margins.dtype == np.float64
    np.testing.assert_allclose(margins, scores[:, -1] - scores[:, -2])


@pytest.mark.parametrize("kind", HYPERPARAMETERS)
def test_margins_of_two_classes(kind: str, digits: LabelledImages) -> None:
    two = digits.take(np.flatnonzero(digits.labels < 2))
    model = pipeline.fit(pipeline.build(HYPERPARAMETERS[kind], IMAGE), two)
    margins = pipeline.margins(model, two.pixels)
    if kind == "svc":
        expected = 2 * np.abs(model.decision_function(two.pixels))
    else:
        expected = np.abs(np.diff(model.predict_proba(two.pixels))).ravel()
    np.testing.assert_allclose(margins, expected)
