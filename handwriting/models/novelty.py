"""Detects images that are probably no digit at all."""

from collections.abc import Iterator
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted, validate_data

from handwriting.models.svm.threads import map_blocks

Floats = npt.NDArray[np.float32]
Float64Array = npt.NDArray[np.float64]

# Samples are converted, centred and measured in blocks of this number of rows, so that memory does
# not grow with their number.
_BLOCK_ROWS = 8192


class ClassSubspaces(BaseEstimator):
    """Measure how far samples are from everything that a classifier was trained on.

    Each class is described by its mean and its `n_components` first principal components. The
    distance of a sample to a class is the length of what these do not explain. A sample that is far
    from all classes is a novelty. The threshold is chosen on samples that the components were not
    computed from: the last ones of each class, because neighbours often have the same writer.

    Parameters
    ----------
    n_components : int, default=20
        Principal components per class, ≥ 1; at most a third of the samples of the class.
    contamination : float, default=0.005
        Share of the held-out samples that is beyond the threshold, 0–1.
    held_out : float, default=0.2
        Share of the samples of each class that the threshold is chosen on, 0–1.

    Attributes
    ----------
    means_ : ndarray of shape (n_classes, n_features), float32
    components_ : ndarray of shape (n_classes, n_components, n_features), float32
        Of unit length. Zeros, where a class has fewer of them.
    offset_ : float
        Threshold of `score_samples`.
    n_features_in_ : int

    References
    ----------
    S. Watanabe and N. Pakvasa, "Subspace method in pattern recognition", 1st International Joint
    Conference on Pattern Recognition, 1973.
    """

    def __init__(
        self, *, n_components: int = 20, contamination: float = 0.005, held_out: float = 0.2
    ) -> None:
        self.n_components = n_components
        self.contamination = contamination
        self.held_out = held_out

    def fit(self, X: npt.ArrayLike, y: npt.ArrayLike) -> Self:
        """Compute means, components and threshold; the same samples give the same bytes.

        Parameters
        ----------
        X : array-like of shape (n, n_features)
            The features of the training images, at least one of each class.
        y : array-like of shape (n,)
            Their classes.
        """
        samples, labels = validate_data(self, X, y)
        rows = [np.flatnonzero(labels == label) for label in np.unique(labels)]
        # A class of one sample keeps it.
        n_kept = [max(1, int(len(own) * (1 - self.held_out))) for own in rows]
        kept = [own[:n] for own, n in zip(rows, n_kept, strict=True)]
        described = map_blocks(lambda own: self._describe(samples, own), kept)
        self.means_ = np.stack([mean for mean, _ in described])
        self.components_ = np.stack([components for _, components in described])
        held_out = np.concatenate([own[n:] for own, n in zip(rows, n_kept, strict=True)])
        chosen_on = held_out if len(held_out) else np.arange(len(samples))
        self.offset_ = float(np.quantile(self._scores(samples, chosen_on), self.contamination))
        return self

    def _describe(
        self, samples: npt.NDArray[Any], rows: npt.NDArray[np.intp]
    ) -> tuple[Floats, Floats]:
        """Return mean and components of the class whose samples are `rows`."""
        n_features = samples.shape[1]
        total = np.zeros(n_features)
        for block in _blocks(samples, rows):
            total += block.sum(axis=0, dtype=np.float64)
        mean = total / len(rows)
        products = np.zeros((n_features, n_features))
        for block in _blocks(samples, rows):
            centred = block - mean
            products += centred.T @ centred
        vectors = np.linalg.eigh(products).eigenvectors
        n = min(self.n_components, len(rows) // 3, n_features)
        components = np.zeros((self.n_components, n_features), dtype=np.float32)
        components[:n] = vectors[:, ::-1][:, :n].T
        return mean.astype(np.float32), components

    def score_samples(self, X: npt.ArrayLike) -> Float64Array:
        """Return minus the distance to the nearest class; higher is more normal.

        Parameters
        ----------
        X : array-like of shape (n, n_features)

        Returns
        -------
        ndarray of shape (n,), float64
            At most 0, in the unit of the features.
        """
        check_is_fitted(self)
        samples = validate_data(self, X, reset=False)
        return self._scores(samples, np.arange(len(samples)))

    def _scores(self, samples: npt.NDArray[Any], rows: npt.NDArray[np.intp]) -> Float64Array:
        """Return the scores of some of the samples, computed block by block."""
        return np.concatenate([self._score_block(block) for block in _blocks(samples, rows)])

    def _score_block(self, samples: Floats) -> Float64Array:
        n_classes, n_components, n_features = self.components_.shape
        directions = self.components_.reshape(-1, n_features)
        # The part of each class's mean that its own components explain.
        explained_means = np.einsum("ckf,cf->ck", self.components_, self.means_)
        explained = (samples @ directions.T).reshape(-1, n_classes, n_components) - explained_means
        squares = (
            np.einsum("nf,nf->n", samples, samples)[:, None]
            - 2 * samples @ self.means_.T
            + np.einsum("cf,cf->c", self.means_, self.means_)
        )
        rest = squares - np.einsum("nck,nck->nc", explained, explained)
        distances: Float64Array = np.sqrt(np.maximum(rest.min(axis=1), 0), dtype=np.float64)
        return -distances

    def decision_function(self, X: npt.ArrayLike) -> Float64Array:
        """Return `score_samples(X)` minus the threshold: negative for novelties."""
        return np.asarray(self.score_samples(X) - self.offset_)

    def __sklearn_tags__(self) -> Any:
        """Declare that `fit` needs classes."""
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        return tags


def _blocks(samples: npt.NDArray[Any], rows: npt.NDArray[np.intp]) -> Iterator[Floats]:
    """Yield some of the samples, in single precision."""
    for start in range(0, len(rows), _BLOCK_ROWS):
        yield samples[rows[start : start + _BLOCK_ROWS]].astype(np.float32, copy=False)
