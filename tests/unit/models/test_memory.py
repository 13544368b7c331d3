"""Features and calibration need little memory besides the samples and the result."""

import tracemalloc
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from joblib import parallel_config
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.tree import DecisionTreeClassifier

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

    samples = np.empty(0)
    calls: list[tuple[int, bytes, bool]] = []  # noqa: RUF012

    def fit(self, X: np.ndarray, y: np.ndarray) -> "Recorder":
        self._record(X)
        self.classes_ = np.unique(y)
        return self

    def predict_proba(self, X: np.ndarray) -> np.ndarray:
        self._record(X)
        return np.full((len(X), len(self.classes_)), 1 / len(self.classes_))

    def _record(self, X: np.ndarray) -> None:
        """Keep number and values of the rows, and whether they are those of `samples`."""
        self.calls.append((len(X), X.tobytes(), np.shares_memory(X, self.samples)))


@settings(max_examples=50)
@given(
    arrays(bool, st.integers(20, 60), elements=st.booleans()),
    st.sampled_from(["writable", "read-only", "not all samples", "side by side"]),
    st.booleans(),
)
def test_a_fold_is_divided_without_a_copy_where_possible(
    is_fitted: np.ndarray, case: str, in_any_order: bool
) -> None:
    assume(is_fitted.any() and (~is_fitted).sum() > 1)
    random = np.random.default_rng(0)
    X, y = random.random((len(is_fitted), 3)), np.arange(len(is_fitted)) % 2
    fold = np.flatnonzero(is_fitted), np.flatnonzero(~is_fitted)
    if in_any_order:
        fold = random.permutation(fold[0]), random.permutation(fold[1])
    if case == "not all samples":
        fold = fold[0], fold[1][:-1]
    X.flags.writeable = case != "read-only"
    before = X.copy()
    Recorder.samples = X
    Recorder.calls.clear()
    with parallel_config("threading", n_jobs=2 if case == "side by side" else 1):
        CalibratedClassifier(Recorder(), ClassSubspaces()).fit(X, y, [fold, fold])
    fitted, validated = (before[rows] for rows in fold)
    expected = 2 * [(len(fitted), fitted.tobytes(), case == "writable")]
    expected += 2 * [(len(validated), validated.tobytes(), case == "writable")]
    expected += [(len(X), before.tobytes(), True)]
    assert Counter(Recorder.calls) == Counter(expected)
    np.testing.assert_array_equal(X, before)


def test_trees_side_by_side_need_no_copy_of_the_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(novelty, "_BLOCK_ROWS", 300)
    samples = PIXELS.astype(np.float32)
    fold = np.arange(N_IMAGES // 6, N_IMAGES), np.arange(N_IMAGES // 6)
    tree = DecisionTreeClassifier(max_depth=3)
    model = CalibratedClassifier(tree, ClassSubspaces())
    with parallel_config("threading", n_jobs=2):
        peak = peak_memory(lambda: model.fit(samples, LABELS, [fold]))
    assert peak < 0.5 * samples.nbytes


def test_released_pixels_are_read_again(tmp_path: Any, digits: LabelledImages) -> None:
    images.save(digits, tmp_path / "images")
    mapped = images.load(tmp_path / "images").pixels
    images.release(mapped)
    np.testing.assert_array_equal(mapped, digits.pixels)
    images.release(digits.pixels)
