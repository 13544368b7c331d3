import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.ensemble import RandomForestClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import Binarizer
from sklearn.tree import DecisionTreeClassifier

from handwriting.common.images import LabelledImages
from handwriting.evaluation import inspection
from handwriting.models.calibration import CalibratedClassifier
from handwriting.models.features.blocks import Blockwise
from handwriting.models.features.deskew import Deskew
from handwriting.models.features.gradients import OrientedGradients
from handwriting.models.features.pixels import UnitPixels
from handwriting.models.novelty import ClassSubspaces
from handwriting.models.svm.svc import SVC
from tests.helpers import fit_digits


def forest(features: object) -> Pipeline:
    return model_of(features, RandomForestClassifier(n_estimators=5, random_state=0))


def model_of(features: object, classifier: object) -> Pipeline:
    return Pipeline(
        [("features", features), ("classifier", CalibratedClassifier(classifier, ClassSubspaces()))]
    )


def fit(model: Pipeline, pixels: np.ndarray, labels: np.ndarray) -> Pipeline:
    """Fit a model; how it is calibrated does not matter here."""
    everything = np.arange(len(labels))
    return model.fit(pixels, labels, classifier__folds=[(everything, everything)])


def fit_svc(pixels: np.ndarray, labels: np.ndarray, **hyperparameters: float) -> Pipeline:
    classifier = SVC(**hyperparameters, decision_function_shape="ovo")
    return fit(model_of("passthrough", classifier), pixels, labels)


def test_support_weights_are_sums_of_absolute_dual_coefficients(
    some_digits: LabelledImages,
) -> None:
    model = fit_svc(some_digits.pixels, some_digits.labels, gamma=0.001)
    positions, labels, weights = inspection.support_weights(model)
    assert sorted(positions) == sorted(model[-1].classifier_.support_)
    assert labels.tolist() == some_digits.labels[positions].tolist()
    assert labels.tolist() == sorted(labels)
    sums = np.zeros(len(some_digits))
    sums[model[-1].classifier_.support_] = np.abs(model[-1].classifier_.dual_coef_).sum(axis=0)
    np.testing.assert_allclose(weights, sums[positions])
    for digit in range(10):
        decreasing = np.sort(sums[some_digits.labels == digit])[::-1]
        of_digit = weights[labels == digit]
        np.testing.assert_allclose(of_digit, decreasing[: len(of_digit)])
        assert not decreasing[len(of_digit) :].any()


def test_equal_support_weights_are_in_table_order(some_digits: LabelledImages) -> None:
    """A small C bounds most coefficients, so that most weights are equal."""
    model = fit_svc(some_digits.pixels, some_digits.labels, gamma=0.1, C=1e-3)
    positions, labels, weights = inspection.support_weights(model)
    is_tie = (np.diff(weights) == 0) & (np.diff(labels) == 0)
    assert is_tie.sum() > 10
    assert (np.diff(positions)[is_tie] > 0).all()


def test_support_weights_of_two_classes(some_digits: LabelledImages) -> None:
    two = some_digits.take(np.flatnonzero(some_digits.labels > 7))
    model = fit_svc(two.pixels, two.labels, gamma=0.001)
    positions, labels, weights = inspection.support_weights(model)
    assert set(labels) == {8, 9}
    assert labels.tolist() == two.labels[positions].tolist()
    assert weights[labels == 8].sum() == pytest.approx(weights[labels == 9].sum())


def test_there_is_one_importance_per_pixel(some_digits: LabelledImages) -> None:
    model = fit(forest("passthrough"), some_digits.pixels, some_digits.labels)
    importances = inspection.importances(model)
    assert inspection.has_importances(model)
    assert importances.shape == (64,)
    assert importances.sum() == pytest.approx(1)
    assert not importances[some_digits.pixels.max(axis=0) == 0].any()


def test_a_pixel_that_decides_alone_has_all_importance() -> None:
    X = np.array([[0, 3], [1, 3], [0, 3], [1, 3]])
    model = fit(model_of("passthrough", DecisionTreeClassifier()), X, X[:, 0])
    assert inspection.importances(model).tolist() == [1, 0]


@pytest.mark.parametrize("features", ["passthrough", UnitPixels(16), Binarizer(threshold=0)])
def test_features_of_one_pixel_each_have_importances(
    features: object, some_digits: LabelledImages
) -> None:
    model = fit(forest(features), some_digits.pixels, some_digits.labels)
    assert inspection.has_importances(model)
    assert not inspection.has_support_vectors(model)


def test_oriented_gradients_have_one_importance_per_cell(some_digits: LabelledImages) -> None:
    gradients = make_pipeline(
        Deskew(8, 8, size=12), OrientedGradients(12, n_orientations=4, n_cells=3)
    )
    model = fit(forest(Blockwise(gradients)), some_digits.pixels, some_digits.labels)
    found = inspection.importances(model)
    assert inspection.has_importances(model)
    by_feature = model[-1].classifier_.feature_importances_
    assert found.shape == (9,)
    assert found[5] == pytest.approx(
        by_feature[5] + by_feature[14] + by_feature[23] + by_feature[32]
    )


def test_features_that_mix_pixels_have_no_importances(some_digits: LabelledImages) -> None:
    model = fit(forest(PCA()), some_digits.pixels, some_digits.labels)
    assert not inspection.has_importances(model)


def test_a_support_vector_classifier_has_no_importances(some_digits: LabelledImages) -> None:
    model = fit_svc(some_digits.pixels, some_digits.labels, gamma=0.001)
    assert inspection.has_support_vectors(model)
    assert not inspection.has_importances(model)


def test_hyperparameters_are_those_of_the_classifier_and_the_number_of_cells(
    digits: LabelledImages,
) -> None:
    found = inspection.hyperparameters(fit_digits("svc with gradients", digits))
    assert found["C"] == 2
    assert found["gamma"] == 0.03
    assert found["n_cells"] == 5
    found = inspection.hyperparameters(fit_digits("forest", digits))
    assert found["n_estimators"] == 7
    assert found["min_samples_leaf"] == 3
    assert "n_cells" not in found
