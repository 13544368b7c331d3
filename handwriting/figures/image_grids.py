"""Grids of images: samples, predictions, mistakes, support vectors."""

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure

from handwriting.common.images import LabelledImages
from handwriting.common.params.datasets import ImageFormat
from handwriting.figures import style
from handwriting.figures.mosaic import Layout, Tile, mosaic

_COLUMNS = 10


def sample_sheet(images: LabelledImages, image: ImageFormat, samples_per_digit: int) -> Figure:
    """Draw the first images of each digit, one row per digit."""
    tiles = [
        Tile(images.pixels[position], digit, column)
        for digit in range(10)
        for column, position in enumerate(
            np.flatnonzero(images.labels == digit)[:samples_per_digit]
        )
    ]
    title = f"The first {samples_per_digit} images of each digit"
    return _digit_rows(tiles, image, samples_per_digit, title)


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
    probabilities: Sequence[float],
    image: ImageFormat,
    title: str,
) -> Figure:
    """Draw misclassified images with predicted digit, actual digit and probability.

    Parameters
    ----------
    mistakes : LabelledImages
        n images.
    predicted : sequence of int
        n digits.
    probabilities : sequence of float
        Probability of each prediction, 0–1.
    image : ImageFormat
    title : str
    """
    captions = [
        (f"{_wrong(found, actual)}\n{probability:.1%} sure", style.WRONG)
        for found, actual, probability in zip(
            predicted, mistakes.labels.tolist(), probabilities, strict=True
        )
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
    tiles = [
        Tile(vectors.pixels[position], digit, column, f"{weights[position]:.2g}")
        for digit in range(10)
        for column, position in enumerate(np.flatnonzero(vectors.labels == digit)[:per_digit])
    ]
    return _digit_rows(tiles, image, per_digit, title)


def _wrong(predicted: int, actual: int) -> str:
    return f"{predicted}, actual {actual}"


def _grid(
    images: LabelledImages, captions: Sequence[tuple[str, str]], image: ImageFormat, title: str
) -> Figure:
    """Draw images in rows of ten with a caption and its colour above each."""
    tiles = [
        Tile(pixels, *divmod(position, _COLUMNS), caption, colour)
        for position, (pixels, (caption, colour)) in enumerate(
            zip(images.pixels, captions, strict=True)
        )
    ]
    n_rows = max(1, math.ceil(len(tiles) / _COLUMNS))
    layout = Layout(n_rows, _COLUMNS, side=0.72, gap=0.26, caption_size=9)
    return mosaic(tiles, image, layout, title)


def _digit_rows(tiles: list[Tile], image: ImageFormat, n_columns: int, title: str) -> Figure:
    layout = Layout(
        10, n_columns, side=0.52, gap=0.1, row_labels=[str(digit) for digit in range(10)]
    )
    return mosaic(tiles, image, layout, title)
