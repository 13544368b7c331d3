import os
import pickle
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.ensemble import RandomForestClassifier

from handwriting.common.errors import InputError
from handwriting.common.images import LabelledImages
from handwriting.models import forest as module
from handwriting.models.forest import StoredForest

RANDOM = np.random.default_rng(0)
X = RANDOM.integers(0, 9, (200, 12)).astype(np.float32)
Y = (X[:, 0] + X[:, 1] + RANDOM.normal(0, 2, len(X)) > 8) + 3 * (X[:, 2] > 4)


def states(forest: RandomForestClassifier) -> list[Any]:
    """Return all that was learnt and set, apart from objects that hold it."""
    trees = [
        (tree.get_params(), {k: np.asarray(v).tolist() for k, v in state(tree).items()})
        for tree in forest.estimators_
    ]
    return [
        forest.get_params(),
        list(vars(forest)),
        [list(vars(t)) for t in forest.estimators_],
        trees,
    ]


def state(tree: Any) -> dict[str, Any]:
    found: dict[str, Any] = tree.tree_.__getstate__()
    return found


@settings(max_examples=30)
@given(
    st.integers(1, 12),
    st.integers(1, 5),
    st.sampled_from([None, -1]),
    st.sampled_from([1, 0.5, "sqrt"]),
    st.integers(0, 3),
)
def test_the_trees_are_those_of_the_forest(
    n_trees: int, n_group: int, n_jobs: int | None, max_features: Any, seed: int
) -> None:
    forest = RandomForestClassifier(
        n_trees, max_features=max_features, n_jobs=n_jobs, random_state=seed
    )
    expected = clone(forest).fit(X, Y)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_GROUP_TREES_PER_CORE", n_group)
        patch.setattr(module, "cpu_count", lambda: 1)
        patch.setattr(module, "_MAX_BYTES_IN_MEMORY", 1000)  # less than most trees
        stored = StoredForest(forest).fit(X, Y)
    probabilities = stored.predict_proba(X)
    found = stored.load()
    assert states(found) == states(expected)
    np.testing.assert_array_equal(stored.classes_, expected.classes_)
    np.testing.assert_array_equal(probabilities, expected.set_params(n_jobs=None).predict_proba(X))


@pytest.mark.parametrize("in_memory", [2**26, 1000])
def test_stored_trees_are_small_and_leave_nothing_behind(
    in_memory: int, digits: LabelledImages, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_MAX_BYTES_IN_MEMORY", in_memory)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    stored = StoredForest(RandomForestClassifier(20, random_state=0))
    stored.fit(digits.pixels.astype(np.float32), digits.labels)
    size = stored._file._file.seek(0, os.SEEK_END)
    assert 0 < size < 0.4 * len(pickle.dumps(stored.load()))
    assert list(tmp_path.iterdir()) == []


def test_a_group_has_left_the_memory_before_the_next_one_is_fitted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    trees: list[Any] = []
    n_kept = []

    def fit_and_count(forest: RandomForestClassifier, *samples: np.ndarray) -> None:
        # Two references: that of the list and that of the argument.
        n_kept.append(sum(sys.getrefcount(trees[i]) > 2 for i in range(len(trees))))
        fit(forest, *samples)
        trees.extend(e.tree_ for e in forest.estimators_ if not isinstance(e.tree_, slice))

    fit = RandomForestClassifier.fit
    monkeypatch.setattr(RandomForestClassifier, "fit", fit_and_count)
    monkeypatch.setattr(module, "cpu_count", lambda: 1)
    StoredForest(RandomForestClassifier(12)).fit(X, Y)
    assert len(trees) == 12
    assert n_kept == [0, 0, 0]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        tempfile,
        "SpooledTemporaryFile",
        lambda size: Path("/dev/full").open("r+b", buffering=0),  # noqa: SIM115
    )
    with pytest.raises(InputError, match=r"^/.*: a temporary file cannot be written: No space"):
        StoredForest(RandomForestClassifier(3)).fit(X, Y)
