import csv
import gzip
import io
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmarks import disturbances
from handwriting.app import command_line
from handwriting.common.images import LabelledImages
from handwriting.recognizer import Recognizer
from tests.helpers import PROJECT

N = 6


@pytest.fixture
def folder(mnist: LabelledImages, tmp_path: Path) -> Path:
    """A folder with six clean images in four formats, two of them deeper, and another file."""
    folder = tmp_path / "scans"
    (folder / "more").mkdir(parents=True)
    names = ["a.png", "b.tiff", "c.bmp", "d.PNG", "more/a.png", "more/b.jpg"]
    for name, image in zip(names, mnist.pixels[60_000 : 60_000 + N], strict=True):
        Image.fromarray(image.reshape(28, 28)).save(folder / name, quality=95)
    (folder / "notes.txt").write_text("no image")
    return folder


@pytest.fixture
def digits_in_folder(mnist: LabelledImages, recognizer: Recognizer) -> list[int]:
    return recognizer.model.predict(mnist.pixels[60_000 : 60_000 + N]).tolist()


@pytest.fixture
def predict(
    model_file: Path, capfd: pytest.CaptureFixture[str]
) -> "callable[..., tuple[int, str, str]]":
    """Run the command in this process; return exit code, standard output and standard error."""

    def run(*arguments: object) -> tuple[int, str, str]:
        capfd.readouterr()
        code: object = 0
        try:
            command_line.main(["predict", "--model", str(model_file), *map(str, arguments)])
        except SystemExit as exit:
            code = exit.code
        out, err = capfd.readouterr()
        if isinstance(code, str):  # Python prints it and exits with 1
            return 1, out, f"{err}{code}\n"
        return int(code or 0), out, err

    return run


def test_a_folder_is_one_line_per_image(predict, folder, digits_in_folder) -> None:
    code, out, err = predict(folder)
    rows = [line.split("\t") for line in out.splitlines()]
    assert (code, err) == (0, "")
    assert [Path(row[0]).relative_to(folder).as_posix() for row in rows] == [
        "a.png",
        "b.tiff",
        "c.bmp",
        "d.PNG",
        "more/a.png",
        "more/b.jpg",
    ]
    assert [int(row[1]) for row in rows] == digits_in_folder
    assert all(0.1 < float(row[2]) <= 1 for row in rows)
    assert all(row[3][0] != row[1] for row in rows)


def test_json_and_csv_say_the_same(predict, folder, digits_in_folder) -> None:
    _, as_json, _ = predict("--json", folder)
    _, as_csv, _ = predict("--csv", folder)
    objects, rows = json.loads(as_json), list(csv.DictReader(io.StringIO(as_csv)))
    assert [item["text"] for item in objects] == [[str(digit)] for digit in digits_in_folder]
    assert [int(row["digit"]) for row in rows] == digits_in_folder
    for item, row in zip(objects, rows, strict=True):
        (digit,) = item["digits"]
        assert item["file"] == row["file"]
        assert digit["probability"] == pytest.approx(float(row["probability"]), abs=1e-5)
        assert digit["box"] == [int(row[edge]) for edge in ("left", "top", "right", "bottom")]
        assert digit["is_digit"] is bool(int(row["is_digit"]))


def test_a_picture_with_several_digits_is_one_line_per_digit(
    predict, mnist: LabelledImages, tmp_path: Path
) -> None:
    images = mnist.pixels[60_000:60_005].reshape(-1, 28, 28)
    strip = disturbances.strip(images, np.random.default_rng(0), gap=10)
    Image.fromarray(strip).save(tmp_path / "zip.png")
    code, out, _ = predict(tmp_path / "zip.png")
    places, digits = zip(*(line.split("\t")[:2] for line in out.splitlines()), strict=True)
    assert code == 0
    assert list(places) == [f"{tmp_path / 'zip.png'}:1:{position}" for position in range(1, 6)]
    assert list(map(int, digits)) == mnist.labels[60_000:60_005].tolist()
    text = json.loads(predict("--json", tmp_path / "zip.png")[1])[0]["text"]
    assert text == ["".join(map(str, mnist.labels[60_000:60_005]))]


@pytest.mark.parametrize("header", [None, "pixels", "label", "label and writer"])
def test_a_table_is_one_line_per_row(
    header: str | None, predict, mnist: LabelledImages, digits_in_folder, tmp_path: Path
) -> None:
    names = [f"pixel{i}" for i in range(784)]
    before = {None: [], "pixels": [], "label": ["label"], "label and writer": ["label", "writer"]}
    lines = [] if header is None else [",".join(before[header] + names)]
    for image in mnist.pixels[60_000 : 60_000 + N]:
        lines.append(",".join([*("7" for _ in before[header]), *map(str, image)]))
    table = tmp_path / "table.csv"
    table.write_text("\n".join(lines) + "\n")
    code, out, err = predict(table)
    rows = [line.split("\t") for line in out.splitlines()]
    assert (code, err) == (0, "")
    assert [row[0] for row in rows] == [f"{table}:{number}" for number in range(1, N + 1)]
    assert [int(row[1]) for row in rows] == digits_in_folder


def text(cells: np.ndarray, separator: str = ",", fmt: str = "%d") -> bytes:
    stream = io.StringIO()
    np.savetxt(stream, cells, fmt=fmt, delimiter=separator)
    return stream.getvalue().encode()


def zipped(content: bytes) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("table.csv", content)
    return stream.getvalue()


FORMS = {
    "gzip.csv.gz": lambda pixels, labels: gzip.compress(text(pixels)),
    "zip.zip": lambda pixels, labels: zipped(text(pixels)),
    "semicolons.csv": lambda pixels, labels: text(pixels, ";"),
    "tabs.tsv": lambda pixels, labels: text(pixels, "\t"),
    "spaces.train": lambda pixels, labels: text(pixels, " "),
    "unit.csv": lambda pixels, labels: text(pixels / 255, fmt="%.6f"),
    "signed.txt": lambda pixels, labels: text(pixels / 127.5 - 1, " ", "%.6f"),
    "floats.data": lambda pixels, labels: text(pixels, " ", "%.4f"),
    "light_ink.csv": lambda pixels, labels: text(255 - pixels.astype(int)),
    "label_first.csv": lambda pixels, labels: text(np.column_stack([labels, pixels])),
    "label_last.csv": lambda pixels, labels: text(np.column_stack([pixels, labels])),
    "one_hot.csv": lambda pixels, labels: text(np.column_stack([pixels, np.eye(10)[labels]])),
    "with_ids.csv": lambda pixels, labels: (
        ("id;" + ";".join(f"p{i}" for i in range(784)) + "\n").encode()
        + text(np.column_stack([1000 + np.arange(len(pixels)), pixels]), ";")
    ),
    "unknown_label.csv": lambda pixels, labels: (
        ("label," + ",".join(f"p{i}" for i in range(784)) + "\n").encode()
        + b"".join(b"?," + text(image[np.newaxis]) for image in pixels)
    ),
}


@pytest.mark.parametrize("name", FORMS)
def test_a_table_in_each_form_that_add_reads_gives_the_same(
    name: str, predict, mnist: LabelledImages, tmp_path: Path
) -> None:
    pixels, labels = mnist.pixels[60_000 : 60_000 + N], mnist.labels[60_000 : 60_000 + N]
    (tmp_path / "plain.csv").write_bytes(text(pixels))
    (tmp_path / name).write_bytes(FORMS[name](pixels, labels))
    expected = predict(tmp_path / "plain.csv")
    assert (expected[0], len(expected[1].splitlines())) == (0, N)
    code, out, err = predict(tmp_path / name)
    assert (code, err) == (0, "")
    assert out == expected[1].replace("plain.csv", name)


def test_an_empty_image_in_a_table_is_read_as_it_is(predict, tmp_path: Path) -> None:
    (tmp_path / "blank.csv").write_bytes(text(np.zeros((1, 784))))
    code, out, err = predict(tmp_path / "blank.csv")
    assert (code, err) == (0, "")
    assert out.startswith(f"{tmp_path / 'blank.csv'}:1\t")


def test_a_faulty_table_on_standard_input_is_named_so(model_file: Path) -> None:
    command = [sys.executable, "-m", "handwriting.app.command_line", "predict", "-"]
    done = subprocess.run(
        [*command, "--model", model_file], input=b"1,2,3\n", capture_output=True, cwd=PROJECT
    )
    assert done.returncode == 1
    assert done.stderr.startswith(b"error: standard input: 3 pixel columns; the model was")


@pytest.mark.parametrize("kind", ["image", "table"])
def test_standard_input_is_an_image_or_a_table(
    kind: str, model_file: Path, folder: Path, mnist: LabelledImages, digits_in_folder
) -> None:
    content = (folder / "a.png").read_bytes()
    if kind == "table":
        content = ",".join(map(str, mnist.pixels[60_000])).encode()
    command = [sys.executable, "-m", "handwriting.app.command_line", "predict", "-"]
    done = subprocess.run(
        [*command, "--model", model_file], input=content, capture_output=True, cwd=PROJECT
    )
    assert (done.returncode, done.stderr) == (0, b"")
    place = b"standard input" + (b":1" if kind == "table" else b"")
    assert done.stdout.startswith(b"%s\t%d\t" % (place, digits_in_folder[0]))


def test_faulty_images_are_one_line_each_and_the_others_are_read(
    predict, folder: Path, digits_in_folder
) -> None:
    (folder / "aa.png").write_bytes(b"no image")
    (folder / "ab.png").write_bytes(b"")
    (folder / "ac.png").write_bytes((folder / "a.png").read_bytes()[:90])
    Image.new("L", (40, 40), 255).save(folder / "ad.png")
    Image.new("1", (10_000, 5_001)).save(folder / "ae.png")
    code, out, err = predict(folder, folder / "none.png")
    assert code == 1
    assert [int(line.split("\t")[1]) for line in out.splitlines()] == digits_in_folder
    lines = err.splitlines()
    assert len(lines) == 6
    for line, name, message in zip(
        lines,
        ["aa.png", "ab.png", "ac.png", "ad.png", "ae.png", "none.png"],
        ["not a PNG", "file is empty", "damaged", "image is empty", "too large", "no such file"],
        strict=True,
    ):
        assert line.startswith(f"error: {folder / name}: ")
        assert message in line
    assert "10,000 × 5,001 = 50,010,000 pixels; must have at most 50,000,000" in lines[4]
    as_json = json.loads(predict("--json", folder)[1])
    assert len(as_json) == N


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "the file is empty"),
        ("1,2,3\n", "3 pixel columns; the model was trained on images of 28 × 28 = 784 pixels"),
        (",".join(["0"] * 785) + "\n", "where the label is: name its column `label` in a header"),
        (
            ",".join(["0"] * 783 + ["256"]) + "\n",
            "pixels from 0 to 256 (the lowest in row 1, colum",
        ),
        (
            ",".join(["9"] * 783 + ["-1"]) + "\n",
            "pixels from -1 to 9 (the lowest in row 1, column 7",
        ),
        (",".join(["0"] * 784) + "\n" + ",".join(["x"] * 784), "must be a table of numbers"),
        (",".join(["0"] * 784) + "\n0,1\n", "row 2, column 2: the row has 2 values; must have 784"),
        (",".join(["0"] * 783 + ["nan"]) + "\n", "row 1, column 784: 'nan'; must be a number"),
    ],
)
def test_faults_of_tables_name_the_row(content: str, message: str, predict, tmp_path: Path) -> None:
    (tmp_path / "table.csv").write_text(content)
    code, _, err = predict(tmp_path / "table.csv")
    assert code == 1
    assert len(err.splitlines()) == 1
    assert err.startswith(f"error: {tmp_path / 'table.csv'}: ")
    assert message in err


def test_a_table_that_is_no_text_is_one_line(predict, tmp_path: Path) -> None:
    (tmp_path / "table.csv").write_bytes(b"\xff\xfe\0\0" * 100)
    code, out, err = predict(tmp_path / "table.csv", tmp_path / "none.csv")
    assert (code, out) == (1, "")
    assert "not text" in err.splitlines()[0]
    assert err.splitlines()[1].endswith("none.csv: no such file")


def test_a_folder_without_images_is_one_line(predict, tmp_path: Path) -> None:
    code, out, err = predict(tmp_path)
    assert (code, out) == (1, "")
    assert err == f"error: {tmp_path}: the folder has no PNG, JPEG, TIFF or BMP image\n"


def test_a_missing_or_damaged_model_is_one_line(predict, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "damaged.skops").write_bytes(b"PK damaged")
    for model, message in (("none.skops", "no such file"), ("damaged.skops", "not a model file")):
        code, out, err = predict("--model", tmp_path / model, folder)
        assert (code, out) == (1, "")
        assert err.startswith(f"error: {tmp_path / model}: {message}")
        assert len(err.splitlines()) == 1


def test_a_name_that_is_too_long_is_one_line_and_the_others_are_read(
    predict, folder: Path, tmp_path: Path
) -> None:
    long = tmp_path / ("x" * 300)
    for name in (long / "a.png", long.with_suffix(".csv"), long):
        code, out, err = predict(name, folder / "a.png")
        assert (code, len(out.splitlines())) == (1, 1)
        assert err == f"error: {name}: cannot be read (File name too long)\n"
    code, out, err = predict("--show", long / "a.png", folder / "a.png")
    assert (code, out) == (1, "")
    assert err == f"error: {long}: File name too long\n"


@pytest.mark.parametrize("command", ["add {} --name own", "serve --port 0 --models {}"])
def test_other_commands_refuse_a_name_that_is_too_long(
    command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(PROJECT)
    long = "x" * 300
    with pytest.raises(SystemExit, match=f"^error: {long}: File name too long$"):
        command_line.main(command.format(long).split())


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() == 0, reason="root may read all")
def test_what_is_below_an_unreadable_folder_is_one_line(predict, folder: Path) -> None:
    (folder / "more").chmod(0)
    try:
        code, out, err = predict(folder, folder / "more" / "a.png")
    finally:
        (folder / "more").chmod(0o700)
    assert (code, len(out.splitlines())) == (1, 4)
    assert err == (
        f"error: {folder / 'more'}: cannot be read (Permission denied)\n"
        f"error: {folder / 'more' / 'a.png'}: cannot be read (Permission denied)\n"
    )


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a full disk")
@pytest.mark.parametrize("arguments", [[], ["--csv"], ["--json"]])
def test_a_full_disk_is_one_line(arguments: list[str], model_file: Path, folder: Path) -> None:
    command = [sys.executable, "-m", "handwriting.app.command_line", "predict", *arguments]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [*command, "--model", model_file, folder],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            cwd=PROJECT,
        )
    assert done.returncode == 1
    assert done.stderr == "error: the output cannot be written: No space left on device\n"


def test_many_rows_on_a_full_disk_are_one_line(
    model_file: Path, mnist: LabelledImages, tmp_path: Path
) -> None:
    """They are more than what waits in memory to be written."""
    if not Path("/dev/full").exists():
        pytest.skip("needs a full disk")
    np.savetxt(tmp_path / "t.csv", mnist.pixels[60_000:60_300], fmt="%d", delimiter=",")
    command = [sys.executable, "-m", "handwriting.app.command_line", "predict", "--json"]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [*command, "--model", model_file, tmp_path / "t.csv"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            cwd=PROJECT,
        )
    assert done.returncode == 1
    assert done.stderr == "error: the output cannot be written: No space left on device\n"


def test_show_draws_originals_and_what_the_model_saw(predict, folder: Path, tmp_path: Path) -> None:
    sheet = tmp_path / "sheet.png"
    code, _, err = predict("--show", sheet, folder)
    assert (code, err) == (0, "")
    with Image.open(sheet) as image:
        pixels = np.asarray(image.convert("L")).astype(int)
    # The first image, enlarged without smoothing, is somewhere to the right of its original.
    with Image.open(folder / "a.png") as first:
        tile = 255 - np.asarray(first.resize((84, 84), Image.Resampling.NEAREST)).astype(int)
    places = np.lib.stride_tricks.sliding_window_view(pixels[:200, 300:500], (84, 84))
    assert np.abs(places - tile).sum(axis=(2, 3)).min() == 0


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("sheet.jpg", "must be the name of a .png file"),
        ("none/sheet.png", "does not exist"),
        ("scans/a.png", "is one of the inputs and would be overwritten"),
    ],
)
def test_show_overwrites_no_input(
    target: str, message: str, predict, folder: Path, tmp_path: Path
) -> None:
    before = (folder / "a.png").read_bytes()
    code, out, err = predict("--show", tmp_path / target, folder / "a.png")
    assert (code, out) == (1, "")
    assert message in err
    assert len(err.splitlines()) == 1
    assert (folder / "a.png").read_bytes() == before


@pytest.mark.parametrize("way", ["same path", "relative path", "link", "link to the folder"])
def test_show_overwrites_no_file_of_a_folder(
    way: str, predict, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "link.png").symlink_to(folder / "more" / "a.png")
    (tmp_path / "folder").symlink_to(folder)
    target = {
        "same path": folder / "more" / "a.png",
        "relative path": Path("scans/more/../more/a.png"),
        "link": tmp_path / "link.png",
        "link to the folder": tmp_path / "folder" / "more" / "a.png",
    }[way]
    before = (folder / "more" / "a.png").read_bytes()
    code, out, err = predict("--show", target, folder)
    assert (code, out) == (1, "")
    assert err == f"error: --show {target}: is one of the inputs and would be overwritten\n"
    assert (folder / "more" / "a.png").read_bytes() == before


def test_show_writes_nothing_if_nothing_was_read(predict, tmp_path: Path) -> None:
    sheet = tmp_path / "sheet.png"
    assert predict("--show", sheet, tmp_path / "none.png")[0] == 1
    assert not sheet.exists()
    sheet.write_bytes(b"an earlier sheet")
    assert predict("--show", sheet, tmp_path / "none.png")[0] == 1
    assert sheet.read_bytes() == b"an earlier sheet"


def test_more_images_than_a_batch_keep_their_order(
    predict, mnist: LabelledImages, recognizer: Recognizer, tmp_path: Path
) -> None:
    pixels = mnist.pixels[60_000:60_600]
    for number, image in enumerate(pixels):
        Image.fromarray(image.reshape(28, 28)).save(tmp_path / f"{number:03}.png")
    code, out, err = predict("--csv", tmp_path)
    rows = list(csv.DictReader(io.StringIO(out)))
    assert (code, err) == (0, "")  # no progress bar: standard error is no terminal
    assert [Path(row["file"]).stem for row in rows] == [f"{number:03}" for number in range(600)]
    assert [int(row["digit"]) for row in rows] == recognizer.model.predict(pixels).tolist()
