"""A pair of classes: its samples, its kernel values and its solution."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from handwriting.models.svm.kernels import Floats, Kernel

# Kernel values are computed in blocks of 512 rows and 1024 columns, so that the products are still
# in the processor's cache when the kernel function is applied and when they are summed.
_BLOCK_ROWS = 512
_STRIP_COLUMNS = 1024


@dataclass(frozen=True)
class PairSolution:
    """The solution for a pair of classes.

    Attributes
    ----------
    support : ndarray of shape (n_SV,), int
        Rows of the support vectors.
    coefficients : ndarray of shape (n_SV,), float64
        Dual coefficients, positive for the first class.
    intercept : float
        Constant of the decision function, which is positive for the first class.
    n_iter : int
        Number of iterations in all rounds.
    """

    support: NDArray[np.intp]
    coefficients: NDArray[np.float64]
    intercept: float
    n_iter: int


# The solution before the first round.
NO_SUPPORT = PairSolution(np.empty(0, dtype=np.intp), np.empty(0), 0.0, 0)


@dataclass(frozen=True)
class Settings:
    """Stopping criterion and resources of the solver.

    Attributes
    ----------
    tol : float
        Tolerance of libsvm's stopping criterion.
    shrinking : bool
        Whether libsvm uses the shrinking heuristic.
    cache_size : float
        Size in MB of the cache for kernel rows, shared by all threads; rows that do not fit are
        recomputed in each round. Also the size of libsvm's cache and the maximum size of the
        kernel matrix that a pair of classes has in memory.
    """

    tol: float
    shrinking: bool
    cache_size: float


@dataclass(frozen=True)
class Pair:
    """The samples of two classes; rows are indices among these samples only.

    Attributes
    ----------
    X : ndarray of shape (n_samples, n_features), float32 or float64
        Samples; more than those of the pair, if `members` is given.
    members : ndarray of shape (n,), int, or None
        The samples of the pair, as rows of `X`; None if these are all of `X`.
    norms : ndarray of shape (n,)
        Squared norms of the samples of the pair, in the dtype to compute the kernel in.
    targets : ndarray of shape (n,), float64
        1 for the first class, -1 for the second.
    bounds : ndarray of shape (n,), float64
        Upper bounds of the dual variables.
    kernel : Kernel
        Positive semidefinite kernel function.
    """

    X: Floats
    members: NDArray[np.intp] | None
    norms: Floats
    targets: NDArray[np.float64]
    bounds: NDArray[np.float64]
    kernel: Kernel

    def __len__(self) -> int:
        return len(self.targets)

    @property
    def sample_bytes(self) -> int:
        """Size in bytes of the samples."""
        return len(self) * int(self.X.shape[1]) * self.norms.itemsize

    @property
    def row_bytes(self) -> int:
        """Size in bytes of one kernel row."""
        return len(self) * self.norms.itemsize

    def select(self, rows: NDArray[np.intp]) -> "Pair":
        """Return the pair with these samples only; they are not copied."""
        members = rows if self.members is None else self.members[rows]
        return replace(
            self,
            members=members,
            norms=self.norms[rows],
            targets=self.targets[rows],
            bounds=self.bounds[rows],
        )

    def copy(self) -> "Pair":
        """Return the pair with a copy of its samples; kernel values take less time then."""
        return self.copy_to(np.empty((len(self), self.X.shape[1]), dtype=self.norms.dtype))

    def copy_to(self, samples: Floats) -> "Pair":
        """Return the pair with its samples in a given array (n, n_features), overwritten."""
        for start in range(0, len(self), _BLOCK_ROWS):
            block = slice(start, start + _BLOCK_ROWS)
            samples[block] = self.samples(block)
        return replace(self, X=samples, members=None)

    def samples(self, rows: NDArray[np.intp] | slice) -> Floats:
        """Return some of the samples, in the dtype to compute the kernel in."""
        found = self.X[rows if self.members is None else self.members[rows]]
        return found.astype(self.norms.dtype, copy=False)

    def kernel_rows(self, rows: NDArray[np.intp], out: Floats | None = None) -> Floats:
        """Compute the kernel values of `rows` with all rows (len(rows), n), into `out` if given."""
        if out is None:
            out = np.empty((len(rows), len(self)), dtype=self.norms.dtype)
        return self._kernel_values(rows, self, out)

    def kernel_matrix(self, rows: NDArray[np.intp], columns: NDArray[np.intp]) -> Floats:
        """Compute the kernel values of `rows` with `columns` (len(rows), len(columns))."""
        values = np.empty((len(rows), len(columns)), dtype=self.norms.dtype)
        return self._kernel_values(rows, self.select(columns), values)

    def _kernel_values(self, rows: NDArray[np.intp], columns: "Pair", values: Floats) -> Floats:
        left, left_norms = self.samples(rows), self.norms[rows]
        with np.errstate(over="ignore", invalid="ignore"):  # `check_finite` reports them
            for start in range(0, len(columns), _STRIP_COLUMNS):
                strip = slice(start, start + _STRIP_COLUMNS)
                np.matmul(left, columns.samples(strip).T, out=values[:, strip])
                self.kernel.apply(values[:, strip], left_norms, columns.norms[strip])
        return values

    def weighted_sums(
        self,
        rows: NDArray[np.intp],
        coefficients: NDArray[np.float64],
        columns: NDArray[np.intp],
    ) -> NDArray[np.float64]:
        """Sum up the kernel values of `rows` with each of `columns`, weighted by `coefficients`.

        Memory does not depend on the numbers of rows and columns: kernel values are computed and
        summed block by block.

        Returns
        -------
        ndarray of shape (len(columns),), float64
        """
        selected = self.select(columns)
        left, left_norms = self.samples(rows), self.norms[rows]
        weights = coefficients.astype(left.dtype)
        sums = np.zeros(len(columns))
        buffer = np.empty(_BLOCK_ROWS * _STRIP_COLUMNS, dtype=left.dtype)
        with np.errstate(over="ignore", invalid="ignore"):  # `check_finite` reports them
            for begin in range(0, len(columns), _STRIP_COLUMNS):
                strip = slice(begin, begin + _STRIP_COLUMNS)
                right, right_norms = selected.samples(strip), selected.norms[strip]
                for start in range(0, len(rows), _BLOCK_ROWS):
                    part = slice(start, start + _BLOCK_ROWS)
                    block = buffer[: len(left[part]) * len(right)].reshape(-1, len(right))
                    np.matmul(left[part], right.T, out=block)
                    self.kernel.apply(block, left_norms[part], right_norms)
                    sums[strip] += weights[part] @ block
        return sums


def check_finite(values: Floats) -> None:
    """Raise a ValueError if a kernel value, or a sum of them, is not finite."""
    if not np.isfinite(values).all():
        raise ValueError(
            "A value of the kernel is not finite."
            " The input data may contain large values and need to be preprocessed."
        )
