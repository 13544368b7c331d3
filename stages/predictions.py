"""Reads the tables of predictions that `evaluate` writes."""

from pathlib import Path

import numpy as np
import numpy.typing as npt

from handwriting.errors import InputError


def read(path: Path) -> npt.NDArray[np.int64]:
    """Read a table of predictions, shape (n, 3): index, actual, predicted.

    Raises
    ------
    InputError
        When it is no such table.
    """
    try:
        return np.loadtxt(path, delimiter=",", skiprows=1, dtype=np.int64, ndmin=2)
    except ValueError as error:
        raise InputError(f"{path}: not a table of predictions ({error})") from None
