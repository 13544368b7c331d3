"""Kernel functions by way of matrix products, and the precision that they need."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]

# In single precision the exponent of the rbf kernel has an error of about
# gamma * ||s||^2 * 1e-7, so below this bound a kernel value is right to about 1e-6.
_FLOAT32_EXPONENT = 16.0

# gamma, squared norms and all between them stay clear of the ends of single precision.
_FLOAT32_RANGE = 1e-30, 1e30


@dataclass(frozen=True)
class Kernel:
    """A kernel function of `sklearn.svm.SVC`.

    Attributes
    ----------
    name : {'linear', 'poly', 'rbf', 'sigmoid'}
    gamma : float
        Coefficient of all but 'linear', >= 0.
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
        """Choose the type to compute the kernel of two sets of samples in.

        Parameters
        ----------
        dtype : numpy.dtype
            float32 if both sets are float32, else float64.
        norms : ndarray of shape (m,), float64
            Squared norms of the support vectors, or of what may become one.
        X_norms : ndarray of shape (n,), float64
            Squared norms of the other samples; these may lie far away.

        Returns
        -------
        numpy.dtype
            float32 where all is float32, the kernel is rbf and its exponents are small; else
            float64.
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
        """Turn products into kernel values, in place.

        Parameters
        ----------
        products : ndarray of shape (n, m)
            Products of two sets of samples.
        X_norms, norms : ndarray of shape (n,) and (m,)
            The squared norms of the one set and of the other, in the type of `products`.
        """
        match self.name:  # 'linear' leaves the products as they are
            case "rbf":  # exp(-gamma * ||x - s||^2), as 2 x.s - ||x||^2 - ||s||^2
                products -= X_norms[:, np.newaxis] / 2
                products -= norms / 2
                products *= 2 * self.gamma
                np.exp(products, out=products)
            case "poly":
                products *= self.gamma
                products += self.coef0
                np.power(products, self.degree, out=products)
            case "sigmoid":
                products *= self.gamma
                products += self.coef0
                np.tanh(products, out=products)


def squared_norms(X: Floats) -> NDArray[np.float64]:
    """Compute the squared norm of each row, summed in double precision."""
    norms: NDArray[np.float64] = np.einsum("ij,ij->i", X, X, dtype=np.float64)
    return norms
