from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from handwriting import table
from handwriting.errors import InputError
from handwriting.images import Digits
from handwriting.params import Image

SMALL = Image(height=1, width=2, pixel_max=16)


@given(
    pixels=arrays(np.uint8, st.tuples(st.integers(1, 5), st.just(2)), elements=st.integers(0, 16)),
    with_writers=st.booleans(),
    data=st.data(),
)
def test_what_is_written_is_read_again(
    tmp_path_factory: pytest.TempPathFactory,
    pixels: np.ndarray,
    with_writers: bool,
    data: st.DataObject,
) -> None:
    n = len(pixels)
    labels = data.draw(arrays(np.uint8, n, elements=st.integers(0, 9)))
    writers = data.draw(arrays(np.int32, n, elements=st.integers(0, 2**31 - 1)))
    rows = np.arange(n, dtype=np.int32)
    path = tmp_path_factory.mktemp("table") / "digits.csv"
    table.write(Digits(pixels, labels, rows, writers if with_writers else None), path)
    digits = table.read(path, SMALL)
    np.testing.assert_array_equal(digits.pixels, pixels)
    np.testing.assert_array_equal(digits.labels, labels)
    np.testing.assert_array_equal(digits.rows, rows)
    if with_writers:
        np.testing.assert_array_equal(digits.writers, writers)
    else:
        assert digits.writers is None
    assert (digits.pixels.dtype, digits.labels.dtype) == (np.uint8, np.uint8)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "the file is empty"),
        (b"label,pixel0,pixel1\n", "no rows below the header"),
        (b"label,pixel0\n3,1\n", "row 0 (the header): 1 pixel columns; must be height × width = 1"),
        (b"digit,pixel0,pixel1\n3,1,2\n", "column 1: 'digit'; must be 'label'"),
        (b"label,pixel1,pixel0\n3,1,2\n", "column 2: 'pixel1'; must be 'pixel0'"),
        (b"label\n3\n", "no pixel columns"),
        (b"label,pixel0,pixel1\n3,1,2\n3,1\n", "row 2, column pixel0: the row has 2 values; must"),
        (b"label,pixel0,pixel1\n3,1,2,7\n", "row 1, column pixel1: the row has 4 values; must ha"),
        (b"label,pixel0,pixel1\n3,1,2\n3,1,2,7\n", "row 2, column pixel1: the row has 4 values"),
        (b"label,pixel0,pixel1\n3,1,\n", "row 1, column pixel1: no value"),
        (b"label,pixel0,pixel1\n3,1,17\n", "row 1, column pixel1: '17'; must be a whole number f"),
        (b"label,pixel0,pixel1\n3,1,300\n", "row 1, column pixel1: '300'; must be a whole number"),
        (b"label,pixel0,pixel1\n3,-1,2\n", "row 1, column pixel0: '-1'; must be a whole number"),
        (b"label,pixel0,pixel1\n3,1.5,2\n", "row 1, column pixel0: '1.5'; must be a whole number"),
        (b"label,pixel0,pixel1\n3,nan,2\n", "row 1, column pixel0: 'nan'; must be a whole number"),
        (b"label,pixel0,pixel1\n10,1,2\n", "row 1, column label: '10'; must be a whole number fro"),
        (b"label,writer,pixel0,pixel1\n1,-4,1,2\n", "row 1, column writer: '-4'; must be a whole"),
        (b"label,pixel0,pixel1\n\xff,1,2\n", r"row 1, column label: '\\xff'; must be a wh"),
        (b"\x89PNG\r\n\x1a\n", r"column 1: '\\x89PNG'; must be 'label'"),
    ],
)
def test_a_faulty_table_is_one_line_with_file_row_and_column(
    tmp_path: Path, content: bytes, message: str
) -> None:
    path = tmp_path / "digits.csv"
    path.write_bytes(content)
    with pytest.raises(InputError) as caught:
        table.read(path, SMALL)
    line = str(caught.value)
    assert line.startswith(f"{path}: ")
    assert message in line
    assert "\n" not in line


def test_a_missing_table_says_how_to_make_it(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file; run `dvc repro`"):
        table.read(tmp_path / "digits.csv", SMALL)


@pytest.mark.parametrize(
    "content",
    [
        b"label,pixel0,pixel1\n3,1,2\n4,16,0\n",
        b"3,1,2\n4,16,0\n",
        b"\xef\xbb\xbflabel,pixel0,pixel1\r\n3,1,2\r\n4,16,0\r\n",
    ],
    ids=["kaggle", "no header", "byte-order mark and CRLF"],
)
def test_a_users_table_is_copied_into_the_projects_form(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "mine.csv").write_bytes(content)
    table.normalise(tmp_path / "mine.csv", "mine.csv", tmp_path / "digits.csv")
    expected = b"label,pixel0,pixel1\n3,1,2\n4,16,0\n"
    assert (tmp_path / "digits.csv").read_bytes() == expected


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "mine.csv: the file is empty"),
        (b"pixel0,pixel1\n1,2\n", "mine.csv: row 0 (the header), column 1: 'pixel0'; must be 'l"),
        (b"\xff\xfe\x00", "mine.csv: not a CSV text"),
    ],
)
def test_a_users_table_that_is_none_is_one_line(
    tmp_path: Path, content: bytes, message: str
) -> None:
    (tmp_path / "mine.csv").write_bytes(content)
    with pytest.raises(InputError) as caught:
        table.normalise(tmp_path / "mine.csv", "mine.csv", tmp_path / "digits.csv")
    assert message in str(caught.value)
