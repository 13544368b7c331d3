"""Fits a random forest in little memory: its trees are in a file until all of them are there."""

import copy
import os
import pickle
import tempfile
import threading
import zlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from joblib import Parallel, cpu_count, delayed
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.ensemble import RandomForestClassifier
from sklearn.tree import DecisionTreeClassifier

from handwriting.common.errors import InputError

# Trees for each core that are fitted before they are stored. More of them need more memory; with
# fewer, cores wait more often for the last tree.
_GROUP_TREES_PER_CORE = 4
# Trees are mostly zeros: zlib's fastest level already removes four fifths of them.
_LEVEL = 1
# The trees of 60,000 images stay in memory, those of a million do not.
_MAX_BYTES_IN_MEMORY = 2**26


class StoredForest(ClassifierMixin, BaseEstimator):
    """A random forest for a memory that does not hold its trees beside the samples.

    The trees are fitted in groups (scikit-learn's `warm_start`), and each group is compressed and
    stored in a temporary file, which is deleted when the process ends. They are the same as those
    that are fitted at once.

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
        """Fit and store the trees.

        Parameters
        ----------
        X : ndarray of shape (n_samples, n_features), float32
        y : ndarray of shape (n_samples,)

        Raises
        ------
        InputError
            If the temporary file cannot be written.
        """
        n_trees = self.forest.n_estimators
        n_group = _GROUP_TREES_PER_CORE * cpu_count()
        forest = clone(self.forest).set_params(warm_start=True)
        self._file = _TreeFile()
        for n_fitted in range(0, n_trees, n_group):
            forest.set_params(n_estimators=min(n_fitted + n_group, n_trees)).fit(X, y)
            self._store(forest.estimators_[n_fitted:])
        self.classes_ = forest.classes_
        self._forest = forest.set_params(n_estimators=n_trees, warm_start=self.forest.warm_start)
        return self

    def predict_proba(self, X: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
        """Return the mean of the trees' probabilities; trees are read one by one.

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
        for probabilities in self._map(lambda tree: self._read(tree).predict_proba(X), trees):
            total += probabilities
        return total / len(trees)

    def load(self) -> RandomForestClassifier:
        """Return the fitted forest with all of its trees in memory; nothing is stored any more."""
        for estimator in self._forest.estimators_:
            estimator.tree_ = self._read(estimator).tree_
        self._file.close()
        return self._forest

    def _store(self, estimators: Sequence[DecisionTreeClassifier]) -> None:
        """Replace the trees of estimators by their places in the file."""
        contents = self._map(_compress, [estimator.tree_ for estimator in estimators])
        for estimator, content in zip(estimators, contents, strict=True):
            estimator.tree_ = self._file.append(content)

    def _read(self, estimator: DecisionTreeClassifier) -> DecisionTreeClassifier:
        """Return a copy of an estimator whose tree is stored, which has the tree itself."""
        found = copy.copy(estimator)
        found.tree_ = pickle.loads(zlib.decompress(self._file.read(estimator.tree_)))
        return found

    def _map(self, function: Callable[[Any], Any], items: Sequence[Any]) -> Iterator[Any]:
        """Yield the results of a function in the order of its arguments, computed in threads."""
        parallel = Parallel(self.forest.n_jobs, require="sharedmem", return_as="generator")
        yield from parallel(delayed(function)(item) for item in items)


class _TreeFile:
    """A temporary file, in memory while it is small, that threads may read at the same time."""

    def __init__(self) -> None:
        self._file = tempfile.SpooledTemporaryFile(_MAX_BYTES_IN_MEMORY)  # noqa: SIM115
        self._lock = threading.Lock()

    def append(self, content: bytes) -> slice:
        """Write at the end of the file; return the place."""
        with self._lock:
            start = self._file.seek(0, os.SEEK_END)
            try:
                self._file.write(content)
                self._file.flush()
            except OSError as error:
                raise InputError(
                    f"{tempfile.gettempdir()}: a temporary file cannot be written: "
                    f"{error.strerror}; free disk space, or set TMPDIR to another folder"
                ) from None
        return slice(start, start + len(content))

    def read(self, place: slice) -> bytes:
        """Return what was written to a place."""
        with self._lock:
            self._file.seek(place.start)
            return self._file.read(place.stop - place.start)

    def close(self) -> None:
        """Delete the file."""
        self._file.close()


def _compress(tree: Any) -> bytes:
    return zlib.compress(pickle.dumps(tree), _LEVEL)
