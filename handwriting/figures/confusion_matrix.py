"""The confusion matrix as a figure."""

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from handwriting.figures import style

# The colour scale ends at this share at least, so that one mistake in a hundred is not dark.
_SMALLEST_SCALE = 0.05


def confusion_matrix(
    counts: npt.NDArray[np.int64], shares: npt.NDArray[np.float64], title: str
) -> Figure:
    """Draw a confusion matrix.

    The numbers are counts. Correct predictions are grey; mistakes are darker the larger their share
    of the actual digit's images.

    Parameters
    ----------
    counts : ndarray of shape (10, 10), int64
        One row per actual digit, one column per predicted digit.
    shares : ndarray of shape (10, 10), float64
        `counts` divided by the sum of each row.
    title : str
    """
    figure = Figure(figsize=(5.2, 4.7), layout="constrained")
    ax = figure.subplots()
    correct = np.eye(len(counts), dtype=bool)
    largest = max(float(shares[~correct].max()), _SMALLEST_SCALE)
    ax.imshow(np.where(correct, 1.0, np.nan), cmap="Greys", vmin=0, vmax=8)
    hidden = correct | (counts == 0)
    picture = ax.imshow(np.where(hidden, np.nan, shares), cmap=style.MISTAKES, vmin=0, vmax=largest)
    for (actual, predicted), count in np.ndenumerate(counts):
        if count:
            share = shares[actual, predicted]
            is_dark = actual != predicted and share > 0.6 * largest
            colour = "white" if is_dark else "black"
            ax.text(
                predicted, actual, str(count), ha="center", va="center", fontsize=9, color=colour
            )
    ax.set(
        xticks=range(10),
        yticks=range(10),
        xlabel="predicted digit",
        ylabel="actual digit",
    )
    figure.suptitle(title, fontsize=11)
    figure.colorbar(
        picture,
        ax=ax,
        shrink=0.8,
        label="mistakes: share of the actual digit's images",
        format=PercentFormatter(1, symbol=" %"),
    )
    return figure
