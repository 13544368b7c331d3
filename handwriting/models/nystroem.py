"""A kernel classifier for the impatient: a kernel approximation and a linear model."""

from numbers import Integral, Real
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
from scipy.linalg import cho_factor, cho_solve
from scipy.special import softmax
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.kernel_approximation import Nystroem
from sklearn.metrics.pairwise import rbf_kernel
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from handwriting.models.svm.threads import map_blocks

Float64Array = npt.NDArray[np.float64]

# One thread transforms this number of rows at a time. Fixed, so that the number of threads does not
# change how a sum is rounded.
_BLOCK_ROWS = 256
# So many blocks are added up at a time: more features than that never exist at once.
_N_BLOCKS = 8
# Columns of the matrix of products that one thread adds to at a time.
_PANEL_COLUMNS = 128


class NystroemClassifier(ClassifierMixin, BaseEstimator):
    """Approximate an rbf kernel with `Nystroem` and fit a ridge regression to its components.

    The result is that of scikit-learn's `Nystroem` and `RidgeClassifier`, up to rounding. The
    components of all samples together are never in memory: sums of their products are added up
    block by block, and these determine the coefficients. Both kinds of sum are independent of the
    number of threads.

    Memory besides the samples is that of about eight float64 matrices of shape
    (n_components, n_components), whatever the number of samples.

    Parameters
    ----------
    n_components : int, default=100
        Number of training samples whose kernel values are the features, ≥ 1; all samples if there
        are fewer.
    gamma : float or None, default=None
        Coefficient of the kernel, > 0; None is 1 / n_features.
    alpha : float, default=1.0
        Strength of the regularisation, ≥ 1e-6, as in `Ridge`. Smaller values than that could not be
        told from rounding.
    random_state : int, RandomState instance or None, default=None
        Chooses the components.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
    components_ : ndarray of shape (n_components, n_features)
        In the type of the training samples.
    dual_coef_ : ndarray of shape (n_components, n_classes), float64
        Coefficients of the kernel values of the components.
    intercept_ : ndarray of shape (n_classes,), float64
    gamma_ : float
        The coefficient in use.
    n_features_in_ : int

    References
    ----------
    C. Williams and M. Seeger, "Using the Nyström method to speed up kernel machines", NIPS 2001.
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "n_components": [Interval(Integral, 1, None, closed="left")],
        "gamma": [Interval(Real, 0, None, closed="neither"), None],
        "alpha": [Interval(Real, 1e-6, None, closed="left")],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        *,
        n_components: int = 100,
        gamma: float | None = None,
        alpha: float = 1.0,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.n_components = n_components
        self.gamma = gamma
        self.alpha = alpha
        self.random_state = random_state

    def fit(self, X: npt.ArrayLike, y: npt.ArrayLike) -> Self:
        """Fit to samples; the same samples give the same bytes.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            float32 and float64 samples are not copied.
        y : array-like of shape (n_samples,)

        Raises
        ------
        ValueError
            If a parameter is out of range, or if `X` or `y` is no set of samples or of classes.
        """
        self._validate_params()
        samples, targets = validate_data(self, X, y, dtype=[np.float64, np.float32])
        check_classification_targets(targets)
        self.classes_, classes = np.unique(targets, return_inverse=True)
        self.gamma_ = 1 / samples.shape[1] if self.gamma is None else float(self.gamma)
        rows = check_random_state(self.random_state).permutation(len(samples))
        chosen = samples[rows[: self.n_components]]
        # With one thread of BLAS: their number would change the last bits.
        (approximation,) = map_blocks(self._approximate, [chosen])
        self.components_ = chosen[approximation.component_indices_]
        products, moments, means, shares = self._add_up(samples, classes, approximation)
        products[np.diag_indices_from(products)] += self.alpha
        ((coef, of_kernel),) = map_blocks(
            lambda matrix: _solve(matrix, moments, approximation.normalization_), [products]
        )
        self.dual_coef_ = of_kernel
        self.intercept_ = shares - (means[:, np.newaxis] * coef).sum(axis=0)
        return self

    def predict_proba(self, X: npt.ArrayLike) -> Float64Array:
        """Return scores of the classes in the form of probabilities, which are not calibrated.

        They are the softmax of the values of the linear model, which was fitted to 1 for the class
        of a sample and to 0 for the others.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples, n_classes), float64
            In the order of `classes_`; each row has the sum 1.
        """
        return np.asarray(softmax(self._values(X), axis=1))

    def predict(self, X: npt.ArrayLike) -> npt.NDArray[Any]:
        """Return the class with the largest value, shape (n_samples,)."""
        values = self._values(X)
        labels: npt.NDArray[Any] = self.classes_[np.argmax(values, axis=1)]
        return labels

    def _approximate(self, components: npt.NDArray[Any]) -> Nystroem:
        """Return the approximation by the components, in double precision.

        The inverse root of a matrix with small eigenvalues is mostly noise in single precision.
        """
        approximation = Nystroem(gamma=self.gamma_, n_components=len(components), random_state=0)
        return approximation.fit(components.astype(np.float64))

    def _add_up(
        self,
        samples: npt.NDArray[Any],
        classes: npt.NDArray[np.intp],
        approximation: Nystroem,
    ) -> tuple[Float64Array, Float64Array, Float64Array, Float64Array]:
        """Add up products of the features and of the targets of all samples.

        Returns
        -------
        products : ndarray of shape (n_components, n_components), float64
            Lower triangle of the products of the centred features.
        moments : ndarray of shape (n_components, n_classes), float64
            Products of the centred features and the centred targets.
        means : ndarray of shape (n_components,), float64
            Of the features.
        shares : ndarray of shape (n_classes,), float64
            Of the classes among the samples.
        """
        n_features = len(self.components_)
        counts = np.bincount(classes).astype(np.float64)
        products = np.zeros((n_features, n_features))
        sums = np.zeros((len(counts), n_features))
        panels = [
            slice(start, start + _PANEL_COLUMNS) for start in range(0, n_features, _PANEL_COLUMNS)
        ]
        for rows in _slices(len(samples), _N_BLOCKS * _BLOCK_ROWS):
            blocks = [samples[rows][part] for part in _slices(len(samples[rows]), _BLOCK_ROWS)]
            transformed = map_blocks(
                lambda block: approximation.transform(block.astype(np.float64)), blocks
            )
            features = np.concatenate(transformed)

            def add(panel: slice, features: Float64Array = features) -> None:
                products[panel.start :, panel] += features[:, panel.start :].T @ features[:, panel]

            map_blocks(add, panels)
            for label in np.unique(classes[rows]):
                sums[label] += features[classes[rows] == label].sum(axis=0)
        means, shares = sums.sum(axis=0) / len(samples), counts / len(samples)
        for panel in panels:
            products[:, panel] -= len(samples) * means[:, np.newaxis] * means[panel]
        return products, (sums - counts[:, np.newaxis] * means).T, means, shares

    def _values(self, X: npt.ArrayLike) -> Float64Array:
        """Return the value of each class, shape (n_samples, n_classes)."""
        check_is_fitted(self)
        samples = validate_data(self, X, dtype=[np.float64, np.float32], reset=False)
        components = self.components_.astype(np.float64)

        def of_block(rows: slice) -> Float64Array:
            block = samples[rows].astype(np.float64)
            kernel = rbf_kernel(block, components, gamma=self.gamma_)
            return np.asarray(kernel @ self.dual_coef_ + self.intercept_)

        return np.concatenate(map_blocks(of_block, _slices(len(samples), _BLOCK_ROWS)))


def _slices(n_rows: int, length: int) -> list[slice]:
    return [slice(start, start + length) for start in range(0, n_rows, length)]


def _solve(
    products: Float64Array, moments: Float64Array, normalization: Float64Array
) -> tuple[Float64Array, Float64Array]:
    """Return the coefficients of the features and those of the kernel values.

    `products` is overwritten. scikit-learn's `Ridge` solves the same equations, but forms the
    products itself from all features at once.
    """
    factor = cho_factor(products, lower=True, overwrite_a=True, check_finite=False)
    coef: Float64Array = cho_solve(factor, moments, check_finite=False)
    return coef, normalization.T @ coef
