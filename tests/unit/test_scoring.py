from math import comb

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from handwriting import scoring

labels = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=60)


@given(labels)
def test_confusion_and_f1_against_plain_numpy(pairs: list[tuple[int, int]]) -> None:
    actual, predicted = np.array(pairs, dtype=np.uint8).T
    counts = np.zeros((10, 10), dtype=int)
    np.add.at(counts, (actual, predicted), 1)
    np.testing.assert_array_equal(scoring.confusion(actual, predicted), counts)

    occurring = [d for d in range(10) if counts[d].sum() + counts[:, d].sum() > 0]
    f1 = [2 * counts[d, d] / (counts[d].sum() + counts[:, d].sum()) for d in occurring]
    assert scoring.macro_f1(actual, predicted) == pytest.approx(np.mean(f1))


@given(labels)
def test_report_against_plain_numpy(pairs: list[tuple[int, int]]) -> None:
    actual, predicted = np.array(pairs, dtype=np.uint8).T
    for digit, precision, recall, _, images in scoring.report(actual, predicted):
        right = int(np.sum((actual == digit) & (predicted == digit)))
        assert images == np.sum(actual == digit)
        assert recall == pytest.approx(right / images if images else 0)
        guesses = np.sum(predicted == digit)
        assert precision == pytest.approx(right / guesses if guesses else 0)


@pytest.mark.parametrize(
    ("successes", "trials", "low", "high"),
    [
        # Exact limits: all right of n leaves (alpha / 2) ** (1 / n) at the lower end.
        (6, 6, 0.025 ** (1 / 6), 1.0),
        (0, 10, 0.0, 1 - 0.025 ** (1 / 10)),
        # Published: Newcombe (1998), Statistics in Medicine 17, table I, method 5.
        (81, 263, 0.2527, 0.3676),
        (15, 148, 0.0578, 0.1617),
        (0, 20, 0.0000, 0.1684),
        (1, 29, 0.0009, 0.1776),
    ],
)
def test_the_exact_interval_against_published_values(
    successes: int, trials: int, low: float, high: float
) -> None:
    interval = scoring.proportion(successes, trials, 0.95)
    assert interval.value == successes / trials
    assert (interval.low, interval.high) == (
        pytest.approx(low, abs=5e-5),
        pytest.approx(high, abs=5e-5),
    )


def test_accuracy_counts_agreement() -> None:
    interval = scoring.accuracy(np.array([1, 2, 3, 4]), np.array([1, 2, 3, 5]), 0.95)
    assert interval.value == 0.75
    assert interval.low < 0.75 < interval.high


def test_the_baseline_is_the_share_of_the_most_frequent_digit() -> None:
    assert scoring.majority_baseline(np.array([7, 7, 7, 1], dtype=np.uint8)) == 0.75


def paired(first_only: int, second_only: int, both: int) -> scoring.PairedTest:
    n = first_only + second_only + both
    actual = np.zeros(n, dtype=np.uint8)
    first, second = np.ones((2, n), dtype=np.uint8)
    first[:first_only] = 0
    second[first_only : first_only + second_only] = 0
    first[first_only + second_only :] = second[first_only + second_only :] = 0
    return scoring.mcnemar(actual, first, second)


@given(st.integers(0, 30), st.integers(0, 30), st.integers(1, 5))
def test_mcnemar_against_the_binomial_sum(first_only: int, second_only: int, both: int) -> None:
    result = paired(first_only, second_only, both)
    n, k = first_only + second_only, min(first_only, second_only)
    tail = sum(comb(n, i) for i in range(k + 1)) / 2**n
    assert (result.first_only, result.second_only) == (first_only, second_only)
    assert result.p_value == pytest.approx(min(1, 2 * tail))


def test_mcnemar_needs_a_difference_of_14_among_40() -> None:
    assert paired(27, 13, 5).p_value < 0.05 < paired(26, 14, 5).p_value


def test_shares_are_of_each_actual_digits_images() -> None:
    shares = scoring.shares(np.array([[3, 1], [0, 0]]))
    np.testing.assert_array_equal(shares, [[0.75, 0.25], [0, 0]])
