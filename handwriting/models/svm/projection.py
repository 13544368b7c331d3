"""Fewer features for approximate kernel values."""

from dataclasses import replace

import numpy as np

from handwriting.models.svm.kernels import Floats
from handwriting.models.svm.pair import Pair

# With 64 features, the margins of MNIST's digits have an error of about 0.15 (standard deviation),
# and kernel values take a fifth of the time.
_N_FEATURES = 64

# The directions are computed from about as many samples.
_FIT_SAMPLES = 2000

# More iterations do not make the margins more precise.
_ITERATIONS = 4


def project(pair: Pair) -> Pair:
    """Return the pair with its samples projected on their principal directions.

    Dot products of the projected samples approximate those of the samples. The squared norms are
    those of the samples, so that distances are approximated, too.

    Parameters
    ----------
    pair : Pair

    Returns
    -------
    Pair
        With 64 features; `pair` itself if it has at most twice as many.
    """
    if pair.X.shape[1] <= 2 * _N_FEATURES:
        return pair
    step = max(1, len(pair) // _FIT_SAMPLES)
    directions = _principal_directions(pair.samples(np.arange(0, len(pair), step)))
    X = np.empty((len(pair), _N_FEATURES), dtype=pair.norms.dtype)
    for start in range(0, len(pair), _FIT_SAMPLES):
        rows = np.arange(start, min(start + _FIT_SAMPLES, len(pair)))
        np.matmul(pair.samples(rows), directions, out=X[rows[0] : rows[-1] + 1])
    return replace(pair, X=X, members=None)


def _principal_directions(X: Floats) -> Floats:
    """Return directions in which the samples are long (n_features, 64), by subspace iteration."""
    random = np.random.default_rng(0)
    directions = random.standard_normal((X.shape[1], _N_FEATURES), dtype=np.float32)
    directions = directions.astype(X.dtype)
    for _ in range(_ITERATIONS):
        directions = np.linalg.qr(X.T @ (X @ directions))[0]
    return directions
