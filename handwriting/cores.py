"""Sharing work out over the cores without running more threads than there are."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from threadpoolctl import ThreadpoolController

Item = TypeVar("Item")
Result = TypeVar("Result")

# Limiting the threads of BLAS is one setting for the whole process: two limits at once would
# restore each other's.
_blas_limit = threading.Lock()

# Whether this thread works on an item already: the cores are taken then.
_inside = threading.local()


def count_threads() -> int:
    """Count the threads that BLAS may use now: one for each core, unless the caller says less.

    A BLAS whose threads can't be limited keeps them for itself, and counts as one.
    """
    return min((library.num_threads for library in _blas().lib_controllers), default=1)


def map_over_cores(function: Callable[[Item], Result], items: Sequence[Item]) -> list[Result]:
    """Apply `function` to each item, with one BLAS thread an item and no more threads than BLAS.

    What is not a matrix product then runs on all cores too, and a limit that the caller has set
    for BLAS holds here. A single item keeps all of BLAS's threads, whose number may show in the
    last bits of its products.
    """
    if len(items) == 1 or getattr(_inside, "is_worker", False):
        return [function(item) for item in items]
    with _blas_limit:
        n_threads = count_threads()
        if n_threads == 1:
            return [function(item) for item in items]
        with (
            _blas().limit(limits=1),
            ThreadPoolExecutor(n_threads, initializer=_mark_worker) as executor,
        ):
            return list(executor.map(function, items))


def _mark_worker() -> None:
    _inside.is_worker = True


def _blas() -> ThreadpoolController:
    return ThreadpoolController().select(user_api="blas")
