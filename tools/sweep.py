"""Plots a metric of experiments against a parameter: ``python -m tools.sweep PARAMETER METRIC``.

The names are those of ``dvc exp show``, for example
``datasets.digits.models.tree.max_depth metrics/digits/tree.json:accuracy``.
"""

from handwriting.common.stage.command import run

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import dvc.api
from dvc.exceptions import DvcException
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from handwriting.common.errors import InputError
from handwriting.common.stage.outputs import atomic_write
from handwriting.figures import style

TARGET = Path("dvc_plots/sweep.png")
# If the largest value is this many times the smallest one, the axis is logarithmic.
_WIDE = 30
# Rows of `dvc exp show` that are a commit or a finished experiment.
_KINDS = {"baseline", "branch_base", "branch_commit"}
# Columns of `dvc exp show` other than parameters and metrics.
_OTHER = {"Experiment", "rev", "typ", "Created", "parent", "State", "Executor"}


def main(parameter: str, metric: str) -> None:
    """Write dvc_plots/sweep.png: a metric of the last commit and its experiments."""
    points = select(_experiments(), parameter, metric)
    figure = draw(points, parameter, metric)
    with atomic_write(TARGET) as path:
        style.save(figure, path)
    print(f"{TARGET}: {len(points)} results")


def _experiments() -> list[dict[str, Any]]:
    try:
        rows: list[dict[str, Any]] = dvc.api.exp_show()
    except DvcException as error:
        raise InputError(f"dvc exp show: {' '.join(str(error).split())}") from None
    return rows


def select(rows: Sequence[dict[str, Any]], parameter: str, metric: str) -> list[tuple[Any, float]]:
    """Return the values of a parameter and a metric, sorted by the parameter.

    Parameters
    ----------
    rows : sequence of dict
        The rows of ``dvc exp show``.
    parameter, metric : str
        Names of columns in them.

    Raises
    ------
    InputError
        If there is no such column, if the metric is not a number, or if fewer than two results
        have both values.
    """
    for name in (parameter, metric):
        if not any(name in row for row in rows):
            raise InputError(f"dvc exp show: no column {name!r}{_similar(name, rows)}")
    points = [
        (row[parameter], row[metric])
        for row in rows
        # The row of the workspace repeats another row, or has not been run.
        if row["typ"] in _KINDS
        and row["rev"] != "workspace"
        and not _is_missing(row.get(parameter), row.get(metric))
    ]
    for _, value in points:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise InputError(f"{metric}: {value!r}; must be a number")
    if len(points) < 2:
        raise InputError(
            f"{len(points)} results with {parameter} and {metric}; must be at least 2; "
            f"queue some: dvc exp run --queue -S '{parameter}=VALUE,VALUE'"
        )
    is_number = _are_numbers(points)
    return sorted(points, key=lambda point: (point[0] if is_number else str(point[0]), point[1]))


def _is_missing(*values: object) -> bool:
    return any(value is None or value != value for value in values)


def _similar(name: str, rows: Sequence[dict[str, Any]]) -> str:
    """Return the columns with the same last part as a name, as part of a message."""
    columns = {column for row in rows for column in row} - _OTHER
    last = name.rpartition(".")[2].rpartition(":")[2]
    found = sorted(column for column in columns if column.endswith(last))
    return f"; similar: {', '.join(found[:6])}" if found else ""


def _are_numbers(points: Sequence[tuple[Any, float]]) -> bool:
    return all(isinstance(x, int | float) and not isinstance(x, bool) for x, _ in points)


def draw(points: Sequence[tuple[Any, float]], parameter: str, metric: str) -> Figure:
    """Plot each result as a point; for numbers, add a line through the means of equal values."""
    figure = Figure(figsize=(7, 4.2), layout="constrained")
    ax = figure.subplots()
    if _are_numbers(points):
        places = [float(x) for x, _ in points]
        _scale(ax, places)
        _line(ax, places, [value for _, value in points])
    else:
        names = list(dict.fromkeys(str(x) for x, _ in points))
        places = [float(names.index(str(x))) for x, _ in points]
        ax.set_xticks(range(len(names)), names)
    ax.plot(places, [value for _, value in points], "o", color=style.POINTS)
    ax.set(xlabel=parameter, ylabel=metric)
    ax.grid(alpha=0.3)
    ax.margins(x=0.06, y=0.12)
    return figure


def _line(ax: Axes, places: Sequence[float], values: Sequence[float]) -> None:
    means = []
    for place in dict.fromkeys(places):
        here = [value for x, value in zip(places, values, strict=True) if x == place]
        means.append((place, sum(here) / len(here)))
    ax.plot(*zip(*means, strict=True), color=style.POINTS, lw=1)


def _scale(ax: Axes, places: Sequence[float]) -> None:
    if min(places) > 0 and max(places) / min(places) >= _WIDE:
        ax.set_xscale("log")
    ax.set_xticks(sorted(set(places)), [f"{place:g}" for place in sorted(set(places))])
    ax.minorticks_off()


if __name__ == "__main__":
    run(main)
