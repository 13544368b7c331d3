"""Grids of images: samples, predictions, mistakes, support vectors."""

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure

from handwriting.common.images import LabelledImages
from handwriting.common.params.datasets import ImageFormat
from handwriting.figures import style

_COLUMNS = 10


def sample_sheet(images: LabelledImages, image: ImageFormat, samples_per_digit: int) -> Figure:
    """Draw the first images of each digit, one row per digit."""
    figure = Figure(figsize=(0.5 * samples_per_digit + 0.4, 0.5 * 10 + 0.6), layout="constrained")
    axes = figure.subplots(10, samples_per_digit, squeeze=False)
    for digit, row in enumerate(axes):
        positions = np.flatnonzero(images.labels == digit)[:samples_per_digit]
        for position, ax in zip(positions, row, strict=False):
            style.draw_image(ax, images.pixels[position], image)
        style.label_row(row, digit)
    figure.suptitle(f"The first {samples_per_digit} images of each digit", fontsize=12)
    return figure


def prediction_grid(
    test: LabelledImages, predicted: Sequence[int], image: ImageFormat, title: str
) -> Figure:
    """Draw images with their predicted digits; a wrong one also shows the actual digit.

    Parameters
    ----------
    test : LabelledImages
        n images.
    predicted : sequence of int
        n digits.
    image : ImageFormat
    title : str
    """
    captions = [
        (str(found), "black") if found == actual else (_wrong(found, actual), style.WRONG)
        for found, actual in zip(predicted, test.labels.tolist(), strict=True)
    ]
    return _grid(test, captions, image, title)


def mistake_grid(
    mistakes: LabelledImages,
    predicted: Sequence[int],
    margins: Sequence[float],
    image: ImageFormat,
    title: str,
) -> Figure:
    """Draw misclassified images with predicted digit, actual digit and margin.

    Parameters
    ----------
    mistakes : LabelledImages
        n images.
    predicted : sequence of int
        n digits.
    margins : sequence of float
        The score of the first choice minus that of the second, n values.
    image : ImageFormat
    title : str
    """
    captions = [
        (f"{_wrong(found, actual)}\nmargin {margin:.2f}", style.WRONG)
        for found, actual, margin in zip(predicted, mistakes.labels.tolist(), margins, strict=True)
    ]
    return _grid(mistakes, captions, image, title)


def support_vectors(
    vectors: LabelledImages,
    weights: npt.NDArray[np.float64],
    image: ImageFormat,
    per_digit: int,
    title: str,
) -> Figure:
    """Draw support vectors with their weights, one row per digit, in the given order."""
    figure = Figure(figsize=(0.62 * per_digit + 0.4, 0.76 * 10 + 0.7), layout="constrained")
    axes = figure.subplots(10, per_digit, squeeze=False)
    for digit, row in enumerate(axes):
        positions = np.flatnonzero(vectors.labels == digit)
        for position, ax in zip(positions, row, strict=False):
            style.draw_image(ax, vectors.pixels[position], image)
            ax.set_title(f"{weights[position]:.2g}", fontsize=8, pad=2)
        for ax in row[len(positions) :]:
            ax.set_frame_on(False)
        style.label_row(row, digit)
    figure.suptitle(title, fontsize=12)
    return figure


def _wrong(predicted: int, actual: int) -> str:
    return f"{predicted}, actual {actual}"


def _grid(
    images: LabelledImages, captions: Sequence[tuple[str, str]], image: ImageFormat, title: str
) -> Figure:
    """Draw images in rows of ten with a caption and its colour above each."""
    rows = max(1, math.ceil(len(images) / _COLUMNS))
    figure = Figure(figsize=(0.98 * _COLUMNS, 1.28 * rows + 0.5), layout="constrained")
    figure.suptitle(title, fontsize=12)
    axes = figure.subplots(rows, _COLUMNS, squeeze=False).ravel()
    for ax in axes:
        style.hide_ticks(ax)
        ax.set_frame_on(False)
    for ax, pixels, (caption, colour) in zip(axes, images.pixels, captions, strict=False):
        style.draw_image(ax, pixels, image)
        ax.set_title(caption, fontsize=10, color=colour)
    return figure
