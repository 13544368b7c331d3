"""Reads digits in pictures with a trained model: the library's entrance.

>>> from handwriting.recognizer import Recognizer
>>> recognizer = Recognizer.load("models/mnist/svc.skops")
>>> for reading in recognizer.read("photo.png"):
...     print(reading.digit, reading.probability, reading.is_digit)
"""

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, NamedTuple, Self

import numpy as np
import numpy.typing as npt
from sklearn.pipeline import Pipeline

from handwriting import persistence
from handwriting.common.errors import InputError
from handwriting.models import pipeline
from handwriting.models.novelty import ClassSubspaces
from handwriting.pictures import decode, normalize, segment

UInt8Array = npt.NDArray[np.uint8]
Float64Array = npt.NDArray[np.float64]
# What is farther from the training images than this share of the threshold counts against a way to
# cut a picture into digits; by how much was chosen on training images.
_USUAL = 0.7
_STRANGE = 4.0

Picture = str | os.PathLike[str] | bytes | BinaryIO | UInt8Array


class Box(NamedTuple):
    """A rectangle of a picture, in pixels; `right` and `bottom` are the first ones outside it."""

    left: int
    top: int
    right: int
    bottom: int


class Found(NamedTuple):
    """A part of a picture that may be a digit, before it is recognised.

    Attributes
    ----------
    box : Box
        Where it is.
    line : int
        The line of the picture that it belongs to, from 0.
    pixels : ndarray of shape (height, width), uint8
        As the model needs them: 0 is paper, the format's `pixel_max` is ink.
    """

    box: Box
    line: int
    pixels: UInt8Array


@dataclass(frozen=True)
class Reading:
    """What a model reads in one place of a picture.

    Attributes
    ----------
    digit, runner_up : int
        The most probable digit and the second, 0–9.
    probability, runner_up_probability : float
        Of both, 0–1.
    probabilities : ndarray of shape (10,), float64
        Of the digits 0–9; the sum is 1.
    is_digit : bool
        False if this is probably no digit at all. The digit is then the least unlikely one.
    box : Box
        Where it is in the picture.
    line : int
        The line of the picture that it belongs to, from 0.
    pixels : ndarray of shape (height, width), uint8
        What the model saw: 0 is paper, the format's `pixel_max` is ink.
    """

    digit: int
    probability: float
    runner_up: int
    runner_up_probability: float
    probabilities: Float64Array
    is_digit: bool
    box: Box
    line: int
    pixels: UInt8Array


class Recognizer:
    """Reads digits in pictures with a trained model. It can be shared by threads.

    Parameters
    ----------
    model : Pipeline
        A fitted model, for example from `handwriting.persistence.load`.

    Attributes
    ----------
    model : Pipeline
    image : ImageFormat
        Size and pixel range of the images that the model was trained on.
    """

    def __init__(self, model: Pipeline) -> None:
        self.model = model
        self.image = pipeline.image_format(model)
        self._framing = _learned_framing(model)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Load a model file; no code in the file is executed.

        Raises
        ------
        InputError
            If the file is missing, is not a model file, or contains a type that is not trusted.
        """
        return cls(persistence.load(Path(path)))

    def read(self, picture: Picture) -> list[Reading]:
        """Read all digits in a picture, line by line, from left to right.

        Parameters
        ----------
        picture : path, bytes, binary stream or ndarray of shape (height, width), uint8
            A PNG, JPEG, TIFF or BMP file or its content, or grey pixels, where 255 is white.
            Dark ink on light paper and light ink on dark paper are both read.

        Returns
        -------
        list of Reading
            Empty if the picture has no ink.

        Raises
        ------
        InputError
            If the file is missing, empty, too large, damaged, or in another format.
        """
        grey = picture if isinstance(picture, np.ndarray) else decode.read_grey(picture)
        return self.recognize(self.find(grey))

    def find(self, grey: UInt8Array) -> list[Found]:
        """Find what may be digits, without recognising it.

        Parameters
        ----------
        grey : ndarray of shape (any, any), uint8
            0 is black, 255 is white.

        Returns
        -------
        list of Found
            Line by line, from left to right; empty if the picture has no ink.

        Raises
        ------
        InputError
            If the picture has more separate strokes than a page of digits.
        """
        unchanged = normalize.already_framed(grey, self._framing)
        if unchanged is not None:
            return [Found(Box(0, 0, grey.shape[1], grey.shape[0]), 0, unchanged)]
        reduced, factor = normalize.reduce(grey)
        return [
            Found(
                _scaled_box(part, factor, grey.shape),
                part.line,
                normalize.frame(part.ink, self._framing),
            )
            for part in segment.cut(normalize.find_ink(reduced), self._quality)
        ]

    def _quality(self, inks: Sequence[npt.NDArray[np.float32]]) -> Float64Array:
        """Return how well inks look like one digit each: logarithms, at most 0."""
        rows = np.stack([normalize.frame(ink, self._framing).ravel() for ink in inks])
        features = self.model[:-1].transform(rows)
        quality: Float64Array = np.log(_probabilities(self.model, features).max(axis=1))
        novelty: ClassSubspaces = self.model[-1].novelty_
        strangeness = novelty.score_samples(features) / novelty.offset_
        return quality - _STRANGE * np.maximum(strangeness - _USUAL, 0)

    def recognize(self, found: Sequence[Found]) -> list[Reading]:
        """Recognise what `find` returned; many at once are faster than one by one."""
        if not found:
            return []
        rows = np.stack([part.pixels.ravel() for part in found])
        probabilities, is_digit = self.classify(rows)
        first_two = np.argsort(-probabilities, axis=1, kind="stable")[:, :2]
        chances = np.take_along_axis(probabilities, first_two, axis=1)
        columns = (found, first_two.tolist(), chances.tolist(), probabilities, is_digit.tolist())
        return [
            Reading(
                digit=digit,
                probability=probability,
                runner_up=runner_up,
                runner_up_probability=runner_up_probability,
                probabilities=row,
                is_digit=known,
                box=part.box,
                line=part.line,
                pixels=part.pixels,
            )
            for (
                part,
                (digit, runner_up),
                (probability, runner_up_probability),
                row,
                known,
            ) in zip(*columns, strict=True)
        ]

    def classify(self, pixels: UInt8Array) -> tuple[Float64Array, npt.NDArray[np.bool_]]:
        """Return `predict_proba(pixels)`, and whether each image is probably a digit.

        Parameters
        ----------
        pixels : ndarray of shape (n, height * width), uint8
            As in the model's training table.

        Returns
        -------
        probabilities : ndarray of shape (n, 10), float64
        is_digit : ndarray of shape (n,), bool

        Raises
        ------
        InputError
            If the images have another size than those that the model was trained on.
        """
        if pixels.ndim != 2 or pixels.shape[1] != self.image.n_pixels:
            raise InputError(
                f"images of shape {pixels.shape[1:]}: the model was trained on images of "
                f"{self.image.height}×{self.image.width} = {self.image.n_pixels} pixels"
            )
        features = self.model[:-1].transform(pixels)
        is_digit = self.model[-1].novelty_.decision_function(features) >= 0
        return _probabilities(self.model, features), is_digit

    def predict_proba(self, pixels: UInt8Array) -> Float64Array:
        """Return the probability of each digit for images in the model's own format.

        Parameters
        ----------
        pixels : ndarray of shape (n, height * width), uint8
            As in the model's training table; `prepare` returns one such image.

        Returns
        -------
        ndarray of shape (n, 10), float64
            Each row has the sum 1.
        """
        return self.classify(pixels)[0]

    def prepare(self, grey: UInt8Array) -> UInt8Array:
        """Turn grey pixels that show one digit into an image in the model's own format.

        Parameters
        ----------
        grey : ndarray of shape (any, any), uint8
            0 is black, 255 is white.

        Returns
        -------
        ndarray of shape (height, width), uint8
            0 is paper, the format's `pixel_max` is ink.
        """
        return normalize.prepare(grey, self._framing)


def _learned_framing(model: Pipeline) -> normalize.Framing:
    """Return how digits lie in the images that a model was trained on."""
    images = model["images"]
    return normalize.Framing(
        image=pipeline.image_format(model),
        box_height=images.box_height_,
        box_width=images.box_width_,
        by_mass=images.by_mass_,
        one_size=images.one_size_,
    )


def _scaled_box(part: segment.Part, factor: float, shape: tuple[int, ...]) -> Box:
    """Return the box of a part of a reduced picture in the pixels of the picture."""
    return Box(
        math.floor(part.left * factor),
        math.floor(part.top * factor),
        min(shape[1], math.ceil(part.right * factor)),
        min(shape[0], math.ceil(part.bottom * factor)),
    )


def _probabilities(model: Pipeline, features: npt.NDArray[np.float32]) -> Float64Array:
    """Return probabilities of the digits 0–9, shape (n, 10); 0 for those it was not trained on."""
    result = np.zeros((len(features), 10))
    result[:, model[-1].classes_] = model[-1].predict_proba(features)
    return result
