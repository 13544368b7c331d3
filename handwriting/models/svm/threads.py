"""Runs independent tasks in threads, without using more threads than BLAS may."""

import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

from threadpoolctl import ThreadpoolController, threadpool_info

Item = TypeVar("Item")
Result = TypeVar("Result")

# Results that wait to be used, at most. So few blocks of features are small; ten classes have fewer
# pairs, which take times of different lengths.
_MOST_PENDING = 64

# The number of BLAS threads is a setting of the whole process: with two limits at a time, each
# would restore the other's value.
_blas_limit = threading.Lock()

# The attribute is_worker is set in worker threads: calls of `map_threads` inside them run serially.
# So they do where is_one_by_one is set, but still limit BLAS.
_thread_state = threading.local()


def blas_threads() -> int:
    """Return the number of threads that BLAS may use.

    Returns
    -------
    int
        The current limit, by default the number of cores; 1 for a BLAS whose threads cannot be
        limited.
    """
    return min((library.num_threads for library in _blas().lib_controllers), default=1)


def map_threads(function: Callable[[Item], Result], items: Sequence[Item]) -> list[Result]:
    """Apply a function to each item in parallel threads, with one BLAS thread each.

    There are as many threads as BLAS may use, so a limit set by the caller is respected. Code other
    than matrix products then runs in parallel, too. A single item is computed in the calling
    thread, and BLAS keeps all of its threads; their number may change the last bits of a matrix
    product.

    Parameters
    ----------
    function : callable
        Called with one item.
    items : sequence
        Arguments of the calls.

    Returns
    -------
    list
        Results in the order of `items`.
    """
    if len(items) == 1:
        return [function(items[0])]
    return map_blocks(function, items)


def map_blocks(function: Callable[[Item], Result], blocks: Sequence[Item]) -> list[Result]:
    """Apply a function to each block in parallel threads, with one BLAS thread each.

    Unlike `map_threads`, a single block has only one BLAS thread, too: its result is the same as
    among others.

    Parameters
    ----------
    function : callable
        Called with one block.
    blocks : sequence
        Arguments of the calls.

    Returns
    -------
    list
        Results in the order of `blocks`.
    """
    return list(iterate_blocks(function, blocks))


def iterate_blocks(function: Callable[[Item], Result], blocks: Sequence[Item]) -> Iterator[Result]:
    """Do the same as `map_blocks`, but yield each result when it and those before it are there."""
    if getattr(_thread_state, "is_worker", False):
        yield from map(function, blocks)
        return
    with _blas_limit:
        n_threads = 1 if is_one_by_one() else min(blas_threads(), len(blocks))
        with _blas().limit(limits=1):
            if n_threads <= 1:
                with _as_worker():
                    yield from map(function, blocks)
            else:
                with ThreadPoolExecutor(n_threads, initializer=mark_worker) as executor:
                    yield from _map_in_order(executor, function, blocks)


def _map_in_order(
    executor: ThreadPoolExecutor, function: Callable[[Item], Result], items: Sequence[Item]
) -> Iterator[Result]:
    """Do the same as `executor.map`, but without computing far ahead of what is used."""
    pending: deque[Future[Result]] = deque()
    try:
        for item in items:
            if len(pending) == _MOST_PENDING:
                yield pending.popleft().result()
            pending.append(executor.submit(function, item))
        while pending:
            yield pending.popleft().result()
    finally:
        for future in pending:
            future.cancel()


@contextmanager
def _as_worker() -> Iterator[None]:
    """Make calls of `map_threads` in this thread run serially; the lock is not taken twice."""
    _thread_state.is_worker = True
    try:
        yield
    finally:
        _thread_state.is_worker = False


def mark_worker() -> None:
    """Make calls of `map_threads` in this thread run serially; they leave BLAS as it is.

    The initializer of the threads of a pool in which several callers compute at the same time.
    """
    _thread_state.is_worker = True


@contextmanager
def one_by_one() -> Iterator[None]:
    """Make calls of `map_threads` in this thread run serially, with the same bits as in threads.

    BLAS has one thread during several items, and for a single one all that it may use.
    """
    _thread_state.is_one_by_one = True
    try:
        yield
    finally:
        _thread_state.is_one_by_one = False


def is_one_by_one() -> bool:
    """Return whether `one_by_one` is in effect in this thread."""
    return getattr(_thread_state, "is_one_by_one", False)


def thread_counts() -> dict[str, int]:
    """Return how many threads each kind of library may use in this thread, by its name.

    Returns
    -------
    dict
        The lowest limit if there are several libraries of a kind, such as "blas" and "openmp".
    """
    counts: dict[str, int] = {}
    for library in threadpool_info():
        kind, count = library["user_api"], library["num_threads"]
        counts[kind] = min(count, counts.get(kind, count))
    return counts


def _blas() -> ThreadpoolController:
    return ThreadpoolController().select(user_api="blas")
