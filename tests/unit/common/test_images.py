import filecmp
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from handwriting.common import images
from handwriting.common.errors import InputError
from handwriting.common.images import LabelledImages
from tests.helpers import DIGITS_FORMAT


def some_images(writers: bool) -> LabelledImages:
    random = np.random.default_rng(0)
    return LabelledImages(
        random.integers(0, 17, (6, 4), dtype=np.uint8),
        random.integers(0, 10, 6, dtype=np.uint8),
        np.arange(6, dtype=np.int32),
        random.integers(0, 3, 6, dtype=np.int32) if writers else None,
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with saved images and their writers."""
    images.save(some_images(writers=True), tmp_path / "saved")
    return tmp_path / "saved"


@pytest.mark.parametrize("writers", [True, False])
def test_load_returns_what_was_saved_and_saving_is_reproducible(
    tmp_path: Path, writers: bool
) -> None:
    original = some_images(writers)
    first, second = tmp_path / "first", tmp_path / "second"
    images.save(original, first)
    loaded = images.load(first)
    images.save(loaded, second)
    assert len(loaded) == 6
    for name in ("pixels", "labels", "rows", "writers"):
        np.testing.assert_array_equal(getattr(loaded, name), getattr(original, name))
    assert (loaded.writers is None) == (not writers)
    names = sorted(path.name for path in first.iterdir())
    assert len(names) == 3 + writers
    for name in names:
        assert filecmp.cmp(first / name, second / name, shallow=False)


def test_loaded_pixels_are_mapped_into_memory_and_read_only(folder: Path) -> None:
    pixels = images.load(folder).pixels
    assert isinstance(pixels, np.memmap)
    assert not pixels.flags.writeable


def test_take_keeps_pixels_labels_rows_and_writers_together() -> None:
    original = some_images(writers=True)
    taken = original.take(np.array([4, 1]))
    assert taken.rows.tolist() == [4, 1]
    assert taken.pixels.tolist() == original.pixels[[4, 1]].tolist()
    assert taken.labels.tolist() == original.labels[[4, 1]].tolist()
    assert taken.writers is not None
    assert original.writers is not None
    assert taken.writers.tolist() == original.writers[[4, 1]].tolist()


def test_take_without_writers() -> None:
    assert some_images(writers=False).take(np.array([4, 1])).writers is None


def test_missing_folder_raises_input_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such folder; run `dvc repro`"):
        images.load(tmp_path / "nowhere")


@pytest.mark.parametrize("name", ["pixels", "labels", "rows"])
def test_missing_array_raises_input_error(folder: Path, name: str) -> None:
    (folder / f"{name}.npy").unlink()
    with pytest.raises(InputError, match=rf"{name}\.npy: no such file; run `dvc repro`"):
        images.load(folder)


@pytest.mark.parametrize("name", ["pixels", "labels", "rows", "writers"])
@pytest.mark.parametrize(
    "content", [b"", b"not an array", b"PK\3\4 broken", b"\x93NUMPY\1\0v\0{'descr': (((("]
)
def test_damaged_array_raises_input_error(folder: Path, name: str, content: bytes) -> None:
    (folder / f"{name}.npy").write_bytes(content)
    with pytest.raises(InputError, match=rf"{name}\.npy: not a NumPy array"):
        images.load(folder)


@pytest.mark.parametrize("name", ["pixels", "labels", "rows", "writers"])
def test_truncated_array_raises_input_error(folder: Path, name: str) -> None:
    path = folder / f"{name}.npy"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(InputError, match=rf"{name}\.npy: not a NumPy array"):
        images.load(folder)


def test_archive_of_arrays_raises_input_error(folder: Path) -> None:
    with (folder / "pixels.npy").open("wb") as file:
        np.savez(file, pixels=np.zeros((6, 4), np.uint8))
    with pytest.raises(InputError, match=r"pixels\.npy: not a NumPy array"):
        images.load(folder)


def test_array_of_objects_is_refused_because_it_would_need_pickle(folder: Path) -> None:
    np.save(folder / "pixels.npy", np.array([print], dtype=object))
    with pytest.raises(InputError, match=r"pixels\.npy: not a NumPy array"):
        images.load(folder)


@pytest.mark.parametrize(
    ("name", "dtype", "expected"),
    [
        ("pixels", np.float64, "uint8"),
        ("labels", np.int64, "uint8"),
        ("rows", np.int64, "int32"),
        ("writers", np.dtype(">i4"), "int32"),
    ],
)
def test_wrong_dtype_raises_input_error(
    folder: Path, name: str, dtype: np.dtype, expected: str
) -> None:
    path = folder / f"{name}.npy"
    np.save(path, np.load(path).astype(dtype))
    with pytest.raises(InputError, match=f"{name}.npy: type .*; must be {expected}"):
        images.load(folder)


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("pixels", (6,)),
        ("pixels", (6, 2, 2)),
        ("pixels", (5, 4)),
        ("labels", (5,)),
        ("labels", (6, 1)),
        ("rows", (7,)),
        ("writers", (1,)),
    ],
)
def test_wrong_shape_raises_input_error(folder: Path, name: str, shape: tuple[int, ...]) -> None:
    path = folder / f"{name}.npy"
    np.save(path, np.zeros(shape, np.load(path).dtype))
    with pytest.raises(InputError, match=r"must be \(n, height \* width\) and \(n,\)"):
        images.load(folder)


@given(
    changes=st.lists(st.tuples(st.integers(0, 151), st.integers(0, 255)), max_size=3),
    length=st.integers(0, 152),
)
@pytest.mark.filterwarnings("ignore:Reading .* required additional header parsing")
def test_any_damage_to_an_array_is_read_or_reported_in_one_line(
    tmp_path_factory: pytest.TempPathFactory, changes: list[tuple[int, int]], length: int
) -> None:
    folder = tmp_path_factory.mktemp("damaged") / "saved"
    images.save(some_images(writers=False), folder)
    content = bytearray((folder / "pixels.npy").read_bytes())
    assert len(content) == 152
    for position, value in changes:
        content[position] = value
    (folder / "pixels.npy").write_bytes(content[:length])
    try:
        images.load(folder)
    except InputError as error:
        assert "\n" not in str(error)  # noqa: PT017


def test_the_format_of_images_is_read_as_it_was_saved(folder: Path) -> None:
    images.save_format(DIGITS_FORMAT, folder)
    assert images.load_format(folder) == DIGITS_FORMAT
    assert len(images.load(folder)) == 6


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "format.json: no such file; run `dvc repro`"),
        ("{", "format.json: not JSON"),
        ('{"height": 8, "width": 8}', "format.json: pixel_max"),
        ('{"height": 0, "width": 8, "pixel_max": 16}', "format.json: height"),
    ],
)
def test_a_missing_or_damaged_format_raises_input_error(
    folder: Path, content: str | None, message: str
) -> None:
    if content is not None:
        (folder / "format.json").write_text(content)
    with pytest.raises(InputError, match=message):
        images.load_format(folder)
