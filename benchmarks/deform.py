"""Writes a table of deformed MNIST digits: as many training images as wanted, then the test images.

    python -m benchmarks.deform FILE --images 1000000

The first 60,000 training images are MNIST's, the others are deformed copies of them in turn. The
last 10,000 images are MNIST's test images, as they are. A dataset with the source `csv`, this file
and the split `ordered` with `train: 1000000` takes it into the pipeline. A table of a million
images is 2 GB; they are made and written in blocks.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from benchmarks.deformation import Distortion, distort
from handwriting.common import images
from handwriting.common.images import LabelledImages, UInt8Array
from handwriting.common.stage import paths
from handwriting.data import table

N_TRAIN = 60_000
_SIDE = 28
# The seed of a block is its number: the same image is the same in tables of every size.
_BLOCK_IMAGES = 10_000


def main() -> None:
    """Write the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("file", type=Path)
    parser.add_argument("--images", type=int, default=1_000_000, help="training images")
    parser.add_argument("--amplitude", type=float, default=0.7, help="of the field, in pixels")
    arguments = parser.parse_args()
    mnist = images.load(paths.flat("mnist"))
    distortion = Distortion(amplitude=arguments.amplitude)
    table.write_blocks(blocks(mnist, arguments.images, distortion), arguments.file)


def blocks(
    mnist: LabelledImages, n_images: int, distortion: Distortion
) -> Iterator[LabelledImages]:
    """Yield blocks of training images, then the test images.

    Parameters
    ----------
    mnist : LabelledImages
        MNIST's 60,000 training images, then its test images.
    n_images : int
        Number of training images, ≥ 1.
    distortion : Distortion
        Size of the deformations of the copies.
    """
    yield from training_blocks(mnist, n_images, distortion)
    yield mnist.take(np.arange(N_TRAIN, len(mnist)))


def training_blocks(
    mnist: LabelledImages, n_images: int, distortion: Distortion
) -> Iterator[LabelledImages]:
    """Yield the training images of `blocks`."""
    train = mnist.take(np.arange(N_TRAIN))
    for number, start in enumerate(range(0, n_images, _BLOCK_IMAGES)):
        block = train.take(np.arange(start, start + _BLOCK_IMAGES) % N_TRAIN)
        if start >= N_TRAIN:
            random = np.random.default_rng([0, number])
            block = LabelledImages(
                _distort(block.pixels, distortion, random), block.labels, block.rows, block.writers
            )
        yield block.take(np.arange(min(_BLOCK_IMAGES, n_images - start)))


def _distort(pixels: UInt8Array, distortion: Distortion, random: np.random.Generator) -> UInt8Array:
    squares = pixels.reshape(-1, _SIDE, _SIDE).astype(np.float32)
    deformed = distort(squares, distortion, random)
    return np.rint(deformed).astype(np.uint8).reshape(len(pixels), -1)


if __name__ == "__main__":
    main()
