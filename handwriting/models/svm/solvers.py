"""The solvers behind handwriting.models.svm.svc.SVC: active sets, oneDAL and libsvm.

Each solver returns the fitted attributes of `sklearn.svm.SVC` as plain arrays in its layout, so
storing, loading and using a model does not depend on the solver.
"""

import os
import warnings
from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import compute_class_weight
from sklearn.utils.multiclass import check_classification_targets

from handwriting.models.svm import one_vs_one, threads, trial
from handwriting.models.svm.kernels import Floats, Kernel, squared_norms
from handwriting.models.svm.pair import PairSolution, Settings
from handwriting.models.svm.problem import Problem

SOLVER_VARIABLE = "HANDWRITING_SVC_SOLVER"

# Minimum number of samples in the largest pair of classes for active sets, by the solver used
# otherwise. With fewer, that solver is faster: the fixed cost of each pair and each round exceeds
# the savings. Measured on MNIST.
_ACTIVE_SET_PAIR_SAMPLES = {"onedal": 800, "libsvm": 200}

# Active sets are selected if the share of support vectors times the iterations per sample is at
# most this limit, by the solver used otherwise, times features^0.4. Support vectors and iterations
# cost active sets more time than other solvers, kernel values of many features less. Fitted to the
# times of 97 problems (benchmarks/solvers.md).
_MAX_WORK = {"onedal": 0.03, "libsvm": 0.3}
_FEATURES_EXPONENT = 0.4

# Maximum number of values (features times mean samples of a pair of classes), and share of support
# vectors, up to which libsvm is faster than both: it has the least overhead.
_LIBSVM_VALUES = 25_000
_LIBSVM_SUPPORT_SHARE = 0.3

# The iteration limit that sklearnex sets for max_iter=-1. It does not warn on reaching it.
_ONEDAL_ITERATIONS = 10_000

# Minimum number of samples in each pair of classes for oneDAL. The size of its working set is the
# largest power of two up to that number, so it ignores the third of three samples and returns a
# wrong solution.
_ONEDAL_PAIR_SAMPLES = 4

Weights = NDArray[np.float64] | None


@dataclass(frozen=True)
class _Task:
    """The arguments of `fit`, and quantities derived from them."""

    parameters: dict[str, Any]
    X: Floats
    y: NDArray[Any]
    sample_weight: Weights

    @cached_property
    def classes(self) -> NDArray[Any]:
        """Class labels (n_classes,)."""
        return np.unique(self.y)

    @cached_property
    def codes(self) -> NDArray[np.intp]:
        """Class index of each sample (n_samples,)."""
        return np.searchsorted(self.classes, self.y)

    @cached_property
    def counts(self) -> NDArray[np.intp]:
        """Number of samples of each class (n_classes,)."""
        return np.bincount(self.codes)

    @cached_property
    def class_weight(self) -> NDArray[np.float64]:
        """Factor of C for each class (n_classes,)."""
        weights: NDArray[np.float64] = compute_class_weight(
            self.parameters["class_weight"], classes=self.classes, y=self.y
        )
        return weights

    @cached_property
    def bounds(self) -> NDArray[np.float64]:
        """Upper bound of each dual variable: C times class and sample weight (n_samples,)."""
        with np.errstate(over="ignore", invalid="ignore"):
            bounds: NDArray[np.float64] = self.parameters["C"] * self.class_weight[self.codes]
            return bounds if self.sample_weight is None else bounds * self.sample_weight

    @cached_property
    def norms(self) -> NDArray[np.float64]:
        """Squared norm of each sample (n_samples,)."""
        return squared_norms(self.X)

    @cached_property
    def kernel(self) -> Kernel:
        """Kernel function selected by the parameters."""
        return Kernel(
            self.parameters["kernel"],
            gamma=self.parameters["gamma"],
            coef0=self.parameters["coef0"],
            degree=self.parameters["degree"],
        )

    @cached_property
    def working_dtype(self) -> np.dtype[Any]:
        """Dtype in which the kernel is computed."""
        return self.kernel.working_dtype(self.X.dtype, self.norms, self.norms)

    @cached_property
    def problem(self) -> Problem:
        """The problem as active sets solve it."""
        return Problem(
            X=self.X,
            norms=self.norms.astype(self.working_dtype),
            classes=self.codes,
            bounds=self.bounds,
            kernel=self.kernel,
        )

    @cached_property
    def settings(self) -> Settings:
        """Stopping criterion and resources of active sets."""
        return Settings(
            tol=self.parameters["tol"],
            shrinking=self.parameters["shrinking"],
            cache_size=self.parameters["cache_size"],
        )


def fit(
    parameters: dict[str, Any], X: Floats, y: NDArray[Any], sample_weight: Weights
) -> dict[str, Any]:
    """Fit with the solver that ``HANDWRITING_SVC_SOLVER`` names, by default the fastest one.

    Parameters
    ----------
    parameters : dict
        Parameters of `handwriting.models.svm.svc.SVC`; gamma is a number.
    X : ndarray of shape (n_samples, n_features), float32 or float64
        Training samples.
    y : ndarray of shape (n_samples,)
        Class labels.
    sample_weight : ndarray of shape (n_samples,), float64, or None
        Factor of C for each sample.

    Returns
    -------
    dict
        Fitted attributes by name, including `solver_`.

    Raises
    ------
    ValueError
        If there are fewer than two classes, if ``HANDWRITING_SVC_SOLVER`` is not the name of a
        solver that can solve the problem, or if the solution is not finite.
    """
    check_classification_targets(y)
    task = _Task(parameters, X, y, sample_weight)
    if len(task.classes) < 2:
        raise ValueError(
            f"The number of classes has to be greater than one; got {len(task.classes)} class"
        )
    solver = _forced_solver(task) or _fastest_solver(task)
    solve = {
        "active_set": _fit_with_active_sets,
        "onedal": _fit_with_onedal,
        "libsvm": _fit_with_libsvm,
    }[solver]
    return {**solve(task), "solver_": solver}


def libsvm_sign(n_classes: int) -> int:
    """Return the factor between libsvm's and scikit-learn's dual coefficients and intercepts.

    libsvm's decision function is positive for the first class of a pair. scikit-learn inverts it
    if there are only two classes.

    Parameters
    ----------
    n_classes : int
        Number of classes, >= 2.

    Returns
    -------
    int
        -1 for two classes, 1 for more.
    """
    return -1 if n_classes == 2 else 1


def _forced_solver(task: _Task) -> str:
    """Return the solver forced by the environment, '' if none; check that it can solve the task."""
    requested = os.environ.get(SOLVER_VARIABLE, "")
    if requested not in ("", "active_set", "onedal", "libsvm"):
        raise ValueError(
            f"{SOLVER_VARIABLE} is {requested!r}: set it to 'active_set', 'onedal' or 'libsvm'"
        )
    obstacle = None
    if requested == "active_set":
        obstacle = _active_set_obstacle(task)
    elif requested == "onedal":
        obstacle = _onedal_obstacle(task)
    if obstacle is not None:
        raise ValueError(
            f"{SOLVER_VARIABLE} is {requested!r}, but {obstacle}: unset it or set it to 'libsvm'"
        )
    return requested


def _fastest_solver(task: _Task) -> str:
    """Return the solver expected to be the fastest of those that can solve the task."""
    if _active_set_obstacle(task) is not None:
        return "libsvm"
    fallback = "onedal" if _onedal_obstacle(task) is None else "libsvm"
    if np.sort(task.counts)[-2:].sum() < _ACTIVE_SET_PAIR_SAMPLES[fallback]:
        return fallback
    found = trial.run(task.problem, task.settings)
    n_features = task.X.shape[1]
    pair_values = n_features * 2 * task.counts.mean()
    if pair_values <= _LIBSVM_VALUES and found.support_share <= _LIBSVM_SUPPORT_SHARE:
        return "libsvm"
    work = found.support_share * found.iterations
    suits = work <= _MAX_WORK[fallback] * n_features**_FEATURES_EXPONENT
    return "active_set" if suits else fallback


def _active_set_obstacle(task: _Task) -> str | None:
    """Return why neither active sets nor oneDAL can solve the task, None if active sets can."""
    kernel = task.kernel
    if kernel.name == "sigmoid" or (kernel.name == "poly" and kernel.coef0 < 0):
        # The dual problem is not convex: solvers converge to different local solutions.
        return "the kernel is not positive semidefinite"
    if kernel.name != "linear" and kernel.gamma == 0:
        return "gamma is 0"
    if task.parameters["max_iter"] != -1:
        return "max_iter limits the iterations of libsvm"
    if not (np.isfinite(task.bounds).all() and task.bounds.min() > 0):
        return "C times the weights is not positive and finite"
    return None


def _onedal_obstacle(task: _Task) -> str | None:
    """Return why oneDAL cannot solve the task, None if it can."""
    if find_spec("sklearnex") is None:
        return "scikit-learn-intelex is not installed"
    if np.sort(task.counts)[:2].sum() < _ONEDAL_PAIR_SAMPLES:
        return f"two classes have fewer than {_ONEDAL_PAIR_SAMPLES} samples together"
    return _active_set_obstacle(task)


def _fit_with_active_sets(task: _Task) -> dict[str, Any]:
    pairs = one_vs_one.solve(task.problem, task.settings)
    return {
        "classes_": task.classes,
        "class_weight_": task.class_weight,
        **_to_sklearn_layout(pairs, task.X, task.codes, len(task.classes)),
        "n_iter_": np.array([pair.n_iter for pair in pairs], dtype=np.int32),
        "fit_status_": 0,
    }


def _to_sklearn_layout(
    pairs: list[PairSolution], X: Floats, codes: NDArray[np.intp], n_classes: int
) -> dict[str, NDArray[Any]]:
    """Combine the solutions of all pairs into scikit-learn's arrays."""
    is_support = np.zeros(len(X), dtype=bool)
    for pair in pairs:
        is_support[pair.support] = True
    support = np.flatnonzero(is_support)
    support = support[np.argsort(codes[support], kind="stable")]
    column = np.empty(len(X), dtype=np.intp)
    column[support] = np.arange(len(support))
    dual_coef = np.zeros((n_classes - 1, len(support)))
    for (first, second), pair in zip(combinations(range(n_classes), 2), pairs, strict=True):
        # The rows of a support vector skip its own class: those of later classes move up by one.
        row = np.where(codes[pair.support] == first, second - 1, first)
        dual_coef[row, column[pair.support]] = pair.coefficients
    intercept = np.array([pair.intercept for pair in pairs])
    sign = libsvm_sign(n_classes)
    return {
        "support_": support.astype(np.int32),
        "support_vectors_": X[support],
        "n_support_": np.bincount(codes[support], minlength=n_classes).astype(np.int32),
        "dual_coef_": sign * dual_coef,
        "intercept_": sign * intercept,
    }


def _fit_with_libsvm(task: _Task) -> dict[str, Any]:
    import sklearn.svm  # imported here because it takes a second and predicting does not need it

    model = sklearn.svm.SVC(**task.parameters).fit(task.X, task.y, task.sample_weight)
    return {
        "classes_": model.classes_,
        "class_weight_": model.class_weight_,
        "support_": model.support_,
        # libsvm works on a float64 copy: converting float32 samples back is exact
        "support_vectors_": model.support_vectors_.astype(task.X.dtype, copy=False),
        "n_support_": model.n_support_,
        "dual_coef_": model.dual_coef_,
        "intercept_": model.intercept_,
        "n_iter_": model.n_iter_,
        "fit_status_": model.fit_status_,
    }


def _fit_with_onedal(task: _Task) -> dict[str, Any]:
    import daal4py
    import sklearnex.svm

    if threads.is_one_by_one():
        # On a worker of a cluster. It computes in another thread than the main one, where sklearnex
        # respects no limit, and with a single thread oneDAL rounds differently than with several.
        daal4py.daalinit(threads.thread_counts().get("openmp", 0))
    # each thread has its own kernel cache
    cache_size = task.parameters["cache_size"] / daal4py.num_threads()
    # oneDAL refuses arrays that are read-only, as those on a worker are.
    X = np.require(task.X.astype(task.working_dtype, copy=False), requirements="W")
    model = sklearnex.svm.SVC(**{**task.parameters, "cache_size": cache_size}).fit(
        X, np.require(task.y, requirements="W"), task.sample_weight
    )
    if not (np.isfinite(model.dual_coef_).all() and np.isfinite(model.intercept_).all()):
        raise ValueError(
            "The dual coefficients or intercepts are not finite."
            " The input data may contain large values and need to be preprocessed."
        )
    fit_status = int(np.max(model.n_iter_) >= _ONEDAL_ITERATIONS)
    if fit_status == 1:
        warnings.warn(
            f"oneDAL stopped after {_ONEDAL_ITERATIONS} iterations. Consider pre-processing your "
            "data with StandardScaler or MinMaxScaler.",
            ConvergenceWarning,
            stacklevel=4,
        )
    # For two classes oneDAL orders the support vectors by row, libsvm by class and then by row.
    order = np.argsort(task.codes[model.support_], kind="stable")
    support = model.support_[order]
    n_support = np.bincount(task.codes[support], minlength=len(task.classes))
    return {
        "classes_": model.classes_,
        "class_weight_": model.class_weight_,
        "support_": support.astype(np.int32),
        "support_vectors_": task.X[support],
        "n_support_": n_support.astype(np.int32),
        "dual_coef_": model.dual_coef_[:, order].astype(np.float64, order="C"),
        "intercept_": model.intercept_.astype(np.float64),
        "n_iter_": model.n_iter_.astype(np.int32),
        "fit_status_": fit_status,
    }
