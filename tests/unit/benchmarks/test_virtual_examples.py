import numpy as np
import pytest
from sklearn.pipeline import Pipeline, make_pipeline

from benchmarks import virtual_examples
from benchmarks.deformation import deform
from benchmarks.virtual_examples import VirtualExamples
from handwriting.common.images import LabelledImages
from handwriting.models.features.pixels import UnitPixels
from handwriting.models.svm.svc import SVC
from tests.helpers import DIGITS_FORMAT

SETTINGS = VirtualExamples(n_copies=2, amplitude=0.2, smoothness=1.5, seed=7)


@pytest.fixture
def train(digits: LabelledImages) -> LabelledImages:
    return digits.take(np.arange(900))


@pytest.fixture
def fitted(train: LabelledImages) -> Pipeline:
    return fit(train)


def fit(train: LabelledImages) -> Pipeline:
    model = make_pipeline(UnitPixels(16), SVC(C=5, gamma=0.1))
    return model.fit(train.pixels, train.labels)


def test_the_classifier_is_fitted_to_support_vectors_and_their_copies(
    fitted: Pipeline, train: LabelledImages
) -> None:
    origin = fitted[-1].support_.copy()
    refitted = virtual_examples.refit(fitted, train, DIGITS_FORMAT, SETTINGS)
    images = train.pixels[origin].reshape(-1, 8, 8).astype(np.float32)
    random = np.random.default_rng(7)
    copies = [deform(images, 0.2, 1.5, random).reshape(-1, 64) for _ in range(2)]
    pixels = np.concatenate([train.pixels[origin], *copies])
    labels = np.tile(train.labels[origin], 3)
    oracle = SVC(C=5, gamma=0.1).fit(pixels / np.float32(16), labels)
    np.testing.assert_array_equal(
        refitted.decision_function(train.pixels),
        oracle.decision_function(train.pixels / np.float32(16)),
    )


def test_every_support_vector_names_the_image_it_was_made_from(
    fitted: Pipeline, train: LabelledImages
) -> None:
    before = set(fitted[-1].support_)
    classifier = virtual_examples.refit(fitted, train, DIGITS_FORMAT, SETTINGS)[-1]
    assert len(classifier.support_) == len(classifier.support_vectors_)
    assert set(classifier.support_) <= before
    labels = np.repeat(classifier.classes_, classifier.n_support_)
    np.testing.assert_array_equal(train.labels[classifier.support_], labels)
    distance = np.abs(classifier.support_vectors_ * 16 - train.pixels[classifier.support_])
    assert np.median(distance.mean(axis=1)) < 1


def test_the_same_seed_gives_the_same_model(train: LabelledImages) -> None:
    def coefficients() -> np.ndarray:
        return virtual_examples.refit(fit(train), train, DIGITS_FORMAT, SETTINGS)[-1].dual_coef_

    np.testing.assert_array_equal(coefficients(), coefficients())
