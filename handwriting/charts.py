"""The pictures: each a function from data to a matplotlib figure."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import PercentFormatter

from handwriting.images import Digits
from handwriting.params import Image

# Dark blue on white is read alike with and without colour vision.
_COLOURS = "Blues"
_INK = "Greys"
_DOTS_PER_INCH = 100
_MISTAKES = "Oranges"
_WRONG = "#b2182b"
# The colours of a confusion matrix reach at least so far: one mistake in a hundred is not dark.
_FEW_MISTAKES = 0.05
_TUNING_RANGE = 0.1


def save(figure: Figure, path: Path) -> None:
    """Write a figure as a PNG that says nothing of when or with what it was made."""
    figure.savefig(path, format="png", dpi=_DOTS_PER_INCH, metadata={"Software": None})


def sample_sheet(digits: Digits, image: Image, samples_per_digit: int) -> Figure:
    """Draw the first images of each digit, a row for each digit."""
    figure = Figure(figsize=(0.5 * samples_per_digit + 0.4, 0.5 * 10 + 0.6), layout="constrained")
    axes = figure.subplots(10, samples_per_digit, squeeze=False)
    for digit, row in enumerate(axes):
        positions = np.flatnonzero(digits.labels == digit)[:samples_per_digit]
        for position, ax in zip(positions, row, strict=False):
            _draw(ax, digits.pixels[position], image)
        _label_row(row, digit)
    figure.suptitle(f"The first {samples_per_digit} images of each digit", fontsize=12)
    return figure


def prediction_grid(
    test: Digits, predicted: npt.NDArray[np.integer[Any]], image: Image, title: str
) -> Figure:
    """Draw images with the digit predicted for each; a wrong one also shows the actual digit."""
    captions = [
        (f"{guess}", "black") if guess == actual else (f"said {guess}, is {actual}", _WRONG)
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
        (f"said {guess}, is {actual}\nmargin {margin:.2f}", _WRONG)
        for guess, actual, margin in zip(predicted, mistakes.labels, margins, strict=True)
    ]
    return _grid(mistakes, captions, image, title)


def confusion_matrix(
    counts: npt.NDArray[np.int64], shares: npt.NDArray[np.float64], title: str
) -> Figure:
    """Draw what each digit was taken for: counts, and the share of the actual digit's images.

    The diagonal holds what is right and has no colour; beside it, the darker the more mistakes.

    Parameters
    ----------
    counts, shares
        Shape (10, 10), a row for each actual digit.
    title
        Whose predictions these are.
    """
    figure = Figure(figsize=(7.0, 6.2), layout="constrained")
    ax = figure.subplots()
    right = np.eye(len(counts), dtype=bool)
    most = max(float(shares[~right].max()), _FEW_MISTAKES)
    ax.imshow(np.where(right, 1.0, np.nan), cmap="Greys", vmin=0, vmax=8)
    none = right | (counts == 0)
    picture = ax.imshow(np.where(none, np.nan, shares), cmap=_MISTAKES, vmin=0, vmax=most)
    for (actual, predicted), count in np.ndenumerate(counts):
        if count:
            share = shares[actual, predicted]
            dark = actual != predicted and share > 0.6 * most
            style: dict[str, Any] = {"ha": "center", "color": "white" if dark else "black"}
            ax.text(predicted, actual, f"{count:,}", va="bottom", fontsize=9.5, **style)
            percent = f"{100 * share:.1f} %"
            ax.text(predicted, actual + 0.06, percent, va="top", fontsize=7, **style)
    ax.set(
        xticks=range(10),
        yticks=range(10),
        xlabel="predicted digit",
        ylabel="actual digit",
        title=title,
    )
    label = "mistakes: share of the actual digit's images"
    figure.colorbar(
        picture, ax=ax, shrink=0.8, label=label, format=PercentFormatter(1, symbol=" %")
    )
    return figure


def weighted_images(
    chosen: Digits,
    weights: npt.NDArray[np.float64],
    image: Image,
    per_digit: int,
    title: str,
) -> Figure:
    """Draw training images with their weights, a row for each digit."""
    figure = Figure(figsize=(0.62 * per_digit + 0.4, 0.76 * 10 + 0.7), layout="constrained")
    axes = figure.subplots(10, per_digit, squeeze=False)
    for digit, row in enumerate(axes):
        positions = np.flatnonzero(chosen.labels == digit)
        for position, ax in zip(positions, row, strict=False):
            _draw(ax, chosen.pixels[position], image)
            ax.set_title(f"{weights[position]:.2g}", fontsize=8, pad=2)
        for ax in row[len(positions) :]:
            ax.set_frame_on(False)
        _label_row(row, digit)
    figure.suptitle(title, fontsize=12)
    return figure


def pixel_importances(
    importances: npt.NDArray[np.float64],
    mean: npt.NDArray[np.float64],
    image: Image,
    name: str,
) -> Figure:
    """Draw how much each pixel matters beside the mean image, which shows where there is ink.

    Parameters
    ----------
    importances
        Shape (height · width,), sum 1.
    mean
        Mean of the training images, the same shape.
    image
        The images' size and range.
    name
        Whose importances these are.
    """
    figure = Figure(figsize=(5.4, 8.3), layout="constrained")
    upper, lower = figure.subplots(2, 1)
    shape = (image.height, image.width)
    picture = upper.imshow(importances.reshape(shape), cmap=_COLOURS, vmin=0)
    upper.set_title("which pixels it asks", fontsize=11)
    figure.colorbar(
        picture, ax=upper, shrink=0.8, format=PercentFormatter(1, symbol=" %")
    ).set_label("share of all that is gained by asking")
    picture = lower.imshow(mean.reshape(shape), cmap=_INK, vmin=0, vmax=image.pixel_max)
    lower.set_title("where the training images have ink", fontsize=11)
    figure.colorbar(picture, ax=lower, shrink=0.8, label="mean of the pixel")
    for ax in (upper, lower):
        _hide_axes(ax)
    figure.suptitle(f"{name}: which pixels matter", fontsize=12)
    return figure


def note(text: str) -> Figure:
    """Draw a line of text in the place of a picture that there cannot be."""
    figure = Figure(figsize=(8.4, 1.0))
    figure.text(0.5, 0.5, text, ha="center", va="center", fontsize=11)
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
    figure = Figure(
        figsize=(max(0.75 * width + 2.6, 5.6), 0.55 * height + 1.7), layout="constrained"
    )
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


def _label_row(row, digit: int) -> None:  # type: ignore[no-untyped-def]
    for ax in row:
        _hide_axes(ax)
    row[0].set_ylabel(str(digit), rotation=0, labelpad=10, va="center", fontsize=13)
