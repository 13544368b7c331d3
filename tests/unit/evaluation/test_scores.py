import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from handwriting.evaluation import scores

# Pairs of an actual and a predicted digit.
pairs = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=60)


@given(pairs)
def test_confusion_and_f1_equal_plain_numpy(pairs: list[tuple[int, int]]) -> None:
    actual, predicted = np.array(pairs, dtype=np.uint8).T
    counts = np.zeros((10, 10), dtype=int)
    np.add.at(counts, (actual, predicted), 1)
    np.testing.assert_array_equal(scores.confusion(actual, predicted), counts)

    occurring = [d for d in range(10) if counts[d].sum() + counts[:, d].sum() > 0]
    f1 = [2 * counts[d, d] / (counts[d].sum() + counts[:, d].sum()) for d in occurring]
    assert scores.macro_f1(actual, predicted) == pytest.approx(np.mean(f1))


@given(pairs)
def test_per_digit_scores_equal_plain_numpy(pairs: list[tuple[int, int]]) -> None:
    actual, predicted = np.array(pairs, dtype=np.uint8).T
    found = scores.per_digit_scores(actual, predicted)
    assert [row[0] for row in found] == list(range(10))
    for digit, precision, recall, f1, n_images in found:
        n_correct = int(np.sum((actual == digit) & (predicted == digit)))
        n_predicted = int(np.sum(predicted == digit))
        assert n_images == np.sum(actual == digit)
        assert recall == pytest.approx(n_correct / n_images if n_images else 0)
        assert precision == pytest.approx(n_correct / n_predicted if n_predicted else 0)
        assert f1 == pytest.approx(2 * n_correct / max(n_images + n_predicted, 1))


def test_row_shares_divide_by_the_number_of_images_of_each_digit() -> None:
    shares = scores.row_shares(np.array([[3, 1], [0, 0]]))
    np.testing.assert_array_equal(shares, [[0.75, 0.25], [0, 0]])
