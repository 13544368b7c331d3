"""What fits a support vector classifier: active sets, oneDAL or libsvm.

Each solver gives the fitted attributes of `sklearn.svm.SVC`, in its layout and as plain arrays, so
that a model is stored, loaded and used alike whatever fitted it.
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

from handwriting import active_set
from handwriting.kernels import Floats, Kernel, squared_norms

SOLVER_VARIABLE = "HANDWRITING_SVC_SOLVER"

# With fewer samples than this in the largest pair of classes the other solver is faster: what each
# pair and each round costs before it begins weighs more than what it saves. Measured on MNIST.
_ACTIVE_SET_PAIR_SAMPLES = {"onedal": 800, "libsvm": 200}

# Active sets save kernel values and repeat iterations. With few features a kernel value costs
# little, and where classes overlap the iterations then cost several times what is saved.
_ACTIVE_SET_FEATURES = 100

# sklearnex reads "no limit" as this many iterations and says nothing when it reaches them.
_ONEDAL_ITERATIONS = 10_000

# oneDAL's working set is the largest power of two within the samples of a pair of classes. Of three
# samples it never looks at the third, and stops with a wrong solution.
_ONEDAL_PAIR_SAMPLES = 4

Weights = NDArray[np.float64] | None


@dataclass(frozen=True)
class _Task:
    """What is to be fitted, and what follows from it; the fields are the arguments of `fit`."""

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
        """Index of each sample's class (n_samples,)."""
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
        """Upper bound of each sample's dual variable: C times its weights (n_samples,)."""
        with np.errstate(over="ignore", invalid="ignore"):
            bounds: NDArray[np.float64] = self.parameters["C"] * self.class_weight[self.codes]
            return bounds if self.sample_weight is None else bounds * self.sample_weight

    @cached_property
    def norms(self) -> NDArray[np.float64]:
        """Squared norm of each sample (n_samples,)."""
        return squared_norms(self.X)

    @cached_property
    def kernel(self) -> Kernel:
        """The kernel that the parameters name."""
        return Kernel(
            self.parameters["kernel"],
            gamma=self.parameters["gamma"],
            coef0=self.parameters["coef0"],
            degree=self.parameters["degree"],
        )

    @cached_property
    def working_dtype(self) -> np.dtype[Any]:
        """Type to compute the kernel in."""
        return self.kernel.working_dtype(self.X.dtype, self.norms, self.norms)


def fit(
    parameters: dict[str, Any], X: Floats, y: NDArray[Any], sample_weight: Weights
) -> dict[str, Any]:
    """Fit with the solver that the environment or the problem asks for.

    Parameters
    ----------
    parameters : dict
        Those of `handwriting.svm.SVC`, with a number for gamma.
    X : ndarray of shape (n_samples, n_features), float32 or float64
        Training samples.
    y : ndarray of shape (n_samples,)
        Class labels.
    sample_weight : ndarray of shape (n_samples,), float64, or None
        Factor of C for each sample.

    Returns
    -------
    dict
        Fitted attributes by name, `solver_` among them.

    Raises
    ------
    ValueError
        If there are fewer than two classes, if ``HANDWRITING_SVC_SOLVER`` names no solver or one
        that can't solve the problem, or if the solution is not finite.
    """
    check_classification_targets(y)
    task = _Task(parameters, X, y, sample_weight)
    if len(task.classes) < 2:
        raise ValueError(
            f"The number of classes has to be greater than one; got {len(task.classes)} class"
        )
    solver = _requested(task) or _fastest(task)
    solve = {
        "active_set": _fit_by_active_sets,
        "onedal": _fit_with_onedal,
        "libsvm": _fit_with_libsvm,
    }[solver]
    return {**solve(task), "solver_": solver}


def _requested(task: _Task) -> str:
    """Read the solver that the environment forces, '' if none, and check that it can solve."""
    requested = os.environ.get(SOLVER_VARIABLE, "")
    if requested not in ("", "active_set", "onedal", "libsvm"):
        raise ValueError(
            f"{SOLVER_VARIABLE} is {requested!r}: set it to 'active_set', 'onedal' or 'libsvm'"
        )
    obstacle = None
    if requested == "active_set":
        obstacle = _obstacle(task)
    elif requested == "onedal":
        obstacle = _onedal_obstacle(task)
    if obstacle is not None:
        raise ValueError(
            f"{SOLVER_VARIABLE} is {requested!r}, but {obstacle}: unset it or set it to 'libsvm'"
        )
    return requested


def _fastest(task: _Task) -> str:
    """Choose the fastest solver of those that can solve the problem."""
    if _obstacle(task) is not None:
        return "libsvm"
    whole = "onedal" if _onedal_obstacle(task) is None else "libsvm"
    pair_samples = np.sort(task.counts)[-2:].sum()
    is_for_active_sets = (
        task.X.shape[1] >= _ACTIVE_SET_FEATURES and pair_samples >= _ACTIVE_SET_PAIR_SAMPLES[whole]
    )
    return "active_set" if is_for_active_sets else whole


def _obstacle(task: _Task) -> str | None:
    """Say why only libsvm can solve the problem, or None."""
    kernel = task.kernel
    if kernel.name == "sigmoid" or (kernel.name == "poly" and kernel.coef0 < 0):
        # The dual problem then has many local solutions and the solvers end in different ones.
        return "the kernel is not positive semidefinite"
    if kernel.name != "linear" and kernel.gamma == 0:
        return "gamma is 0"
    if task.parameters["max_iter"] != -1:
        return "max_iter limits the iterations of libsvm"
    if not (np.isfinite(task.bounds).all() and task.bounds.min() > 0):
        return "C times the weights is not positive and finite"
    return None


def _onedal_obstacle(task: _Task) -> str | None:
    """Say why oneDAL can't solve the problem, or None."""
    if find_spec("sklearnex") is None:
        return "scikit-learn-intelex is not installed"
    if np.sort(task.counts)[:2].sum() < _ONEDAL_PAIR_SAMPLES:
        return f"two classes have fewer than {_ONEDAL_PAIR_SAMPLES} samples together"
    return _obstacle(task)


def _fit_by_active_sets(task: _Task) -> dict[str, Any]:
    """Fit by active sets."""
    problem = active_set.Problem(
        X=task.X,
        norms=task.norms.astype(task.working_dtype),
        classes=task.codes,
        bounds=task.bounds,
        kernel=task.kernel,
    )
    settings = active_set.Settings(
        tol=task.parameters["tol"],
        shrinking=task.parameters["shrinking"],
        cache_size=task.parameters["cache_size"],
    )
    pairs = active_set.solve(problem, settings)
    return {
        "classes_": task.classes,
        "class_weight_": task.class_weight,
        **_lay_out(pairs, task.X, task.codes, len(task.classes)),
        "n_iter_": np.array([pair.n_iter for pair in pairs], dtype=np.int32),
        "fit_status_": 0,
    }


def _lay_out(
    pairs: list[active_set.PairSolution], X: Floats, codes: NDArray[np.intp], n_classes: int
) -> dict[str, NDArray[Any]]:
    """Put the solutions of the pairs into the arrays of scikit-learn, class by class."""
    is_support = np.zeros(len(X), dtype=bool)
    for pair in pairs:
        is_support[pair.support] = True
    support = np.flatnonzero(is_support)
    support = support[np.argsort(codes[support], kind="stable")]
    column = np.empty(len(X), dtype=np.intp)
    column[support] = np.arange(len(support))
    dual_coef = np.zeros((n_classes - 1, len(support)))
    for (first, second), pair in zip(combinations(range(n_classes), 2), pairs, strict=True):
        # A vector's coefficient against a later class stands a row higher: there is none against
        # its own.
        row = np.where(codes[pair.support] == first, second - 1, first)
        dual_coef[row, column[pair.support]] = pair.coefficients
    intercept = np.array([pair.intercept for pair in pairs])
    # scikit-learn turns the only pair of two classes round: positive for the second.
    sign = -1 if n_classes == 2 else 1
    return {
        "support_": support.astype(np.int32),
        "support_vectors_": X[support],
        "n_support_": np.bincount(codes[support], minlength=n_classes).astype(np.int32),
        "dual_coef_": sign * dual_coef,
        "intercept_": sign * intercept,
    }


def _fit_with_libsvm(task: _Task) -> dict[str, Any]:
    """Fit with libsvm."""
    import sklearn.svm  # takes a second, and predicting does without

    model = sklearn.svm.SVC(**task.parameters).fit(task.X, task.y, task.sample_weight)
    return {
        "classes_": model.classes_,
        "class_weight_": model.class_weight_,
        "support_": model.support_,
        # libsvm works on a float64 copy: going back to float32 loses nothing
        "support_vectors_": model.support_vectors_.astype(task.X.dtype, copy=False),
        "n_support_": model.n_support_,
        "dual_coef_": model.dual_coef_,
        "intercept_": model.intercept_,
        "n_iter_": model.n_iter_,
        "fit_status_": model.fit_status_,
    }


def _fit_with_onedal(task: _Task) -> dict[str, Any]:
    """Fit with oneDAL."""
    import daal4py
    import sklearnex.svm

    # Each thread solves a pair of classes with a kernel cache of its own.
    cache_size = task.parameters["cache_size"] / daal4py.num_threads()
    model = sklearnex.svm.SVC(**{**task.parameters, "cache_size": cache_size}).fit(
        task.X.astype(task.working_dtype, copy=False), task.y, task.sample_weight
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
    # For two classes oneDAL lists the support vectors by row, libsvm by class and then by row.
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
