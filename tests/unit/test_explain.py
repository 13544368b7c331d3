import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.ensemble import RandomForestClassifier
from sklearn.pipeline import Pipeline, make_pipeline

from handwriting import explain, sources
from handwriting.images import Digits
from handwriting.svm import SVC


@pytest.fixture(scope="module")
def digits() -> Digits:
    return sources.bundled_digits().take(np.arange(300))


def test_the_heaviest_are_the_support_vectors_with_the_largest_coefficients(
    digits: Digits,
) -> None:
    model = make_pipeline(SVC(gamma=0.001)).fit(digits.pixels, digits.labels)
    positions, weights = explain.heaviest_support(model, digits.labels, 3)
    assert np.bincount(digits.labels[positions]).tolist() == [3] * 10
    sizes = np.zeros(len(digits))
    sizes[model[-1].support_] = np.abs(model[-1].dual_coef_).sum(axis=0)
    np.testing.assert_allclose(weights, sizes[positions])
    for digit in range(10):
        largest = np.sort(sizes[digits.labels == digit])[::-1][:3]
        np.testing.assert_allclose(sizes[positions[digits.labels[positions] == digit]], largest)


def test_importances_are_one_for_each_pixel(digits: Digits) -> None:
    forest = RandomForestClassifier(n_estimators=5, random_state=0)
    model = Pipeline([("features", "passthrough"), ("classifier", forest)])
    importances = explain.pixel_importances(model.fit(digits.pixels, digits.labels))
    assert explain.sees_pixels(model)
    assert importances.sum() == pytest.approx(1)
    assert not importances[digits.pixels.max(axis=0) == 0].any()
    assert not explain.has_support_vectors(model)


def test_features_that_mix_pixels_are_not_pixels() -> None:
    model = Pipeline([("features", PCA()), ("classifier", RandomForestClassifier())])
    assert not explain.sees_pixels(model)


def test_the_mean_image_is_the_mean_of_each_pixel(digits: Digits) -> None:
    mean = explain.mean_image(digits)
    assert mean[20] == pytest.approx(sum(map(int, digits.pixels[:, 20])) / 300)
