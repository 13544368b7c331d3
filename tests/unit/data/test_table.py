import csv
import subprocess
import sys
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from handwriting.common.errors import InputError
from handwriting.common.images import LabelledImages
from handwriting.common.params.datasets import ImageFormat
from handwriting.data import table
from tests.helpers import PROJECT

SMALL = ImageFormat(height=1, width=2, pixel_max=16)
HEADER = b"label,pixel0,pixel1\n"


def fault(path: Path, content: bytes) -> str:
    """Return the message about a faulty table, without the path."""
    path.write_bytes(content)
    with pytest.raises(InputError) as caught:
        table.read(path, SMALL)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert "\n" not in message
    return message.removeprefix(f"{path}: ")


@given(
    pixels=arrays(np.uint8, st.tuples(st.integers(1, 5), st.just(2)), elements=st.integers(0, 16)),
    with_writers=st.booleans(),
    data=st.data(),
)
def test_read_returns_what_was_written(
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
    table.write(LabelledImages(pixels, labels, rows, writers if with_writers else None), path)
    images = table.read(path, SMALL)
    np.testing.assert_array_equal(images.pixels, pixels)
    np.testing.assert_array_equal(images.labels, labels)
    np.testing.assert_array_equal(images.rows, rows)
    if with_writers:
        assert images.writers is not None
        assert images.writers.dtype == np.int32
        np.testing.assert_array_equal(images.writers, writers)
    else:
        assert images.writers is None
    assert (images.pixels.dtype, images.labels.dtype, images.rows.dtype) == ("u1", "u1", "i4")


LINES = ["1,2,3", "2,3", "3,4,5,6", "4,17,1", "12,1,1", "5,-1,3", "5,inf,3", "", "6,1,2,"]


@pytest.mark.parametrize("block_rows", [1, 2])
def test_a_table_is_read_in_blocks_as_in_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block_rows: int
) -> None:
    path = tmp_path / "digits.csv"

    def result(lines: tuple[str, ...]) -> list[list[int]] | str:
        path.write_text("label,pixel0,pixel1\n" + "\n".join(lines), encoding="ascii")
        try:
            images = table.read(path, SMALL)
        except InputError as error:
            return str(error)
        return np.column_stack([images.labels, images.pixels, images.rows]).tolist()

    tables = [lines for n in range(4) for lines in product(LINES, repeat=n)]
    whole = list(map(result, tables))
    monkeypatch.setattr(table, "_BLOCK_ROWS", block_rows)
    assert list(map(result, tables)) == whole


@pytest.mark.parametrize("with_writers", [True, False])
@pytest.mark.parametrize("n", [1, 9000])
def test_write_gives_the_bytes_that_pandas_writes(
    tmp_path: Path, n: int, with_writers: bool
) -> None:
    random = np.random.default_rng(0)
    pixels = random.integers(0, 256, (n, 5), dtype=np.uint8)
    labels = random.integers(0, 10, n, dtype=np.uint8)
    writers = random.integers(0, 2**31, n, dtype=np.int32)
    rows = np.arange(n, dtype=np.int32)
    path = tmp_path / "digits.csv"
    table.write(LabelledImages(pixels, labels, rows, writers if with_writers else None), path)
    frame = pd.DataFrame({"label": labels})
    if with_writers:
        frame["writer"] = writers
    for position in range(5):
        frame[f"pixel{position}"] = pixels[:, position]
    assert path.read_bytes() == frame.to_csv(index=False, lineterminator="\n").encode()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "the file is empty"),
        (HEADER, "no rows below the header"),
        (b"label,pixel0\n3,1\n", "row 0 (the header): 1 pixel columns; must be height × width = 1"),
        (b"digit,pixel0,pixel1\n3,1,2\n", "column 1: 'digit'; must be 'label'"),
        (b"label,pixel1,pixel0\n3,1,2\n", "column 2: 'pixel1'; must be 'pixel0'"),
        (b"label\n3\n", "no pixel columns"),
        (HEADER + b"3,1,2\n3,1\n", "row 2, column pixel0: the row has 2 values; must have 3"),
        (HEADER + b"3,1,2,7\n", "row 1, column pixel1: the row has 4 values; must have 3"),
        (HEADER + b"3,1,2\n3,1,2,7\n", "row 2, column pixel1: the row has 4 values; must have 3"),
        (HEADER + b"3,1,\n", "row 1, column pixel1: no value; must be an integer"),
        (HEADER + b"3,1,17\n", "row 1, column pixel1: '17'; must be an integer from 0 to 16"),
        (HEADER + b"3,1,300\n", "row 1, column pixel1: '300'; must be an integer from 0 to 16"),
        (HEADER + b"3,-1,2\n", "row 1, column pixel0: '-1'; must be an integer from 0 to 16"),
        (HEADER + b"3,1.5,2\n", "row 1, column pixel0: '1.5'; must be an integer from 0 to 16"),
        (HEADER + b"3,nan,2\n", "row 1, column pixel0: 'nan'; must be an integer from 0 to 16"),
        (HEADER + b"3,inf,2\n", "row 1, column pixel0: 'inf'; must be an integer from 0 to 16"),
        (HEADER + b"3,1e9,2\n", "row 1, column pixel0: '1e9'; must be an integer from 0 to 16"),
        (HEADER + b"10,1,2\n", "row 1, column label: '10'; must be an integer from 0 to 9"),
        (HEADER + b"3,1,2\n\n\n3,1,x\n", "row 2, column pixel1: 'x'; must be an integer from 0"),
        (b"label,writer,pixel0,pixel1\n1,-4,1,2\n", "row 1, column writer: '-4'; must be an inte"),
        (b"label,writer,pixel0,pixel1\n1,2147483648,1,2\n", "column writer: '2147483648'; must be"),
        (HEADER + b"\xff,1,2\n", r"row 1, column label: '\\xff'; must be an integer from 0 to 9"),
        (b"\x89PNG\r\n\x1a\n", r"column 1: '\\x89PNG'; must be 'label'"),
    ],
)
def test_faulty_table_raises_input_error_with_row_and_column(
    tmp_path: Path, content: bytes, message: str
) -> None:
    assert message in fault(tmp_path / "digits.csv", content)


@pytest.mark.parametrize(
    ("separator", "word"),
    [(b";", "semicolons"), (b"\t", "tabs"), (b" ", "spaces"), (b"|", "vertical bars")],
)
def test_another_separator_is_named(tmp_path: Path, separator: bytes, word: str) -> None:
    expected = f"row 0 (the first line) is separated by {word}; must be separated by commas"
    with_header = (HEADER + b"3,1,2\n").replace(b",", separator)
    assert fault(tmp_path / "digits.csv", with_header) == expected
    for content in (with_header, b"3,1,2\n".replace(b",", separator)):
        (tmp_path / "mine.csv").write_bytes(content)
        with pytest.raises(InputError) as caught:
            table.add_header(tmp_path / "mine.csv", "mine.csv", tmp_path / "digits.csv")
        assert str(caught.value) == f"mine.csv: {expected}"


@pytest.mark.parametrize(
    "value",
    ["7" * 5000, "-" + "7" * 5000, "x" * 5000, "x" * 200_000, "1" + "0" * 400, '"' + "x" * 5000],
    ids=lambda value: f"{value[:2]}-{len(value)}",
)
def test_a_message_is_short_however_long_the_value_is(tmp_path: Path, value: str) -> None:
    path = tmp_path / "digits.csv"
    message = fault(path, HEADER + f"3,1,2\n3,{value},2\n".encode())
    assert len(message) < 200
    if not value.startswith('"'):
        assert message.startswith("row 2")


@pytest.mark.parametrize("n_zeros", [1, 20, 5000])
def test_leading_zeros_do_not_matter(tmp_path: Path, n_zeros: int) -> None:
    path = tmp_path / "digits.csv"
    zeros = b"0" * n_zeros
    path.write_bytes(HEADER + b"3,%b5,%b\n" % (zeros, zeros))
    assert table.read(path, SMALL).pixels.tolist() == [[5, 0]]
    assert "row 1, column pixel1: 'x'" in fault(path, HEADER + b"3,%b5,x\n" % zeros)


@given(st.text(st.characters(codec="utf-8"), min_size=1, max_size=8))
@example("TRUE")
@example("5.0")
@example("\0")
@example('"')
def test_any_value_is_read_as_its_integer_or_is_reported(
    tmp_path_factory: pytest.TempPathFactory, value: str
) -> None:
    """Like pandas, which reads the table, it accepts 5.0 for 5 and a column of TRUE for 1."""
    path = tmp_path_factory.mktemp("table") / "digits.csv"
    path.write_text(f"label,pixel0,pixel1\n3,1,{value}\n", encoding="utf-8", newline="")
    try:
        found = table.read(path, SMALL)
    except InputError as error:
        assert "\n" not in str(error)  # noqa: PT017
        assert len(str(error)) < 300  # noqa: PT017
    else:
        text = value.strip().strip('"')
        expected = {"true": 1, "false": 0}.get(text.lower())
        assert found.pixels[0].tolist() == [1, int(float(text)) if expected is None else expected]


@pytest.mark.parametrize("value", ["inf", "-inf", "nan", "1e400"])
def test_a_value_that_is_not_finite_is_reported_without_a_warning(
    tmp_path: Path, value: str
) -> None:
    path = tmp_path / "digits.csv"
    path.write_bytes(HEADER + f"3,1,2\n3,1,{value}\n".encode())
    code = (
        "import sys; from pathlib import Path; from handwriting.common.errors import InputError\n"
        "from handwriting.common.params.datasets import ImageFormat\n"
        "from handwriting.data import table\n"
        "try: table.read(Path(sys.argv[1]), ImageFormat(height=1, width=2, pixel_max=16))\n"
        "except InputError as error: print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(path)],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == ""
    assert f"row 2, column pixel1: '{value}'; must be an integer" in done.stdout


def test_a_missing_table_raises_input_error(tmp_path: Path) -> None:
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
def test_add_header_writes_the_format_of_the_project(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "mine.csv").write_bytes(content)
    table.add_header(tmp_path / "mine.csv", "mine.csv", tmp_path / "digits.csv")
    expected = b"label,pixel0,pixel1\n3,1,2\n4,16,0\n"
    assert (tmp_path / "digits.csv").read_bytes() == expected


@given(
    st.lists(
        st.text(st.sampled_from('1 x,"\r\n\x0b\u2028é'), max_size=12)
        | st.lists(st.sampled_from(["1", '"1"', '"1\n"', '"', '""', "é"])).map(",".join),
        max_size=6,
    ),
    st.sampled_from(["\n", "\r\n", "\r"]),
)
def test_add_header_copies_values_as_the_csv_module_does(
    tmp_path_factory: pytest.TempPathFactory, lines: list[str], end: str
) -> None:
    folder = tmp_path_factory.mktemp("table")
    text = end.join(["3,1,2", *lines])
    (folder / "mine.csv").write_text(text, encoding="utf-8", newline="")
    table.add_header(folder / "mine.csv", "mine.csv", folder / "digits.csv")
    with (
        (folder / "mine.csv").open(encoding="utf-8", newline="") as source,
        (folder / "expected.csv").open(
            "w", encoding="ascii", errors="backslashreplace", newline=""
        ) as file,
    ):
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["label", "pixel0", "pixel1"])
        writer.writerows(csv.reader(source))
    assert (folder / "digits.csv").read_bytes() == (folder / "expected.csv").read_bytes()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "mine.csv: the file is empty"),
        (b"\n3,1,2\n", "mine.csv: the file is empty"),
        (b"5\n", "mine.csv: row 0 (the header): no pixel columns"),
        (b"pixel0,pixel1\n1,2\n", "mine.csv: row 0 (the header), column 1: 'pixel0'; must be 'l"),
        (b"\xff\xfe\x00", "mine.csv: not CSV text"),
        (b"3,1,2\n\xff,1,2\n", "mine.csv: not CSV text"),
        (b"3,1," + b"x" * 200_000, "mine.csv: not CSV text"),
        (b"x" * 5000 + b",pixel0\n", "mine.csv: row 0 (the header), column 1: 'xxxxx"),
    ],
)
def test_add_header_raises_input_error_if_the_file_is_not_a_table(
    tmp_path: Path, content: bytes, message: str
) -> None:
    (tmp_path / "mine.csv").write_bytes(content)
    with pytest.raises(InputError) as caught:
        table.add_header(tmp_path / "mine.csv", "mine.csv", tmp_path / "digits.csv")
    assert message in str(caught.value)
    assert len(str(caught.value)) < 300
    assert "\n" not in str(caught.value)
