import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from handwriting.evaluation import confidence
from handwriting.evaluation.statistics import exact_interval

PREDICTIONS = st.lists(st.tuples(st.floats(0.1, 1), st.booleans()), min_size=1, max_size=60).map(
    lambda rows: (np.array([p for p, _ in rows]), np.array([c for _, c in rows]))
)


def test_bins_of_a_small_example() -> None:
    probabilities = np.array([0.99, 0.95, 0.97, 0.5, 0.52])
    correct = np.array([True, True, False, True, False])
    low, high = confidence.reliability(probabilities, correct, 0.9)
    assert (low.n_images, low.probability, low.accuracy.value) == (2, pytest.approx(0.51), 0.5)
    assert (low.low, low.high) == (7 / 15, 8 / 15)
    assert (high.n_images, high.probability) == (3, pytest.approx(0.97))
    assert high.accuracy == exact_interval(2, 3, 0.9)


def test_the_limits_of_a_bin_belong_to_the_lower_one() -> None:
    (found,) = confidence.reliability(np.array([8 / 15, 1 / 15 + 7 / 15]), np.ones(2, bool), 0.95)
    assert found.high == 8 / 15


@given(PREDICTIONS)
def test_bins_contain_every_image_once(predictions: tuple[np.ndarray, np.ndarray]) -> None:
    probabilities, correct = predictions
    bins = list(confidence.reliability(probabilities, correct, 0.95))
    assert sum(found.n_images for found in bins) == len(correct)
    for found in bins:
        assert found.low < found.probability <= found.high + 1e-12
    n_correct = sum(found.n_images * found.accuracy.value for found in bins)
    assert n_correct == pytest.approx(correct.sum())


@given(PREDICTIONS)
def test_calibration_error_is_that_of_a_plain_loop(
    predictions: tuple[np.ndarray, np.ndarray],
) -> None:
    probabilities, correct = predictions
    gaps: dict[int, float] = {}
    for probability, is_correct in zip(probabilities, correct, strict=True):
        number = next(k for k in range(1, 16) if probability <= k / 15)
        gaps[number] = gaps.get(number, 0) + is_correct - probability
    expected = sum(abs(gap) for gap in gaps.values()) / len(correct)
    bins = list(confidence.reliability(probabilities, correct, 0.95))
    assert confidence.calibration_error(bins) == pytest.approx(expected, abs=1e-12)


def test_calibrated_predictions_have_a_small_error_and_overconfident_ones_a_large_one() -> None:
    random = np.random.default_rng(0)
    probabilities = random.uniform(0.5, 1, 20_000)
    correct = random.uniform(size=20_000) < probabilities
    error = confidence.calibration_error(list(confidence.reliability(probabilities, correct, 0.95)))
    assert error < 0.01
    overconfident = list(confidence.reliability(np.ones(20_000), correct, 0.95))
    assert confidence.calibration_error(overconfident) == pytest.approx(1 - correct.mean())


@given(PREDICTIONS, st.floats(0, 0.5))
def test_reject_rate_is_that_of_a_plain_loop(
    predictions: tuple[np.ndarray, np.ndarray], error: float
) -> None:
    probabilities, correct = predictions
    order = sorted(range(len(correct)), key=lambda k: (probabilities[k], k))
    expected = 1.0
    for n_rejected in range(len(correct)):
        left = order[n_rejected:]
        if sum(not correct[k] for k in left) <= error * len(left):
            expected = n_rejected / len(correct)
            break
    assert confidence.reject_rate(probabilities, correct, error) == expected


def test_reject_rate_without_and_with_nothing_but_mistakes() -> None:
    probabilities = np.linspace(0.5, 1, 10)
    assert confidence.reject_rate(probabilities, np.ones(10, bool), 0) == 0
    assert confidence.reject_rate(probabilities, np.zeros(10, bool), 0.001) == 1


@given(PREDICTIONS)
def test_reject_curve_starts_with_all_mistakes_and_rejects_ever_more(
    predictions: tuple[np.ndarray, np.ndarray],
) -> None:
    probabilities, correct = predictions
    curve = confidence.reject_curve(probabilities, correct)
    assert curve[0].rejected == 0
    assert curve[0].mistakes == np.sum(~correct)
    rejected = [point.rejected for point in curve]
    assert rejected == sorted(set(rejected))
    assert all(0 <= point.rejected < 1 for point in curve)
    mistakes = [point.mistakes for point in curve]
    assert mistakes == sorted(mistakes, reverse=True)
    for point in curve:
        left = round((1 - point.rejected) * len(correct))
        assert point.error == pytest.approx(point.mistakes / left)


def test_points_of_the_reject_curve_of_many_images() -> None:
    curve = confidence.reject_curve(np.linspace(0.5, 1, 10_000), np.ones(10_000, bool))
    assert [point.rejected for point in curve[:3]] == [0, 0.001, 0.002]
    assert len(curve) == 190
