from pathlib import Path

import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.pipeline import make_pipeline

from handwriting.common.images import LabelledImages
from handwriting.features.pixels import UnitPixels
from handwriting.models import persistence
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


def test_the_same_samples_give_the_same_bytes_and_a_file_gives_the_same_scores(
    digits: LabelledImages, tmp_path: Path
) -> None:
    paths = [tmp_path / "a.skops", tmp_path / "b.skops"]
    for path in paths:
        model = make_pipeline(UnitPixels(16)).fit(digits.pixels)
        model.novelty_ = ClassSubspaces().fit(model.transform(digits.pixels), digits.labels)
        persistence.save(model, path)
    assert paths[0].read_bytes() == paths[1].read_bytes()
    loaded = persistence.load(paths[0])
    features = model.transform(digits.pixels)
    np.testing.assert_array_equal(
        loaded.novelty_.score_samples(features), model.novelty_.score_samples(features)
    )


def test_a_class_of_one_sample_is_its_own_mean() -> None:
    X = np.array([[0, 0], [4, 0], [5, 0], [6, 0]], dtype=np.float32)
    detector = ClassSubspaces(n_components=1, contamination=0).fit(X, [0, 1, 1, 1])
    assert detector.score_samples([[0, 3]]) == pytest.approx([-3])
