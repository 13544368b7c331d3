"""A faster drop-in for sklearn.svm.SVC.

`handwriting.models.svm.solvers` fits the model. This module predicts with matrix products, on every
platform. A fitted classifier contains plain arrays in scikit-learn's layout only, so it can be
stored, loaded and used without the solver that fitted it.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import combinations
from numbers import Integral, Real
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.multiclass import _ovr_decision_function
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from handwriting.models.svm import solvers
from handwriting.models.svm.kernels import Floats, Kernel, squared_norms
from handwriting.models.svm.threads import map_threads

# A block of the kernel matrix (512 x 1024 float32: 2 MB) stays in the processor's cache from the
# matrix product to the sum. Smaller blocks slow the product down.
_BLOCK_ROWS = 512
_BLOCK_VECTORS = 1024

# Rows that are converted to float64 at a time, for their variance.
_VARIANCE_ROWS = 8192

# Maximum norm of the dual coefficients for single precision. The error of a kernel value is up to
# 1e-6; with coefficients of this norm, that of a decision value is about 2e-4. On MNIST, with
# C = 5, the norm is 89 and the error 9e-5.
_FLOAT32_MAX_NORM = 200.0


class SVC(ClassifierMixin, BaseEstimator):
    """C-support vector classification, a faster drop-in for `sklearn.svm.SVC`.

    `X` must be dense. Sparse matrices, precomputed and callable kernels and probability estimates
    are not supported.

    Parameters
    ----------
    C : float, default=1.0
        Inverse of the regularization strength, > 0.
    kernel : {'linear', 'poly', 'rbf', 'sigmoid'}, default='rbf'
        Kernel function.
    degree : int, default=3
        Degree of the 'poly' kernel, >= 0.
    gamma : {'scale', 'auto'} or float, default='scale'
        Coefficient of 'poly', 'rbf' and 'sigmoid', >= 0. 'scale' is
        1 / (n_features * X.var()), 'auto' is 1 / n_features.
    coef0 : float, default=0.0
        Independent term of 'poly' and 'sigmoid'.
    shrinking : bool, default=True
        Whether the solver uses the shrinking heuristic.
    tol : float, default=1e-3
        Tolerance of the solver's stopping criterion, > 0.
    cache_size : float, default=200
        Size of the solver's kernel cache in MB, > 0. With the solvers 'active_set' and 'onedal',
        the threads share this size. With 'active_set', each thread may need the same size again
        for the kernel matrix of its active or working set.
    class_weight : dict or 'balanced', default=None
        Factor of C for each class.
    max_iter : int, default=-1
        Limit on libsvm's iterations, -1 for no limit. A limit selects the solver 'libsvm', because
        the iterations of the others are not comparable.
    decision_function_shape : {'ovr', 'ovo'}, default='ovr'
        Shape of the result of `decision_function` for more than two classes.
    break_ties : bool, default=False
        Whether `predict` breaks ties by the values of `decision_function`, which requires 'ovr'.
        If False, `predict` returns the first of the tied classes.

    Attributes
    ----------
    solver_ : {'active_set', 'onedal', 'libsvm'}
        Solver that fitted the model.
    classes_ : ndarray of shape (n_classes,)
        Class labels.
    class_weight_ : ndarray of shape (n_classes,), float64
        Factor of C for each class.
    support_ : ndarray of shape (n_SV,), int32
        Indices of the support vectors, grouped by class.
    support_vectors_ : ndarray of shape (n_SV, n_features), float32 or float64
        Support vectors, grouped by class, in the dtype of the training samples.
    n_support_ : ndarray of shape (n_classes,), int32
        Number of support vectors of each class.
    dual_coef_ : ndarray of shape (n_classes - 1, n_SV), float64
        Dual coefficients in the layout of `sklearn.svm.SVC`.
    intercept_ : ndarray of shape (n_classes * (n_classes - 1) / 2,), float64
        Constants of the decision functions.
    n_iter_ : ndarray of shape (n_classes * (n_classes - 1) / 2,), int32
        Iterations of the solver for each pair of classes.
    fit_status_ : int
        0 if the solver converged, 1 if it reached its limit of iterations.
    shape_fit_ : tuple of int
        Shape of `X` in `fit`.
    n_features_in_ : int
        Number of features in `fit`.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features. Defined only if `X` in `fit` has feature names that are strings.

    Notes
    -----
    Problems with many samples are solved with active sets, unless a trial with some of the samples
    shows that most are support vectors or that many iterations are needed. Others are solved with
    oneDAL if it is installed, else with libsvm. Problems that neither of these two solvers can
    solve are solved with libsvm. Within the active-set solver, a pair of classes with many
    samples, or whose active set becomes too large for `cache_size`, is decomposed further: its
    kernel values are computed block by block. The environment variable ``HANDWRITING_SVC_SOLVER``
    (``active_set``, ``onedal`` or ``libsvm``) forces a solver.

    The rbf kernel is evaluated in single precision if all samples are float32 and its exponents
    are small. Predictions also require that the dual coefficients are small; the error of the
    decision values is then up to about 2e-4. In all other cases, and by libsvm always, kernels are
    evaluated in double precision.

    References
    ----------
    C.-C. Chang and C.-J. Lin, "LIBSVM: a library for support vector machines", ACM Transactions on
    Intelligent Systems and Technology 2(3), 2011: the dual problem and one-versus-one voting.
    E. Osuna, R. Freund and F. Girosi, "An improved training algorithm for support vector machines",
    IEEE Workshop on Neural Networks for Signal Processing, 1997: active sets.
    Z. Wen et al., "ThunderSVM: a fast SVM library on GPUs and CPUs", Journal of Machine Learning
    Research 19, 2018: the method used by oneDAL.
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "C": [Interval(Real, 0, None, closed="right")],
        "kernel": [StrOptions({"linear", "poly", "rbf", "sigmoid"})],
        "degree": [Interval(Integral, 0, None, closed="left")],
        "gamma": [StrOptions({"scale", "auto"}), Interval(Real, 0, None, closed="left")],
        "coef0": [Interval(Real, None, None, closed="neither")],
        "shrinking": ["boolean"],
        "tol": [Interval(Real, 0, None, closed="neither")],
        "cache_size": [Interval(Real, 0, None, closed="neither")],
        "class_weight": [StrOptions({"balanced"}), dict, None],
        "max_iter": [Interval(Integral, -1, None, closed="left")],
        "decision_function_shape": [StrOptions({"ovr", "ovo"})],
        "break_ties": ["boolean"],
    }

    def __init__(
        self,
        *,
        C: float = 1.0,
        kernel: str = "rbf",
        degree: int = 3,
        gamma: str | float = "scale",
        coef0: float = 0.0,
        shrinking: bool = True,
        tol: float = 1e-3,
        cache_size: float = 200,
        class_weight: dict[Any, float] | str | None = None,
        max_iter: int = -1,
        decision_function_shape: str = "ovr",
        break_ties: bool = False,
    ) -> None:
        self.C = C
        self.kernel = kernel
        self.degree = degree
        self.gamma = gamma
        self.coef0 = coef0
        self.shrinking = shrinking
        self.tol = tol
        self.cache_size = cache_size
        self.class_weight = class_weight
        self.max_iter = max_iter
        self.decision_function_shape = decision_function_shape
        self.break_ties = break_ties

    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Fit the classifier.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Training samples, dense. float32 is kept, other types are converted to float64.
        y : array-like of shape (n_samples,)
            Class labels, at least two classes.
        sample_weight : array-like of shape (n_samples,), default=None
            Factor of C for each sample.

        Returns
        -------
        SVC
            This classifier, fitted.

        Raises
        ------
        ValueError
            If a parameter, the data or ``HANDWRITING_SVC_SOLVER`` is invalid, or if the solution
            is not finite.
        """
        self._validate_params()
        samples, labels = validate_data(self, X, y, dtype=[np.float64, np.float32], order="C")
        weights = None
        if sample_weight is not None:
            weights = _check_sample_weight(sample_weight, samples, dtype=np.float64)
        self._gamma = _gamma_value(self.gamma, samples)
        parameters = {**self.get_params(), "gamma": self._gamma}
        for name, value in solvers.fit(parameters, samples, labels, weights).items():
            setattr(self, name, value)
        self.shape_fit_ = samples.shape
        return self

    def decision_function(self, X: ArrayLike) -> NDArray[np.float64]:
        """Evaluate the decision function for each sample.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Samples, at least one.

        Returns
        -------
        ndarray of shape (n_samples,), (n_samples, n_classes) or \
                (n_samples, n_classes * (n_classes - 1) / 2), float64
            For two classes, positive for the second class. For more classes, with 'ovr' the
            number of votes of each class plus a confidence term between -1/3 and 1/3, with 'ovo'
            the value of each pair of classes, positive for its first class.

        Raises
        ------
        ValueError
            If `X` is empty or does not fit the model.
        """
        n_classes = self._fitted_class_count()
        if n_classes == 2:
            return -self._evaluate(X, lambda pairs: pairs[:, 0])
        if self.decision_function_shape == "ovo":
            return self._evaluate(X, lambda pairs: pairs)
        return self._evaluate(X, lambda pairs: _ovr_decision_function(pairs < 0, -pairs, n_classes))

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """Predict the class of each sample.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Samples, at least one.

        Returns
        -------
        ndarray of shape (n_samples,)
            Class labels.

        Raises
        ------
        ValueError
            If `X` is empty or does not fit the model, or if `break_ties` is set with 'ovo'.
        """
        n_classes = self._fitted_class_count()
        if self.break_ties and self.decision_function_shape == "ovo":
            raise ValueError("break_ties must be False when decision_function_shape is 'ovo'")
        if self.break_ties and n_classes > 2:
            indices = np.argmax(self.decision_function(X), axis=1)
        else:
            indices = self._evaluate(X, lambda pairs: _vote(pairs, n_classes))
        labels: NDArray[Any] = self.classes_.take(indices)
        return labels

    @property
    def coef_(self) -> NDArray[np.float64]:
        """Weights of the features, defined only for the linear kernel.

        Returns
        -------
        ndarray of shape (n_classes * (n_classes - 1) / 2, n_features), float64
            One row for each pair of classes; read-only.

        Raises
        ------
        AttributeError
            If the kernel is not linear.
        """
        if self.kernel != "linear":
            raise AttributeError("coef_ is only available when using a linear kernel")
        weights = _pair_weights(self.dual_coef_, self.n_support_, self.support_vectors_)
        weights.flags.writeable = False
        return weights

    def _fitted_class_count(self) -> int:
        """Return the number of classes; raise NotFittedError if the model is not fitted."""
        # n_features_in_ also exists after a failed fit
        check_is_fitted(self, "dual_coef_")
        return len(self.classes_)

    def _evaluate(
        self, X: ArrayLike, finish: Callable[[NDArray[np.float64]], NDArray[Any]]
    ) -> NDArray[Any]:
        """Apply `finish` to the pairwise decision values of each block of `X`; concatenate."""
        samples: Floats = validate_data(
            self, X, dtype=[np.float64, np.float32], order="C", reset=False
        )
        decide = (
            self._linear_decision() if self.kernel == "linear" else self._kernel_expansion(samples)
        )
        blocks = [
            samples[start : start + _BLOCK_ROWS] for start in range(0, len(samples), _BLOCK_ROWS)
        ]
        return np.concatenate(map_threads(lambda block: finish(decide(block)), blocks))

    def _linear_decision(self) -> Callable[[Floats], NDArray[np.float64]]:
        """Return the pairwise decision function of the linear kernel, with explicit weights."""
        sign = solvers.libsvm_sign(len(self.classes_))
        weights = sign * self.coef_.T
        intercept = sign * self.intercept_
        return lambda X: X @ weights + intercept

    def _kernel_expansion(self, X: Floats) -> "_KernelExpansion":
        """Return the pairwise decision function of a nonlinear kernel, precise enough for `X`."""
        sign = solvers.libsvm_sign(len(self.classes_))
        norms = squared_norms(self.support_vectors_)
        kernel = Kernel(self.kernel, self._gamma, self.coef0, self.degree)
        working = np.dtype(np.float64)
        if np.linalg.norm(self.dual_coef_, axis=1).max(initial=0) <= _FLOAT32_MAX_NORM:
            dtype = np.result_type(X, self.support_vectors_)
            working = kernel.working_dtype(dtype, norms, squared_norms(X))
        return _KernelExpansion(
            kernel=kernel,
            vectors=self.support_vectors_,
            norms=norms.astype(working),
            coefficients=(sign * self.dual_coef_).astype(working),
            class_ends=np.cumsum(self.n_support_),
            intercept=sign * self.intercept_,
        )


@dataclass(frozen=True)
class _KernelExpansion:
    """The decision function of every pair of classes, as a sum of kernels of the support vectors.

    A value is positive for the first class of the pair, as in libsvm.

    Attributes
    ----------
    kernel : Kernel
    vectors : ndarray of shape (n_SV, n_features), float32 or float64
        Support vectors, grouped by class.
    norms : ndarray of shape (n_SV,)
        Squared norms of the support vectors, in the dtype to compute in.
    coefficients : ndarray of shape (n_classes - 1, n_SV)
        Dual coefficients in scikit-learn's layout, in the dtype to compute in.
    class_ends : ndarray of shape (n_classes,), int
        Index after the last support vector of each class.
    intercept : ndarray of shape (n_pairs,), float64
        Constants of the decision functions.
    """

    kernel: Kernel
    vectors: Floats
    norms: Floats
    coefficients: Floats
    class_ends: NDArray[np.integer[Any]]
    intercept: NDArray[np.float64]

    def __call__(self, X: Floats) -> NDArray[np.float64]:
        """Evaluate all pairs for the samples `X` (n_samples, n_features).

        Returns
        -------
        ndarray of shape (n_samples, n_pairs), float64
            Pairs in the order (0, 1), (0, 2), …, (1, 2), …
        """
        n_classes = len(self.class_ends)
        X = X.astype(self.norms.dtype, copy=False)
        X_norms = squared_norms(X).astype(X.dtype)
        # sums[:, c, r]: sum over the support vectors of class c in the r-th pair of this class
        sums = np.zeros((len(X), n_classes, n_classes - 1))
        buffer = np.empty(len(X) * _BLOCK_VECTORS, dtype=X.dtype)
        for start in range(0, len(self.vectors), _BLOCK_VECTORS):
            vectors = self.vectors[start : start + _BLOCK_VECTORS].astype(X.dtype, copy=False)
            stop = start + len(vectors)
            block = buffer[: len(X) * len(vectors)].reshape(len(X), -1)
            np.matmul(X, vectors.T, out=block)
            self.kernel.apply(block, X_norms, self.norms[start:stop])
            for index, begin, end in self._class_ranges(start, stop):
                values = block[:, begin - start : end - start]
                sums[:, index] += values @ self.coefficients[:, begin:end].T
        first, second = np.triu_indices(n_classes, k=1)
        pairs = sums[:, first, second - 1] + sums[:, second, first]
        return pairs + self.intercept

    def _class_ranges(self, start: int, stop: int) -> Iterator[tuple[int, int, int]]:
        """Split the support vectors from `start` to `stop` into (class, begin, end) by class."""
        begin = start
        for index, class_end in enumerate(self.class_ends):
            end = min(int(class_end), stop)
            if begin < end:
                yield index, begin, end
                begin = end


def _vote(pairs: NDArray[np.float64], n_classes: int) -> NDArray[np.intp]:
    """Return the class with the most votes for each row, the first one if tied, as in libsvm."""
    votes = np.zeros((len(pairs), n_classes), dtype=np.intp)
    for column, (first, second) in enumerate(combinations(range(n_classes), 2)):
        wins = pairs[:, column] > 0
        votes[:, first] += wins
        votes[:, second] += ~wins
    winners: NDArray[np.intp] = np.argmax(votes, axis=1)
    return winners


def _pair_weights(
    dual_coef: NDArray[np.float64], n_support: NDArray[np.int32], support_vectors: Floats
) -> NDArray[np.float64]:
    """Compute the weight vector of each pair of classes, for the linear kernel."""
    weights: NDArray[np.float64]
    if len(n_support) == 2:
        weights = dual_coef @ support_vectors
        return weights
    ends = np.cumsum(n_support)
    members = [slice(end - count, end) for end, count in zip(ends, n_support, strict=True)]
    weights = np.stack(
        [
            dual_coef[second - 1, members[first]] @ support_vectors[members[first]]
            + dual_coef[first, members[second]] @ support_vectors[members[second]]
            for first, second in combinations(range(len(n_support)), 2)
        ]
    )
    return weights


def _gamma_value(gamma: str | float, X: Floats) -> float:
    """Return `gamma` as a number, computed in double precision for every dtype of `X`."""
    if gamma == "auto":
        return 1.0 / int(X.shape[1])
    if gamma == "scale":
        variance = _variance(X)
        return 1.0 / (X.shape[1] * variance) if variance != 0 else 1.0
    return float(gamma)


def _variance(X: Floats) -> float:
    """Return the variance of all values; `X.var` needs a copy of all samples in float64."""
    mean = X.mean(dtype=np.float64)
    blocks = (X[start : start + _VARIANCE_ROWS] for start in range(0, len(X), _VARIANCE_ROWS))
    return float(sum(np.square(block - mean).sum() for block in blocks) / X.size)
