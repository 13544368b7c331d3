import numpy as np
import pytest

from handwriting.common.errors import InputError
from handwriting.common.images import LabelledImages
from handwriting.models.folds import make_folds, take_folds


def labelled(labels: list[int], writers: list[int] | None = None) -> LabelledImages:
    """Return images without ink that have the given labels and writers."""
    n = len(labels)
    return LabelledImages(
        np.zeros((n, 64), np.uint8),
        np.array(labels, np.uint8),
        np.arange(n, dtype=np.int32),
        None if writers is None else np.array(writers, np.int32),
    )


def test_folds_are_consecutive_rows_if_no_writer_is_known(some_digits: LabelledImages) -> None:
    folds = make_folds(some_digits, 4)
    assert [validated.tolist() for _, validated in folds] == [
        list(range(start, start + 75)) for start in range(0, 300, 75)
    ]


def test_folds_share_no_writer_and_use_every_image_once(with_writers: LabelledImages) -> None:
    folds = make_folds(with_writers, 4)
    assert with_writers.writers is not None
    for fitted, validated in folds:
        assert not set(with_writers.writers[fitted]) & set(with_writers.writers[validated])
    assert sorted(np.concatenate([validated for _, validated in folds])) == list(range(300))


def test_more_folds_than_writers_raises_input_error(some_digits: LabelledImages) -> None:
    one = LabelledImages(
        some_digits.pixels,
        some_digits.labels,
        some_digits.rows,
        np.zeros(len(some_digits), dtype=np.int32),
    )
    with pytest.raises(InputError, match="n_folds: 4; must be at most 1, the number of writers"):
        make_folds(one, 4)


def test_more_folds_than_images_raises_input_error(some_digits: LabelledImages) -> None:
    with pytest.raises(InputError, match="n_folds: 4; must be at most 3, the number of images"):
        make_folds(some_digits.take(np.arange(3)), 4)


@pytest.mark.parametrize(
    ("labels", "writers"),
    [
        ([0] * 9 + [1], None),
        ([0] * 5 + [1] * 5, None),
        ([0] * 10, None),
        ([0] * 10, list(range(10))),
        ([0] * 5 + [1] * 5, [0] * 5 + [1] * 5),
    ],
)
def test_training_part_of_one_digit_raises_input_error(
    labels: list[int], writers: list[int] | None
) -> None:
    message = "n_folds: 2; the training part of a fold shows only one digit"
    with pytest.raises(InputError, match=message):
        make_folds(labelled(labels, writers), 2)


def test_digits_with_fewer_images_than_folds_raise_input_error() -> None:
    images = labelled(list(range(10)), list(range(10)))
    with pytest.raises(InputError, match=r"^n_folds: 5; n_splits=5 cannot be greater than"):
        make_folds(images, 5)


@pytest.mark.parametrize(("n_images", "n_folds"), [(1, 1), (75, 1), (76, 2), (300, 4), (10_000, 4)])
def test_as_many_folds_are_taken_as_the_number_of_images_needs(
    n_images: int, n_folds: int, some_digits: LabelledImages
) -> None:
    folds = make_folds(some_digits, 4)
    assert take_folds(folds, n_images) == folds[:n_folds]
