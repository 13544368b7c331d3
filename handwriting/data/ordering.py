"""The order of the rows where the source has them sorted by digit."""

from typing import Any

import numpy as np
import numpy.typing as npt


def spread(labels: npt.NDArray[np.integer[Any]]) -> npt.NDArray[np.intp]:
    """Return an order in which the rows of each label are spread evenly over the whole.

    Rows of the same label keep their order.
    """
    places = np.empty(len(labels))
    for label in np.unique(labels):
        rows = np.flatnonzero(labels == label)
        places[rows] = (np.arange(len(rows)) + 0.5) / len(rows)
    return np.lexsort((labels, places))
