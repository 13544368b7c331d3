"""Parallel threads: the limit on BLAS threads is respected and restored."""

import threading
import time

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from handwriting.models.svm import threads
from handwriting.models.svm.threads import iterate_blocks, map_blocks, map_threads


def test_limit_on_blas_threads_is_respected():
    threads = []
    with threadpool_limits(1):
        map_threads(lambda block: threads.append(threading.get_ident()), [np.zeros(1)] * 4)
    assert set(threads) == {threading.get_ident()}


def test_nested_calls_do_not_deadlock():
    def inner(number):
        return map_threads(lambda other: 10 * number + other, [1, 2])

    assert map_threads(inner, [1, 2, 3]) == [[11, 12], [21, 22], [31, 32]]


def test_nested_calls_do_not_deadlock_in_one_thread():
    def inner(number):
        return map_threads(lambda other: 10 * number + other, [1, 2])

    with threadpool_limits(1):
        assert map_threads(inner, [1, 2]) == [[11, 12], [21, 22]]
    assert map_blocks(inner, [1]) == [[11, 12]]


def test_a_single_block_has_one_blas_thread():
    def limits(_):
        return [lib["num_threads"] for lib in threadpool_info() if lib["user_api"] == "blas"]

    (found,) = map_blocks(limits, [np.zeros(1)])
    assert set(found) == {1}


def test_no_blocks_have_no_results():
    assert map_blocks(np.sum, []) == []


def test_blas_has_one_thread_per_worker_and_all_its_threads_afterwards():
    def blas_limits():
        return [lib["num_threads"] for lib in threadpool_info() if lib["user_api"] == "blas"]

    def record(block):
        workers.append((threading.get_ident(), max(blas_limits(), default=1)))

    workers = []
    before = blas_limits()
    map_threads(record, [np.zeros(1)] * 8)
    assert blas_limits() == before
    if min(before, default=1) > 1:
        assert {limit for _, limit in workers} == {1}
        assert len({ident for ident, _ in workers}) <= min(before)


def test_blocks_are_not_computed_far_ahead_of_their_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "_MOST_PENDING", 3)
    computed: list[int] = []
    with threadpool_limits(2):
        for used, result in enumerate(iterate_blocks(lambda n: computed.append(n) or n, range(50))):
            assert result == used
            assert len(computed) <= used + 1 + 3
    assert sorted(computed) == list(range(50))


def test_an_error_stops_the_other_blocks() -> None:
    computed: list[int] = []

    def compute(number: int) -> None:
        computed.append(number)
        if number == 0:
            raise ZeroDivisionError
        time.sleep(0.01)

    with threadpool_limits(2), pytest.raises(ZeroDivisionError):
        map_blocks(compute, range(1000))
    assert len(computed) < 70
