"""Reliability chart and reject curve as a figure."""

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator, PercentFormatter

from handwriting.figures import style

Row = Mapping[str, Any]

# The lower end of the logarithmic axis, where zero mistakes are drawn.
_NO_ERROR = 1e-4


def confidence_charts(
    bins: Sequence[Row], curve: Sequence[Row], target_error: float, title: str
) -> Figure:
    """Draw the reliability chart and the reject curve of a model side by side.

    Parameters
    ----------
    bins : sequence of mappings
        Groups of images by the probability of their prediction: `n_images`, mean `probability`,
        `accuracy` and the limits `low` and `high` of its interval.
    curve : sequence of mappings
        Share of `rejected` images, increasing, and the `error` among the others.
    target_error : float
        The error that the reject curve is to reach, 0–1.
    title : str
    """
    figure = Figure(figsize=(8.4, 3.9), layout="constrained")
    left, right = figure.subplots(1, 2)
    _draw_reliability(left, bins)
    _draw_reject_curve(right, curve, target_error)
    figure.suptitle(title, fontsize=11)
    return figure


def _draw_reliability(ax: Axes, bins: Sequence[Row]) -> None:
    probability = [row["probability"] for row in bins]
    accuracy = [row["accuracy"] for row in bins]
    errors = [
        [row["accuracy"] - row["low"] for row in bins],
        [row["high"] - row["accuracy"] for row in bins],
    ]
    ax.plot([0, 1], [0, 1], color="grey", linewidth=1, linestyle="--")
    ax.errorbar(probability, accuracy, errors, fmt="o", color=style.POINTS, markersize=5, capsize=3)
    for row in bins:
        ax.annotate(
            f"{row['n_images']:,}",
            (row["probability"], row["accuracy"]),
            xytext=(6, -11),
            textcoords="offset points",
            fontsize=7,
            color="dimgrey",
        )
    ax.set(
        xlim=(0, 1.09),  # room for the number of images of the last group
        ylim=(-0.02, 1.04),
        xlabel="probability of the prediction",
        ylabel="accuracy",
        title="Reliability: points on the line are calibrated",
    )
    ax.title.set_fontsize(10)
    ax.xaxis.set_major_formatter(PercentFormatter(1, symbol=" %"))
    ax.yaxis.set_major_formatter(PercentFormatter(1, symbol=" %"))


def _draw_reject_curve(ax: Axes, curve: Sequence[Row], target_error: float) -> None:
    rejected = [row["rejected"] for row in curve]
    errors = [max(row["error"], _NO_ERROR) for row in curve]
    ax.step(rejected, errors, where="post", color=style.POINTS)
    reached = next((row["rejected"] for row in curve if row["error"] <= target_error), None)
    if target_error > _NO_ERROR:
        ax.axhline(target_error, color=style.WRONG, linewidth=1, linestyle="--")
    # As much as it takes to reach the target, and as much again.
    end = min(1.0, max(0.05, 2 * reached)) if reached is not None else 1.0
    ax.set(
        yscale="log",
        xlim=(0, end),
        ylim=(_NO_ERROR, None),
        xlabel="images sent to a person, the least probable first",
        ylabel="mistakes among the others",
        title="Error by share of rejected images",
    )
    ax.title.set_fontsize(10)
    ax.xaxis.set_major_formatter(PercentFormatter(1, symbol=" %"))
    ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    ax.yaxis.set_minor_locator(NullLocator())
    ax.yaxis.set_major_formatter(
        lambda error, _: "0" if error <= _NO_ERROR else f"{100 * error:g} %"
    )
