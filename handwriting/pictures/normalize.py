"""Turns a picture of a digit into what a model was trained on, in the way MNIST was made."""

import numpy as np
import numpy.typing as npt

from handwriting.common.params.datasets import ImageFormat

UInt8Array = npt.NDArray[np.uint8]


def prepare(grey: UInt8Array, image: ImageFormat) -> UInt8Array:
    """Placeholder."""
    from PIL import Image

    inverted = 255 - grey if np.median(grey) > 127 else grey
    scaled = Image.fromarray(inverted).resize((image.width, image.height))
    return (np.asarray(scaled).astype(np.float32) * (image.pixel_max / 255)).astype(np.uint8)
