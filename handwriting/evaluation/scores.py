"""Scores of predictions: accuracy, F1, confusion matrix, scores per digit."""

from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.metrics import classification_report, confusion_matrix, f1_score

# Digits, as integers of any width.
Labels = npt.NDArray[np.integer[Any]]
DIGITS = range(10)


def macro_f1(actual: Labels, predicted: Labels) -> float:
    """Return the unweighted mean of the F1 scores of all digits that occur."""
    return float(f1_score(actual, predicted, average="macro"))


def confusion(actual: Labels, predicted: Labels) -> npt.NDArray[np.int64]:
    """Count images by actual digit (row) and predicted digit (column), shape (10, 10)."""
    return np.asarray(confusion_matrix(actual, predicted, labels=DIGITS), dtype=np.int64)


def row_shares(counts: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """Divide each row of a confusion matrix by its sum; empty rows give 0."""
    sums = counts.sum(axis=1, keepdims=True)
    return np.asarray(counts / np.maximum(sums, 1), dtype=np.float64)


def per_digit_scores(
    actual: Labels, predicted: Labels
) -> list[tuple[int, float, float, float, int]]:
    """Return digit, precision, recall, F1 score and number of images for each digit."""
    scores = classification_report(
        actual, predicted, labels=DIGITS, output_dict=True, zero_division=0
    )
    return [
        (digit, row["precision"], row["recall"], row["f1-score"], int(row["support"]))
        for digit, row in ((digit, scores[str(digit)]) for digit in DIGITS)
    ]
