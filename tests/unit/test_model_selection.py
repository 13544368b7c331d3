import math

import numpy as np
import pytest
from sklearn.model_selection import cross_val_score
from sklearn.model_selection import learning_curve as reference_curve
from sklearn.pipeline import Pipeline
from sklearn.tree import DecisionTreeClassifier

from handwriting import model_selection
from handwriting.common.errors import InputError
from handwriting.common.images import LabelledImages
from handwriting.common.params.models import (
    DecisionTree,
    Hyperparameters,
    SupportVectorClassifier,
)
from handwriting.models import pipeline
from tests.helpers import DIGITS_FORMAT

GRID = {"max_depth": [2, 8], "min_samples_leaf": [1, 2, 30]}
HYPERPARAMETERS: list[Hyperparameters] = [
    DecisionTree(kind="tree", features="raw"),
    SupportVectorClassifier(kind="svc", features="unit", C=1, gamma=0.1),
]


@pytest.fixture(scope="module")
def some_digits(digits: LabelledImages) -> LabelledImages:
    return digits.take(np.arange(300))


@pytest.fixture(scope="module")
def with_writers(some_digits: LabelledImages) -> LabelledImages:
    writers = np.random.default_rng(0).integers(0, 20, len(some_digits)).astype(np.int32)
    return LabelledImages(some_digits.pixels, some_digits.labels, some_digits.rows, writers)


def labelled(labels: list[int], writers: list[int] | None = None) -> LabelledImages:
    """Return images without ink that have the given labels and writers."""
    n = len(labels)
    return LabelledImages(
        np.zeros((n, 64), np.uint8),
        np.array(labels, np.uint8),
        np.arange(n, dtype=np.int32),
        None if writers is None else np.array(writers, np.int32),
    )


def tree() -> Pipeline:
    return pipeline.build(DecisionTree(kind="tree", features="raw"), DIGITS_FORMAT)


def test_folds_are_consecutive_rows_if_no_writer_is_known(some_digits: LabelledImages) -> None:
    folds = model_selection.make_folds(some_digits, 4)
    assert [validated.tolist() for _, validated in folds] == [
        list(range(start, start + 75)) for start in range(0, 300, 75)
    ]


def test_folds_share_no_writer_and_use_every_image_once(with_writers: LabelledImages) -> None:
    folds = model_selection.make_folds(with_writers, 4)
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
        model_selection.make_folds(one, 4)


def test_more_folds_than_images_raises_input_error(some_digits: LabelledImages) -> None:
    with pytest.raises(InputError, match="n_folds: 4; must be at most 3, the number of images"):
        model_selection.make_folds(some_digits.take(np.arange(3)), 4)


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
        model_selection.make_folds(labelled(labels, writers), 2)


def test_digits_with_fewer_images_than_folds_raise_input_error() -> None:
    images = labelled(list(range(10)), list(range(10)))
    with pytest.raises(InputError, match=r"^n_folds: 5; n_splits=5 cannot be greater than"):
        model_selection.make_folds(images, 5)


def test_grid_search_is_scikit_learns_cross_validation_in_the_grids_order(
    some_digits: LabelledImages,
) -> None:
    folds = model_selection.make_folds(some_digits, 4)
    candidates = model_selection.grid_search(tree(), GRID, some_digits, folds)
    assert [tuple(found.values.values()) for found in candidates] == [
        (depth, leaf) for depth in (2, 8) for leaf in (1, 2, 30)
    ]
    for found in candidates:
        plain = DecisionTreeClassifier(**found.values, random_state=0)
        scores = cross_val_score(plain, some_digits.pixels, some_digits.labels, cv=folds)
        assert found.accuracy == pytest.approx(scores.mean())
        assert found.standard_error == pytest.approx(scores.std(ddof=1) / math.sqrt(4))


def test_grid_search_accepts_a_grid_of_one_hyperparameter(some_digits: LabelledImages) -> None:
    folds = model_selection.make_folds(some_digits, 2)
    found = model_selection.grid_search(tree(), {"max_depth": [3, None]}, some_digits, folds)
    assert [candidate.values for candidate in found] == [{"max_depth": 3}, {"max_depth": None}]


def test_learning_curve_skips_sizes_that_the_folds_cannot_fill(
    some_digits: LabelledImages,
) -> None:
    folds = model_selection.make_folds(some_digits, 4)
    points = model_selection.learning_curve(tree(), [20, 225, 226], some_digits, folds, 0)
    assert [point.n_images for point in points] == [20, 225]
    assert all(point.minimum <= point.accuracy <= point.maximum for point in points)
    # With the whole training part, only the order of the images differs from cross-validation.
    plain = cross_val_score(tree(), some_digits.pixels, some_digits.labels, cv=folds).mean()
    assert points[-1].accuracy == pytest.approx(plain, abs=0.05)
    with pytest.raises(InputError, match=r"sizes: \[226\]; at least one must be at most 225"):
        model_selection.learning_curve(tree(), [226], some_digits, folds, 0)


@pytest.mark.parametrize("hyperparameters", HYPERPARAMETERS, ids=lambda block: block.kind)
def test_learning_curve_is_that_of_scikit_learn(
    hyperparameters: Hyperparameters, with_writers: LabelledImages
) -> None:
    folds = model_selection.make_folds(with_writers, 3)
    model = pipeline.build(hyperparameters, DIGITS_FORMAT)
    points = model_selection.learning_curve(model, [30, 60, 120], with_writers, folds, 5)
    _, _, scores = reference_curve(
        model,
        with_writers.pixels,
        with_writers.labels,
        train_sizes=[30, 60, 120],
        cv=folds,
        scoring="accuracy",
        shuffle=True,
        random_state=5,
    )
    assert [point.accuracy for point in points] == pytest.approx(scores.mean(axis=1))
    assert [point.minimum for point in points] == pytest.approx(scores.min(axis=1))
    assert [point.maximum for point in points] == pytest.approx(scores.max(axis=1))


@pytest.mark.parametrize("hyperparameters", HYPERPARAMETERS, ids=lambda block: block.kind)
def test_learning_curve_with_a_size_that_shows_one_digit_raises_input_error(
    hyperparameters: Hyperparameters, some_digits: LabelledImages
) -> None:
    folds = model_selection.make_folds(some_digits, 4)
    model = pipeline.build(hyperparameters, DIGITS_FORMAT)
    with pytest.raises(InputError) as caught:
        model_selection.learning_curve(model, [1, 100], some_digits, folds, 0)
    assert str(caught.value) == (
        "sizes: [1, 100]; with size 1, the training images of a fold show only one digit: use "
        "larger sizes"
    )
