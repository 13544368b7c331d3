"""Colours, and small helpers that all figures share."""

from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

# Dark blue on white is distinguishable with and without colour vision.
SEQUENTIAL = "Blues"
INK = "Greys"
MISTAKES = "Oranges"
WRONG = "#b2182b"
POINTS = "#0072b2"
_DOTS_PER_INCH = 100


def save(figure: Figure, path: Path) -> None:
    """Write a figure as a PNG without timestamp or software metadata."""
    figure.savefig(path, format="png", dpi=_DOTS_PER_INCH, metadata={"Software": None})


def placeholder(text: str) -> Figure:
    """Draw a placeholder with one line of text."""
    figure = Figure(figsize=(8.4, 1.0))
    figure.text(0.5, 0.5, text, ha="center", va="center", fontsize=11)
    return figure


def hide_ticks(ax: Axes) -> None:
    """Remove the ticks of both axes."""
    ax.set(xticks=[], yticks=[])
