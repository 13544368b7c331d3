"""`handwriting add` and `remove` in a small project: what they print, change and refuse."""

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from ruamel.yaml import YAML

from handwriting.app import command_line
from handwriting.common.images import LabelledImages
from handwriting.data import table
from tests.helpers import PROJECT


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, digits: LabelledImages) -> Path:
    """The working directory: params.yaml and dvc.yaml, and beside it tables of real digits."""
    root = tmp_path / "project"
    root.mkdir()
    monkeypatch.chdir(root)
    shutil.copy(PROJECT / "params.yaml", root)
    shutil.copy(PROJECT / "dvc.yaml", root)
    some = digits.take(np.arange(200))
    table.write(some, tmp_path / "digits.csv")
    np.savetxt(tmp_path / "test.csv", some.pixels, fmt="%d", delimiter=",")
    np.savetxt(tmp_path / "nine.csv", np.eye(10)[:, :9], fmt="%d", delimiter=",")
    return root


@pytest.fixture
def repository(project: Path) -> Path:
    """The same, under git and DVC."""
    for command in (
        ["git", "init", "--quiet"],
        ["git", "config", "user.name", "tests"],
        ["git", "config", "user.email", "tests@localhost"],
        ["dvc", "init", "--quiet"],
        ["git", "add", "--all"],
        ["git", "commit", "--quiet", "--message", "start"],
    ):
        subprocess.run(command, check=True, capture_output=True)
    return project


def files(root: Path) -> dict[str, bytes]:
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in root.rglob("*")
        if path.is_file() and not {".git", ".dvc"} & set(path.relative_to(root).parts)
    }


KAGGLE = ("--unlabelled", "--dataset", "digits", "--model", "svc")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            "add ../digits.csv --name digits",
            "'digits' already exists in datasets of params.yaml; ch",
        ),
        ("add ../digits.csv --name Own", "--name: 'Own'; must begin with a lower-case letter"),
        ("add ../digits.csv --name 1st", "--name: '1st'; must begin with a lower-case letter"),
        ("add ../digits.csv --name own-1", "--name: 'own-1'; must begin with a lower-case letter"),
        ("add ../nowhere.csv --name own", "../nowhere.csv: no such file or folder"),
        ("add ../nine.csv --name own", "../nine.csv: no label found: column 1 is 0 in 90% of"),
        ("add .. --name own", "..: it has 'digits.csv'; must have one subfolder per digit"),
        ("add ../test.csv --name own", "../test.csv: 64 columns are whole images, and none is l"),
        ("add ../digits.csv --name own --height 8", "--height and --width must be given together"),
        ("add ../digits.csv --name own --ink 8", "--paper and --ink must be given together"),
        ("add ../digits.csv --name own --ink nan --paper 0", "--ink: nan; must be a finite number"),
        ("add ../digits.csv --name own --height 0 --width 8", "--height: 0; must be at least 1"),
        (
            "add ../digits.csv --name own --height 7 --width 8",
            "must be height × width = 7 × 8 = 56",
        ),
        ("add ../digits.csv --name own --model svc", "--model: only for a table without labels"),
        ("add ../test.csv --name own --unlabelled", "--dataset: missing; --unlabelled requires it"),
        (
            "add ../test.csv --name own --unlabelled --dataset letters --model svc",
            "dataset 'letters' is unknown; allowed: digits, mnist",
        ),
        (
            "add ../test.csv --name own --unlabelled --dataset digits --model knn",
            "model 'knn' is unknown; allowed: svc, svc_raw, tree, forest",
        ),
        (
            "add ../test.csv --name own --unlabelled --dataset mnist --model svc",
            "../test.csv: 64 pixel columns; must be height × width = 28 × 28 = 784",
        ),
        (
            "add ../digits.csv --name own --unlabelled --dataset digits --model svc",
            "../digits.csv: 65 pixel columns; must be height × width = 8 × 8 = 64",
        ),
        ("add ../digits.csv --name own --update", "dataset 'own' is unknown; allowed: digits, mn"),
        ("add ../digits.csv --name digits --update", "the data of 'digits' were not added by th"),
        ("add ../digits.csv --name own", "cannot be stored: dvc add: ERROR: you are not inside "),
        ("remove own", "'own' is not in params.yaml; allowed: digits, mnist"),
    ],
)
def test_a_refusal_is_one_line_and_changes_nothing(
    project: Path, arguments: str, message: str
) -> None:
    before = files(project)
    with pytest.raises(SystemExit) as caught:
        command_line.main(arguments.split())
    line = str(caught.value)
    assert line.startswith("error: ")
    assert message in line
    assert "\n" not in line
    assert files(project) == before
    assert [path.name for path in project.rglob("*") if path.name.startswith(".copy")] == []


def test_the_last_dataset_cannot_be_removed(project: Path) -> None:
    yaml = YAML()
    content = yaml.load(Path("params.yaml"))
    del content["datasets"]["mnist"]
    yaml.dump(content, Path("params.yaml"))
    with pytest.raises(SystemExit, match="'digits' is the only dataset; "):
        command_line.main(["remove", "digits"])


@pytest.mark.parametrize("content", [None, "datasets: [", "datasets: {}\n"])
def test_a_faulty_params_file_is_one_line(project: Path, content: str | None) -> None:
    if content is None:
        Path("params.yaml").unlink()
    else:
        Path("params.yaml").write_text(content)
    with pytest.raises(SystemExit, match=r"^error: params.yaml"):
        command_line.main(["add", "../digits.csv", "--name", "own"])
    assert not Path("data").exists()


def test_add_says_what_it_found_and_remove_leaves_nothing(
    repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = files(repository)
    command_line.main(["add", "../digits.csv", "--name", "own"])
    printed = capsys.readouterr().out
    assert printed == (
        "../digits.csv\n"
        "  images   200 of 8×8 pixels\n"
        "  pixels   from 0 to 16; paper is 0, ink is 16; stored as 0 to 16\n"
        "  table    separated by comma, with a header\n"
        "  columns  label, pixels\n"
        "  writers  unknown\n"
        "  digits   0: 21, 1: 19, 2: 20, 3: 21, 4: 19, 5: 20, 6: 21, 7: 20, 8: 19, 9: 20\n"
        "Added datasets.own to params.yaml and a copy of the data, which DVC tracks: "
        "data/sources/own/digits.csv\n"
        "Next: make run\n"
    )
    added = files(repository)
    assert set(added) - set(before) == {
        "data/sources/own/.gitignore",
        "data/sources/own/digits.csv",
        "data/sources/own/digits.csv.dvc",
    }
    assert added["data/sources/own/digits.csv"] == Path("../digits.csv").read_bytes()
    staged = subprocess.run(
        ["git", "diff", "--cached", "--name-only"], capture_output=True, text=True, check=True
    )
    assert "data/sources/own/digits.csv.dvc" in staged.stdout
    command_line.main(["remove", "own"])
    assert files(repository) == before
    status = subprocess.run(
        ["git", "status", "--short"], capture_output=True, text=True, check=True
    )
    assert status.stdout == ""


def test_the_models_of_a_dataset_get_names_in_dvc_yaml_and_lose_them(repository: Path) -> None:
    before = Path("dvc.yaml").read_text()
    command_line.main(["add", "../digits.csv", "--name", "my_own"])
    added = Path("dvc.yaml").read_text()
    # The section is the last one of the file.
    assert added.removeprefix(before) == "".join(
        f"  my-own-{name}:\n    path: models/my_own/{model}.skops\n    type: model\n"
        for name, model in (
            ("svc", "svc"),
            ("svc-raw", "svc_raw"),
            ("tree", "tree"),
            ("forest", "forest"),
        )
    )
    command_line.main(["remove", "my_own"])
    assert Path("dvc.yaml").read_text() == before


def test_a_dataset_whose_models_have_the_names_of_others_is_refused(repository: Path) -> None:
    command_line.main(["add", "../digits.csv", "--name", "my_own"])
    before = files(repository)
    Path("dvc.yaml").write_text(before["dvc.yaml"].decode().replace("my-own-", "your-own-"))
    before = files(repository)
    with pytest.raises(SystemExit, match=r"^error: dvc.yaml: artifacts.your-own-svc is models/my_"):
        command_line.main(["add", "../digits.csv", "--name", "your_own"])
    assert files(repository) == before


def test_a_graph_without_artifacts_stays_as_it_is(repository: Path) -> None:
    text = Path("dvc.yaml").read_text().partition("# Models that can be downloaded")[0]
    Path("dvc.yaml").write_text(text)
    command_line.main(["add", "../digits.csv", "--name", "own"])
    assert Path("dvc.yaml").read_text() == text
    command_line.main(["remove", "own"])
    assert Path("dvc.yaml").read_text() == text


def test_a_missing_graph_is_one_line(project: Path) -> None:
    Path("dvc.yaml").unlink()
    with pytest.raises(SystemExit, match=r"^error: dvc.yaml: no such file; run this in the proj"):
        command_line.main(["add", "../digits.csv", "--name", "own"])
    assert not Path("data").exists()


def test_a_submission_is_added_updated_and_removed(repository: Path) -> None:
    before = files(repository)
    command_line.main(["add", "../test.csv", "--name", "kaggle", *KAGGLE])
    block = YAML(typ="safe").load(Path("params.yaml"))["submissions"]["kaggle"]
    assert block == {
        "source": {
            "kind": "table",
            "location": "data/sources/kaggle/test.csv",
            "separator": "comma",
            "header": False,
            "paper": 0,
            "ink": 16,
            "order": "table",
            "columns": ["pixels"],
        },
        "dataset": "digits",
        "model": "svc",
    }
    text = Path("params.yaml").read_bytes()
    rows = Path("../test.csv").read_text().splitlines(keepends=True)
    Path("../test.csv").write_text("".join(rows[:100]))
    command_line.main(["add", "../test.csv", "--name", "kaggle", "--unlabelled", "--update"])
    assert Path("params.yaml").read_bytes() == text
    assert len(Path("data/sources/kaggle/test.csv").read_text().splitlines()) == 100
    command_line.main(["remove", "kaggle"])
    assert files(repository) == before


def test_an_update_in_another_form_is_refused(repository: Path) -> None:
    command_line.main(["add", "../digits.csv", "--name", "own"])
    before = files(repository)
    content = Path("../digits.csv").read_text()
    Path("../other.csv").write_text(content.replace(",", ";"))
    with pytest.raises(SystemExit, match="separator is 'semicolon'; must be 'comma', as in param"):
        command_line.main(["add", "../other.csv", "--name", "own", "--update"])
    assert files(repository) == before


def test_a_copy_that_was_changed_since_is_kept(repository: Path) -> None:
    command_line.main(["add", "../digits.csv", "--name", "own"])
    path = Path("data/sources/own/digits.csv")
    path.write_text(path.read_text() + "\n")
    command_line.main(["remove", "own"])
    assert path.exists()
    with pytest.raises(SystemExit, match="the folder data/sources/own exists already"):
        command_line.main(["add", "../digits.csv", "--name", "own"])
