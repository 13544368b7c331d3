"""Tables in every form met in practice: what is found in them, and which pixels come out."""

import gzip
import io
import zipfile
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from handwriting.app import defaults, params_file
from handwriting.app.inspection import content as inspection
from handwriting.app.inspection.options import Options
from handwriting.common import images
from handwriting.common.errors import InputError
from handwriting.common.images import LabelledImages
from handwriting.data import text_files
from stages import fetch, flatten
from tests.helpers import PROJECT

TEXT = (PROJECT / "params.yaml").read_text(encoding="utf-8")
MODELS = {"svc": "svc", "svc_raw": "svc", "tree": "tree", "forest": "forest"}
SEPARATORS = {"comma": ",", "semicolon": ";", "tab": "\t", "space": " "}

# Name, value of paper, value of ink, whether values are integers, pixel_max in the project.
RANGES = [
    ("0 to 1", 0, 1, False, 255),
    ("binary", 0, 1, True, 1),
    ("0 to 16", 0, 16, True, 16),
    ("0 to 255", 0, 255, True, 255),
    ("-1 to 1", -1, 1, False, 255),
    ("dark on light", 255, 0, True, 255),
]


@dataclass(frozen=True)
class Form:
    """How a table is written."""

    separator: str
    several_spaces: bool
    header: str
    label: str
    label_form: str
    writer: bool
    pixel_range: tuple
    compression: str
    line_end: str


FORMS = st.builds(
    Form,
    separator=st.sampled_from(list(SEPARATORS)),
    several_spaces=st.booleans(),
    header=st.sampled_from(["none", "names", "numbers"]),
    label=st.sampled_from(["first", "last"]),
    label_form=st.sampled_from(["3", "3.0000", "one-hot"]),
    writer=st.booleans(),
    pixel_range=st.sampled_from(RANGES),
    compression=st.sampled_from(["", ".gz", ".zip"]),
    line_end=st.sampled_from(["\n", "\r\n"]),
)


def random_images(seed: int, height: int, width: int, pixel_max: int) -> LabelledImages:
    """Images with every digit, a blank rim, every value of the range, and two writers."""
    random = np.random.default_rng(seed)
    n = 60
    pixels = np.zeros((n, height, width), dtype=np.uint8)
    shape = (n, height - 2, width - 2)
    pixels[:, 1:-1, 1:-1] = random.integers(0, pixel_max, shape, endpoint=True)
    pixels[0, 1, 1], pixels[0, 1, 2] = 0, pixel_max
    labels = random.permutation(np.arange(n) % 10).astype(np.uint8)
    writers = random.integers(0, 50, n).astype(np.int32)
    return LabelledImages(pixels.reshape(n, -1), labels, np.arange(n, dtype=np.int32), writers)


def write(digits: LabelledImages, form: Form, folder: Path) -> Path:
    """Write a table with Python's own formatting of numbers."""
    _, paper, ink, integers, pixel_max = form.pixel_range
    values = paper + digits.pixels.astype(float) * (ink - paper) / pixel_max
    rows = []
    for pixels, label, writer in zip(values, digits.labels, digits.writers, strict=True):
        cells = [f"{value:.0f}" if integers else f"{value:.5f}" for value in pixels]
        if form.label_form == "one-hot":
            one_hot = [str(int(digit == label)) for digit in range(10)]
            own = one_hot
        else:
            own = [f"{label}" if form.label_form == "3" else f"{label:.4f}"]
        own += [str(writer)] if form.writer else []
        rows.append(own + cells if form.label == "first" else cells + own)
    n_own = len(own)
    names = [f"pixel{i}" for i in range(len(cells))]
    own_names = [f"is{i}" for i in range(10)] if form.label_form == "one-hot" else ["Label"]
    own_names += ["writer"] if form.writer else []
    header = own_names + names if form.label == "first" else names + own_names
    if form.header == "numbers":
        header = [str(i) for i in range(n_own + len(cells))]
    if form.header != "none":
        rows.insert(0, header)
    separator = SEPARATORS[form.separator]
    if form.several_spaces and form.separator == "space":
        separator = "  "
    end = " " * (form.several_spaces and form.separator == "space") + form.line_end
    content = "".join(separator.join(row) + end for row in rows).encode()
    path = folder / f"table.csv{form.compression}"
    if form.compression == ".gz":
        path.write_bytes(gzip.compress(content))
    elif form.compression == ".zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("table.csv", content)
    else:
        path.write_bytes(content)
    return path


@settings(
    deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    form=FORMS,
    size=st.one_of(
        st.integers(4, 17).map(lambda side: (side, side)),
        st.tuples(st.integers(4, 12), st.integers(4, 12)),
    ),
    seed=st.integers(0, 2**32 - 1),
)
def test_add_finds_what_was_written_and_the_stages_return_its_pixels(
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
    form: Form,
    size: tuple[int, int],
    seed: int,
) -> None:
    if form.writer and form.header != "names":
        form = replace(form, writer=False)
    height, width = size
    _, paper, ink, _, pixel_max = form.pixel_range
    digits = random_images(seed, height, width, pixel_max)
    folder = tmp_path_factory.mktemp("project")
    path = write(digits, form, folder)
    square = height == width
    options = Options() if square else Options(height=height, width=width)
    found = inspection.inspect_table(path, options)

    n_writers = len(np.unique(digits.writers)) if form.writer else 0
    assert (found.n_rows, found.n_writers) == (60, n_writers)
    assert (found.separator, found.header) == (form.separator, form.header != "none")
    assert (found.image.height, found.image.width) == size
    assert (found.paper, found.ink, found.image.pixel_max) == (paper, ink, pixel_max)
    assert found.digits.tolist() == [6] * 10
    role = "one_hot" if form.label_form == "one-hot" else "label"
    own = [role, "writer"] if form.writer else [role]
    expected = [*own, "pixels"] if form.label == "first" else ["pixels", *own]
    assert found.columns == expected

    source = inspection.table_source(found, path.name).model_dump()
    block = defaults.dataset_block(source, found, MODELS)
    (folder / "params.yaml").write_text(params_file.add(TEXT, "datasets", "own", block))
    with monkeypatch.context() as patch:
        patch.chdir(folder)
        fetch.main("own")
        flatten.main("own")
        flat = images.load(Path("data/flat/own"))
        np.testing.assert_array_equal(flat.pixels, digits.pixels)
        np.testing.assert_array_equal(flat.labels, digits.labels)
        if form.writer:
            np.testing.assert_array_equal(flat.writers, digits.writers)
        else:
            assert flat.writers is None


def rows(n: int = 40, n_pixels: int = 16, label: int | None = None) -> list[list[str]]:
    """Rows with the label first and a blank rim of small images."""
    random = np.random.default_rng(0)
    side = int(n_pixels**0.5)
    pixels = np.zeros((n, side, side), dtype=int)
    pixels[:, 1:-1, 1:-1] = random.integers(0, 256, (n, side - 2, side - 2))
    return [
        [str(row % 10 if label is None else label), *map(str, image.ravel())]
        for row, image in enumerate(pixels)
    ]


def text(table: list[list[str]]) -> bytes:
    return "".join(",".join(row) + "\n" for row in table).encode()


def changed(row: int, column: int, value: str) -> bytes:
    table = rows()
    table[row][column] = value
    return text(table)


def archive(*names: str, content: bytes = b"1,2\n") -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as target:
        for name in names:
            # A ZipInfo has a fixed date. The archive names its test and must be the same each time.
            target.writestr(zipfile.ZipInfo(name), content)
    return stream.getvalue()


NAMES = [f"pixel{i}" for i in range(16)]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "the file is empty"),
        (b"\n \n", "the file is empty"),
        (b"hello\nworld\n", "the last of its first 2 lines is 'world'; must be a table of numbers"),
        (b"\x89PNG\r\n\x1a\n\xff", "not text"),
        (",".join(["label", *NAMES]).encode(), "must be a table of numbers"),
        (text([["label", *NAMES, "x"], *rows()]), "row 0 (the header) has 18 columns, row"),
        (text([row[:10] for row in rows()]), "9 pixel columns; an image must have at least 10"),
        (b"1,2\n2,3\n3,1\n", "1 pixel columns; an image must have at least 10 pixels"),
        (b"1,\n2,\n", "must be a table of numbers"),
        (text([row[:4] for row in rows()]), "3 pixel columns; an image must have at least 10"),
        (text([row[:13] for row in rows()]), "12 pixel columns, which are no square image; name"),
        (text([row[1:] for row in rows()]), "16 columns are whole images, and none is left for"),
        (text(rows(label=3)), "column 1 is 3 in 100% of the rows, column 17 is 0 in 100%"),
        (text([["label", *NAMES], *rows(label=26)]), "column 1 (label) has values from 26 "),
        (text([["x", *row] for row in rows()]), "row 1, column 1: 'x'; must be a number"),
        (text([["-3", *row[1:], ".5"] for row in rows()]), "no label found: column 1 has values"),
        (changed(6, 3, "x"), "row 7, column 4: 'x'; must be a number"),
        (changed(0, 3, "x"), "row 1, column 4: 'x'; must be a number"),
        (changed(30, 3, ""), "row 31, column 4: no value; must be a number"),
        (changed(30, 3, "nan"), "row 31, column 4: 'nan'; must be a number"),
        (changed(30, 3, "1e999"), "row 31, column 4: '1e999'; must be a number"),
        (changed(30, 3, "9" * 200_000), "row 31, column 4: '99999"),
        (changed(6, 0, "12"), "from 0 to 12, in row 7 the first that is no digit, column 17 is 0"),
        (changed(30, 3, "300"), "the highest in row 31, column 4); must be within 0 to 1, -1 to 1"),
        (changed(30, 3, "-2"), "pixels from -2 to 255 (the lowest in row 31, column 4; the hi"),
        (text([*rows(), ["1", "2"]]), "row 41, column 2: the row has 2 values; must have 17"),
        (text([*rows(), ["1"] * 18]), "row 41, column 17: the row has 18 values; must have 17"),
        (text(rows()).replace(b",", b";").replace(b"255", b"2,5"), "(write a decimal point: 2.5)"),
        (text([[row[0], *["7"] * 16] for row in rows()]), "all pixels are 7; must be images of d"),
        (text([[*row, row[0]] for row in rows()]), "17 pixel columns, which are no square image"),
        (gzip.compress(text(rows()))[:-40], "a damaged archive"),
        (archive("a.csv", "b.csv"), "an archive of 2 files; must have exactly one"),
        (archive(), "an archive of 0 files"),
        (archive("a.csv")[:-30], "a damaged archive"),
    ],
)  # fmt: skip
def test_a_table_that_cannot_be_understood_is_one_line_with_what_was_found(
    tmp_path: Path, content: bytes, message: str
) -> None:
    path = tmp_path / "mine.csv"
    path.write_bytes(content)
    with pytest.raises(InputError) as caught:
        inspection.inspect_table(path, Options())
    line = str(caught.value)
    assert line.startswith(f"{path}: ")
    assert message in line
    assert "\n" not in line
    assert len(line.removeprefix(str(path))) < 400


@pytest.mark.parametrize("separator", [";", "\t", " "])
@pytest.mark.parametrize("header", [False, True])
def test_decimal_commas_are_one_line_that_says_how_to_replace_them(
    separator: str, header: bool, digits: LabelledImages, tmp_path: Path
) -> None:
    stream = io.StringIO()
    names = separator.join(["label", *(f"pixel{i}" for i in range(64))]) if header else ""
    rows = np.column_stack([digits.labels, digits.pixels / 16])[:50]
    np.savetxt(stream, rows, fmt="%g", delimiter=separator, header=names, comments="")
    path = tmp_path / "table.csv"
    path.write_text(stream.getvalue().lstrip("\n").replace(".", ","))
    with pytest.raises(InputError) as caught:
        inspection.inspect_table(path, Options())
    line = str(caught.value)
    assert line.startswith(f"{path}: '0,3125' has a decimal comma (write a decimal point: 0.3125)")
    assert "\n" not in line
    path.write_text(path.read_text().replace(",", "."))
    assert inspection.inspect_table(path, Options()).pixel_range == (0, 1)


def test_commas_with_spaces_are_no_decimal_commas(digits: LabelledImages, tmp_path: Path) -> None:
    for separator in (", ", " ,"):
        path = tmp_path / "table.csv"
        rows = np.column_stack([digits.labels, digits.pixels])[:50]
        np.savetxt(path, rows, fmt="%d", delimiter=separator)
        assert inspection.inspect_table(path, Options()).separator == "comma"


def test_two_columns_that_can_be_the_label_are_named_and_an_option_decides(tmp_path: Path) -> None:
    table = [[row[0], *row[1:-1], str((int(row[0]) + 3) % 10)] for row in rows()]
    path = tmp_path / "mine.csv"
    path.write_bytes(text(table))
    with pytest.raises(InputError, match="column 1 and column 17 can both be the label; name it"):
        inspection.inspect_table(path, Options())
    for label, columns in (("first", ["label", "pixels"]), ("last", ["pixels", "label"])):
        assert inspection.inspect_table(path, Options(label=label)).columns == columns


def test_the_header_names_the_label_writers_and_numbers_of_rows(tmp_path: Path) -> None:
    header = ["", "Writer", *NAMES, "class"]
    table = [[str(i), str(i % 4), *row[1:], row[0]] for i, row in enumerate(rows())]
    path = tmp_path / "mine.csv"
    path.write_bytes(text([header, *table]))
    found = inspection.inspect_table(path, Options())
    assert found.columns == ["ignored", "writer", "pixels", "label"]
    assert found.n_writers == 4


def test_other_pixel_ranges_and_sizes_are_named_by_options(tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    path.write_bytes(changed(0, 6, "65535"))
    found = inspection.inspect_table(path, Options(height=2, width=8, paper=0, ink=65535))
    assert (found.image.height, found.image.width, found.image.pixel_max) == (2, 8, 255)
    assert (found.paper, found.ink) == (0, 65535)
    with pytest.raises(InputError, match="--paper 0 and --ink 300 must differ and contain thi"):
        inspection.inspect_table(path, Options(paper=0, ink=300))
    with pytest.raises(InputError, match="16 pixel columns; must be height × width = 3 × 5 = 15"):
        inspection.inspect_table(path, Options(height=3, width=5, paper=0, ink=65535))


def test_a_table_without_labels_has_only_pixels(tmp_path: Path) -> None:
    path = tmp_path / "test.csv"
    path.write_bytes(text([NAMES, *(row[1:] for row in rows())]))
    found = inspection.inspect_unlabelled(path, Options())
    assert found.columns == ["pixels"]
    assert found.n_rows == 40
    assert found.digits.sum() == 0


def test_text_that_is_too_large_is_refused_while_it_is_decompressed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(text_files, "LARGEST_TEXT", 2**21)
    path = tmp_path / "bomb.csv.gz"
    path.write_bytes(gzip.compress(text(rows()) * 10_000))
    with pytest.raises(InputError, match=r"bomb\.csv\.gz: more than 0 GiB of text"):
        inspection.inspect_table(path, Options())


def test_a_line_without_end_is_refused_before_it_fills_the_memory(tmp_path: Path) -> None:
    path = tmp_path / "bomb.csv.gz"
    path.write_bytes(gzip.compress(b"0," * 2**24))
    with pytest.raises(InputError, match="a line of more than 16 MiB"):
        inspection.inspect_table(path, Options())


def test_rows_sorted_by_digit_are_spread_by_fetch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = sorted(rows(), key=lambda row: int(row[0]))
    (tmp_path / "mine.csv").write_bytes(text(table))
    monkeypatch.chdir(tmp_path)
    found = inspection.inspect_table(Path("mine.csv"), Options())
    assert found.is_sorted
    flat = add_and_read(found, inspection.table_source(found, "mine.csv").model_dump())
    assert flat.labels.tolist() == list(range(10)) * 4
    written = {tuple(map(int, row)) for row in table}
    read = zip(flat.labels.tolist(), flat.pixels.tolist(), strict=True)
    assert {(label, *pixels) for label, pixels in read} == written


def add_and_read(found: inspection.Findings, source: dict) -> LabelledImages:
    """Add a dataset to params.yaml of the working directory and return what the stages make."""
    block = defaults.dataset_block(source, found, MODELS)
    Path("params.yaml").write_text(params_file.add(TEXT, "datasets", "own", block))
    fetch.main("own")
    flatten.main("own")
    return images.load(Path("data/flat/own"))


def save_digits(folder: Path, digits: LabelledImages, suffix: str, scale: int = 1) -> None:
    """Write dark digits on light paper into one folder per digit."""
    for row in range(len(digits)):
        target = folder / str(digits.labels[row])
        target.mkdir(parents=True, exist_ok=True)
        grey = 255 - digits.pixels[row].reshape(8, 8) * 15
        Image.fromarray(np.kron(grey, np.ones((scale, scale))).astype(np.uint8)).save(
            target / f"{row:04}{suffix}"
        )


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".tiff", ".PNG"])
def test_a_folder_of_images_comes_out_as_its_pixels(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, digits: LabelledImages, suffix: str
) -> None:
    some = digits.take(np.arange(50))
    save_digits(tmp_path / "scans", some, suffix)
    (tmp_path / "scans" / ".DS_Store").touch()
    monkeypatch.chdir(tmp_path)
    found = inspection.inspect_folder(Path("scans"), Options())
    assert (found.image.height, found.image.width, found.sizes) == (8, 8, "8×8")
    assert (found.paper, found.ink) == (255, 0)
    assert found.digits.tolist() == np.bincount(some.labels, minlength=10).tolist()
    flat = add_and_read(found, inspection.folder_source(found, "scans").model_dump())
    expected = {
        (label, *(pixels * 15)) for label, pixels in zip(some.labels, some.pixels, strict=True)
    }
    assert {(label, *p) for label, p in zip(flat.labels, flat.pixels, strict=True)} == expected
    # Folds are consecutive rows; each digit must be in all of them.
    assert len(np.unique(flat.labels[:10])) >= 8


def test_images_of_several_sizes_are_scaled_to_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, digits: LabelledImages
) -> None:
    save_digits(tmp_path / "scans", digits.take(np.arange(30)), "a.png", scale=10)
    save_digits(tmp_path / "scans", digits.take(np.arange(30)), "b.jpg", scale=5)
    monkeypatch.chdir(tmp_path)
    found = inspection.inspect_folder(Path("scans"), Options())
    assert (found.image.height, found.image.width) == (28, 28)
    assert found.sizes == "2 sizes from 40×40 to 80×80"
    flat = add_and_read(found, inspection.folder_source(found, "scans").model_dump())
    assert flat.pixels.shape == (60, 784)
    centre = flat.pixels.reshape(-1, 28, 28)[:, 4:-4, 4:-4].mean()
    assert centre > 2 * flat.pixels.reshape(-1, 28, 28)[:, :, :2].mean()


def image_bytes(size: tuple[int, int], **options: object) -> bytes:
    stream = io.BytesIO()
    Image.new("L", size).save(stream, **options)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("0/a.png", b"", "0/a.png: not an image (empty); must be PNG, JPEG, TIFF, BMP"),
        ("0/a.png", b"x" * 50, "0/a.png: not an image (damaged"),
        ("0/a.png", image_bytes((30, 30), format="PNG")[:45], "0/a.png: a damaged image"),
        ("0/a.png", image_bytes((30, 30), format="GIF"), "0/a.png: not an image"),
        ("0/a.png", image_bytes((9000, 9000), format="PNG"), "0/a.png: 9000×9000 pixels; must be"),
        (
            "0/a.tif",
            image_bytes(
                (9, 9), format="TIFF", save_all=True, append_images=[Image.new("L", (9, 9))]
            ),
            "0/a.tif: 2 pages; must be one image of one digit",
        ),
        ("0/a.png", image_bytes((3, 3), format="PNG"), "images of 3×3 pixels; must have at least"),
        ("0/a.txt", b"", "0/a.txt: not an image; must be .png, .jpg"),
        ("ten/a.png", b"", "it has 'ten'; must have one subfolder per digit, named 0 to 9"),
        ("10/a.png", b"", "it has '10'; must have one subfolder per digit"),
        ("a.png", b"", "it has 'a.png'; must have one subfolder per digit"),
        ("0/.hidden", b"", "its subfolders have no images"),
        (".hidden", b"", "it is empty; must have one subfolder per digit"),
    ],
)
def test_a_folder_that_cannot_be_used_is_one_line(
    tmp_path: Path, name: str, content: bytes, message: str
) -> None:
    path = tmp_path / "scans" / name
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    with pytest.raises(InputError) as caught:
        inspection.inspect_folder(tmp_path / "scans", Options())
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
