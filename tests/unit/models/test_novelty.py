import numpy as np
import pytest
from sklearn.decomposition import PCA

from handwriting.common.images import LabelledImages
from handwriting.models.novelty import ClassSubspaces


def test_scores_are_the_reconstruction_errors_of_scikit_learn(digits: LabelledImages) -> None:
    X, y = digits.pixels[:600].astype(np.float32), digits.labels[:600]
    detector = ClassSubspaces(n_components=5).fit(X, y)
    errors = []
    for label in range(10):
        own = X[y == label]
        own = own[: int(len(own) * 0.8)]
        pca = PCA(5, svd_solver="full").fit(own)
        rest = X - pca.inverse_transform(pca.transform(X))
        errors.append(np.linalg.norm(rest, axis=1))
    np.testing.assert_allclose(detector.score_samples(X), -np.min(errors, axis=0), rtol=1e-3)


def test_the_given_share_of_held_out_samples_is_rejected(digits: LabelledImages) -> None:
    X, y = digits.pixels, digits.labels
    detector = ClassSubspaces(contamination=0.1).fit(X, y)
    held_out = np.concatenate(
        [np.flatnonzero(y == label)[int((y == label).sum() * 0.8) :] for label in range(10)]
    )
    rejected = (detector.decision_function(X[held_out]) < 0).mean()
    assert rejected == pytest.approx(0.1, abs=0.01)


def test_noise_is_far_from_digits(digits: LabelledImages) -> None:
    detector = ClassSubspaces().fit(digits.pixels, digits.labels)
    noise = np.random.default_rng(0).integers(0, 17, (100, 64))
    assert (detector.decision_function(noise) < 0).mean() > 0.95


def test_the_same_samples_give_the_same_numbers(digits: LabelledImages) -> None:
    first, second = (ClassSubspaces().fit(digits.pixels, digits.labels) for _ in range(2))
    np.testing.assert_array_equal(first.components_, second.components_)
    assert first.offset_ == second.offset_


def test_a_class_of_one_sample_is_its_own_mean() -> None:
    X = np.array([[0, 0], [4, 0], [5, 0], [6, 0]], dtype=np.float32)
    detector = ClassSubspaces(n_components=1, contamination=0).fit(X, [0, 1, 1, 1])
    assert detector.score_samples([[0, 3]]) == pytest.approx([-3])
