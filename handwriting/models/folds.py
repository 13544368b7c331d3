"""Folds of the training images for cross-validation, without a writer on both sides."""

import numpy as np
import numpy.typing as npt

from handwriting.common.errors import InputError
from handwriting.common.images import LabelledImages

# Positions of training rows and of validation rows.
TrainTest = tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]


def make_folds(train: LabelledImages, n_folds: int) -> list[TrainTest]:
    """Divide images into folds so that no writer is in both the training and the validation part.

    Where writers are known, each fold gets whole writers and is stratified by digit as far as that
    allows. Where they are not, folds are consecutive rows of the table: in datasets sorted by
    writer, like scikit-learn's digits, at most the writers at the two ends of a fold are divided.

    Raises
    ------
    InputError
        If there are fewer writers or images than folds, if every digit has fewer images than there
        are folds, or if the training part of a fold shows fewer than two digits.
    """
    # Whoever loads a model imports this module, and does not divide images.
    from sklearn.model_selection import KFold, StratifiedGroupKFold

    if train.writers is None:
        splitter, n_groups = KFold(n_folds), len(train)
    else:
        splitter = StratifiedGroupKFold(n_folds)
        n_groups = len(np.unique(train.writers))
    if n_groups < n_folds:
        what = "images" if train.writers is None else "writers"
        raise InputError(f"n_folds: {n_folds}; must be at most {n_groups}, the number of {what}")
    try:
        folds = list(splitter.split(train.pixels, train.labels, train.writers))
    except ValueError as error:
        raise InputError(f"n_folds: {n_folds}; {error}") from None
    for fitted, _ in folds:
        if shows_one_digit(train, fitted):
            raise InputError(
                f"n_folds: {n_folds}; the training part of a fold shows only one digit: use more "
                "rows or more folds"
            )
    return folds


def take_folds(folds: list[TrainTest], n_images: int) -> list[TrainTest]:
    """Return the first folds, as many as are needed to validate `n_images` images, or all."""
    n_validated = np.cumsum([len(validated) for _, validated in folds])
    return folds[: int(np.searchsorted(n_validated, n_images)) + 1]


def shows_one_digit(train: LabelledImages, index: npt.NDArray[np.intp]) -> bool:
    """Return whether the images at the positions `index` all show the same digit, or none."""
    return len(np.unique(train.labels[index])) < 2
