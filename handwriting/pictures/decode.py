"""Decodes image files into grey pixels; refuses what is damaged, too large or no image."""

import io
import os
import struct
import zlib
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps, UnidentifiedImageError

from handwriting.common.errors import InputError

UInt8Array = npt.NDArray[np.uint8]

FORMATS = ("PNG", "JPEG", "TIFF", "BMP")
SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp"})

# A photo of a large camera. Its pixels need 200 MB while transparency is removed.
MAX_PIXELS = 50_000_000
# The largest image with four 16-bit values per pixel has 400 MB; the rest is for metadata.
MAX_BYTES = 500_000_000
_BLOCK = 1 << 18

_ORIENTATION = 0x0112  # the EXIF tag

# What Pillow's decoders raise for damaged files.
_DAMAGED = (
    OSError,
    RuntimeError,
    AttributeError,
    SyntaxError,
    ValueError,
    TypeError,
    KeyError,
    IndexError,
    EOFError,
    OverflowError,
    struct.error,
    zlib.error,
)


def read_grey(
    source: str | os.PathLike[str] | bytes | BinaryIO,
    name: str | None = None,
    max_pixels: int = MAX_PIXELS,
) -> UInt8Array:
    """Decode a PNG, JPEG, TIFF or BMP image into grey pixels.

    The image is turned as its EXIF data say. Transparent parts are shown on white paper. Of several
    pages, the first one is read. 16-bit images lose their lower 8 bits, unless no value exceeds
    255. Those and other values of more than 8 bits are scaled so that the smallest one becomes
    black and the largest one white.

    Parameters
    ----------
    source : path, bytes or binary stream
        The file, or its content.
    name : str, optional
        How error messages name the image. The default is the path, or "image".
    max_pixels : int, default=MAX_PIXELS
        Images of more pixels are refused before they are decoded, by the size that they declare.
        Files of more than 500 MB are refused before they are read.

    Returns
    -------
    ndarray of shape (height, width), uint8
        0 is black, 255 is white.

    Raises
    ------
    InputError
        If the file is missing, empty, too large, damaged, or in another format.
    """
    if name is None:
        name = os.fspath(source) if isinstance(source, str | os.PathLike) else "image"
    content = _content(source, name)
    if not content:
        raise InputError(f"{name}: the file is empty")
    try:
        image = Image.open(io.BytesIO(content), formats=FORMATS)
    except Image.DecompressionBombError:
        # Pillow has a limit of its own, which is above ours and names no size.
        raise InputError(_too_large(name, "more than 170,000,000", max_pixels)) from None
    except UnidentifiedImageError:
        raise InputError(f"{name}: not a PNG, JPEG, TIFF or BMP image") from None
    except _DAMAGED as error:
        raise InputError(f"{name}: damaged image ({_one_line(error)})") from None
    with image:
        n_pixels = image.width * image.height
        if n_pixels > max_pixels:
            size = f"{image.width:,} × {image.height:,} = {n_pixels:,}"
            raise InputError(_too_large(name, size, max_pixels))
        try:
            return _to_grey(_upright(image))
        except _DAMAGED as error:
            raise InputError(f"{name}: damaged image ({_one_line(error)})") from None


def _content(source: str | os.PathLike[str] | bytes | BinaryIO, name: str) -> bytes:
    if isinstance(source, bytes):
        return source
    try:
        if isinstance(source, str | os.PathLike):
            with Path(source).open("rb") as file:
                if os.fstat(file.fileno()).st_size > MAX_BYTES:
                    raise InputError(_too_many_bytes(name))
                return _limited(file, name)
        return _limited(source, name)
    except FileNotFoundError:
        raise InputError(f"{name}: no such file") from None
    except OSError as error:
        raise InputError(f"{name}: cannot be read ({error.strerror or error})") from None


def _limited(file: BinaryIO, name: str) -> bytes:
    """Read a stream to its end, which may never come, as that of a device."""
    blocks, n_bytes = [], 0
    while block := file.read(_BLOCK):
        n_bytes += len(block)
        if n_bytes > MAX_BYTES:
            raise InputError(_too_many_bytes(name))
        blocks.append(block)
    return b"".join(blocks)


def _too_many_bytes(name: str) -> str:
    return f"{name}: too large; the file must have at most {MAX_BYTES:,} bytes; scale it down"


def _too_large(name: str, size: str, max_pixels: int) -> str:
    return f"{name}: too large: {size} pixels; must have at most {max_pixels:,}; scale it down"


def _upright(image: Image.Image) -> Image.Image:
    """Turn an image as its EXIF data say."""
    if image.getexif().get(_ORIENTATION, 1) == 1:
        return image
    return ImageOps.exif_transpose(image)


def _to_grey(image: Image.Image) -> UInt8Array:
    if image.has_transparency_data:
        colours = image.convert("RGBA")
        paper = Image.new("RGBA", colours.size, "white")
        return np.asarray(Image.alpha_composite(paper, colours).convert("L"))
    if image.mode.startswith("I;16"):
        values = np.asarray(image)
        # Some programs store 8 bits, or fewer, as 16.
        if values.max() <= 255:
            return _stretch(values.astype(np.float64))
        return (values >> 8).astype(np.uint8)
    if image.mode in ("I", "F"):
        return _stretch(np.asarray(image, dtype=np.float64))
    return np.asarray(image.convert("L"))


def _stretch(values: npt.NDArray[np.float64]) -> UInt8Array:
    """Scale values to 0–255; NaN and infinite values become 0."""
    values = np.where(np.isfinite(values), values, 0)
    low, high = values.min(), values.max()
    scaled = (values - low) * (255 / (high - low)) if high > low else np.zeros_like(values)
    return np.asarray(np.rint(scaled), dtype=np.uint8)


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__
