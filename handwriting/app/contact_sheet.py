"""Draws the original pictures next to the images that the model received."""

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from handwriting.common.errors import InputError
from handwriting.recognizer import Reading

N_PICTURES = 50

# In pixels.
_ROW, _ORIGINAL, _TILE, _CAPTION, _GAP = 160, 320, 84, 34, 10
_PER_ROW = 8
_INK, _DOUBT = (0, 0, 0), (190, 60, 0)


def check_target(path: Path, files: Iterable[str]) -> None:
    """Check before anything is computed that a picture can be written.

    Parameters
    ----------
    path : Path
    files : iterable of str
        All files that will be read, also those in folders.

    Raises
    ------
    InputError
        If the name is not that of a PNG file, its folder is missing, or it is one of the files,
        also by another path or a link.
    """
    if path.suffix.lower() != ".png":
        raise InputError(f"--show {path}: must be the name of a .png file")
    if not path.parent.is_dir():
        raise InputError(f"--show {path}: the folder {path.parent} does not exist")
    if path.is_dir():
        raise InputError(f"--show {path}: is a folder")
    if path.exists() and any(
        # `Path.exists` raises an error for some paths.
        os.path.exists(file) and path.samefile(file)  # noqa: PTH110
        for file in files
    ):
        raise InputError(f"--show {path}: is one of the inputs and would be overwritten")


@dataclass(frozen=True)
class Original:
    """A picture, reduced for the contact sheet.

    Attributes
    ----------
    grey : ndarray of shape (any, any), uint8
        The reduced picture; 0 is black, 255 is white.
    scale : float
        Pixels of `grey` per pixel of the original picture.
    """

    grey: npt.NDArray[np.uint8]
    scale: float

    @classmethod
    def reduce(cls, grey: npt.NDArray[np.uint8]) -> Self:
        """Reduce a picture to its size on the sheet, so that many photos need little memory."""
        scale = min(_ORIGINAL / grey.shape[1], (_ROW - _GAP) / grey.shape[0])
        size = (max(1, round(grey.shape[1] * scale)), max(1, round(grey.shape[0] * scale)))
        return cls(np.asarray(Image.fromarray(grey).resize(size)), scale)


class ContactSheet:
    """Collect the first 50 pictures and draw each of them as one row of the sheet."""

    def __init__(self) -> None:
        self._rows: list[Image.Image] = []

    @property
    def is_empty(self) -> bool:
        """Whether nothing is drawn."""
        return not self._rows

    @property
    def is_full(self) -> bool:
        """Whether the sheet has the maximum number of pictures."""
        return len(self._rows) >= N_PICTURES

    def add(self, original: Original, readings: Sequence[Reading]) -> None:
        """Draw the picture with the boxes of its digits, and the prepared digits next to it."""
        n_lines = -(-len(readings) // _PER_ROW)
        height = max(_ROW, n_lines * (_TILE + _CAPTION) + _GAP)
        row = Image.new("RGB", (_ORIGINAL + _PER_ROW * (_TILE + _GAP) + 2 * _GAP, height), "white")
        draw = ImageDraw.Draw(row)
        _draw_original(row, draw, original, readings)
        font = ImageFont.load_default(13)
        for number, reading in enumerate(readings):
            line, column = divmod(number, _PER_ROW)
            left = _ORIGINAL + 2 * _GAP + column * (_TILE + _GAP)
            top = _GAP // 2 + line * (_TILE + _CAPTION)
            row.paste(_tile(reading.pixels), (left, top))
            draw.rectangle((left - 1, top - 1, left + _TILE, top + _TILE), outline=(170, 170, 170))
            text = f"{reading.digit}  {reading.probability:.0%}"
            colour = _INK
            if not reading.is_digit:
                text, colour = f"{text}\nno digit?", _DOUBT
            draw.multiline_text((left, top + _TILE + 2), text, colour, font, spacing=0)
        self._rows.append(row)

    def save(self, path: Path) -> None:
        """Write the sheet, which must not be empty.

        Raises
        ------
        InputError
            If the file cannot be written.
        """
        width = _ORIGINAL + _PER_ROW * (_TILE + _GAP) + 2 * _GAP
        sheet = Image.new("RGB", (width, sum(row.height for row in self._rows)), "white")
        top = 0
        for row in self._rows:
            sheet.paste(row, (0, top))
            top += row.height
        try:
            sheet.save(path, "PNG")
        except OSError as error:
            raise InputError(f"--show {path}: cannot be written ({error.strerror})") from None


def _draw_original(
    row: Image.Image, draw: ImageDraw.ImageDraw, original: Original, readings: Sequence[Reading]
) -> None:
    row.paste(Image.fromarray(original.grey), (_GAP, _GAP // 2))
    for reading in readings:
        left, top, right, bottom = (round(edge * original.scale) for edge in reading.box)
        draw.rectangle(
            (_GAP + left, _GAP // 2 + top, _GAP + right, _GAP // 2 + bottom), outline=(0, 110, 200)
        )


def _tile(pixels: npt.NDArray[np.uint8]) -> Image.Image:
    """Return a prepared image, dark on white, enlarged without interpolation."""
    largest = max(1, int(pixels.max()))
    grey = 255 - np.asarray(np.rint(pixels * (255 / largest)), dtype=np.uint8)
    return Image.fromarray(grey).resize((_TILE, _TILE), Image.Resampling.NEAREST)
