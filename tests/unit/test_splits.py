from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from handwriting import splits
from handwriting.errors import InputError
from handwriting.images import Digits
from handwriting.params import GroupedSplit, OrderedSplit, RandomSplit


def digits(n: int, writers: int | None = None, digits_in_all: int = 10) -> Digits:
    rows = np.arange(n, dtype=np.int32)
    labels = (rows % digits_in_all).astype(np.uint8)
    pixels = np.zeros((n, 4), dtype=np.uint8)
    return Digits(pixels, labels, rows, None if writers is None else rows * writers // n)


METHODS = [
    OrderedSplit(method="ordered", train=0.7),
    OrderedSplit(method="ordered", train=40),
    RandomSplit(method="random", test=0.3, seed=1),
    RandomSplit(method="random", test=30, seed=1),
    GroupedSplit(method="grouped", test=0.3, seed=1),
    GroupedSplit(method="grouped", test=2, seed=1),
]


@pytest.mark.parametrize("method", METHODS, ids=str)
@given(n=st.integers(60, 200))
def test_every_image_is_on_exactly_one_side_in_the_tables_order(method: Any, n: int) -> None:
    train, test = splits.split(digits(n, writers=7), method)
    assert sorted([*train, *test]) == list(range(n))
    assert list(train) == sorted(train)
    assert list(test) == sorted(test)
    assert len(train) > 0
    assert len(test) > 0


def test_an_ordered_split_takes_a_fraction_rounded_down() -> None:
    train, test = splits.split(digits(1797), OrderedSplit(method="ordered", train=0.5))
    assert (len(train), len(test), test[0]) == (898, 899, 898)


def test_a_random_split_has_every_digit_in_proportion_and_follows_its_seed() -> None:
    data = digits(1000)
    split = [splits.split(data, RandomSplit(method="random", test=100, seed=s)) for s in (1, 1, 2)]
    assert np.bincount(data.labels[split[0][1]]).tolist() == [10] * 10
    assert split[0][1].tolist() == split[1][1].tolist()
    assert split[0][1].tolist() != split[2][1].tolist()


@given(seed=st.integers(0, 1000))
def test_a_grouped_split_has_no_writer_on_both_sides(seed: int) -> None:
    data = digits(200, writers=9)
    assert data.writers is not None
    train, test = splits.split(data, GroupedSplit(method="grouped", test=3, seed=seed))
    assert not set(data.writers[train]) & set(data.writers[test])
    assert len(set(data.writers[test])) == 3


@pytest.mark.parametrize(
    ("data", "method", "message"),
    [
        (digits(50), OrderedSplit(method="ordered", train=50), "split.train: 50 of 50 images"),
        (digits(50), OrderedSplit(method="ordered", train=0.01), "split.train: 0.01 of 50 images"),
        (digits(50), RandomSplit(method="random", test=60, seed=0), "split.test: 60 of 50 images"),
        (digits(50), RandomSplit(method="random", test=3, seed=0), "split.test: 3 of 50 images"),
        (digits(50), GroupedSplit(method="grouped", test=0.5, seed=0), "does not name its writers"),
        (digits(50, 4), GroupedSplit(method="grouped", test=9, seed=0), "split.test: 9 of 4 write"),
    ],
)
def test_a_split_that_cannot_be_made_says_why(data: Digits, method: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        splits.split(data, method)
