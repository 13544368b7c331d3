"""How good a classifier is, how sure one can be of that, and whether two of them differ."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.stats import binomtest
from sklearn.metrics import classification_report, confusion_matrix, f1_score

# Digits, whatever the width of the integers that hold them.
Labels = npt.NDArray[np.integer[Any]]
DIGITS = range(10)


@dataclass(frozen=True)
class Interval:
    """A proportion with the two ends of its confidence interval, each in 0–1."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class PairedTest:
    """Two classifiers on the same images.

    Attributes
    ----------
    first_only, second_only
        Images that only the first, and only the second, classifies rightly.
    p_value
        Of the exact McNemar test: how probable so uneven a share of these images is, or one more
        uneven, when both classifiers are equally good.
    """

    first_only: int
    second_only: int
    p_value: float


def proportion(successes: int, trials: int, confidence: float) -> Interval:
    """Estimate a proportion with its exact interval (Clopper and Pearson, 1934).

    Parameters
    ----------
    successes, trials
        Counts, ``0 <= successes <= trials`` and ``trials >= 1``.
    confidence
        Probability, at the least, with which such an interval holds the true proportion.
    """
    result = binomtest(successes, trials).proportion_ci(confidence, method="exact")
    return Interval(successes / trials, float(result.low), float(result.high))


def accuracy(actual: Labels, predicted: Labels, confidence: float) -> Interval:
    """Share of images whose predicted digit is the actual one, with its exact interval."""
    return proportion(int(np.sum(actual == predicted)), len(actual), confidence)


def majority_baseline(actual: Labels) -> float:
    """Accuracy of the best constant answer: the share of the most frequent digit."""
    return float(np.bincount(actual).max() / len(actual))


def macro_f1(actual: Labels, predicted: Labels) -> float:
    """Mean of the F1 scores of the digits that occur, each counting the same."""
    return float(f1_score(actual, predicted, average="macro"))


def confusion(actual: Labels, predicted: Labels) -> npt.NDArray[np.int64]:
    """Count images by actual digit (row) and predicted digit (column), shape (10, 10)."""
    return np.asarray(confusion_matrix(actual, predicted, labels=DIGITS), dtype=np.int64)


def shares(counts: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """Divide a confusion matrix's counts by the images of each actual digit, or 0 by none."""
    images = counts.sum(axis=1, keepdims=True)
    return np.asarray(counts / np.maximum(images, 1), dtype=np.float64)


def report(actual: Labels, predicted: Labels) -> list[tuple[int, float, float, float, int]]:
    """For each digit: the digit, precision, recall, F1 score and number of images."""
    scores = classification_report(
        actual, predicted, labels=DIGITS, output_dict=True, zero_division=0
    )
    return [
        (digit, row["precision"], row["recall"], row["f1-score"], int(row["support"]))
        for digit, row in ((digit, scores[str(digit)]) for digit in DIGITS)
    ]


def mcnemar(actual: Labels, first: Labels, second: Labels) -> PairedTest:
    """Compare two classifiers on the same images with the exact test of McNemar (1947).

    Only the images on which exactly one of them is right say anything; if both were equally good,
    each would be as likely to be the right one.
    """
    first_right, second_right = first == actual, second == actual
    first_only = int(np.sum(first_right & ~second_right))
    second_only = int(np.sum(second_right & ~first_right))
    discordant = first_only + second_only
    p_value = float(binomtest(first_only, discordant).pvalue) if discordant else 1.0
    return PairedTest(first_only, second_only, p_value)
