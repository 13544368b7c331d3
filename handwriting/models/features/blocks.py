"""Applies a transformer block by block, on all cores or a cluster and in bounded memory."""

from typing import Any, Self

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted, validate_data

from handwriting.models.svm.cluster import iterate_blocks

# The arrays of a block of this many images of 28×28 pixels stay in the processor's cache.
_BLOCK_ROWS = 64


class Blockwise(TransformerMixin, BaseEstimator):
    """Apply a transformer that learns nothing from the data to blocks of rows, on all cores.

    Parameters
    ----------
    transformer : transformer
        Its result for a row must have the same bits whatever the other rows and their number are.
    """

    def __init__(self, transformer: BaseEstimator) -> None:
        self.transformer = transformer

    def fit(self, X: npt.ArrayLike, y: Any = None) -> Self:
        """Check the shape of `X` and fit the transformer on its first row."""
        samples = validate_data(self, X)
        self.transformer_ = clone(self.transformer).fit(samples[:1])
        return self

    def transform(self, X: npt.ArrayLike) -> npt.NDArray[Any]:
        """Transform `X`, shape (n, n_features), block by block; return shape (n, n_outputs)."""
        check_is_fitted(self)
        samples = validate_data(self, X, reset=False)
        blocks = [
            samples[start : start + _BLOCK_ROWS] for start in range(0, len(samples), _BLOCK_ROWS)
        ]
        # Copied as they come: all results and the whole together would take twice the memory.
        results = iterate_blocks(self.transformer_.transform, blocks)
        first = next(results)
        transformed = np.empty((len(samples), first.shape[1]), dtype=first.dtype)
        transformed[: len(first)] = first
        for number, result in enumerate(results, start=1):
            start = number * _BLOCK_ROWS
            transformed[start : start + len(result)] = result
        return transformed

    def __sklearn_tags__(self) -> Tags:
        """Declare what the transformer declares."""
        tags: Tags = super().__sklearn_tags__()
        inner: Tags = self.transformer.__sklearn_tags__()
        tags.input_tags = inner.input_tags
        tags.transformer_tags = inner.transformer_tags
        return tags
