"""A user's own table, from the file to the report with one command, through DVC itself."""

import filecmp
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

from handwriting.common.images import LabelledImages
from handwriting.data import table
from tests.helpers import Repository, clone, copy, read_csv

COMMAND = (sys.executable, "-m", "handwriting.app.command_line")
SMALL_MODELS = ("svc_raw", "tree")


def keep_small_models(params: dict) -> None:
    del params["datasets"]["mnist"]
    for mapping in (
        params["models"],
        params["datasets"]["digits"]["models"],
        params["datasets"]["digits"]["grids"],
    ):
        for name in mapping.keys() - set(SMALL_MODELS):
            del mapping[name]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory, digits: LabelledImages) -> Path:
    """Real digits, enlarged to 16×16, as USPS is published; and some without labels."""
    digits = digits.take(np.arange(700))
    folder = tmp_path_factory.mktemp("files")
    enlarged = np.kron(digits.pixels.reshape(-1, 8, 8), np.ones((2, 2))).reshape(-1, 256)
    values = enlarged / 8 - 1
    np.savetxt(folder / "zip.train", np.column_stack([digits.labels, values]), fmt="%.4f")
    np.savetxt(folder / "zip.test", values[:200], fmt="%.4f")
    return folder


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory, files: Path) -> Repository:
    """A clone in which the two tables were added by the command and the pipeline has run."""
    repository = clone(tmp_path_factory.mktemp("own") / "project")
    repository.edit_params(keep_small_models)
    repository.commit()
    repository.succeed(*COMMAND, "add", str(files / "zip.train"), "--name", "usps")
    repository.succeed(*COMMAND, "remove", "digits")
    answer = ("--unlabelled", "--dataset", "usps", "--model", "svc_raw")
    repository.succeed(*COMMAND, "add", str(files / "zip.test"), "--name", "kaggle", *answer)
    repository.succeed("python", "-m", "tools.run")
    repository.commit()
    return repository


@pytest.fixture
def own(built: Repository, tmp_path: Path) -> Repository:
    """A copy of it, to change at will."""
    return copy(built, tmp_path / "project")


def test_a_table_goes_from_the_file_to_the_report(built: Repository) -> None:
    accuracy = {
        row["model"]: float(row["accuracy"])
        for row in read_csv(built.root / "plots/usps/accuracy.csv")
    }
    assert accuracy["svc_raw"] > 0.95
    assert accuracy["tree"] > 0.6
    assert "usps" in (built.root / "report.html").read_text()
    assert "up to date" in built.succeed("dvc", "status")
    assert built.succeed("git", "status", "--short") == ""


def test_a_submission_has_one_row_per_image_with_numbers_from_1(
    built: Repository, digits: LabelledImages
) -> None:
    text = (built.root / "data/submissions/kaggle.csv").read_text()
    assert text.startswith("ImageId,Label\n1,0\n2,1\n")
    rows = read_csv(built.root / "data/submissions/kaggle.csv")
    assert [int(row["ImageId"]) for row in rows] == list(range(1, 201))
    assert np.mean([int(row["Label"]) for row in rows] == digits.labels[:200]) > 0.97


def test_a_corrected_file_is_fetched_again_and_a_faulty_one_is_named(own: Repository) -> None:
    path = own.root / "data/sources/usps/zip.train"
    before = path.read_text()
    path.write_text(before.replace("\n1.0000 ", "\nx ", 1))
    assert "data/sources/usps" in own.succeed("dvc", "status")
    done = own.run("dvc", "repro")
    printed = done.stdout + done.stderr
    assert done.returncode != 0
    assert (
        "error: data/sources/usps/zip.train: row 2, column 1: 'x'; must be a number (the source of "
        "this dataset, datasets.usps.source of params.yaml: correct it, then run `dvc repro`)"
    ) in printed
    path.write_text(before.replace("\n1.0000 ", "\n7.0000 ", 1))
    assert own.stages_run_by("dvc", "repro") >= {"fetch@usps", "flatten@usps", "report"}
    labels = [row["label"] for row in read_csv(own.root / "data/raw/usps.csv")]
    assert labels[:3] == ["0", "7", "2"]


def test_update_replaces_the_data_and_keeps_the_settings(own: Repository, files: Path) -> None:
    text = (own.root / "params.yaml").read_bytes()
    shorter = "".join((files / "zip.train").read_text().splitlines(keepends=True)[:600])
    (own.root.parent / "corrected.txt").write_text(shorter)
    own.succeed(*COMMAND, "add", "../corrected.txt", "--name", "usps", "--update")
    assert (own.root / "params.yaml").read_bytes() == text
    assert own.stages_run_by("dvc", "repro", "fetch@usps") == {"fetch@usps"}
    assert len(read_csv(own.root / "data/raw/usps.csv")) == 600


def test_experiments_in_a_folder_of_their_own_have_the_data(
    own: Repository, files: Path, digits: LabelledImages
) -> None:
    """Both the copy that DVC tracks and a relative path that leads out of the project."""
    table.write(digits, own.root.parent / "outside.csv")

    def add_by_hand(params: dict) -> None:
        block = {key: dict(value) for key, value in params["datasets"]["usps"].items()}
        block["source"] = {"kind": "csv", "location": "../outside.csv"}
        block["image"] = {"height": 8, "width": 8, "pixel_max": 16}
        params["datasets"]["outside"] = block

    own.edit_params(add_by_hand)
    folder = own.root / "data/sources/outside"
    folder.mkdir()
    (folder / "README.md").write_text("From outside.\n")
    own.commit()
    own.succeed(
        "dvc", "exp", "run", "--temp", "--name", "spread",
        "--set-param", "datasets.usps.source.order=interleaved",
        "--set-param", "+datasets.outside.source.timeout=31",
        "flatten@usps", "flatten@outside",
    )  # fmt: skip
    assert own.succeed("git", "status", "--short") == ""
    (ref,) = own.succeed("git", "for-each-ref", "--format=%(refname)", "refs/exps").split()
    assert ref.endswith("/spread")
    lock = own.succeed("git", "show", f"{ref}:dvc.lock")
    assert "order: interleaved" in lock
    assert "data/flat/outside" in lock


def test_a_clone_gets_the_table_from_the_remote(own: Repository, tmp_path: Path) -> None:
    own.succeed("dvc", "remote", "add", "--default", "storage", str(tmp_path / "remote"))
    own.commit()
    own.succeed("dvc", "push", "--quiet")
    own.succeed("git", "clone", "--quiet", ".", str(tmp_path / "clone"))
    other = Repository(tmp_path / "clone")
    other.succeed("dvc", "pull", "--quiet")
    assert other.stages_run_by("dvc", "repro") == set()
    path = "data/sources/usps/zip.train"
    assert filecmp.cmp(other.root / path, own.root / path, shallow=False)


def test_what_was_added_goes_without_a_trace(own: Repository) -> None:
    done = own.run(*COMMAND, "remove", "usps")
    assert done.stderr == (
        "error: 'usps': the submission 'kaggle' needs its models; first run "
        "handwriting remove kaggle\n"
    )
    own.succeed(*COMMAND, "remove", "kaggle")
    done = own.run(*COMMAND, "remove", "usps")
    assert done.stderr.startswith("error: 'usps' is the only dataset; params.yaml must have at")
    own.succeed("git", "checkout", "--quiet", "HEAD~1", "--", "params.yaml")
    before = (own.root / "params.yaml").read_bytes()
    shutil.rmtree(own.root / "data/sources/usps")
    source = str(own.root.parent / "mine.csv")
    table_of_digits = own.root / "data/raw/usps.csv"
    shutil.copy(table_of_digits, source)
    own.succeed(*COMMAND, "add", source, "--name", "usps")
    own.succeed(*COMMAND, "remove", "usps")
    assert (own.root / "params.yaml").read_bytes() == before
    assert not (own.root / "data/sources/usps").exists()
