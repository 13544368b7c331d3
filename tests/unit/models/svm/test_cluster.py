"""Work that fans out on a cluster: what holds without a scheduler; tests/unit/test_cluster.py."""

import pickle
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from joblib import Parallel, delayed, parallel_config
from threadpoolctl import threadpool_limits

from handwriting.models.svm import cluster, threads
from tests.helpers import PROJECT


def test_without_a_cluster_none_is_in_use() -> None:
    assert not cluster.is_in_use()
    with parallel_config("threading", n_jobs=2):
        assert not cluster.is_in_use()


def test_without_a_cluster_dask_is_not_imported() -> None:
    code = (
        "import sys, numpy\n"
        "from handwriting.common.stage import cluster\n"
        "from handwriting.models.svm import svc\n"
        "with cluster.cluster_in_use():\n"
        "    svc.SVC().fit(numpy.eye(4), [0, 0, 1, 1])\n"
        "print([name for name in ('dask', 'distributed') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"


def test_without_a_cluster_maps_run_in_threads() -> None:
    with threadpool_limits(2):
        barrier = threading.Barrier(2, timeout=30)
        assert list(cluster.iterate_tasks(lambda _: barrier.wait() >= 0, [1, 2])) == [True, True]
        assert list(cluster.iterate_blocks(lambda _: barrier.wait() >= 0, [1, 2])) == [True, True]


def test_fits_run_side_by_side_in_threads_without_a_cluster() -> None:
    barrier = threading.Barrier(2, timeout=30)
    with cluster.parallel_fits(2):
        assert Parallel()(delayed(barrier.wait)() for _ in range(2)) in ([0, 1], [1, 0])
    with cluster.parallel_fits(1):
        idents = Parallel()(delayed(threading.get_ident)() for _ in range(2))
    assert idents == [threading.get_ident()] * 2


def large(n: int = 10_000) -> np.ndarray:
    return np.arange(n, dtype=np.float64)


def sent(calls: list) -> tuple[list, list[np.ndarray]]:
    """Return calls as a worker gets them, and the arrays that are sent apart from them."""
    content, arrays, _ = cluster._pickle_calls(calls)
    assert len(content) < 10_000
    pickled, _, values = pickle.loads(content)
    return cluster._load(pickled, arrays | values), list(arrays.values())


def test_large_arrays_are_sent_apart_and_once() -> None:
    array = large()
    (call,), arrays = sent([(array.sum, {"at any depth": [array, (array, 1)]})])
    assert [id(found) for found in arrays] == [id(array)]
    total, options = call
    assert total() == array.sum()
    assert options["at any depth"][0] is array


def test_small_arrays_and_arrays_of_objects_are_sent_with_the_calls() -> None:
    small, objects = large(100), np.array([None] * 1000)
    found, arrays = sent([small, objects])
    assert arrays == []
    np.testing.assert_array_equal(found[0], small, strict=True)
    assert found[1].tolist() == objects.tolist()


def test_a_file_mapped_into_memory_is_a_large_array(tmp_path: Path) -> None:
    np.save(tmp_path / "array.npy", large())
    mapped = np.load(tmp_path / "array.npy", mmap_mode="r")
    _, (array,) = sent([mapped])
    np.testing.assert_array_equal(array, large())


def test_functions_without_a_name_can_be_sent() -> None:
    array = large()
    (function,), _ = sent([lambda: array[1]])
    assert function() == 1


def run_task(function: Callable[..., Any], *arguments: Any, **thread_counts: int) -> Any:
    """Run one call as a worker does, and return its result as the client gets it."""
    content, arrays, values = cluster._pickle_calls([(function, arguments, {})])
    result = cluster._run_task(content, thread_counts, *arrays.values())
    (found,) = cluster._load(result, values)
    return found


def test_numbers_and_strings_in_results_are_the_clients_own_objects() -> None:
    """Files of models depend on which objects are the same."""
    number, word = float("0.25"), "".join(["two", " words"])
    found = run_task(lambda *values: [*values, number, 0.5], number, word)
    assert found == [number, word, number, 0.5]
    assert found[0] is found[2] is number
    assert found[1] is word


def test_a_task_has_the_threads_of_its_client_and_no_others() -> None:
    def limits(_: int) -> dict[str, int]:
        return threads.thread_counts()

    def nested() -> tuple[list[dict[str, int]], list[dict[str, int]], list[int]]:
        idents = threads.map_blocks(lambda _: threading.get_ident(), [1, 2])
        return threads.map_threads(limits, [1]), threads.map_threads(limits, [1, 2]), idents

    before = threads.thread_counts()
    single, several, idents = run_task(nested, blas=3, openmp=2)
    assert single == [{"blas": 3, "openmp": 2}]
    assert [found["blas"] for found in several] == [1, 1]
    assert idents == [threading.get_ident()] * 2
    assert threads.thread_counts() == before
    assert not threads.is_one_by_one()


def test_a_task_does_not_fan_out() -> None:
    def nested() -> list[int]:
        return Parallel(n_jobs=-1)(delayed(threading.get_ident)() for _ in range(3))

    assert run_task(nested) == [threading.get_ident()] * 3


def test_an_array_that_is_not_aligned_is_copied_once_and_forgotten_with_it() -> None:
    array = np.frombuffer(b"." + large().tobytes(), np.float64, offset=1)
    assert not array.flags.aligned
    copy = cluster._align(array)
    np.testing.assert_array_equal(copy, large(), strict=True)
    assert copy.flags.aligned
    assert cluster._align(array) is copy
    assert cluster._align(copy) is copy
    del array
    assert not cluster._aligned
