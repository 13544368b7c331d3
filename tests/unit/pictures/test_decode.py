import contextlib
import io
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from handwriting.common.errors import InputError
from handwriting.pictures import decode
from handwriting.pictures.decode import MAX_BYTES, MAX_PIXELS, read_grey
from tests.helpers import png_declaring

GREY = np.random.default_rng(0).integers(0, 256, (9, 14), dtype=np.uint8)


def encode(image: Image.Image, form: str = "PNG", **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, form, **options)
    return file.getvalue()


@pytest.mark.parametrize("form", ["PNG", "TIFF", "BMP"])
def test_lossless_formats_keep_every_pixel(form: str, tmp_path: Path) -> None:
    content = encode(Image.fromarray(GREY), form)
    path = tmp_path / "image"
    path.write_bytes(content)
    for source in (path, str(path), content, io.BytesIO(content)):
        np.testing.assert_array_equal(read_grey(source), GREY)


def test_a_jpeg_is_read() -> None:
    flat = Image.new("L", (20, 10), 77)
    assert np.abs(read_grey(encode(flat, "JPEG")).astype(int) - 77).max() <= 1


def test_colours_become_grey_as_the_eye_sees_them() -> None:
    grey = read_grey(encode(Image.new("RGB", (3, 3), (0, 255, 0))))
    assert grey[0, 0] == round(0.587 * 255)


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_transparent_parts_are_white(mode: str) -> None:
    image = Image.new("RGBA", (4, 2), (0, 0, 0, 0))
    image.paste((0, 0, 0, 255), (0, 0, 2, 2))
    grey = read_grey(encode(image.convert(mode)))
    np.testing.assert_array_equal(grey, [[0, 0, 255, 255]] * 2)


def test_sixteen_bits_keep_the_upper_eight() -> None:
    values = np.array([[0, 255, 256, 65535]], dtype=np.uint16)
    np.testing.assert_array_equal(read_grey(encode(Image.fromarray(values))), [[0, 0, 1, 255]])


@pytest.mark.parametrize("form", ["PNG", "TIFF"])
def test_eight_bits_stored_as_sixteen_are_stretched(form: str) -> None:
    values = np.array([[0, 51, 255]], dtype=np.uint16)
    for divisor in (1, 51):  # also fewer bits
        content = encode(Image.fromarray(values // divisor), form)
        np.testing.assert_array_equal(read_grey(content), [[0, 51, 255]])
    blank = encode(Image.fromarray(np.full((2, 2), 200, dtype=np.uint16)), form)
    np.testing.assert_array_equal(read_grey(blank), np.zeros((2, 2)))


def test_floats_are_stretched() -> None:
    values = np.array([[-1, 0, 1, np.nan]], dtype=np.float32)
    grey = read_grey(encode(Image.fromarray(values), "TIFF"))
    np.testing.assert_array_equal(grey, [[0, 128, 255, 128]])


@pytest.mark.parametrize(("orientation", "turns"), [(1, 0), (3, 2), (6, -1), (8, 1)])
def test_the_camera_may_be_turned(orientation: int, turns: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    content = encode(Image.fromarray(GREY), "TIFF", exif=exif)
    np.testing.assert_array_equal(read_grey(content), np.rot90(GREY, turns))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "image: the file is empty"),
        (b"no image", "image: not a PNG, JPEG, TIFF or BMP image"),
        (b"GIF89a" + bytes(100), "image: not a PNG, JPEG, TIFF or BMP image"),
        (b"\x89PNG\r\n\x1a\n", "image: "),
        (encode(Image.fromarray(GREY))[:-30], "image: damaged image ("),
        (encode(Image.fromarray(GREY), "BMP")[:-30], "image: damaged image ("),
        (encode(Image.fromarray(GREY), "TIFF")[:-60], "image: "),
        (
            png_declaring(10_000, 5_001),
            "image: too large: 10,000 × 5,001 = 50,010,000 pixels; "
            f"must have at most {MAX_PIXELS:,}; scale it down",
        ),
        (png_declaring(100_000, 100_000), "image: too large: "),
        (png_declaring(2**31 - 1, 2**31 - 1), "image: too large: "),
    ],
)
@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_a_faulty_image_is_one_line(content: bytes, message: str) -> None:
    with pytest.raises(InputError) as raised:
        read_grey(content)
    assert str(raised.value).startswith(message)
    assert "\n" not in str(raised.value)


def test_the_size_is_checked_before_decoding() -> None:
    """The file has no data for its pixels, so decoding it would be reported as damage."""
    content = png_declaring(50, 50)
    with pytest.raises(InputError, match="too large: 50 × 50 = 2,500 pixels"):
        read_grey(content, max_pixels=2_499)
    with pytest.raises(InputError, match="damaged"):
        read_grey(content, max_pixels=2_500)


def test_the_size_of_a_file_is_checked_before_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "large.png"
    with path.open("wb") as file:
        file.truncate(MAX_BYTES + 1)  # takes no space on the disk
    tracemalloc.start()
    try:
        with pytest.raises(InputError) as raised:
            read_grey(path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert str(raised.value) == (
        f"{path}: too large; the file must have at most 500,000,000 bytes; scale it down"
    )
    assert peak < 1_000_000


def test_a_stream_without_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decode, "MAX_BYTES", 1_000_000)
    with (
        Path("/dev/zero").open("rb") as file,
        pytest.raises(InputError, match="image: too large; the file must have at most 1,000,000"),
    ):
        read_grey(file)
    with pytest.raises(InputError, match="/dev/zero: too large"):
        read_grey("/dev/zero")


def test_faults_of_files_name_the_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.png: no such file"):
        read_grey(tmp_path / "none.png")
    with pytest.raises(InputError, match="cannot be read"):
        read_grey(tmp_path)
    with pytest.raises(InputError, match="scan 7: the file is empty"):
        read_grey(b"", name="scan 7")


@pytest.mark.filterwarnings("ignore::UserWarning")  # Pillow's, of faulty metadata
@pytest.mark.parametrize("form", ["PNG", "JPEG", "TIFF", "BMP"])
def test_no_damage_causes_another_exception(form: str) -> None:
    """Every byte of a small file is changed in turn, and the file is cut after every byte."""
    content = encode(Image.fromarray(GREY), form)
    random = np.random.default_rng(1)
    n_faults = 0
    for position in range(len(content)):
        changed = bytearray(content)
        changed[position] ^= int(random.integers(1, 256))
        for damaged in (bytes(changed), content[:position]):
            with contextlib.suppress(InputError):
                assert read_grey(damaged, max_pixels=100_000).dtype == np.uint8
                continue
            n_faults += 1
    assert n_faults > len(content) / 4
