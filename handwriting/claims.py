"""Published results, got again the way they were got."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
import numpy.typing as npt
from joblib import Parallel, delayed
from sklearn.model_selection import KFold, train_test_split

from handwriting import models
from handwriting.errors import InputError
from handwriting.images import Digits
from handwriting.params import Claim, ClaimedSvc, FoldsSplit, Image, RowsSplit, ShuffledSplit
from handwriting.scoring import Labels

Part = tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]


@dataclass(frozen=True)
class Replay:
    """What came of a claim's protocol.

    Attributes
    ----------
    measured
        Accuracy on the test images, the mean over seeds where there are several.
    images
        Number of test images; each counts once however many seeds there are.
    least, most
        Over seeds or, with one seed, over folds; `measured` where there is one of each.
    predicted
        The first seed's predictions for the test images, in the protocol's order.
    """

    measured: float
    images: int
    least: float
    most: float
    predicted: Labels

    @property
    def right(self) -> int:
        """Images predicted rightly: a count, or with several seeds their mean, rounded."""
        return round(self.measured * self.images)


def replay(
    claims: Sequence[Claim], datasets: Mapping[str, Digits], images: Mapping[str, Image]
) -> list[Replay]:
    """Replay claims, all their fits shared out over the cores.

    Parameters
    ----------
    claims
        What was done.
    datasets, images
        For each dataset that a claim names, its images and what they look like.

    Raises
    ------
    InputError
        When a claim names rows that its dataset does not have.
    """
    tables = [_first_rows(claim, datasets[claim.dataset]) for claim in claims]
    divided = [_parts(claim, len(table)) for claim, table in zip(claims, tables, strict=True)]
    work = [
        delayed(_predict)(claim, images[claim.dataset], table, part, seed)
        for claim, table, parts in zip(claims, tables, divided, strict=True)
        for seed, part in product(range(claim.seeds), parts)
    ]
    # Threads: scikit-learn's solvers and trees let go of the interpreter while they work.
    predictions = iter(Parallel(n_jobs=-1, prefer="threads")(work))
    return [
        _summary(table, parts, [[next(predictions) for _ in parts] for _ in range(claim.seeds)])
        for claim, table, parts in zip(claims, tables, divided, strict=True)
    ]


def agrees(claim: Claim, low: float, high: float) -> bool | None:
    """Tell whether a claim lies within the interval of what was measured.

    A claim that the accuracy is *below* a number agrees when the whole interval is below it.

    Returns
    -------
    bool or None
        None when the claim has no number.
    """
    if claim.accuracy is not None:
        return low <= claim.accuracy <= high
    return None if claim.below is None else high < claim.below


def same_predictions(claim: Claim, predicted: Labels) -> int | None:
    """Count the predictions that are those printed; None where none were."""
    if claim.predictions is None:
        return None
    pairs = zip(claim.predictions, predicted.tolist(), strict=False)
    return sum(int(printed == found) for printed, found in pairs)


def _first_rows(claim: Claim, digits: Digits) -> Digits:
    if claim.rows is None:
        return digits
    if claim.rows > len(digits):
        raise InputError(
            f"claim {claim.name}: rows: {claim.rows}; must be at most {len(digits)}, all that "
            f"{claim.dataset} has"
        )
    return digits.take(np.arange(claim.rows))


def _parts(claim: Claim, rows: int) -> list[Part]:
    """Return the pairs of rows to train on and rows to test on."""
    match claim.split:
        case RowsSplit(train=train, test=test):
            for name, (_, last) in (("train", train), ("test", test)):
                if last >= rows:
                    raise InputError(
                        f"claim {claim.name}: split.{name}: {last} is the last row; must be at "
                        f"most {rows - 1}"
                    )
            return [(np.arange(train[0], train[1] + 1), np.arange(test[0], test[1] + 1))]
        case ShuffledSplit(train=count, test=rest, seed=seed):
            try:
                learn, judge = train_test_split(
                    np.arange(rows), train_size=count, test_size=rest, random_state=seed
                )
            except ValueError as error:
                raise InputError(f"claim {claim.name}: split: {error}") from None
            return [(learn, judge)]
        case FoldsSplit(folds=folds, seed=seed):
            splitter = KFold(folds, shuffle=seed is not None, random_state=seed)
            return list(splitter.split(np.arange(rows)))


def _predict(claim: Claim, image: Image, table: Digits, part: Part, seed: int) -> Labels:
    train, test = part
    model = models.build(claim.model, image, seed)
    if isinstance(claim.model, ClaimedSvc):
        # To the letter: with scikit-learn's own solver, whatever the project itself fits with.
        from sklearn.svm import SVC

        model.set_params(classifier=SVC(**model[-1].get_params()))
    model.fit(table.pixels[train], table.labels[train])
    return np.asarray(model.predict(table.pixels[test]))


def _summary(table: Digits, parts: Sequence[Part], predictions: list[list[Labels]]) -> Replay:
    """Put the predictions of each seed (first axis) and part together."""
    hits = np.array(
        [
            [
                np.sum(found == table.labels[test])
                for found, (_, test) in zip(row, parts, strict=True)
            ]
            for row in predictions
        ]
    )
    sizes = np.array([len(test) for _, test in parts])
    by_seed = hits.sum(axis=1) / sizes.sum()
    spread = by_seed if len(by_seed) > 1 else hits[0] / sizes
    return Replay(
        measured=float(by_seed.mean()),
        images=int(sizes.sum()),
        least=float(spread.min()),
        most=float(spread.max()),
        predicted=np.concatenate(predictions[0]),
    )
