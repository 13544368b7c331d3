import math

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
from handwriting.models.folds import make_folds
from tests.helpers import DIGITS_FORMAT

GRID = {"max_depth": [2, 8], "min_samples_leaf": [1, 2, 30]}
HYPERPARAMETERS: list[Hyperparameters] = [
    DecisionTree(kind="tree", features="raw"),
    SupportVectorClassifier(kind="svc", features="unit", C=1, gamma=0.1),
]


def tree() -> Pipeline:
    return pipeline.build(DecisionTree(kind="tree", features="raw"), DIGITS_FORMAT)


def test_grid_search_is_scikit_learns_cross_validation_in_the_grids_order(
    some_digits: LabelledImages,
) -> None:
    folds = make_folds(some_digits, 4)
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
    folds = make_folds(some_digits, 2)
    found = model_selection.grid_search(tree(), {"max_depth": [3, None]}, some_digits, folds)
    assert [candidate.values for candidate in found] == [{"max_depth": 3}, {"max_depth": None}]


def test_learning_curve_skips_sizes_that_the_folds_cannot_fill(
    some_digits: LabelledImages,
) -> None:
    folds = make_folds(some_digits, 4)
    points = model_selection.learning_curve(tree(), [20, 225, 226], some_digits, folds, 0)
    assert [point.n_images for point in points] == [20, 225]
    assert all(point.minimum <= point.accuracy <= point.maximum for point in points)
    # With the whole training part, only the order of the images differs from cross-validation.
    oracle = DecisionTreeClassifier(random_state=0)
    plain = cross_val_score(oracle, some_digits.pixels, some_digits.labels, cv=folds).mean()
    assert points[-1].accuracy == pytest.approx(plain, abs=0.05)
    with pytest.raises(InputError, match=r"sizes: \[226\]; at least one must be at most 225"):
        model_selection.learning_curve(tree(), [226], some_digits, folds, 0)


@pytest.mark.parametrize("hyperparameters", HYPERPARAMETERS, ids=lambda block: block.kind)
def test_learning_curve_is_that_of_scikit_learn(
    hyperparameters: Hyperparameters, with_writers: LabelledImages
) -> None:
    folds = make_folds(with_writers, 3)
    model = pipeline.build(hyperparameters, DIGITS_FORMAT)
    points = model_selection.learning_curve(model, [30, 60, 120], with_writers, folds, 5)
    _, _, scores = reference_curve(
        Pipeline([*model.steps[:-1], ("classifier", model[-1].classifier)]),
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
    folds = make_folds(some_digits, 4)
    model = pipeline.build(hyperparameters, DIGITS_FORMAT)
    with pytest.raises(InputError) as caught:
        model_selection.learning_curve(model, [1, 100], some_digits, folds, 0)
    assert str(caught.value) == (
        "sizes: [1, 100]; with size 1, the training images of a fold show only one digit: use "
        "larger sizes"
    )
