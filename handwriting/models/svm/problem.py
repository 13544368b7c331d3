"""A classification problem with any number of classes."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from handwriting.models.svm.kernels import Floats, Kernel
from handwriting.models.svm.pair import Pair


@dataclass(frozen=True)
class Problem:
    """Samples of any number of classes, and what a solution for them depends on.

    Attributes
    ----------
    X : ndarray of shape (n_samples, n_features), float32 or float64
        Samples.
    norms : ndarray of shape (n_samples,)
        Squared norms of the samples, in the dtype to compute the kernel in.
    classes : ndarray of shape (n_samples,), int
        Class index of each sample, from 0 to n_classes - 1.
    bounds : ndarray of shape (n_samples,), float64
        Upper bound of each dual variable: C times class and sample weight, > 0.
    kernel : Kernel
        Positive semidefinite kernel function.
    """

    X: Floats
    norms: Floats
    classes: NDArray[np.intp]
    bounds: NDArray[np.float64]
    kernel: Kernel

    def pair(self, first: NDArray[np.intp], second: NDArray[np.intp]) -> Pair:
        """Return the problem of two classes; the samples are not copied.

        Parameters
        ----------
        first, second : ndarray of int
            Rows of `X` with the samples of each class.
        """
        rows = np.concatenate([first, second])
        return Pair(
            X=self.X,
            members=rows,
            norms=self.norms[rows],
            targets=np.repeat([1.0, -1.0], [len(first), len(second)]),
            bounds=self.bounds[rows],
            kernel=self.kernel,
        )
