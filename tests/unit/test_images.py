from pathlib import Path

import numpy as np
import pytest

from handwriting import images
from handwriting.errors import InputError
from handwriting.images import Digits


def some_digits(writers: bool) -> Digits:
    generator = np.random.default_rng(0)
    return Digits(
        generator.integers(0, 17, (6, 4), dtype=np.uint8),
        generator.integers(0, 10, 6, dtype=np.uint8),
        np.arange(6, dtype=np.int32),
        generator.integers(0, 3, 6, dtype=np.int32) if writers else None,
    )


@pytest.mark.parametrize("writers", [True, False])
def test_what_is_saved_is_loaded_and_saved_twice_is_the_same_bytes(
    tmp_path: Path, writers: bool
) -> None:
    digits = some_digits(writers)
    images.save(digits, tmp_path / "first.npz")
    loaded = images.load(tmp_path / "first.npz")
    images.save(loaded, tmp_path / "second.npz")
    np.testing.assert_array_equal(loaded.pixels, digits.pixels)
    assert (loaded.writers is None) == (not writers)
    assert (tmp_path / "first.npz").read_bytes() == (tmp_path / "second.npz").read_bytes()


def test_taking_images_keeps_their_rows_labels_and_writers_together() -> None:
    digits = some_digits(writers=True)
    taken = digits.take(np.array([4, 1]))
    assert taken.rows.tolist() == [4, 1]
    assert taken.labels.tolist() == digits.labels[[4, 1]].tolist()
    assert taken.writers is not None
    assert digits.writers is not None
    assert taken.writers.tolist() == digits.writers[[4, 1]].tolist()


def test_an_array_of_objects_is_refused_because_it_would_need_pickle(tmp_path: Path) -> None:
    path = tmp_path / "evil.npz"
    np.savez(path, pixels=np.array([print], dtype=object), labels=[1], rows=[0])
    with pytest.raises(InputError, match=r"not an \.npz file of digit images"):
        images.load(path)


def test_files_that_hold_no_images_are_one_line(tmp_path: Path) -> None:
    path = tmp_path / "digits.npz"
    with pytest.raises(InputError, match="no such file; run `dvc repro`"):
        images.load(path)
    path.write_bytes(b"not a zip")
    with pytest.raises(InputError, match=r"not an \.npz file of digit images"):
        images.load(path)
    np.savez(path, pixels=np.zeros((2, 4)))
    with pytest.raises(InputError, match="labels"):
        images.load(path)
    np.savez(path, pixels=np.zeros((2, 4)), labels=np.zeros(3), rows=np.zeros(2))
    with pytest.raises(InputError, match=r"labels of shape \(3,\); must be"):
        images.load(path)
