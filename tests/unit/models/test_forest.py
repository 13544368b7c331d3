import pickle
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.ensemble import RandomForestClassifier

from handwriting.common.images import LabelledImages
from handwriting.models import forest as module
from handwriting.models.forest import CompressedForest

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
        compressed = CompressedForest(forest).fit(X, Y)
    probabilities = compressed.predict_proba(X)
    found = compressed.expand()
    assert states(found) == states(expected)
    np.testing.assert_array_equal(compressed.classes_, expected.classes_)
    np.testing.assert_array_equal(probabilities, expected.set_params(n_jobs=None).predict_proba(X))


def test_a_compressed_forest_is_small(digits: LabelledImages) -> None:
    compressed = CompressedForest(RandomForestClassifier(20, random_state=0))
    compressed.fit(digits.pixels.astype(np.float32), digits.labels)
    size = len(pickle.dumps(compressed))
    assert size < 0.4 * len(pickle.dumps(compressed.expand()))
