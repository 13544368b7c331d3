"""Runs independent tasks on a Dask cluster, if joblib's active backend is one, else in threads.

Whatever fans out calls joblib or one of the functions below. Inside
``joblib.parallel_config("cluster", client=client, n_jobs=1)``, with a `distributed.Client`, what
would use all cores is divided into tasks for the workers of this client's cluster. Dask is imported
by whoever makes the client, and not here.

A task computes the same bits as in the client's process: its libraries have as many threads as they
have there, and the project's own maps run one item after the other, with one BLAS thread each. A
task does not use the cluster itself, so tasks never wait for one another.
"""

import io
import pickle
import threading
import weakref
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar
from uuid import uuid4

import numpy as np
from joblib import Parallel, cpu_count, delayed, parallel_config, register_parallel_backend
from joblib.parallel import (
    FallbackToBackend,
    ParallelBackendBase,
    SequentialBackend,
    get_active_backend,
)
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from handwriting.models.svm import threads

Item = TypeVar("Item")
Result = TypeVar("Result")

# Parts of pickled objects that are not pickled with them, by the numbers that stand for them.
_Parts = dict[int, Any]

# Blocks of a task. With fewer, the messages cost more; with more, few tasks are left for the
# workers that are done first.
_TASK_BLOCKS = 16

# Arrays of at least this size are sent once to each worker, smaller ones with each task.
_SHARED_BYTES = 32_768

# Tasks that the scheduler is given at a time, so that workers that join later find some, too.
_TASKS_IN_FLIGHT = 1024

# The number of BLAS threads is a setting of the whole process: a worker with several threads
# computes one task at a time.
_one_task = threading.Lock()

# Copies of arrays on a worker, by the identity of the array, for as long as the worker has it.
_aligned: dict[int, NDArray[Any]] = {}


def is_in_use() -> bool:
    """Return whether joblib's active backend is a cluster; never so inside a task."""
    return isinstance(get_active_backend()[0], ClusterBackend)


def parallel_fits(n_jobs: int) -> parallel_config:
    """Return how joblib runs fits, as a context manager: on the cluster in use, else in threads.

    Parameters
    ----------
    n_jobs : int
        1 to run one fit after the other in this thread, -1 to use all cores or all workers.
    """
    if is_in_use():
        return parallel_config(n_jobs=n_jobs)
    # Threads start immediately and stop silently on Ctrl-C; worker processes do neither and were
    # not faster.
    return parallel_config("threading", n_jobs=n_jobs)


def iterate_tasks(function: Callable[[Item], Result], items: Sequence[Item]) -> Iterator[Result]:
    """Apply a function to each item, each in a task of its own on the cluster in use.

    Without a cluster, or with a single item, it is the same as `threads.iterate_blocks`.

    Parameters
    ----------
    function : callable
        Called with one item. The large arrays that it refers to are sent once to each worker.
    items : sequence
        Arguments of the calls, small.

    Yields
    ------
    object
        Results in the order of `items`, each as soon as it and those before it are there.
    """
    if len(items) <= 1 or not is_in_use():
        yield from threads.iterate_blocks(function, items)
    else:
        yield from _iterate_on_cluster(function, [[item] for item in items])


def iterate_blocks(function: Callable[[Item], Result], blocks: Sequence[Item]) -> Iterator[Result]:
    """Apply a function to each block, several of them in each task on the cluster in use.

    Without a cluster, or with few blocks, it is the same as `threads.iterate_blocks`.

    Parameters
    ----------
    function : callable
        Called with one block. The large arrays that it refers to are sent once to each worker.
    blocks : sequence
        Arguments of the calls, each sent only to the worker that computes it.

    Yields
    ------
    object
        Results in the order of `blocks`, each as soon as it and those before it are there.
    """
    if len(blocks) <= _TASK_BLOCKS or not is_in_use():
        yield from threads.iterate_blocks(function, blocks)
    else:
        starts = range(0, len(blocks), _TASK_BLOCKS)
        groups = [blocks[start : start + _TASK_BLOCKS] for start in starts]
        yield from _iterate_on_cluster(function, groups)


def _iterate_on_cluster(
    function: Callable[[Item], Result], groups: Sequence[Sequence[Item]]
) -> Iterator[Result]:
    # As bytes, the arrays of a group are a part of its task.
    tasks = (delayed(_map_group)(function, pickle.dumps(group)) for group in groups)
    for results in Parallel(n_jobs=-1, return_as="generator")(tasks):
        yield from results


def _map_group(function: Callable[[Item], Result], group: bytes) -> list[Result]:
    return threads.map_blocks(function, pickle.loads(group))


class ClusterBackend(ParallelBackendBase):
    """joblib's backend "cluster": runs calls as tasks on a Dask cluster.

    Unlike Dask's own backend, it leaves calls with ``n_jobs=1`` in the calling thread, a call on a
    worker does not use the cluster, and a large array is known to the scheduler as the result of a
    task: if the only worker that has it dies, another one gets it again.

    Parameters
    ----------
    client : distributed.Client
        Connected to the scheduler.
    """

    supports_retrieve_callback = True
    supports_return_generator = True

    def __init__(self, client: Any, **options: Any) -> None:
        super().__init__(**options)
        self._client = client
        # The arrays sent in the current call of `Parallel`, by identity, with their futures. They
        # are kept here, so that no other array gets the identity of one of them.
        self._arrays: dict[int, tuple[NDArray[Any], Any]] = {}
        self._thread_counts: dict[str, int] = {}
        # The numbers and strings sent with each task, by its key.
        self._values: dict[str, _Parts] = {}

    def effective_n_jobs(self, n_jobs: int | None) -> int:
        """Return how many threads to use for a call that needs shared memory, and so stays here."""
        return 1 if n_jobs in (None, 1) else int(cpu_count())

    def configure(self, n_jobs: int | None = 1, parallel: Any = None, **options: Any) -> int:
        """Return how many tasks the scheduler has at a time; refuse a call with a single job."""
        self.parallel = parallel
        if n_jobs in (None, 1):
            raise FallbackToBackend(SequentialBackend(nesting_level=self.nesting_level))
        return _TASKS_IN_FLIGHT

    def start_call(self) -> None:
        """Note how many threads the libraries have in the thread that calls `Parallel`."""
        self._thread_counts = threads.thread_counts()

    def stop_call(self) -> None:
        """Let the workers forget the arrays."""
        self._arrays.clear()
        self._values.clear()

    def submit(self, func: Any, callback: Callable[[Any], None] | None = None) -> Any:
        """Send joblib's batch of calls to the scheduler; return the future of their results."""
        key = f"task-{uuid4().hex}"
        content, arrays, values = _pickle_calls(func.items)
        self._values[key] = values
        sent = [self._send(array) for array in arrays.values()]
        # Dask would keep a task waiting for the worker that has its arrays, although others have
        # nothing to do. It gives "data producers" to the first worker that is free.
        future = self._client.submit(
            _run_task, content, self._thread_counts, *sent, key=key, _data_producer=True
        )
        if callback is not None:
            future.add_done_callback(callback)
        return future

    def retrieve_result_callback(self, out: Any) -> Any:
        """Return the results of a future, or raise the exception of the task."""
        return _load(out.result(), self._values.pop(out.key))

    def _send(self, array: NDArray[Any]) -> Any:
        """Return the future of an array that is sent when the first worker needs it."""
        if id(array) not in self._arrays:
            future = self._client.submit(_keep, np.asarray(array), key=f"array-{uuid4().hex}")
            self._arrays[id(array)] = (array, future)
        return self._arrays[id(array)][1]


register_parallel_backend("cluster", ClusterBackend)


def _pickle_calls(calls: list[Any]) -> tuple[bytes, _Parts, _Parts]:
    """Pickle calls of any functions, apart from their large arrays.

    Returns
    -------
    content : bytes
    arrays : dict
        The large arrays, in the order in which `_run_task` takes them.
    values : dict
        Numbers and strings in the calls, which the results get back: which objects of a model are
        one and the same is a part of the bytes of its file.
    """
    arrays: _Parts = {}
    values: _Parts = {}
    numbers: dict[int, int] = {}

    def number(obj: Any) -> int | None:
        if id(obj) not in numbers:
            parts = arrays if _is_large_array(obj) else values
            if parts is values and type(obj) not in (float, int, str):
                return None
            numbers[id(obj)] = len(numbers)
            parts[numbers[id(obj)]] = obj
        return numbers[id(obj)]

    pickled = _dump(calls, number)
    return pickle.dumps((pickled, list(arrays), values)), arrays, values


def _is_large_array(obj: Any) -> bool:
    is_array = type(obj) in (np.ndarray, np.memmap)
    return is_array and obj.nbytes >= _SHARED_BYTES and not obj.dtype.hasobject


def _dump(obj: Any, number: Callable[[Any], int | None]) -> bytes:
    """Pickle an object without those of its parts that have a number."""
    from cloudpickle import CloudPickler  # Dask requires it; without a cluster it is not needed

    class Pickler(CloudPickler):
        def persistent_id(self, obj: Any) -> int | None:
            return number(obj)

    file = io.BytesIO()
    Pickler(file).dump(obj)
    return file.getvalue()


def _load(content: bytes, parts: _Parts) -> Any:
    """Return the object that `_dump` pickled, given the parts that have a number."""

    class Unpickler(pickle.Unpickler):
        def persistent_load(self, pid: Any) -> Any:
            return parts[pid]

    return Unpickler(io.BytesIO(content)).load()


def _keep(array: NDArray[Any]) -> NDArray[Any]:
    return array


def _align(array: NDArray[Any]) -> NDArray[Any]:
    """Return an array that is aligned in memory, the same one for all tasks.

    Where an array lies in a received message, it may not be aligned, which oneDAL refuses.
    """
    if array.flags.aligned:
        return array
    if id(array) not in _aligned:
        _aligned[id(array)] = array.copy(order="K")
        weakref.finalize(array, _aligned.pop, id(array))
    return _aligned[id(array)]


def _run_task(content: bytes, thread_counts: dict[str, int], *arrays: NDArray[Any]) -> bytes:
    """Run a batch of calls on a worker, with the client's numbers of threads."""
    pickled, positions, values = pickle.loads(content)
    with _one_task, threads.one_by_one(), parallel_config("sequential"):
        aligned = map(_align, arrays)
        calls = _load(pickled, dict(zip(positions, aligned, strict=True)) | values)
        # Loading the calls has imported the libraries that are limited.
        with threadpool_limits(thread_counts):
            results = [function(*arguments, **options) for function, arguments, options in calls]
    numbers = {id(value): number for number, value in values.items()}
    return _dump(results, lambda obj: numbers.get(id(obj)))
