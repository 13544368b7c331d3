"""The two published datasets: scikit-learn's digits and MNIST with the writers of QMNIST."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from handwriting.common.errors import InputError
from handwriting.common.images import LabelledImages

# SHA-256 of the decompressed content.
MNIST = {
    "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}
QMNIST_LABELS = {
    "qmnist-train-labels-idx2-int": (
        "bb1b6e1ec7b04fd5696f1ed50b5f58f8ef195118edd5c93c81783df9740b8ac5"
    ),
    "qmnist-test-labels-idx2-int": (
        "92d0ccb8c25f9c6534270fb4be7e1d24a1c6d315edfc8a638bfbd31c70f362dd"
    ),
}

# Data types of the IDX format by the third byte of a file; numbers are big-endian.
_IDX_DTYPES: dict[int, np.dtype[Any]] = {0x08: np.dtype(np.uint8), 0x0C: np.dtype(">i4")}
_QMNIST_LABEL, _QMNIST_WRITER = 0, 2


def load_digits() -> LabelledImages:
    """Return scikit-learn's 1,797 images of 8×8 pixels in their original order, by writer."""
    # Only this dataset needs scikit-learn, whose import takes longer than everything else here.
    from sklearn import datasets

    bunch = datasets.load_digits()
    return LabelledImages(
        bunch.data.astype(np.uint8),
        bunch.target.astype(np.uint8),
        np.arange(len(bunch.target), dtype=np.int32),
        writers=None,
    )


def build_mnist(files: Mapping[str, bytes], writers: Mapping[str, bytes] | None) -> LabelledImages:
    """Combine MNIST's 60,000 training images and 10,000 test images, in that order.

    Parameters
    ----------
    files : mapping
        The content of the four files named in `MNIST`, by name.
    writers : mapping or None
        The content of the two files named in `QMNIST_LABELS`, by name; None omits the writers.

    Raises
    ------
    InputError
        If QMNIST's labels differ from MNIST's, because its writers cannot be trusted then.
    """
    parts = ("train", "t10k")
    images = [parse_idx(files[f"{part}-images-idx3-ubyte"]) for part in parts]
    labels = np.concatenate([parse_idx(files[f"{part}-labels-idx1-ubyte"]) for part in parts])
    names: npt.NDArray[np.int32] | None = None
    if writers is not None:
        # The first 10,000 of QMNIST's 60,000 test rows are MNIST's test images.
        tables = [
            parse_idx(writers[name])[: len(part)]
            for name, part in zip(QMNIST_LABELS, images, strict=True)
        ]
        table = np.concatenate(tables)
        if not np.array_equal(table[:, _QMNIST_LABEL], labels):
            raise InputError("QMNIST's labels differ from MNIST's; its writers are not used")
        names = table[:, _QMNIST_WRITER].astype(np.int32)
    return LabelledImages(
        np.concatenate([part.reshape(len(part), -1) for part in images]),
        labels,
        np.arange(len(labels), dtype=np.int32),
        names,
    )


def parse_idx(content: bytes) -> npt.NDArray[Any]:
    """Parse an IDX file: two zero bytes, type, number of dimensions, dimensions, values.

    Returns
    -------
    ndarray
        uint8 or big-endian int32, of the shape that the file declares.

    Raises
    ------
    InputError
        If the content is not an IDX file of these types.
    """
    if len(content) < 4 or content[:2] != b"\0\0" or content[2] not in _IDX_DTYPES:
        raise InputError(f"not an IDX file: it starts with {content[:4]!r}")
    dtype, dimensions = _IDX_DTYPES[content[2]], content[3]
    start = 4 + 4 * dimensions
    shape = tuple(np.frombuffer(content[4:start], ">i4"))
    if len(content) - start != np.prod(shape) * dtype.itemsize:
        raise InputError(f"an IDX file of shape {shape} with {len(content) - start} bytes of data")
    return np.frombuffer(content, dtype, offset=start).reshape(shape)
