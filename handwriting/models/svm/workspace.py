"""Memory that a thread uses again for the next pair of classes."""

import threading
from typing import Any

import numpy as np
import numpy.typing as npt


class Workspace(threading.local):
    """Memory for the large arrays of a pair of classes; each thread has its own.

    The operating system clears new memory when it is used first. On MNIST, that took up to 6 % of a
    fit with new arrays for each pair.

    A workspace that is sent to a worker of a cluster arrives empty.
    """

    def __init__(self) -> None:  # called once in each thread
        self._memory: dict[str, npt.NDArray[np.uint8]] = {}

    def __reduce__(self) -> tuple[type["Workspace"], tuple[()]]:
        return Workspace, ()

    def empty(self, name: str, shape: tuple[int, ...], dtype: npt.DTypeLike) -> npt.NDArray[Any]:
        """Return an array with arbitrary values.

        Its values are lost with the next call of this thread with the same name.

        Parameters
        ----------
        name : str
            What the array is for.
        shape : tuple of int
        dtype : data type
            Of numbers, not of objects.

        Returns
        -------
        ndarray
        """
        n_bytes = int(np.prod(shape)) * np.dtype(dtype).itemsize
        if name not in self._memory or self._memory[name].nbytes < n_bytes:
            self._memory.pop(name, None)  # both are not needed at the same time
            self._memory[name] = np.empty(n_bytes, dtype=np.uint8)
        return self._memory[name][:n_bytes].view(dtype).reshape(shape)
