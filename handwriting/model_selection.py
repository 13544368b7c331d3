"""Cross-validation on the training images: grid search and learning curves."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt
from joblib import parallel_config
from sklearn.base import ClassifierMixin
from sklearn.model_selection import GridSearchCV
from sklearn.model_selection import learning_curve as cross_validated_curve
from sklearn.pipeline import Pipeline

from handwriting.common.errors import InputError
from handwriting.common.images import LabelledImages
from handwriting.models.folds import TrainTest, shows_one_digit
from handwriting.models.nystroem import NystroemClassifier
from handwriting.models.svm import cluster
from handwriting.models.svm.svc import SVC


@dataclass(frozen=True)
class Candidate:
    """A combination of hyperparameters and its cross-validated accuracy.

    Attributes
    ----------
    values : dict
        The hyperparameters by name.
    accuracy : float
        Mean over the folds, 0–1.
    standard_error : float
        Standard error of that mean.
    """

    values: dict[str, Any]
    accuracy: float
    standard_error: float


@dataclass(frozen=True)
class CurvePoint:
    """Cross-validated accuracy for one number of training images: mean, minimum and maximum."""

    n_images: int
    accuracy: float
    minimum: float
    maximum: float


def grid_search(
    model: Pipeline,
    grid: Mapping[str, Sequence[Any]],
    train: LabelledImages,
    folds: list[TrainTest],
) -> list[Candidate]:
    """Cross-validate every combination of a grid's values; the last name's values vary fastest.

    Parameters
    ----------
    model : Pipeline
        An unfitted model whose classifier takes the hyperparameters and whose features learn
        nothing from the images.
    grid : mapping
        Values to try by hyperparameter name.
    train : LabelledImages
    folds : list
        From `folds.make_folds`.
    """
    combinations = [dict(zip(grid, values, strict=True)) for values in product(*grid.values())]
    # One grid per combination keeps the order of the names, which scikit-learn would sort.
    candidates = [{name: [value] for name, value in values.items()} for values in combinations]
    classifier = model[-1].classifier
    with _parallel_fits(classifier):
        search = GridSearchCV(
            classifier, candidates, scoring="accuracy", cv=folds, refit=False, error_score="raise"
        ).fit(_compute_features(model, train), train.labels)
    means = search.cv_results_["mean_test_score"]
    # NumPy's standard deviation divides by n; an unbiased one divides by n - 1.
    errors = search.cv_results_["std_test_score"] / np.sqrt(len(folds) - 1)
    return [
        Candidate(values, float(mean), float(error))
        for values, mean, error in zip(combinations, means, errors, strict=True)
    ]


def learning_curve(
    model: Pipeline,
    sizes: Sequence[int],
    train: LabelledImages,
    folds: list[TrainTest],
    seed: int,
) -> list[CurvePoint]:
    """Cross-validate a model on increasing numbers of training images.

    The training part of each fold is shuffled, so that every size contains all of its writers. The
    validation part still has other writers.

    Parameters
    ----------
    model : Pipeline
        An unfitted model whose features learn nothing from the images.
    sizes : sequence of int
        Numbers of training images, increasing. Sizes that a fold cannot fill are skipped.
    train : LabelledImages
    folds : list
        From `folds.make_folds`.
    seed : int
        Random seed.

    Raises
    ------
    InputError
        If no size can be filled, or if the smallest size is so small that all images of a training
        part show the same digit.
    """
    available = min(len(fitted) for fitted, _ in folds)
    usable = [size for size in sizes if size <= available]
    if not usable:
        raise InputError(
            f"sizes: {list(sizes)}; at least one must be at most {available}, the training images "
            "per fold"
        )
    random = np.random.RandomState(seed)
    shuffled = [(random.permutation(fitted), validated) for fitted, validated in folds]
    if any(shows_one_digit(train, fitted[: usable[0]]) for fitted, _ in shuffled):
        raise InputError(
            f"sizes: {list(sizes)}; with size {usable[0]}, the training images of a fold show only "
            "one digit: use larger sizes"
        )
    classifier = model[-1].classifier
    with _parallel_fits(classifier):
        _, _, scores = cross_validated_curve(
            classifier,
            _compute_features(model, train),
            train.labels,
            train_sizes=np.array(usable),
            cv=shuffled,
            scoring="accuracy",
            error_score="raise",
        )
    return [
        CurvePoint(size, float(found.mean()), float(found.min()), float(found.max()))
        for size, found in zip(usable, scores, strict=True)
    ]


def _compute_features(model: Pipeline, train: LabelledImages) -> npt.NDArray[Any]:
    """Compute the features once for all folds, since they learn nothing from the images."""
    features: npt.NDArray[Any] = model[:-1].fit_transform(train.pixels)
    return features


def _parallel_fits(classifier: ClassifierMixin) -> parallel_config:
    """Return how joblib runs many fits of a classifier, as a context manager."""
    # Fits of these use all cores themselves. On a cluster, each is one of many tasks.
    uses_all_cores = isinstance(classifier, SVC | NystroemClassifier) and not cluster.is_in_use()
    return cluster.parallel_fits(1 if uses_all_cores else -1)
