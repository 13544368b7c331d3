"""Work shared out over the cores: no more threads than there are, and none lost afterwards."""

import threading

import numpy as np
from threadpoolctl import threadpool_info, threadpool_limits

from handwriting import cores


def test_a_limit_on_blas_holds_for_the_blocks():
    seen = []
    with threadpool_limits(1):
        cores.map_over_cores(lambda block: seen.append(threading.get_ident()), [np.zeros(1)] * 4)
    assert set(seen) == {threading.get_ident()}


def test_a_map_inside_a_map_does_not_wait_for_itself():
    def inner(number):
        return cores.map_over_cores(lambda other: 10 * number + other, [1, 2])

    assert cores.map_over_cores(inner, [1, 2, 3]) == [[11, 12], [21, 22], [31, 32]]


def test_blas_has_one_thread_in_a_block_and_its_threads_back_afterwards():
    def blas_threads():
        return [lib["num_threads"] for lib in threadpool_info() if lib["user_api"] == "blas"]

    def look(block):
        inside.append((threading.get_ident(), max(blas_threads(), default=1)))

    inside = []
    before = blas_threads()
    cores.map_over_cores(look, [np.zeros(1)] * 8)
    assert blas_threads() == before
    if min(before, default=1) > 1:
        assert {threads for _, threads in inside} == {1}
        assert len({ident for ident, _ in inside}) <= min(before)
