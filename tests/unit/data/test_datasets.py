import gzip
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_digits

from handwriting.common.errors import InputError
from handwriting.common.images import LabelledImages
from handwriting.data import datasets

IDX = bytes([0, 0, 8, 2, 0, 0, 0, 2, 0, 0, 0, 3]) + bytes(range(6))


def test_an_idx_file_has_the_shape_and_type_of_its_header() -> None:
    assert datasets.parse_idx(IDX).tolist() == [[0, 1, 2], [3, 4, 5]]
    big_endian = bytes([0, 0, 12, 1, 0, 0, 0, 1, 0, 0, 1, 0])
    assert datasets.parse_idx(big_endian).tolist() == [256]


@pytest.mark.parametrize("content", [b"", b"PK\3\4", IDX[:-1], IDX + b"0", b"\0\0\x0d\1\0\0\0\0"])
def test_content_that_is_not_an_idx_file_raises_input_error(content: bytes) -> None:
    with pytest.raises(InputError, match=r"^(not )?an IDX file"):
        datasets.parse_idx(content)


def test_writers_of_other_images_raise_input_error(mirror: Path) -> None:
    def contents(names: list[str]) -> dict[str, bytes]:
        return {name: gzip.decompress((mirror / f"{name}.gz").read_bytes()) for name in names}

    files = contents(list(datasets.MNIST))
    labels = contents(list(datasets.QMNIST_LABELS))
    first, second = labels
    swapped = {first: labels[second], second: labels[first]}
    with pytest.raises(InputError, match="QMNIST's labels differ from MNIST's"):
        datasets.build_mnist(files, swapped)


def test_mnist_can_be_built_without_writers(mirror: Path) -> None:
    files = {name: gzip.decompress((mirror / f"{name}.gz").read_bytes()) for name in datasets.MNIST}
    images = datasets.build_mnist(files, writers=None)
    assert images.pixels.shape == (70_000, 784)
    assert images.writers is None


def test_the_digits_are_those_of_scikit_learn(digits: LabelledImages) -> None:
    X, y = load_digits(return_X_y=True)
    np.testing.assert_array_equal(digits.pixels, X)
    np.testing.assert_array_equal(digits.labels, y)
    assert digits.pixels.shape == (1797, 64)
    assert digits.pixels.dtype == np.uint8
    assert (digits.pixels.min(), digits.pixels.max()) == (0, 16)
