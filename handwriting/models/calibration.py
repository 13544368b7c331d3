"""Probabilities for classifiers: calibrated on training images that the classifier did not see."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from itertools import combinations
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from joblib import Parallel, delayed
from scipy.optimize import minimize_scalar
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.utils.validation import check_is_fitted

from handwriting.models.folds import TrainTest
from handwriting.models.novelty import ClassSubspaces

Float64Array = npt.NDArray[np.float64]
# A classifier that is fitted to a part of the samples, and the held-out samples in blocks.
FittedFold = tuple[Any, Iterable[npt.NDArray[Any]]]
FitFold = Callable[..., AbstractContextManager[FittedFold]]

# Slope of the logistic function of a decision value of a pair of classes. Chosen on training
# images; between 3 and 15 it changes little. Smaller values let large decision values of easy pairs
# outweigh a narrow decision, larger ones count votes only.
_SLOPE = 7.0
# Added to the probabilities of trees, which are often exactly 0.
_SMOOTHING = 1e-3
# Limits of the exponent, as natural logarithms.
_LOG_EXPONENTS = (-5.0, 5.0)
# Held-out samples that a tree scores at a time.
_SCORED_ROWS = 8192


class CalibratedClassifier(ClassifierMixin, BaseEstimator):
    """A classifier with calibrated probabilities.

    The probability of a class is proportional to a power of its score. For a classifier with a
    probability for each class, this is the score. For one with decision values for each pair of
    classes, the score is the product, over the other classes, of the probability that the class
    wins the pair, a logistic function of the decision value. The exponent is the same for all
    classes and minimises the log loss on held-out samples. The predicted class is the most
    probable one.

    Parameters
    ----------
    classifier : classifier
        Unfitted. Has `decision_function` with one column for each pair of classes ('ovo'), or
        `predict_proba`.
    novelty : ClassSubspaces
        Unfitted detector of samples that belong to no class.

    Attributes
    ----------
    classifier_, novelty_ : classifier, ClassSubspaces
        Fitted to all samples.
    classes_ : ndarray of shape (n_classes,)
        Class labels.
    exponent_ : float
        The inverse of the temperature, three significant digits.

    References
    ----------
    C. Guo, G. Pleiss, Y. Sun and K. Weinberger, "On calibration of modern neural networks", ICML
    2017: temperature scaling.
    D. Price, S. Knerr, L. Personnaz and G. Dreyfus, "Pairwise neural network classifiers with
    probabilistic outputs", NIPS 1994: probabilities of classes from those of pairs.
    J. Platt, "Probabilistic outputs for support vector machines", 1999: the logistic function of a
    decision value, fitted to held-out samples.
    """

    def __init__(self, classifier: Any, novelty: ClassSubspaces) -> None:
        self.classifier = classifier
        self.novelty = novelty

    def fit(self, X: npt.NDArray[Any], y: npt.NDArray[Any], folds: list[TrainTest]) -> Self:
        """Fit the classifier to all samples, and the exponent to the scores of held-out samples.

        The fits run one after the other unless `joblib.parallel_config` says otherwise. The samples
        of a fold are copied only where neither of two ways without a copy is possible: the other
        samples of a decision tree have the weight 0; if the fits run one after the other and `X` is
        writable, rows change places until the fold is done.

        Parameters
        ----------
        X : ndarray of shape (n_samples, n_features)
        y : ndarray of shape (n_samples,)
        folds : list of (ndarray of int, ndarray of int)
            For each fold, the positions of the samples that a clone of the classifier is fitted to
            and of the held-out samples that it scores. At least one fold.
        """
        self.classes_ = np.unique(y)
        # The classifier that is kept comes last: beside it, the other fits would need memory.
        novelty = clone(self.novelty).fit(X, y)
        parallel = Parallel(prefer="threads")
        may_move = parallel.n_jobs == 1 and X.flags.writeable
        fits = [
            delayed(self._held_out_scores)(
                X, y, *fold, self._choose_fit(may_move and _covers(fold, len(X)))
            )
            for fold in folds
        ]
        fits += [delayed(_fit)(self.classifier, X, y)]
        *scores, classifier = parallel(fits)
        held_out = np.concatenate([validated for _, validated in folds])
        targets = np.searchsorted(self.classes_, y[held_out])
        self.exponent_ = _best_exponent(np.concatenate(scores), targets)
        self.classifier_ = classifier
        self.novelty_ = novelty
        return self

    def predict_proba(self, X: npt.NDArray[Any]) -> Float64Array:
        """Return the probability of each class.

        Parameters
        ----------
        X : ndarray of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples, n_classes), float64
            In the order of `classes_`; each row has the sum 1.
        """
        check_is_fitted(self)
        return np.exp(_normalise(self.exponent_ * _log_scores(self.classifier_, X)))

    def predict(self, X: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Return the most probable class of each sample; the first of equally probable ones."""
        labels: npt.NDArray[Any] = self.classes_[np.argmax(self.predict_proba(X), axis=1)]
        return labels

    def _choose_fit(self, may_move: bool) -> FitFold:
        """Return how the classifier is fitted to a fold, given whether rows may change places."""
        from sklearn.tree import DecisionTreeClassifier

        if isinstance(self.classifier, DecisionTreeClassifier):
            return _fit_by_weight
        return _fit_in_place if may_move else _fit_to_copy

    def _held_out_scores(
        self,
        X: npt.NDArray[Any],
        y: npt.NDArray[Any],
        fitted: npt.NDArray[np.intp],
        validated: npt.NDArray[np.intp],
        fit_fold: FitFold,
    ) -> Float64Array:
        """Score the held-out samples of a fold; a class without training samples scores lowest."""
        with fit_fold(self.classifier, X, y, fitted, validated) as (classifier, blocks):
            known = np.concatenate([_log_scores(classifier, block) for block in blocks])
        # A tree also has a column for a class whose samples all have the weight 0.
        known = known[:, np.isin(classifier.classes_, y[fitted])]
        scores = np.repeat(known.min(axis=1, keepdims=True), len(self.classes_), axis=1)
        scores[:, np.isin(self.classes_, y[fitted])] = known
        return scores


def _fit(classifier: Any, X: npt.NDArray[Any], y: npt.NDArray[Any]) -> Any:
    return clone(classifier).fit(X, y)


def _covers(fold: TrainTest, n_samples: int) -> bool:
    """Return whether each sample is in one part of a fold, once."""
    counts = np.bincount(np.concatenate(fold), minlength=n_samples)
    return bool(np.all(counts == 1))


@contextmanager
def _fit_to_copy(
    classifier: Any,
    X: npt.NDArray[Any],
    y: npt.NDArray[Any],
    fitted: npt.NDArray[np.intp],
    validated: npt.NDArray[np.intp],
) -> Iterator[FittedFold]:
    """Yield a classifier that is fitted to a part of the samples, and the held-out samples."""
    yield _fit(classifier, X[fitted], y[fitted]), [X[validated]]


@contextmanager
def _fit_in_place(
    classifier: Any,
    X: npt.NDArray[Any],
    y: npt.NDArray[Any],
    fitted: npt.NDArray[np.intp],
    validated: npt.NDArray[np.intp],
) -> Iterator[FittedFold]:
    """Yield the same as `_fit_to_copy`, for a fold that covers all samples, without a copy.

    Until the end of the block, the rows of `X` are in another order: first those that the
    classifier is fitted to, then the held-out ones.
    """
    order = np.concatenate([fitted, validated])
    _reorder(X, order)
    try:
        yield _fit(classifier, X[: len(fitted)], y[fitted]), [X[len(fitted) :]]
    finally:
        _reorder(X, np.argsort(order))


@contextmanager
def _fit_by_weight(
    classifier: Any,
    X: npt.NDArray[Any],
    y: npt.NDArray[Any],
    fitted: npt.NDArray[np.intp],
    validated: npt.NDArray[np.intp],
) -> Iterator[FittedFold]:
    """Yield the same as `_fit_to_copy`, for a decision tree, without a copy.

    A tree with unweighted classes ignores samples of weight 0, so it has the same bits.
    """
    weight = np.zeros(len(X))
    weight[fitted] = 1
    starts = range(0, len(validated), _SCORED_ROWS)
    yield (
        clone(classifier).fit(X, y, sample_weight=weight),
        (X[validated[start : start + _SCORED_ROWS]] for start in starts),
    )


def _reorder(X: npt.NDArray[Any], order: npt.NDArray[np.intp]) -> None:
    """Permute the rows of an array in place: its row i becomes what was its row ``order[i]``."""
    sources = order.tolist()
    is_moved = [False] * len(sources)
    for first in range(len(sources)):
        if is_moved[first] or sources[first] == first:
            continue
        # Each row of a cycle moves to where the one before it has left.
        kept = X[first].copy()
        target = first
        while (source := sources[target]) != first:
            X[target] = X[source]
            is_moved[target] = True
            target = source
        X[target] = kept
        is_moved[target] = True


def _log_scores(classifier: Any, X: npt.NDArray[Any]) -> Float64Array:
    """Return the logarithm of each class's score, shape (n_samples, n_classes)."""
    if not hasattr(classifier, "decision_function"):
        return np.asarray(np.log(classifier.predict_proba(X) + _SMOOTHING))
    values = classifier.decision_function(X)
    if values.ndim == 1:  # two classes have one decision value, positive for the second
        values = -values[:, np.newaxis]
    scores = np.zeros((len(values), len(classifier.classes_)))
    for column, (first, second) in enumerate(combinations(range(scores.shape[1]), 2)):
        scores[:, first] -= np.logaddexp(0, -_SLOPE * values[:, column])
        scores[:, second] -= np.logaddexp(0, _SLOPE * values[:, column])
    return scores


def _normalise(logarithms: Float64Array) -> Float64Array:
    """Shift rows so that their exponentials have the sum 1."""
    shifted = logarithms - logarithms.max(axis=1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True)))


def _best_exponent(scores: Float64Array, targets: npt.NDArray[np.intp]) -> float:
    """Return the exponent with the smallest log loss."""
    rows = np.arange(len(targets))

    def log_loss(log_exponent: float) -> float:
        return -float(_normalise(np.exp(log_exponent) * scores)[rows, targets].mean())

    found = minimize_scalar(log_loss, bounds=_LOG_EXPONENTS, method="bounded")
    # Further digits change no probability noticeably; without them, the last bits of the scores,
    # which differ between processors, do not matter.
    return float(f"{np.exp(found.x):.3g}")
