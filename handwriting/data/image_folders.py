"""Reads image files that are sorted into one subfolder per digit."""

import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps

from handwriting.common.errors import InputError
from handwriting.common.images import UInt8Array
from handwriting.common.params.datasets import ImageFolder, ImageFormat
from handwriting.data import ordering

FORMATS = ("PNG", "JPEG", "TIFF", "BMP")
SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp")
# What Windows adds to folders of images.
_NOT_IMAGES = ("Thumbs.db", "desktop.ini")
# A small file can decode to any size. One digit needs much less than this.
LARGEST_IMAGE = 2**24
_ORIENTATION = 0x0112  # of Exif; from 5 on, the image is turned by a quarter
_SIXTEEN_BIT = ("I;16", "I;16B", "I;16L", "I;16N", "I")


Decoded = TypeVar("Decoded")


@dataclass(frozen=True)
class File:
    """An image file and the digit whose folder it is in."""

    path: Path
    digit: int


def list_files(folder: Path, name: str) -> list[File]:
    """Return the image files of all digits, the images of each digit spread evenly.

    The order depends on the names of the files only. Folds of the cross-validation are consecutive
    rows; in the order of the folders each fold would have digits that the others lack.

    Parameters
    ----------
    folder : Path
    name : str
        How messages name the folder.

    Raises
    ------
    InputError
        If there is no such folder, if it has no subfolder for any digit, or a subfolder or a file
        that cannot be used.
    """
    if not folder.is_dir():
        raise InputError(f"{name}: no such folder")
    digits = [path for path in sorted(folder.iterdir()) if not path.name.startswith(".")]
    other = [path.name for path in digits if path.name not in "0123456789" or not path.is_dir()]
    if other or not digits:
        found = f"it has {other[0]!r}" if other else "it is empty"
        raise InputError(f"{name}: {found}; must have one subfolder per digit, named 0 to 9")
    files = []
    for subfolder in digits:
        for path in sorted(subfolder.iterdir()):
            if path.name.startswith(".") or path.name in _NOT_IMAGES:
                continue
            if path.suffix.lower() not in SUFFIXES:
                raise InputError(f"{path}: not an image; must be {', '.join(SUFFIXES)}")
            files.append(File(path, int(subfolder.name)))
    if not files:
        raise InputError(f"{name}: its subfolders have no images")
    return [files[i] for i in ordering.spread(np.array([file.digit for file in files]))]


def size(path: Path) -> tuple[int, int]:
    """Return the height and the width of an image.

    Raises
    ------
    InputError
        If the file is no image in one of `FORMATS`, has several pages, or is too large.
    """
    with _open(path) as opened:
        # Some formats have the orientation after the pixels; only these are decoded for it.
        rotated = _decoded(path, lambda: opened.getexif().get(_ORIENTATION, 1) >= 5)
        return (opened.width, opened.height) if rotated else (opened.height, opened.width)


def read_blocks(
    files: list[File], form: ImageFolder, image: ImageFormat, n_rows: int = 4096
) -> Iterator[tuple[UInt8Array, UInt8Array]]:
    """Read images in blocks and convert them to an image format.

    An image of another size is scaled to fit, keeping its proportions, and centred on paper.

    Yields
    ------
    pixels : ndarray of shape (n, height * width), uint8
        0 is paper, `pixel_max` is ink.
    labels : ndarray of shape (n,), uint8

    Raises
    ------
    InputError
        With the path of the first file that cannot be read.
    """
    for start in range(0, len(files), n_rows):
        block = files[start : start + n_rows]
        grey = np.stack([read_grey(file.path, form.paper, image) for file in block])
        scaled = (grey - form.paper) * (image.pixel_max / (form.ink - form.paper))
        # Paper and ink are the usual values; single pixels may be lighter or darker.
        pixels = np.clip(np.rint(scaled), 0, image.pixel_max).astype(np.uint8)
        yield pixels, np.array([file.digit for file in block], dtype=np.uint8)


def read_grey(path: Path, paper: float, image: ImageFormat) -> npt.NDArray[np.float64]:
    """Return the grey values (0 is black, 255 is white) of an image in the size of a format.

    Parameters
    ----------
    path : Path
    paper : float
        The grey value of transparent pixels and of what is added at the edges.
    image : ImageFormat

    Returns
    -------
    ndarray of shape (height * width,), float64

    Raises
    ------
    InputError
        As `size`, or if the file is damaged.
    """
    with _open(path) as opened:
        grey = _decoded(path, lambda: _grey(ImageOps.exif_transpose(opened), round(paper)))
    wanted = (image.width, image.height)
    if grey.size != wanted:
        grey = ImageOps.pad(grey, wanted, Image.Resampling.LANCZOS, color=round(paper))
    return np.asarray(grey, dtype=np.float64).ravel()


def _open(path: Path) -> Image.Image:
    try:
        with warnings.catch_warnings():
            # Pillow warns about images of a size that is refused below.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            opened = Image.open(path, formats=FORMATS)
    except Image.DecompressionBombError as error:
        raise InputError(f"{path}: {error}") from None
    except (OSError, SyntaxError, ValueError) as error:
        reason = "empty" if path.is_file() and path.stat().st_size == 0 else f"damaged: {error}"
        raise InputError(f"{path}: not an image ({reason}); must be {', '.join(FORMATS)}") from None
    height, width = opened.height, opened.width
    pages = getattr(opened, "n_frames", 1)
    if height * width > LARGEST_IMAGE or pages != 1:
        opened.close()
        found = f"{height}×{width} pixels" if pages == 1 else f"{pages} pages"
        raise InputError(
            f"{path}: {found}; must be one image of one digit, with at most {LARGEST_IMAGE} pixels"
        )
    return opened


def _decoded(path: Path, decode: Callable[[], Decoded]) -> Decoded:
    """Return the result of `decode`; an `InputError` if the image is damaged."""
    try:
        return decode()
    except (OSError, SyntaxError, ValueError, EOFError) as error:
        raise InputError(f"{path}: a damaged image ({error})") from None


def _grey(opened: Image.Image, paper: int) -> Image.Image:
    """Convert an image of any mode to 8-bit grey values; transparent pixels become paper."""
    if opened.mode in _SIXTEEN_BIT:
        values = np.asarray(opened).astype(np.int64)
        return Image.fromarray((np.clip(values, 0, 65535) // 257).astype(np.uint8))
    if opened.has_transparency_data:
        background = Image.new("RGBA", opened.size, (paper, paper, paper, 255))
        opened = Image.alpha_composite(background, opened.convert("RGBA"))
    return opened.convert("L")
