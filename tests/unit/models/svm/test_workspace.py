"""Memory that a thread uses again for the next pair of classes."""

import pickle
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest

from handwriting.models.svm import active_set, one_vs_one
from handwriting.models.svm.kernels import Kernel, squared_norms
from handwriting.models.svm.pair import Pair, Settings
from handwriting.models.svm.workspace import Workspace

SETTINGS = Settings(tol=1e-3, shrinking=True, cache_size=200)


def test_a_second_array_uses_the_same_memory() -> None:
    workspace = Workspace()
    first = workspace.empty("one", (3, 4), np.float64)
    second = workspace.empty("one", (5, 2), np.float32)
    assert (second.shape, second.dtype) == ((5, 2), np.float32)
    assert second.ctypes.data == first.ctypes.data
    assert second.flags.c_contiguous


def test_an_array_can_be_larger_than_the_one_before() -> None:
    workspace = Workspace()
    workspace.empty("one", (2,), np.float32)
    larger = workspace.empty("one", (1000, 3), np.float64)
    larger[...] = 7
    assert larger.shape == (1000, 3)
    assert workspace.empty("one", (3000,), np.float64).sum() == 21_000


def test_arrays_with_different_names_have_memory_of_their_own() -> None:
    workspace = Workspace()
    arrays = [workspace.empty(name, (100,), np.float64) for name in ("one", "two")]
    for number, array in enumerate(arrays):
        array[...] = number
    assert [set(array) for array in arrays] == [{0.0}, {1.0}]


def test_each_thread_has_memory_of_its_own() -> None:
    workspace = Workspace()
    here = workspace.empty("one", (100,), np.float64)
    with ThreadPoolExecutor(1) as executor:
        there = executor.submit(workspace.empty, "one", (100,), np.float64).result()
    assert not np.shares_memory(here, there)


def test_a_copy_for_another_process_is_small_and_empty() -> None:
    workspace = Workspace()
    workspace.empty("one", (1_000_000,), np.float64)
    content = pickle.dumps(workspace)
    assert len(content) < 1000
    assert pickle.loads(content).empty("one", (3,), np.int32).shape == (3,)


@pytest.mark.parametrize("cache_size", [0.02, 200])  # MB: one that is too small, too
@pytest.mark.parametrize("large_pair", [100, 16_384])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_values_of_an_earlier_pair_change_no_bit(
    cache_size: float, large_pair: int, dtype: type, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(one_vs_one, "_LARGE_PAIR", large_pair)
    monkeypatch.setattr(one_vs_one, "_COPY_SHARE", 1000)
    monkeypatch.setattr(active_set, "_START_SAMPLES", 20)
    random = np.random.default_rng(5)
    X = random.normal(size=(500, 20)).astype(dtype)
    X[250:, :3] += 1
    pair = Pair(
        X=X,
        members=np.arange(500),
        norms=squared_norms(X).astype(dtype),
        targets=np.repeat([1.0, -1.0], 250),
        bounds=np.ones(500),
        kernel=Kernel("rbf", gamma=0.05, coef0=0.0, degree=3),
    )
    settings = replace(SETTINGS, cache_size=cache_size)
    used = Workspace()
    for name in ("matrix", "kernel rows", "samples", "samples of a large pair"):
        used.empty(name, (500_000,), np.float64)[...] = np.nan
    expected, found = (
        one_vs_one.solve_pair(pair, settings, cache_size * 1e6, workspace)
        for workspace in (Workspace(), used)
    )
    assert expected.n_iter == found.n_iter > 0
    assert expected.intercept == found.intercept
    np.testing.assert_array_equal(expected.support, found.support, strict=True)
    np.testing.assert_array_equal(expected.coefficients, found.coefficients, strict=True)
