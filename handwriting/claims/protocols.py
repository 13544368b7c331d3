"""Reproduces published results with their original protocols and scikit-learn's estimators."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
import numpy.typing as npt
from joblib import Parallel, delayed
from sklearn import model_selection
from sklearn.base import BaseEstimator
from sklearn.pipeline import make_pipeline

from handwriting.claims.published import (
    Claim,
    ClaimedModel,
    Comparison,
    FoldsSplit,
    NearestNeighbours,
    RowsSplit,
    ShuffledSplit,
)
from handwriting.common.errors import InputError
from handwriting.common.images import LabelledImages
from handwriting.common.params.models import (
    NOT_FOR_ESTIMATOR,
    DecisionTree,
    RandomForest,
    SupportVectorClassifier,
)
from handwriting.models.svm import cluster

# Positions of training rows and of test rows.
TrainTest = tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]
# Predicted digits by seed and by part of the split.
Predictions = list[list[npt.NDArray[np.uint8]]]


@dataclass(frozen=True)
class Reproduction:
    """The result of reproducing one claim.

    Attributes
    ----------
    accuracy : float
        Accuracy on the test images, the mean if there are several seeds.
    n_images : int
        Number of test images. Each counts once, whatever the number of seeds.
    minimum, maximum : float
        Over seeds or, with one seed, over folds; equal to `accuracy` if there is one of each.
    predicted : ndarray of shape (n_images,), uint8
        Predictions with the first seed, in the protocol's order.
    """

    accuracy: float
    n_images: int
    minimum: float
    maximum: float
    predicted: npt.NDArray[np.uint8]

    @property
    def n_correct(self) -> int:
        """Number of correct predictions, or the rounded mean if there are several seeds."""
        return round(self.accuracy * self.n_images)


@dataclass(frozen=True)
class ReproducedComparison:
    """The result of reproducing one comparison.

    Attributes
    ----------
    first, second : Reproduction
    first_only, second_only : int
        Number of images that only one of the two predicts correctly, or the rounded mean if there
        are several seeds.
    """

    first: Reproduction
    second: Reproduction
    first_only: int
    second_only: int


@dataclass(frozen=True)
class _Protocol:
    """A model with the rows that it is trained and tested on; equal protocols have equal keys."""

    key: str
    model: ClaimedModel
    n_seeds: int
    table: LabelledImages
    parts: list[TrainTest]


def reproduce(
    claims: Sequence[Claim], comparisons: Sequence[Comparison], images: LabelledImages
) -> tuple[list[Reproduction], list[ReproducedComparison]]:
    """Reproduce the claims and comparisons about one dataset, with all fits spread over the cores.

    Raises
    ------
    InputError
        If a protocol names rows that the dataset does not have.
    """
    protocols = [_protocol(claim, claim.model, images) for claim in claims]
    for comparison in comparisons:
        protocols += [
            _protocol(comparison, model, images) for model in (comparison.first, comparison.second)
        ]
    predictions = _predict_all(protocols)
    pairs = list(zip(protocols, predictions, strict=True))
    return (
        [_summarize(*pair) for pair in pairs[: len(claims)]],
        [
            _compare(first, second)
            for first, second in zip(
                pairs[len(claims) :: 2], pairs[len(claims) + 1 :: 2], strict=True
            )
        ],
    )


def count_same_predictions(claim: Claim, predicted: npt.NDArray[np.uint8]) -> int | None:
    """Count the predictions that equal the published ones; None if none were published."""
    if claim.predictions is None:
        return None
    pairs = zip(claim.predictions, predicted.tolist(), strict=False)
    return sum(int(published == found) for published, found in pairs)


def _protocol(entry: Claim | Comparison, model: ClaimedModel, images: LabelledImages) -> _Protocol:
    table = _first_rows(entry, images)
    is_random = isinstance(model, DecisionTree | RandomForest)
    n_seeds = entry.n_seeds if is_random else 1
    key = f"{model!r} {entry.split!r} {entry.n_rows} {n_seeds}"
    return _Protocol(key, model, n_seeds, table, _parts(entry, len(table)))


def _first_rows(entry: Claim | Comparison, images: LabelledImages) -> LabelledImages:
    if entry.n_rows is None:
        return images
    if entry.n_rows > len(images):
        raise InputError(
            f"{entry.name}: n_rows: {entry.n_rows}; must be at most {len(images)}, the number of "
            f"images of {entry.dataset}"
        )
    return images.take(np.arange(entry.n_rows))


def _parts(entry: Claim | Comparison, n_rows: int) -> list[TrainTest]:
    """Return the rows to train on and to test on, one pair per fold."""
    match entry.split:
        case RowsSplit(train=train, test=test):
            for name, (_, last) in (("train", train), ("test", test)):
                if last >= n_rows:
                    raise InputError(
                        f"{entry.name}: split.{name}: last row {last}; must be at most {n_rows - 1}"
                    )
            return [(np.arange(train[0], train[1] + 1), np.arange(test[0], test[1] + 1))]
        case ShuffledSplit(train=train_size, test=test_size, seed=seed):
            try:
                fitted, tested = model_selection.train_test_split(
                    np.arange(n_rows),
                    train_size=train_size,
                    test_size=test_size,
                    random_state=seed,
                )
            except ValueError as error:
                raise InputError(f"{entry.name}: split: {error}") from None
            return [(fitted, tested)]
        case FoldsSplit(folds=n_folds, seed=seed):
            splitter = model_selection.KFold(n_folds, shuffle=seed is not None, random_state=seed)
            return list(splitter.split(np.arange(n_rows)))


def _predict_all(protocols: Sequence[_Protocol]) -> list[Predictions]:
    """Run all protocols, those that are the same only once, with all fits spread over the cores."""
    unique = {protocol.key: protocol for protocol in protocols}
    work = [
        delayed(_predict)(protocol, part, seed)
        for protocol in unique.values()
        for seed, part in product(range(protocol.n_seeds), protocol.parts)
    ]
    # scikit-learn's solvers and trees release the interpreter lock, so threads suffice.
    with cluster.parallel_fits(-1):
        predicted = iter(Parallel()(work))
    by_key: dict[str, Predictions] = {
        key: [[next(predicted) for _ in protocol.parts] for _ in range(protocol.n_seeds)]
        for key, protocol in unique.items()
    }
    return [by_key[protocol.key] for protocol in protocols]


def _predict(protocol: _Protocol, part: TrainTest, seed: int) -> npt.NDArray[np.uint8]:
    train, test = part
    model = _build(protocol.model, seed)
    model.fit(protocol.table.pixels[train], protocol.table.labels[train])
    return np.asarray(model.predict(protocol.table.pixels[test]))


def _build(model: ClaimedModel, seed: int) -> BaseEstimator:
    arguments = model.model_dump(exclude=NOT_FOR_ESTIMATOR)
    classifier: BaseEstimator
    match model:
        case SupportVectorClassifier():
            from sklearn.svm import SVC

            classifier = SVC(**arguments)
        case DecisionTree():
            from sklearn.tree import DecisionTreeClassifier

            classifier = DecisionTreeClassifier(**{**arguments, "random_state": seed})
        case RandomForest():
            from sklearn.ensemble import RandomForestClassifier

            classifier = RandomForestClassifier(**{**arguments, "random_state": seed})
        case NearestNeighbours():
            from sklearn.neighbors import KNeighborsClassifier

            classifier = KNeighborsClassifier(**arguments)
    if model.features == "binary":
        from sklearn.preprocessing import Binarizer

        return make_pipeline(Binarizer(threshold=0), classifier)
    return classifier


def _correct(protocol: _Protocol, predictions: Predictions) -> npt.NDArray[np.bool_]:
    """Return which predictions are correct, shape (n_seeds, n_images)."""
    labels = np.concatenate([protocol.table.labels[test] for _, test in protocol.parts])
    return np.stack([np.concatenate(row) == labels for row in predictions])


def _summarize(protocol: _Protocol, predictions: Predictions) -> Reproduction:
    correct = _correct(protocol, predictions)
    by_seed = correct.mean(axis=1)
    ends = np.cumsum([len(test) for _, test in protocol.parts])[:-1]
    by_fold = np.array([part.mean() for part in np.split(correct[0], ends)])
    spread = by_seed if len(by_seed) > 1 else by_fold
    return Reproduction(
        accuracy=float(by_seed.mean()),
        n_images=correct.shape[1],
        minimum=float(spread.min()),
        maximum=float(spread.max()),
        predicted=np.concatenate(predictions[0]),
    )


def _compare(
    first: tuple[_Protocol, Predictions], second: tuple[_Protocol, Predictions]
) -> ReproducedComparison:
    first_correct, second_correct = _correct(*first), _correct(*second)
    return ReproducedComparison(
        first=_summarize(*first),
        second=_summarize(*second),
        first_only=round(float(np.sum(first_correct & ~second_correct, axis=1).mean())),
        second_only=round(float(np.sum(second_correct & ~first_correct, axis=1).mean())),
    )
