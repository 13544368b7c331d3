"""Fits a random forest in little memory: its trees are compressed until all of them are there."""

import copy
import pickle
import zlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from joblib import Parallel, cpu_count, delayed
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.ensemble import RandomForestClassifier
from sklearn.tree import DecisionTreeClassifier

# Trees for each core that are fitted before they are compressed. More of them need more memory;
# with fewer, cores wait more often for the last tree.
_GROUP_TREES_PER_CORE = 4
# Trees are mostly zeros: zlib's fastest level already removes five sixths of them.
_LEVEL = 1


class CompressedForest(ClassifierMixin, BaseEstimator):
    """A random forest for a memory that does not hold its trees beside the samples.

    The trees are fitted in groups (scikit-learn's `warm_start`), and each group is compressed. They
    are the same as those that are fitted at once.

    Parameters
    ----------
    forest : RandomForestClassifier
        Unfitted.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Class labels.
    """

    def __init__(self, forest: RandomForestClassifier) -> None:
        self.forest = forest

    def fit(self, X: npt.NDArray[np.float32], y: npt.NDArray[Any]) -> Self:
        """Fit and compress the trees.

        Parameters
        ----------
        X : ndarray of shape (n_samples, n_features), float32
        y : ndarray of shape (n_samples,)
        """
        n_trees = self.forest.n_estimators
        n_group = _GROUP_TREES_PER_CORE * cpu_count()
        forest = clone(self.forest).set_params(warm_start=True)
        for n_fitted in range(0, n_trees, n_group):
            forest.set_params(n_estimators=min(n_fitted + n_group, n_trees)).fit(X, y)
            group = forest.estimators_[n_fitted:]
            trees = [estimator.tree_ for estimator in group]
            for estimator, compressed in zip(group, self._map(_compress, trees), strict=True):
                estimator.tree_ = compressed
        self.classes_ = forest.classes_
        self._forest = forest.set_params(n_estimators=n_trees, warm_start=self.forest.warm_start)
        return self

    def predict_proba(self, X: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
        """Return the mean of the trees' probabilities; trees are expanded one by one.

        Parameters
        ----------
        X : ndarray of shape (n_samples, n_features), float32

        Returns
        -------
        ndarray of shape (n_samples, n_classes), float64
            The same as the forest's, which adds up the trees in their order in a single thread.
        """
        total = np.zeros((len(X), len(self.classes_)))
        trees = self._forest.estimators_
        for probabilities in self._map(lambda tree: _expanded(tree).predict_proba(X), trees):
            total += probabilities
        return total / len(trees)

    def expand(self) -> RandomForestClassifier:
        """Return the fitted forest, whose trees are expanded in place."""
        for estimator in self._forest.estimators_:
            estimator.tree_ = _expanded(estimator).tree_
        return self._forest

    def _map(self, function: Callable[[Any], Any], items: Sequence[Any]) -> Iterator[Any]:
        """Yield the results of a function in the order of its arguments, computed in threads."""
        parallel = Parallel(self.forest.n_jobs, require="sharedmem", return_as="generator")
        yield from parallel(delayed(function)(item) for item in items)


def _compress(tree: Any) -> bytes:
    return zlib.compress(pickle.dumps(tree), _LEVEL)


def _expanded(estimator: DecisionTreeClassifier) -> DecisionTreeClassifier:
    """Return a copy of an estimator with a compressed tree, which has the tree itself."""
    found = copy.copy(estimator)
    found.tree_ = pickle.loads(zlib.decompress(estimator.tree_))
    return found
