import gzip
from pathlib import Path

import numpy as np
import pytest

from handwriting import sources
from handwriting.errors import InputError

IDX = bytes([0, 0, 8, 2, 0, 0, 0, 2, 0, 0, 0, 3]) + bytes(range(6))


def test_an_idx_file_is_read_as_its_header_says() -> None:
    assert sources.parse_idx(IDX).tolist() == [[0, 1, 2], [3, 4, 5]]
    big_endian = bytes([0, 0, 12, 1, 0, 0, 0, 1, 0, 0, 1, 0])
    assert sources.parse_idx(big_endian).tolist() == [256]


@pytest.mark.parametrize("content", [b"", b"PK\3\4", IDX[:-1], IDX + b"0", b"\0\0\x0d\1\0\0\0\0"])
def test_what_is_no_idx_file_is_refused(content: bytes) -> None:
    with pytest.raises(InputError, match=r"^(not )?an IDX file"):
        sources.parse_idx(content)


def test_writers_of_other_images_are_refused(mirror: Path) -> None:
    def contents(names: list[str]) -> dict[str, bytes]:
        return {name: gzip.decompress((mirror / f"{name}.gz").read_bytes()) for name in names}

    files = contents(list(sources.MNIST))
    labels = contents(list(sources.QMNIST_LABELS))
    first, second = labels
    swapped = {first: labels[second], second: labels[first]}
    with pytest.raises(InputError, match="QMNIST's labels differ from MNIST's"):
        sources.mnist(files, swapped)


def test_the_bundled_digits_are_whole_numbers_from_0_to_16() -> None:
    digits = sources.bundled_digits()
    assert digits.pixels.shape == (1797, 64)
    assert digits.pixels.dtype == np.uint8
    assert (digits.pixels.min(), digits.pixels.max()) == (0, 16)
