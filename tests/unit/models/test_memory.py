"""Features and calibration need little memory besides the samples and the result."""

import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin

from handwriting.common import images
from handwriting.common.images import LabelledImages
from handwriting.models import novelty
from handwriting.models.calibration import CalibratedClassifier
from handwriting.models.features.blocks import Blockwise
from handwriting.models.features.pixels import UnitPixels
from handwriting.models.novelty import ClassSubspaces

N_IMAGES = 30_000
PIXELS = np.random.default_rng(0).integers(0, 256, (N_IMAGES, 784), dtype=np.uint8)
LABELS = np.arange(N_IMAGES) % 10


def peak_memory(function: Callable[[], Any]) -> int:
    """Return the most bytes that were allocated at the same time."""
    tracemalloc.start()
    try:
        function()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("transformer", [UnitPixels(), Blockwise(UnitPixels())])
def test_features_take_the_memory_of_the_result(transformer: Any) -> None:
    transformer.fit(PIXELS)
    assert peak_memory(lambda: transformer.transform(PIXELS)) < 1.2 * 4 * PIXELS.size


def test_novelty_is_learned_block_by_block(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = ClassSubspaces().fit(PIXELS, LABELS)
    monkeypatch.setattr(novelty, "_BLOCK_ROWS", 300)
    fitted = ClassSubspaces()
    # Less than half of the samples in single precision.
    assert peak_memory(lambda: fitted.fit(PIXELS, LABELS)) < 0.5 * 4 * PIXELS.size
    np.testing.assert_allclose(fitted.means_, whole.means_, rtol=1e-5)
    assert fitted.offset_ == pytest.approx(whole.offset_, rel=1e-4)


class Recorder(ClassifierMixin, BaseEstimator):
    """A classifier that keeps what it is given."""

    calls: list[np.ndarray] = []  # noqa: RUF012

    def fit(self, X: np.ndarray, y: np.ndarray) -> "Recorder":
        self.calls.append(X)
        self.classes_ = np.unique(y)
        return self

    def predict_proba(self, X: np.ndarray) -> np.ndarray:
        self.calls.append(X)
        return np.full((len(X), len(self.classes_)), 1 / len(self.classes_))


def test_consecutive_samples_of_a_fold_are_not_copied(digits: LabelledImages) -> None:
    X, y = digits.pixels.astype(np.float32), digits.labels
    apart, together = np.arange(0, 900, 2), np.arange(900, len(X))
    Recorder.calls.clear()
    CalibratedClassifier(Recorder(), ClassSubspaces()).fit(X, y, [(together, apart)])
    fitted, scored, _ = Recorder.calls
    assert np.shares_memory(fitted, X)
    np.testing.assert_array_equal(fitted, X[together])
    np.testing.assert_array_equal(scored, X[apart])


def test_released_pixels_are_read_again(tmp_path: Any, digits: LabelledImages) -> None:
    images.save(digits, tmp_path / "images")
    mapped = images.load(tmp_path / "images").pixels
    images.release(mapped)
    np.testing.assert_array_equal(mapped, digits.pixels)
    images.release(digits.pixels)
