"""Classifiers that are made of others, and kernels and feature maps that scikit-learn lacks."""

from typing import Any, Self

import numpy as np
import numpy.typing as npt
from scipy.ndimage import affine_transform
from sklearn.base import BaseEstimator, ClassifierMixin, clone

Array = npt.NDArray[Any]


class Mean(ClassifierMixin, BaseEstimator):
    """The mean of the decision values, or of the probabilities, of several classifiers.

    Parameters
    ----------
    models : list
        Unfitted classifiers. All of them have `decision_function` with one column for each pair of
        classes or, for the mean of probabilities, `predict_proba`.
    """

    def __init__(self, models: list[Any]) -> None:
        self.models = models

    def fit(self, X: Array, y: Array, **params: Any) -> Self:
        """Fit each model; `params` are passed to all of them."""
        self.models_ = [clone(model).fit(X, y, **params) for model in self.models]
        self.classes_ = np.unique(y)
        return self


class MeanDecision(Mean):
    """The mean of decision values."""

    def decision_function(self, X: Array) -> Array:
        """Return the mean, shape (n, n_pairs)."""
        return np.asarray(np.mean([m.decision_function(X) for m in self.models_], axis=0))


class MeanProbability(Mean):
    """The mean of probabilities."""

    def predict_proba(self, X: Array) -> Array:
        """Return the mean, shape (n, n_classes)."""
        return np.asarray(np.mean([m.predict_proba(X) for m in self.models_], axis=0))


class AffineCopies(ClassifierMixin, BaseEstimator):
    """A classifier of images that is also fitted to slightly rotated, sheared and scaled copies.

    Parameters
    ----------
    model : classifier
        Unfitted; its samples are square images.
    n_copies : int
        Copies of each image.
    amplitude : float
        Standard deviation of the entries of the matrix that are changed.
    """

    def __init__(self, model: Any, n_copies: int, amplitude: float = 0.08) -> None:
        self.model = model
        self.n_copies = n_copies
        self.amplitude = amplitude

    def fit(self, X: Array, y: Array) -> Self:
        """Fit the model to the images and their copies."""
        random = np.random.default_rng(0)
        copies = [self._deform(row, random) for _ in range(self.n_copies) for row in X]
        samples = np.concatenate([X, np.array(copies).reshape(-1, X.shape[1])])
        self.model_ = clone(self.model).fit(samples, np.tile(y, self.n_copies + 1))
        self.classes_ = np.unique(y)
        return self

    def decision_function(self, X: Array) -> Array:
        """Return the decision values of the model."""
        values: Array = self.model_.decision_function(X)
        return values

    def _deform(self, row: Array, random: np.random.Generator) -> Array:
        size = round(len(row) ** 0.5)
        matrix = np.eye(2) + self.amplitude * random.standard_normal((2, 2))
        centre = np.full(2, (size - 1) / 2)
        image = row.reshape(size, size).astype(np.float32)
        copy: Array = affine_transform(image, matrix, centre - matrix @ centre, order=1)
        return copy.ravel()


def intersection_kernel(X: Array, Y: Array) -> Array:
    """Return the sum of the minima of two samples' features, for all pairs of samples."""
    return np.array([np.minimum(row, Y).sum(axis=1) for row in X])


def unary(X: Array, n_levels: int = 6) -> Array:
    """Return features whose products are minima: of multiples of 1/n_levels, exactly.

    `X` is between 0 and 1. A value becomes that many ones, of n_levels, as it has levels.

    References
    ----------
    S. Maji and A. C. Berg, "Max-margin additive classifiers for detection", ICCV 2009.
    """
    levels = np.arange(n_levels, dtype=X.dtype)
    codes: Array = np.clip(X[:, :, np.newaxis] * n_levels - levels, 0, 1) / np.sqrt(n_levels)
    return codes.reshape(len(X), -1).astype(X.dtype)
