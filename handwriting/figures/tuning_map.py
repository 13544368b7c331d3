"""Cross-validated accuracies of a grid search as a heat map."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.patheffects import withStroke

from handwriting.figures import style

_COLOUR_RANGE = 0.1


@dataclass(frozen=True)
class Axis:
    """A hyperparameter of the grid: its name ('' for none) and its values."""

    name: str
    values: Sequence[object]


def tuning_map(
    accuracies: npt.NDArray[np.float64],
    rows: Axis,
    columns: Axis,
    in_use: tuple[int, int] | None,
    title: str,
) -> Figure:
    """Draw the accuracy for each pair of hyperparameter values and mark the best and the used one.

    Parameters
    ----------
    accuracies : ndarray of shape (number of row values, number of column values), float64
    rows, columns : Axis
    in_use : tuple of int or None
        Row and column of the hyperparameters in use; None if they are not in the grid.
    title : str
    """
    height, width = accuracies.shape
    figure = Figure(
        figsize=(max(0.75 * width + 2.6, 5.6), 0.55 * height + 1.9), layout="constrained"
    )
    ax = figure.subplots()
    best = accuracies.max()
    # The colours resolve the differences that matter; everything further below stays white.
    picture = ax.imshow(
        accuracies, cmap=style.SEQUENTIAL, vmin=best - _COLOUR_RANGE, vmax=best, aspect="auto"
    )
    for (row, column), accuracy in np.ndenumerate(accuracies):
        colour = "white" if accuracy > best - _COLOUR_RANGE / 2 else "black"
        ax.text(column, row, f"{accuracy:.3f}", ha="center", va="center", color=colour, fontsize=9)
    best_row, best_column = divmod(int(np.argmax(accuracies)), width)
    marks = [_frame(ax, (best_row, best_column), style.WRONG, "-", "best")]
    if in_use is not None and in_use != (best_row, best_column):
        marks.append(_frame(ax, in_use, "black", "--", "in use"))
    ax.set(
        xticks=range(width),
        yticks=range(height),
        xticklabels=[str(value) for value in columns.values],
        yticklabels=[str(value) for value in rows.values],
        xlabel=columns.name,
        ylabel=rows.name,
    )
    figure.suptitle(title, fontsize=12)
    figure.legend(handles=marks, loc="outside lower left", ncols=2, frameon=False, fontsize=9)
    figure.colorbar(picture, ax=ax, extend="min", label="cross-validated accuracy")
    return figure


def _frame(ax: Axes, cell: tuple[int, int], colour: str, line: str, label: str) -> Rectangle:
    """Draw a frame around a cell and return it for the legend."""
    row, column = cell
    frame = Rectangle(
        (column - 0.5, row - 0.5),
        1,
        1,
        fill=False,
        edgecolor=colour,
        linewidth=2.5,
        linestyle=line,
        label=label,
        # The frame of a dark cell would not be visible without a white outline.
        path_effects=[withStroke(linewidth=4, foreground="white")],
    )
    ax.add_patch(frame)
    return frame
