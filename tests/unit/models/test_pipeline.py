import filecmp
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

from handwriting import persistence
from handwriting.common.images import LabelledImages
from handwriting.common.params.models import NOT_FOR_ESTIMATOR, DecisionTree
from handwriting.models import pipeline
from tests.helpers import DIGITS_FORMAT, HYPERPARAMETERS, fit, fit_digits


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
    model = fit_digits(kind, digits)
    found = model[-1].classifier_.predict(model[:-1].transform(digits.pixels[900:]))
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("kind", HYPERPARAMETERS)
def test_calibration_changes_hardly_any_prediction(kind: str, digits: LabelledImages) -> None:
    model = fit_digits(kind, digits)
    of_classifier = model[-1].classifier_.predict(model[:-1].transform(digits.pixels[900:]))
    changed = np.mean(model.predict(digits.pixels[900:]) != of_classifier)
    assert changed <= (0.01 if kind.startswith("svc") else 0)


def test_binary_features_are_pixels_above_0(digits: LabelledImages) -> None:
    hyperparameters = DecisionTree(kind="tree", features="binary")
    train = digits.take(np.arange(300))
    model = fit(hyperparameters, train)
    oracle = DecisionTreeClassifier(random_state=0).fit(train.pixels > 0, train.labels)
    np.testing.assert_array_equal(
        model.predict(digits.pixels[300:]), oracle.predict(digits.pixels[300:] > 0)
    )


@pytest.mark.parametrize("kind", HYPERPARAMETERS)
def test_hyperparameters_are_arguments_of_the_classifier(kind: str) -> None:
    hyperparameters = HYPERPARAMETERS[kind]
    found = pipeline.build(hyperparameters, DIGITS_FORMAT)[-1].classifier.get_params()
    for name, value in hyperparameters.model_dump(exclude=NOT_FOR_ESTIMATOR).items():
        assert found[name] == value


def test_a_fitted_forest_predicts_in_one_thread(digits: LabelledImages) -> None:
    calibrated = fit_digits("forest", digits)[-1]
    assert calibrated.classifier_.n_jobs is None
    assert calibrated.classifier.n_jobs is None


@pytest.mark.parametrize("kind", HYPERPARAMETERS)
def test_features_learn_nothing_from_the_images(kind: str, digits: LabelledImages) -> None:
    """Cross-validation computes them once for all folds."""
    features = pipeline.build(HYPERPARAMETERS[kind], DIGITS_FORMAT)[:-1]
    of_all = features.fit_transform(digits.pixels)[:20]
    np.testing.assert_array_equal(features.fit_transform(digits.pixels[:20]), of_all)


@pytest.mark.parametrize("kind", HYPERPARAMETERS)
def test_a_model_knows_the_format_of_its_images(kind: str, digits: LabelledImages) -> None:
    assert pipeline.image_format(fit_digits(kind, digits)) == DIGITS_FORMAT


@pytest.mark.parametrize("kind", HYPERPARAMETERS)
def test_pixels_of_another_format_are_refused(kind: str, digits: LabelledImages) -> None:
    model = fit_digits(kind, digits)
    with pytest.raises(ValueError, match=r"images of shape \(2, 63\); must be \(n, 64\)"):
        model.predict(digits.pixels[:2, :63])
    with pytest.raises(ValueError, match="pixels from 0 to 255; must be 0–16"):
        model.predict(np.where(digits.pixels[:2] > 0, 255, 0))
    with pytest.raises(ValueError, match="pixels from nan to nan; must be 0–16"):
        model.predict(np.full((1, 64), np.nan))


def test_gradients_recognise_more_digits_of_other_writers_than_pixels(
    digits: LabelledImages,
) -> None:
    test, actual = digits.pixels[900:], digits.labels[900:]
    mistakes = {
        kind: int(np.sum(fit_digits(kind, digits).predict(test) != actual))
        for kind in ("svc", "svc with gradients")
    }
    assert mistakes["svc with gradients"] < 0.6 * mistakes["svc"]


@pytest.mark.parametrize("kind", HYPERPARAMETERS)
def test_features_that_are_computed_in_blocks_give_the_same_bytes(
    kind: str, digits: LabelledImages, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    persistence.save(fit_digits(kind, digits), tmp_path / "whole")
    monkeypatch.setattr(pipeline, "_BLOCK_IMAGES", 100)
    persistence.save(fit_digits(kind, digits), tmp_path / "blocks")
    assert filecmp.cmp(tmp_path / "blocks", tmp_path / "whole", shallow=False)
