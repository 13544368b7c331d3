"""What a test set can tell: the test of a stated accuracy, its power, an interval over writers."""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt
from scipy.stats import binom, binomtest, bootstrap

from handwriting.scoring import Interval

# Test sets larger than this are not looked at: to collect so many images is out of the question.
MOST_IMAGES = 2**17

Bools = npt.NDArray[np.bool_]


class Decision(StrEnum):
    """What a test set says of a stated accuracy."""

    ACCEPTED = "accepted"
    REJECTED = "rejected"
    OPEN = "this test set cannot tell"


@dataclass(frozen=True)
class Judgement:
    """The outcome of the test of a stated accuracy.

    Attributes
    ----------
    p_value
        How probable a result so far from the statement, or one farther, is at the stated accuracy.
    decision
        What follows from it.
    """

    p_value: float
    decision: Decision


def judge(right: int, images: int, stated: float, confidence: float) -> Judgement:
    """Test the statement that images are predicted right with probability `stated` at the least.

    The exact binomial test, one-sided towards where the result lies (Clopper and Pearson, 1934).
    The statement is accepted when chance would seldom bring so many right if the accuracy were
    `stated` or less, and rejected when it would seldom bring so few if it were `stated` or more;
    seldom is 1 - `confidence`. Neither is wrong more often than that, whatever the true accuracy.

    Parameters
    ----------
    right, images
        Counts, ``0 <= right <= images`` and ``images >= 1``.
    stated
        Accuracy, between 0 and 1.
    confidence
        Probability, at the least, of no wrong decision of either kind.
    """
    above = right > stated * images
    side = "greater" if above else "less"
    p_value = float(binomtest(right, images, stated, alternative=side).pvalue)
    if p_value > 1 - confidence:
        return Judgement(p_value, Decision.OPEN)
    return Judgement(p_value, Decision.ACCEPTED if above else Decision.REJECTED)


def power(
    images: npt.NDArray[np.int64], accuracy: float, stated: float, confidence: float
) -> npt.NDArray[np.float64]:
    """Probability that `judge` tells `accuracy` from `stated`, for each number of images.

    Parameters
    ----------
    images
        Sizes of the test set, at least 1, shape (n,).
    accuracy
        The true accuracy; that it differs from `stated` gives the side of the test.
    stated, confidence
        As in `judge`.
    """
    level = 1 - confidence
    if accuracy > stated:
        # The fewest right that chance brings with probability `level` at most.
        fewest = binom.isf(level, images, stated) + 1
        return np.asarray(binom.sf(fewest - 1, images, accuracy))
    # Mistakes in place of right answers: the same, seen from the other side.
    fewest = binom.isf(level, images, 1 - stated) + 1
    return np.asarray(binom.sf(fewest - 1, images, 1 - accuracy))


def images_needed(
    accuracy: float, stated: float, confidence: float, wanted_power: float
) -> int | None:
    """Count the test images with which `judge` tells an accuracy from the stated one.

    The power of an exact test goes up and down a little as images are added one by one (Chernick
    and Liu, The American Statistician 56, 2002). This is the least number from which on it stays
    at `wanted_power` or above.

    Returns
    -------
    int or None
        None when more than half of `MOST_IMAGES` would be needed; so when the two are the same.
    """
    if accuracy == stated:
        return None
    largest = 256
    while largest <= MOST_IMAGES:
        sizes = np.arange(1, largest + 1)
        short = np.flatnonzero(power(sizes, accuracy, stated, confidence) < wanted_power)
        last = int(sizes[short[-1]]) if len(short) else 0
        # The ups and downs become smaller: what holds up to twice the number holds beyond.
        if last < largest // 2:
            return last + 1
        largest *= 2
    return None


def writer_interval(
    right: Bools,
    writers: npt.NDArray[np.int32],
    confidence: float,
    resamples: int,
    seed: int,
) -> Interval | None:
    """Estimate the accuracy on images by writers not seen before, with an interval over writers.

    Images by one hand are right or wrong together, so that they say less than as many images by as
    many hands. The bootstrap (Efron, 1979) therefore draws whole writers with replacement; the
    interval holds the middle of the accuracies found (Field and Welsh, Journal of the Royal
    Statistical Society B 69, 2007, on drawing clusters).

    Parameters
    ----------
    right
        Which images are predicted rightly, shape (n,).
    writers
        Who wrote each image, shape (n,).
    confidence
        Probability with which such an interval holds the accuracy, nearly, for many writers.
    resamples
        How many times to draw.
    seed
        Where to draw from.

    Returns
    -------
    Interval or None
        None when fewer than two writers leave nothing to draw.
    """
    _, owner = np.unique(writers, return_inverse=True)
    images = np.bincount(owner)
    if len(images) < 2:
        return None
    hits = np.bincount(owner, weights=right)
    result = bootstrap(
        (hits, images),
        lambda hits, images, axis: hits.sum(axis=axis) / images.sum(axis=axis),
        paired=True,
        n_resamples=resamples,
        batch=256,
        confidence_level=confidence,
        method="percentile",
        rng=np.random.default_rng(seed),
    )
    ends = result.confidence_interval
    return Interval(float(np.mean(right)), float(ends.low), float(ends.high))
