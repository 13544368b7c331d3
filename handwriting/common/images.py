"""Labelled images of digits as arrays: the form in which stages exchange them."""

import json
import mmap
from dataclasses import dataclass
from pathlib import Path
from tokenize import TokenError
from typing import Any

import numpy as np
import numpy.typing as npt

from handwriting.common import tables
from handwriting.common.errors import InputError
from handwriting.common.params import messages
from handwriting.common.params.datasets import ImageFormat

UInt8Array = npt.NDArray[np.uint8]
Int32Array = npt.NDArray[np.int32]

# The arrays of a saved folder, with the type of each.
_DTYPES = {"pixels": np.uint8, "labels": np.uint8, "rows": np.int32, "writers": np.int32}
# Size and pixel range of the images, in the same folder.
_FORMAT = "format.json"


@dataclass(frozen=True)
class LabelledImages:
    """Images of handwritten digits with their labels.

    Attributes
    ----------
    pixels : ndarray of shape (n, height * width), uint8
        One image per row, its pixels in row-major order.
    labels : ndarray of shape (n,), uint8
        The digit in each image, 0–9.
    rows : ndarray of shape (n,), int32
        Position of each image in the dataset's table, from 0.
    writers : ndarray of shape (n,), int32, or None
        The writer of each image; None if the source does not name writers.
    """

    pixels: UInt8Array
    labels: UInt8Array
    rows: Int32Array
    writers: Int32Array | None

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, index: npt.NDArray[np.intp]) -> "LabelledImages":
        """Return the images at the positions `index`, in that order."""
        return LabelledImages(
            self.pixels[index],
            self.labels[index],
            self.rows[index],
            None if self.writers is None else self.writers[index],
        )


def save(images: LabelledImages, folder: Path) -> None:
    """Write images to a new folder with one ``.npy`` file per array.

    The same images give the same bytes.
    """
    folder.mkdir()
    for name in _DTYPES:
        array = getattr(images, name)
        if array is not None:
            np.save(folder / f"{name}.npy", array, allow_pickle=False)


def load(folder: Path) -> LabelledImages:
    """Read what `save` wrote; the pixels are mapped into memory, not copied.

    Raises
    ------
    InputError
        If the folder is missing, or an array is missing, damaged or has the wrong type or shape.
    """
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder; run `dvc repro`, which creates it")
    arrays = {name: _load_array(folder / f"{name}.npy", dtype) for name, dtype in _DTYPES.items()}
    for name in ("pixels", "labels", "rows"):
        if arrays[name] is None:
            raise InputError(f"{folder / name}.npy: no such file; run `dvc repro`")
    pixels, labels, rows, writers = arrays.values()
    shapes = [array.shape for array in (labels, rows, writers) if array is not None]
    if pixels.ndim != 2 or any(shape != (len(pixels),) for shape in shapes):
        raise InputError(
            f"{folder}: pixels of shape {pixels.shape}, the other arrays of shapes {shapes}; must "
            "be (n, height * width) and (n,); run `dvc repro`"
        )
    return LabelledImages(pixels, labels, rows, writers)


def release(pixels: UInt8Array) -> None:
    """Let the operating system take the memory of mapped pixels; they are read again when needed.

    Other arrays stay as they are.
    """
    if isinstance(pixels.base, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):
        pixels.base.madvise(mmap.MADV_DONTNEED)


def save_format(image: ImageFormat, folder: Path) -> None:
    """Write size and pixel range of the images into the folder that `save` wrote."""
    content = json.dumps(image.model_dump(), indent=2)
    (folder / _FORMAT).write_text(content + "\n", encoding="ascii", newline="\n")


def load_format(folder: Path) -> ImageFormat:
    """Read what `save_format` wrote.

    Raises
    ------
    InputError
        If the file is missing or damaged.
    """
    return messages.validate(ImageFormat, tables.read_json(folder / _FORMAT), f"{folder / _FORMAT}")


def _load_array(path: Path, dtype: npt.DTypeLike) -> Any:
    """Map an array into memory; None if there is no such file."""
    try:
        array = np.lib.format.open_memmap(path, mode="r")
    except FileNotFoundError:
        return None
    except (ValueError, EOFError, OSError, OverflowError, TokenError) as error:
        raise InputError(f"{path}: not a NumPy array ({error}); run `dvc repro`") from None
    if array.dtype != dtype:
        raise InputError(f"{path}: type {array.dtype}; must be {np.dtype(dtype)}; run `dvc repro`")
    return array
