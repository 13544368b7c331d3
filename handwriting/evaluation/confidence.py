"""Calibration of a model's probabilities, and rejection of doubtful images."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from handwriting.evaluation.statistics import Bools, Interval, exact_interval

Float64Array = npt.NDArray[np.float64]

_N_BINS = 15  # as in Guo et al.
# Shares of the images in thousandths: each up to 10 %, then every tenth.
_THOUSANDTHS = (*range(100), *range(100, 1000, 10))


@dataclass(frozen=True)
class Bin:
    """The images whose prediction has a probability in an interval.

    Attributes
    ----------
    low, high : float
        The limits; `high` belongs to the interval, `low` does not.
    n_images : int
        At least 1.
    probability : float
        Mean probability of the predictions.
    accuracy : Interval
        Share of correct predictions, with its exact interval.
    """

    low: float
    high: float
    n_images: int
    probability: float
    accuracy: Interval


@dataclass(frozen=True)
class Rejection:
    """What is left if the images with the least probable predictions are rejected.

    Attributes
    ----------
    rejected : float
        Share of the images that are rejected, 0–1.
    error : float
        Share of mistakes among the others.
    mistakes : int
        Number of mistakes among the others.
    """

    rejected: float
    error: float
    mistakes: int


def reliability(probabilities: Float64Array, correct: Bools, confidence: float) -> Iterator[Bin]:
    """Group predictions by their probability, in 15 intervals of equal width, without empty ones.

    Parameters
    ----------
    probabilities : ndarray of shape (n,), float64
        Probability of the predicted digit, above 0 and at most 1.
    correct : ndarray of shape (n,), bool
    confidence : float
        Level of the intervals of the accuracy.
    """
    for low, high in pairwise(k / _N_BINS for k in range(_N_BINS + 1)):
        inside = (probabilities > low) & (probabilities <= high)
        n_images = int(inside.sum())
        if n_images:
            accuracy = exact_interval(int(correct[inside].sum()), n_images, confidence)
            yield Bin(low, high, n_images, float(probabilities[inside].mean()), accuracy)


def calibration_error(bins: list[Bin]) -> float:
    """Return the expected calibration error.

    This is the mean absolute difference between probability and accuracy of the bins, weighted by
    their numbers of images.

    References
    ----------
    M. Pakdaman Naeini, G. Cooper and M. Hauskrecht, "Obtaining well calibrated probabilities using
    Bayesian binning", AAAI 2015.
    C. Guo, G. Pleiss, Y. Sun and K. Weinberger, "On calibration of modern neural networks", ICML
    2017: 15 bins.
    """
    gaps = [bin.n_images * abs(bin.probability - bin.accuracy.value) for bin in bins]
    return sum(gaps) / sum(bin.n_images for bin in bins)


def reject_curve(probabilities: Float64Array, correct: Bools) -> list[Rejection]:
    """Return the error for an increasing share of rejected images, the least probable ones first.

    Shares have steps of 0.1 % up to 10 % and of 1 % above; each is rounded down to whole images.

    Parameters
    ----------
    probabilities : ndarray of shape (n,), float64
        Probability of the predicted digit. Images with equal probabilities are rejected in their
        order.
    correct : ndarray of shape (n,), bool
    """
    mistakes = _mistakes_left(probabilities, correct)
    n_images = len(correct)
    counts = sorted({share * n_images // 1000 for share in _THOUSANDTHS})
    return [
        Rejection(k / n_images, float(mistakes[k] / (n_images - k)), int(mistakes[k]))
        for k in counts
    ]


def reject_rate(probabilities: Float64Array, correct: Bools, error: float) -> float:
    """Return the smallest share of images to reject so that the others have at most this error.

    Returns
    -------
    float
        0–1; 1 if even the most probable prediction is wrong.

    References
    ----------
    Y. LeCun, L. Bottou, Y. Bengio and P. Haffner, "Gradient-based learning applied to document
    recognition", Proceedings of the IEEE 86(11), 1998: rejection for a given error on the rest.
    """
    mistakes = _mistakes_left(probabilities, correct)
    n_left = len(correct) - np.arange(len(correct))
    enough = np.flatnonzero(mistakes <= error * n_left)
    return float(enough[0] / len(correct)) if len(enough) else 1.0


def _mistakes_left(probabilities: Float64Array, correct: Bools) -> npt.NDArray[np.int64]:
    """Return the number of mistakes after rejecting 0, 1, …, n - 1 images."""
    order = np.argsort(probabilities, kind="stable")
    wrong = ~correct[order]
    return np.asarray(np.cumsum(wrong[::-1])[::-1], dtype=np.int64)
