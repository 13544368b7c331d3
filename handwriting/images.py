"""Digit images as arrays: the form in which they pass between stages."""

import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from handwriting.errors import InputError

UInt8Array = npt.NDArray[np.uint8]
Int32Array = npt.NDArray[np.int32]


@dataclass(frozen=True)
class Digits:
    """Labelled images of handwritten digits.

    Attributes
    ----------
    pixels
        uint8, shape (n, height · width): one image a row, its pixels row by row.
    labels
        uint8, shape (n,): the digit that each image shows, 0–9.
    rows
        int32, shape (n,): where each image stands in the dataset's table, from 0.
    writers
        int32, shape (n,): who wrote each image; None where the source does not say.
    """

    pixels: UInt8Array
    labels: UInt8Array
    rows: Int32Array
    writers: Int32Array | None

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, index: npt.NDArray[np.intp]) -> "Digits":
        """Return the images at `index`, in that order."""
        return Digits(
            self.pixels[index],
            self.labels[index],
            self.rows[index],
            None if self.writers is None else self.writers[index],
        )


def save(digits: Digits, path: Path) -> None:
    """Write an ``.npz`` file; the same images give the same bytes."""
    arrays: dict[str, Any] = {
        "pixels": digits.pixels,
        "labels": digits.labels,
        "rows": digits.rows,
    }
    if digits.writers is not None:
        arrays["writers"] = digits.writers
    with path.open("wb") as file:
        np.savez(file, allow_pickle=False, **arrays)


def load(path: Path) -> Digits:
    """Read what `save` wrote.

    Raises
    ------
    InputError
        When the file is missing, is no such file, or holds anything but the four plain arrays.
    """
    try:
        with np.load(path, allow_pickle=False) as arrays:
            writers = arrays.get("writers")
            digits = Digits(arrays["pixels"], arrays["labels"], arrays["rows"], writers)
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; run `dvc repro`, which makes it") from None
    except (ValueError, KeyError, OSError, zipfile.BadZipFile) as error:
        raise InputError(f"{path}: not an .npz file of digit images ({error})") from None
    if not digits.pixels.ndim == 2 or not len(digits.pixels) == len(digits.labels):
        raise InputError(
            f"{path}: pixels of shape {digits.pixels.shape} and labels of shape "
            f"{digits.labels.shape}; must be (n, height · width) and (n,)"
        )
    return digits
