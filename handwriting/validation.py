"""Cross-validation inside the training images: the search for hyperparameters, learning curves."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt
from joblib import parallel_config
from sklearn.model_selection import GridSearchCV, KFold, StratifiedGroupKFold, learning_curve
from sklearn.pipeline import Pipeline

from handwriting.errors import InputError
from handwriting.images import Digits
from handwriting.svm import SVC

Fold = tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]


@dataclass(frozen=True)
class Candidate:
    """A choice of hyperparameters and how good it is.

    Attributes
    ----------
    values
        The hyperparameters by name.
    accuracy
        Mean over the folds.
    error
        Standard error of that mean.
    """

    values: dict[str, Any]
    accuracy: float
    error: float


@dataclass(frozen=True)
class CurvePoint:
    """Accuracy after learning from so many images: mean, least and most of the folds."""

    images: int
    accuracy: float
    least: float
    most: float


def folds(train: Digits, count: int) -> list[Fold]:
    """Divide images so that those to judge by are written by others than those to learn from.

    Where writers are known each stays whole, and the folds have each digit in proportion as nearly
    as that allows. Where they are not, the folds are stretches of the table: in collections that
    stand in writer order, like scikit-learn's digits, at most a writer at each end is divided.

    Raises
    ------
    InputError
        When there are fewer writers or images than folds.
    """
    if train.writers is None:
        splitter, groups = KFold(count), len(train)
    else:
        splitter, groups = StratifiedGroupKFold(count), len(np.unique(train.writers))
    if groups < count:
        what = "images" if train.writers is None else "writers"
        raise InputError(f"folds: {count}; must be at most {groups}, the number of {what}")
    return list(splitter.split(train.pixels, train.labels, train.writers))


def search(
    model: Pipeline, grid: Mapping[str, Sequence[Any]], train: Digits, parts: list[Fold]
) -> list[Candidate]:
    """Cross-validate every combination of a grid's values, the last name's values changing first.

    Parameters
    ----------
    model
        Not yet fitted; its classifier takes the hyperparameters.
    grid
        Values to try, by the hyperparameter's name.
    train
        The images.
    parts
        As `folds` divides them.
    """
    # One grid for each combination keeps the order of the names, which scikit-learn would sort.
    combinations = [dict(zip(grid, values, strict=True)) for values in product(*grid.values())]
    candidates = [
        {f"classifier__{name}": [value] for name, value in values.items()}
        for values in combinations
    ]
    with parallel_config("threading", n_jobs=_jobs(model)):
        tried = GridSearchCV(
            model, candidates, scoring="accuracy", cv=parts, refit=False, error_score="raise"
        ).fit(train.pixels, train.labels)
    means = tried.cv_results_["mean_test_score"]
    # The deviation of the folds about their mean loses one degree of freedom to it.
    errors = tried.cv_results_["std_test_score"] / np.sqrt(len(parts) - 1)
    return [
        Candidate(values, float(mean), float(error))
        for values, mean, error in zip(combinations, means, errors, strict=True)
    ]


def best(candidates: Sequence[Candidate]) -> Candidate:
    """Return the candidate with the highest accuracy, the first of several."""
    return max(candidates, key=lambda candidate: candidate.accuracy)


def by_two(
    candidates: Sequence[Candidate], grid: Mapping[str, Sequence[Any]]
) -> npt.NDArray[np.float64]:
    """Arrange accuracies by a grid's first two hyperparameters, the best over any others.

    Returns
    -------
    ndarray
        float64, shape (values of the first, values of the second).
    """
    accuracies = np.array([candidate.accuracy for candidate in candidates])
    table = accuracies.reshape([len(values) for values in grid.values()])
    return np.asarray(table.max(axis=tuple(range(2, table.ndim))))


def curve(
    model: Pipeline, sizes: Sequence[int], train: Digits, parts: list[Fold], seed: int
) -> list[CurvePoint]:
    """Cross-validate a model that learns from the first so many images of each fold, shuffled.

    Shuffling within the images to learn from spreads each size over all their writers; the images
    to judge by are still by others.

    Parameters
    ----------
    model
        Not yet fitted.
    sizes
        Numbers of images to learn from, rising; those that a fold cannot fill are left out.
    train
        The images.
    parts
        As `folds` divides them.
    seed
        Where the shuffling draws from.

    Raises
    ------
    InputError
        When no size can be filled.
    """
    available = min(len(learn) for learn, _ in parts)
    filled = [size for size in sizes if size <= available]
    if not filled:
        raise InputError(f"sizes: {list(sizes)}; one must be at most {available}, what folds leave")
    with parallel_config("threading", n_jobs=_jobs(model)):
        _, _, scores = learning_curve(
            model,
            train.pixels,
            train.labels,
            train_sizes=np.array(filled),
            cv=parts,
            scoring="accuracy",
            shuffle=True,
            random_state=seed,
            error_score="raise",
        )
    return [
        CurvePoint(size, float(found.mean()), float(found.min()), float(found.max()))
        for size, found in zip(filled, scores, strict=True)
    ]


def _jobs(model: Pipeline) -> int:
    """Say how many fits to run at once: as many as there are cores, unless one uses them all."""
    return 1 if isinstance(model[-1], SVC) else -1
