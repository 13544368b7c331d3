"""The pictures: each a function from data to a matplotlib figure."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from handwriting.images import Digits
from handwriting.params import Image

# Dark blue on white is read alike with and without colour vision.
_COLOURS = "Blues"
_INK = "Greys"
_DOTS_PER_INCH = 100
_WRONG = "#b2182b"
_TUNING_RANGE = 0.1


def save(figure: Figure, path: Path) -> None:
    """Write a figure as a PNG that says nothing of when or with what it was made."""
    figure.savefig(path, format="png", dpi=_DOTS_PER_INCH, metadata={"Software": None})


def sample_sheet(digits: Digits, image: Image, samples_per_digit: int) -> Figure:
    """Draw the first images of each digit, a row for each digit."""
    figure = Figure(figsize=(0.62 * samples_per_digit + 0.5, 0.62 * 10 + 0.6), layout="constrained")
    axes = figure.subplots(10, samples_per_digit, squeeze=False)
    for digit, row in enumerate(axes):
        positions = np.flatnonzero(digits.labels == digit)[:samples_per_digit]
        for position, ax in zip(positions, row, strict=False):
            _draw(ax, digits.pixels[position], image)
        for ax in row:
            _hide_axes(ax)
        row[0].set_ylabel(str(digit), rotation=0, labelpad=10, va="center", fontsize=13)
    figure.suptitle(f"The first {samples_per_digit} images of each digit", fontsize=12)
    return figure


def prediction_grid(
    test: Digits, predicted: npt.NDArray[np.integer[Any]], image: Image, title: str
) -> Figure:
    """Draw images with the digit predicted for each; a wrong one also shows the actual digit."""
    captions = [
        (f"{guess}", "black") if guess == actual else (f"{guess}, is {actual}", _WRONG)
        for guess, actual in zip(predicted, test.labels, strict=True)
    ]
    return _grid(test, captions, image, title)


def mistake_grid(
    mistakes: Digits,
    predicted: npt.NDArray[np.integer[Any]],
    margins: npt.NDArray[np.float64],
    image: Image,
    title: str,
) -> Figure:
    """Draw wrongly classified images with predicted digit, actual digit and margin."""
    captions = [
        (f"{guess}, is {actual}\nby {margin:.2f}", _WRONG)
        for guess, actual, margin in zip(predicted, mistakes.labels, margins, strict=True)
    ]
    return _grid(mistakes, captions, image, title)


def confusion_matrix(counts: npt.NDArray[np.int64], title: str) -> Figure:
    """Draw counts of images, shape (10, 10), coloured by their share of the actual digit's row."""
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    figure = Figure(figsize=(6.4, 6.0), layout="constrained")
    ax = figure.subplots()
    picture = ax.imshow(shares, cmap=_COLOURS, vmin=0, vmax=1)
    for (actual, predicted), count in np.ndenumerate(counts):
        if count:
            colour = "white" if shares[actual, predicted] > 0.5 else "black"
            ax.text(predicted, actual, str(count), ha="center", va="center", color=colour)
    ax.set(
        xticks=range(10),
        yticks=range(10),
        xlabel="predicted digit",
        ylabel="actual digit",
        title=title,
    )
    figure.colorbar(picture, ax=ax, shrink=0.8, label="share of the actual digit's images")
    return figure


def tuning_map(
    accuracies: npt.NDArray[np.float64],
    rows: tuple[str, Sequence[object]],
    columns: tuple[str, Sequence[object]],
    title: str,
) -> Figure:
    """Draw cross-validated accuracies of two hyperparameters, the best in a frame.

    Parameters
    ----------
    accuracies
        Shape (number of row values, number of column values).
    rows, columns
        Each the hyperparameter's name and its values.
    title
        What was tuned.
    """
    height, width = accuracies.shape
    figure = Figure(figsize=(0.75 * width + 2.6, 0.55 * height + 1.7), layout="constrained")
    ax = figure.subplots()
    best = accuracies.max()
    # The colours are for the hundredths that matter; whatever is farther off stays white.
    lowest = best - _TUNING_RANGE
    picture = ax.imshow(accuracies, cmap=_COLOURS, vmin=lowest, vmax=best, aspect="auto")
    for (row, column), accuracy in np.ndenumerate(accuracies):
        colour = "white" if accuracy > best - _TUNING_RANGE / 2 else "black"
        ax.text(column, row, f"{accuracy:.3f}", ha="center", va="center", color=colour, fontsize=9)
    row, column = np.unravel_index(np.argmax(accuracies), accuracies.shape)
    ax.add_patch(
        Rectangle((column - 0.5, row - 0.5), 1, 1, fill=False, edgecolor=_WRONG, linewidth=2.5)
    )
    ax.set(
        xticks=range(width),
        yticks=range(height),
        xticklabels=[str(value) for value in columns[1]],
        yticklabels=[str(value) for value in rows[1]],
        xlabel=columns[0],
        ylabel=rows[0],
    )
    figure.suptitle(title, fontsize=12)
    figure.colorbar(picture, ax=ax, extend="min", label="cross-validated accuracy")
    return figure


def _grid(digits: Digits, captions: list[tuple[str, str]], image: Image, title: str) -> Figure:
    columns = 10
    rows = max(1, math.ceil(len(digits) / columns))
    figure = Figure(figsize=(0.98 * columns, 1.28 * rows + 0.5), layout="constrained")
    figure.suptitle(title, fontsize=12)
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for ax in axes:
        _hide_axes(ax)
        ax.set_frame_on(False)
    for ax, pixels, (caption, colour) in zip(axes, digits.pixels, captions, strict=False):
        _draw(ax, pixels, image)
        ax.set_title(caption, fontsize=10, color=colour)
    return figure


def _draw(ax, pixels: npt.NDArray[np.uint8], image: Image) -> None:  # type: ignore[no-untyped-def]
    shape = (image.height, image.width)
    ax.imshow(pixels.reshape(shape), cmap=_INK, vmin=0, vmax=image.pixel_max)


def _hide_axes(ax) -> None:  # type: ignore[no-untyped-def]
    ax.set(xticks=[], yticks=[])
