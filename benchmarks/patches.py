"""Features from a dictionary of patches, which is learned without labels."""

from typing import Any, Self

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.cluster import MiniBatchKMeans
from sklearn.preprocessing import normalize

from handwriting.models.svm.threads import map_blocks

Floats = npt.NDArray[np.float32]

_BLOCK_ROWS = 64
_N_SAMPLES = 100_000


class PatchDictionary(TransformerMixin, BaseEstimator):
    """Describe gradient maps by the similarity of their patches to typical ones.

    A patch is a square of neighbouring cells of `OrientedGradients`. Spherical k-means of random
    patches gives the dictionary. The similarities of all patches to its entries are added up with
    Gaussian weights around the centres of a coarse grid. Each image's features have norm 1.

    Parameters
    ----------
    n_cells : int
        Cells along each axis of the maps.
    n_centroids : int
        Entries of the dictionary.
    activation : {'nystroem', 'triangle'}
        'nystroem' approximates the kernel exp(sharpness * (cosine - 1)) of patches; 'triangle' is
        by how much a similarity exceeds the mean of the patch's similarities.
    patch : int
        Cells along each axis of a patch.
    n_pools : int
        Points along each axis of the coarse grid.
    sharpness : float
        Of the kernel.

    References
    ----------
    A. Coates and A. Ng, "Learning feature representations with k-means", 2012: spherical k-means,
    the triangle activation.
    J. Mairal, P. Koniusz, Z. Harchaoui and C. Schmid, "Convolutional kernel networks", NIPS 2014:
    the kernel of patches, its homogeneity and Gaussian pooling.
    """

    def __init__(
        self,
        n_cells: int,
        n_centroids: int = 128,
        activation: str = "nystroem",
        patch: int = 3,
        n_pools: int = 5,
        sharpness: float = 3.0,
    ) -> None:
        self.n_cells = n_cells
        self.n_centroids = n_centroids
        self.activation = activation
        self.patch = patch
        self.n_pools = n_pools
        self.sharpness = sharpness

    def fit(self, X: Floats, y: Any = None) -> Self:
        """Learn the dictionary from the images `X`, shape (n, n_orientations * n_cells**2)."""
        random = np.random.default_rng(0)
        patches = self._patches(X[random.permutation(len(X))[:4000]])
        patches = patches.reshape(-1, patches.shape[-1])
        patches = patches[np.linalg.norm(patches, axis=1) > 0.1]
        sample = normalize(patches[random.permutation(len(patches))[:_N_SAMPLES]])
        means = MiniBatchKMeans(self.n_centroids, batch_size=4096, n_init=1, random_state=0)
        self.centroids_ = normalize(means.fit(sample).cluster_centers_).astype(np.float32)
        # The inverse square root of the centroids' kernel matrix: products of features then are
        # kernel values.
        kernel = np.exp(self.sharpness * (self.centroids_ @ self.centroids_.T - 1))
        values, vectors = np.linalg.eigh(kernel.astype(np.float64))
        inverse = (vectors / np.sqrt(np.maximum(values, 1e-3))) @ vectors.T
        self.whitening_ = inverse.astype(np.float32)
        positions = np.arange(self.n_cells - self.patch + 1)
        step = len(positions) / self.n_pools
        centres = step * (np.arange(self.n_pools) + 0.5) - 0.5
        weights = np.exp(-(((positions - centres[:, np.newaxis]) / step) ** 2))
        self.pooling_ = np.kron(weights, weights).astype(np.float32)
        return self

    def transform(self, X: Floats) -> Floats:
        """Return the features, shape (n, n_pools**2 * n_centroids)."""
        blocks = [X[start : start + _BLOCK_ROWS] for start in range(0, len(X), _BLOCK_ROWS)]
        return np.concatenate(map_blocks(self._transform_block, blocks))

    def _transform_block(self, block: Floats) -> Floats:
        patches = self._patches(block)
        norms = np.linalg.norm(patches, axis=2, keepdims=True)
        similarity = patches / np.maximum(norms, np.float32(1e-6)) @ self.centroids_.T
        if self.activation == "triangle":
            similarity -= similarity.mean(axis=2, keepdims=True)
            codes = np.maximum(similarity, 0)
        else:
            codes = np.exp(np.float32(self.sharpness) * (similarity - 1)) @ self.whitening_
        pooled = self.pooling_ @ (codes * norms)
        features: Floats = normalize(pooled.reshape(len(block), -1))
        return features

    def _patches(self, X: Floats) -> Floats:
        """Return all patches of each image, shape (n, n_positions, n_orientations * patch**2)."""
        maps = X.reshape(len(X), -1, self.n_cells, self.n_cells)
        windows = np.lib.stride_tricks.sliding_window_view(maps, (self.patch, self.patch), (2, 3))
        n, _, rows, columns = windows.shape[:4]
        return windows.transpose(0, 2, 3, 1, 4, 5).reshape(n, rows * columns, -1)
