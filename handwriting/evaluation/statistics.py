"""Statistics of a test set: exact intervals, tests, power, and a bootstrap over writers.

The binomial distribution is evaluated with `scipy.special`, whose import takes a third of the time
of `scipy.stats`.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import bdtr, bdtrc, bdtrik, betaincinv

# Upper limit of the search for a sufficient test set; larger ones are impractical.
MOST_IMAGES = 2**17
# Resamples drawn at once: bounds the memory of the bootstrap.
_RESAMPLE_BATCH = 256

Bools = npt.NDArray[np.bool_]
Labels = npt.NDArray[np.integer[Any]]


@dataclass(frozen=True)
class Interval:
    """A proportion with the limits of its confidence interval, all in 0–1."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class PairedTest:
    """Two classifiers on the same images.

    Attributes
    ----------
    first_only, second_only : int
        Number of images that only the first, or only the second, classifies correctly.
    p_value : float
        Of the exact McNemar test: the probability of a split at least as uneven if both
        classifiers were equally good.
    """

    first_only: int
    second_only: int
    p_value: float


class Decision(StrEnum):
    """What a test set says about a claimed accuracy."""

    ACCEPTED = "accepted"
    REJECTED = "rejected"
    OPEN = "this test set cannot tell"


@dataclass(frozen=True)
class AccuracyTest:
    """The outcome of a test of a claimed accuracy.

    Attributes
    ----------
    p_value : float
        Probability of a result at least as far from the claim if the claimed accuracy were true.
    decision : Decision
    """

    p_value: float
    decision: Decision


def exact_interval(successes: int, trials: int, confidence: float) -> Interval:
    """Estimate a proportion with its exact interval (Clopper and Pearson, Biometrika 26, 1934).

    Parameters
    ----------
    successes, trials : int
        ``0 <= successes <= trials`` and ``trials >= 1``.
    confidence : float
        Lower bound of the probability with which such an interval contains the true proportion.
    """
    tail = (1 - confidence) / 2
    failures = trials - successes
    low = betaincinv(successes, failures + 1, tail) if successes else 0.0
    high = betaincinv(successes + 1, failures, 1 - tail) if failures else 1.0
    return Interval(successes / trials, float(low), float(high))


def accuracy(actual: Labels, predicted: Labels, confidence: float) -> Interval:
    """Return the share of correct predictions with its exact interval."""
    return exact_interval(int(np.sum(actual == predicted)), len(actual), confidence)


def mcnemar(first_correct: Bools, second_correct: Bools) -> PairedTest:
    """Compare two classifiers on the same images (exact test; McNemar, Psychometrika 12, 1947).

    Only images that exactly one of them classifies correctly count. If both were equally good,
    each would be the correct one with probability 1/2.

    Parameters
    ----------
    first_correct, second_correct : ndarray of shape (n,), bool
        Whether each image is classified correctly.
    """
    first_only = int(np.sum(first_correct & ~second_correct))
    second_only = int(np.sum(second_correct & ~first_correct))
    return PairedTest(first_only, second_only, mcnemar_p_value(first_only, second_only))


def mcnemar_p_value(first_only: int, second_only: int) -> float:
    """Return the p-value of the exact McNemar test from the two discordant counts, >= 0."""
    n_discordant = first_only + second_only
    return min(1.0, 2 * _at_most(min(first_only, second_only), n_discordant, 0.5))


def test_accuracy(n_correct: int, n_images: int, claimed: float, confidence: float) -> AccuracyTest:
    """Test the claim that predictions are correct with probability `claimed` at least.

    One-sided exact binomial test towards the side of the result. The claim is accepted if an
    accuracy of `claimed` or less would give that many correct predictions with probability
    1 - `confidence` at most, and rejected if `claimed` or more would give that few. Each decision
    is wrong with probability 1 - `confidence` at most, whatever the true accuracy is.

    Parameters
    ----------
    n_correct, n_images : int
        ``0 <= n_correct <= n_images`` and ``n_images >= 1``.
    claimed : float
        Accuracy between 0 and 1.
    confidence : float
    """
    is_above = n_correct > claimed * n_images
    if is_above:
        p_value = float(_at_least(n_correct, n_images, claimed))
    else:
        p_value = _at_most(n_correct, n_images, claimed)
    if p_value > 1 - confidence:
        return AccuracyTest(p_value, Decision.OPEN)
    return AccuracyTest(p_value, Decision.ACCEPTED if is_above else Decision.REJECTED)


def power(
    n_images: npt.NDArray[np.int64], accuracy: float, claimed: float, confidence: float
) -> npt.NDArray[np.float64]:
    """Compute the probability that `test_accuracy` distinguishes an accuracy from the claim.

    Parameters
    ----------
    n_images : ndarray of shape (n,), int
        Sizes of the test set, at least 1.
    accuracy : float
        The true accuracy. Whether it is above or below `claimed` is the side of the test.
    claimed, confidence : float
        As in `test_accuracy`.

    Returns
    -------
    ndarray of shape (n,), float64
    """
    if accuracy < claimed:  # count mistakes instead of correct predictions
        accuracy, claimed = 1 - accuracy, 1 - claimed
    # The critical number: chance reaches it with probability 1 - confidence at most.
    critical = _quantile(confidence, n_images, claimed) + 1
    return np.asarray(_at_least(critical, n_images, accuracy))


def images_needed(
    accuracy: float, claimed: float, confidence: float, wanted_power: float
) -> int | None:
    """Return the size of a test set that distinguishes an accuracy from the claimed one.

    The power of an exact test is not monotonic in the number of images (Chernick and Liu, The
    American Statistician 56, 2002). The result is the smallest number from which on the power is
    at least `wanted_power`.

    Returns
    -------
    int or None
        None if more than half of `MOST_IMAGES` would be needed, or if both accuracies are equal.
    """
    if accuracy == claimed:
        return None
    largest = 256
    while largest <= MOST_IMAGES:
        sizes = np.arange(1, largest + 1)
        short = np.flatnonzero(power(sizes, accuracy, claimed, confidence) < wanted_power)
        last = int(sizes[short[-1]]) if len(short) else 0
        # The oscillation decreases: a power that is reached up to twice the number stays reached.
        if last < largest // 2:
            return last + 1
        largest *= 2
    return None


def writer_interval(
    correct: Bools,
    writers: npt.NDArray[np.int32],
    confidence: float,
    n_resamples: int,
    seed: int,
) -> Interval | None:
    """Estimate the accuracy on images by new writers, with an interval over writers.

    Errors cluster by writer, so n images by few writers carry less information than n independent
    images. The bootstrap (Efron, Annals of Statistics 7, 1979) therefore resamples whole writers
    with replacement; the interval is the central part of the resulting accuracies (Field and
    Welsh, Journal of the Royal Statistical Society B 69, 2007, for the resampling of clusters).

    Parameters
    ----------
    correct : ndarray of shape (n,), bool
        Whether each image is classified correctly.
    writers : ndarray of shape (n,), int32
        The writer of each image.
    confidence : float
        Approximate probability, for many writers, with which the interval contains the accuracy.
    n_resamples : int
    seed : int
        Random seed.

    Returns
    -------
    Interval or None
        None if there are fewer than two writers.
    """
    _, owner = np.unique(writers, return_inverse=True)
    n_images = np.bincount(owner)
    if len(n_images) < 2:
        return None
    n_correct = np.bincount(owner, weights=correct)
    random = np.random.default_rng(seed)
    accuracies = []
    for start in range(0, n_resamples, _RESAMPLE_BATCH):
        size = (min(_RESAMPLE_BATCH, n_resamples - start), len(n_images))
        drawn = random.integers(0, len(n_images), size)
        accuracies.append(n_correct[drawn].sum(axis=1) / n_images[drawn].sum(axis=1))
    tail = (1 - confidence) / 2
    low, high = np.quantile(np.concatenate(accuracies), [tail, 1 - tail])
    return Interval(float(np.mean(correct)), float(low), float(high))


def _at_most(successes: int, trials: int, probability: float) -> float:
    """Return the probability of at most `successes` successes."""
    return float(bdtr(successes, trials, probability))


def _at_least(successes: Any, trials: Any, probability: float) -> Any:
    """Return the probability of at least `successes` successes; vectorized."""
    # bdtrc is not defined for a negative number or for more successes than trials.
    first = np.clip(successes, 1, trials)
    tail = bdtrc(first - 1, trials, probability)
    return np.where(np.less_equal(successes, 0), 1.0, np.where(successes > trials, 0.0, tail))


def _quantile(
    level: float, trials: npt.NDArray[np.int64], probability: float
) -> npt.NDArray[np.float64]:
    """Return the smallest number of successes whose distribution function reaches `level`."""
    upper = np.ceil(bdtrik(level, trials, probability))
    lower = np.maximum(upper - 1, 0)
    return np.asarray(np.where(bdtr(lower, trials, probability) >= level, lower, upper))
