from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from handwriting import splits
from handwriting.common.errors import InputError
from handwriting.common.images import LabelledImages
from handwriting.common.params.datasets import GroupedSplit, OrderedSplit, RandomSplit


def some_images(n: int, n_writers: int | None = None, n_digits: int = 10) -> LabelledImages:
    """Return `n` images that show the digits in turn, by `n_writers` writers one after another."""
    rows = np.arange(n, dtype=np.int32)
    labels = (rows % n_digits).astype(np.uint8)
    writers = None if n_writers is None else rows * n_writers // n
    return LabelledImages(np.zeros((n, 4), dtype=np.uint8), labels, rows, writers)


def sorted_by_digit(n: int) -> LabelledImages:
    """Return `n` images, the first half zeros and the second half ones, by four writers."""
    rows = np.arange(n, dtype=np.int32)
    pixels = np.zeros((n, 4), dtype=np.uint8)
    return LabelledImages(pixels, (rows * 2 // n).astype(np.uint8), rows, rows * 4 // n)


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
def test_every_image_is_in_exactly_one_part_in_table_order(method: Any, n: int) -> None:
    train, test = splits.split(some_images(n, n_writers=7), method)
    assert sorted([*train, *test]) == list(range(n))
    assert list(train) == sorted(train)
    assert list(test) == sorted(test)
    assert len(train) > 0
    assert len(test) > 0


def test_an_ordered_split_rounds_a_fraction_down() -> None:
    train, test = splits.split(some_images(1797), OrderedSplit(method="ordered", train=0.5))
    assert (len(train), len(test), test[0]) == (898, 899, 898)


def test_a_random_split_is_stratified_and_depends_on_its_seed() -> None:
    images = some_images(1000)
    split = [
        splits.split(images, RandomSplit(method="random", test=100, seed=seed))
        for seed in (1, 1, 2)
    ]
    assert np.bincount(images.labels[split[0][1]]).tolist() == [10] * 10
    assert split[0][1].tolist() == split[1][1].tolist()
    assert split[0][1].tolist() != split[2][1].tolist()


@given(seed=st.integers(0, 1000))
def test_a_grouped_split_has_no_writer_in_both_parts(seed: int) -> None:
    images = some_images(200, n_writers=9)
    assert images.writers is not None
    train, test = splits.split(images, GroupedSplit(method="grouped", test=3, seed=seed))
    assert not set(images.writers[train]) & set(images.writers[test])
    assert len(set(images.writers[test])) == 3


@pytest.mark.parametrize(
    ("images", "method", "message"),
    [
        (some_images(50), OrderedSplit(method="ordered", train=50), "split.train: 50 of 50 images"),
        (
            some_images(50),
            OrderedSplit(method="ordered", train=0.01),
            "split.train: 0.01 of 50 images; both parts must be non-empty",
        ),
        (
            some_images(50),
            RandomSplit(method="random", test=60, seed=0),
            "split.test: 60 of 50 images",
        ),
        (
            some_images(50),
            RandomSplit(method="random", test=3, seed=0),
            "split.test: 3 of 50 images",
        ),
        (
            some_images(50),
            GroupedSplit(method="grouped", test=0.5, seed=0),
            "split.method: 'grouped'; this dataset does not name its writers; must be 'ordered'",
        ),
        (
            some_images(50, 4),
            GroupedSplit(method="grouped", test=9, seed=0),
            "split.test: 9 of 4 writers",
        ),
    ],
)
def test_a_split_that_is_not_possible_raises_input_error(
    images: LabelledImages, method: Any, message: str
) -> None:
    with pytest.raises(InputError) as caught:
        splits.split(images, method)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("images", "method", "digit"),
    [
        (sorted_by_digit(40), OrderedSplit(method="ordered", train=0.5), 0),
        (sorted_by_digit(40), OrderedSplit(method="ordered", train=1), 0),
        (sorted_by_digit(40), GroupedSplit(method="grouped", test=3, seed=0), None),
        (some_images(40, n_digits=1), RandomSplit(method="random", test=0.5, seed=0), 0),
    ],
)
def test_training_images_of_one_digit_raise_input_error_that_names_it(
    images: LabelledImages, method: Any, digit: int | None
) -> None:
    with pytest.raises(InputError) as caught:
        splits.split(images, method)
    message = str(caught.value)
    assert message.startswith("split: the training images show only the digit ")
    assert "must show at least two different digits" in message
    assert "\n" not in message
    if digit is not None:
        assert f"only the digit {digit};" in message


def test_test_images_of_one_digit_are_allowed() -> None:
    train, test = splits.split(sorted_by_digit(40), OrderedSplit(method="ordered", train=30))
    assert (len(train), len(test)) == (30, 10)
