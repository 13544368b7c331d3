"""Kernel functions evaluated on matrix products, and the precision they need."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]

# Maximum of gamma * ||s||^2 for single precision. The rounding error of the rbf kernel's exponent
# is about gamma * ||s||^2 * 1e-7, so up to this maximum that of a kernel value is about 1e-6.
_FLOAT32_EXPONENT = 16.0

# Limits of gamma and the squared norms for single precision: far enough from overflow and underflow
# for all intermediate results.
_FLOAT32_RANGE = 1e-30, 1e30


@dataclass(frozen=True)
class Kernel:
    """A kernel function of `sklearn.svm.SVC` with its parameters.

    Attributes
    ----------
    name : {'linear', 'poly', 'rbf', 'sigmoid'}
    gamma : float
        Coefficient of 'poly', 'rbf' and 'sigmoid', >= 0.
    coef0 : float
        Independent term of 'poly' and 'sigmoid'.
    degree : int
        Degree of 'poly', >= 0.
    """

    name: str
    gamma: float
    coef0: float
    degree: int

    def working_dtype(
        self, dtype: np.dtype[Any], norms: NDArray[np.float64], X_norms: NDArray[np.float64]
    ) -> np.dtype[Any]:
        """Return the dtype in which the kernel of two sets of samples is computed.

        Parameters
        ----------
        dtype : numpy.dtype
            float32 if both sets are float32, float64 otherwise.
        norms : ndarray of shape (m,), float64
            Squared norms of the support vectors or, while fitting, of all training samples.
        X_norms : ndarray of shape (n,), float64
            Squared norms of the other samples, which may be far from the support vectors.

        Returns
        -------
        numpy.dtype
            float32 if `dtype` is float32, the kernel is rbf and its exponents are small; float64
            otherwise.
        """
        low, high = _FLOAT32_RANGE
        is_safe_in_single = (
            self.name == "rbf"
            and low < self.gamma < high
            and self.gamma * norms.max(initial=0) <= _FLOAT32_EXPONENT
            and max(norms.max(initial=0), X_norms.max(initial=0)) < high
        )
        return dtype if is_safe_in_single else np.dtype(np.float64)

    def apply(self, products: Floats, X_norms: Floats, norms: Floats) -> None:
        """Convert dot products to kernel values, in place.

        Parameters
        ----------
        products : ndarray of shape (n, m)
            Dot products of two sets of samples, float32 or float64; overwritten.
        X_norms : ndarray of shape (n,)
            Squared norms of the first set, of the same dtype as `products`.
        norms : ndarray of shape (m,)
            Squared norms of the second set, of the same dtype as `products`.
        """
        match self.name:  # the products are the linear kernel already
            case "rbf":  # ||x - s||^2 = ||x||^2 + ||s||^2 - 2 x.s
                products -= X_norms[:, np.newaxis] / 2
                products -= norms / 2
                products *= 2 * self.gamma
                np.exp(products, out=products)
            case "poly":
                products *= self.gamma
                products += self.coef0
                _raise_to_power(products, self.degree)
            case "sigmoid":
                products *= self.gamma
                products += self.coef0
                np.tanh(products, out=products)

    def diagonal(self, norms: Floats) -> NDArray[np.float64]:
        """Return the kernel value of each sample with itself.

        Parameters
        ----------
        norms : ndarray of shape (n,)
            Squared norms of the samples.
        """
        match self.name:
            case "rbf":
                return np.ones(len(norms))
            case "poly":
                values = (self.gamma * norms.astype(np.float64) + self.coef0) ** self.degree
            case "sigmoid":
                values = np.tanh(self.gamma * norms.astype(np.float64) + self.coef0)
            case _:
                values = norms.astype(np.float64)
        return np.asarray(values)


def _raise_to_power(values: Floats, exponent: int) -> None:
    """Raise values to an integer power >= 0, in place, by products, as libsvm does.

    `numpy.power` takes nine times as long for degrees above 2.
    """
    factor = values.copy()
    values[...] = 1
    while exponent > 0:
        if exponent % 2 == 1:
            values *= factor
        exponent //= 2
        if exponent > 0:
            factor *= factor


def squared_norms(X: Floats) -> NDArray[np.float64]:
    """Compute the squared norm of each row in double precision.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features), float32 or float64

    Returns
    -------
    ndarray of shape (n_samples,), float64
    """
    norms: NDArray[np.float64] = np.einsum("ij,ij->i", X, X, dtype=np.float64)
    return norms
