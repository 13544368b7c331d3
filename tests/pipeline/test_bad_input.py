"""A user's mistakes, through DVC: one clear line, an exit code that is not 0, nothing lost."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Repository

Edit = Callable[[dict], None]


def outputs(repository: Repository) -> dict[str, bytes]:
    folders = ("data", "models", "metrics", "plots")
    files = [path for name in folders for path in (repository.root / name).rglob("*")]
    return {str(path): path.read_bytes() for path in files if path.is_file()}


def set_key(*path: str, to: object) -> Edit:
    def edit(params: dict) -> None:
        *keys, last = path
        for key in keys:
            params = params[key]
        params[last] = to

    return edit


def fails_with(repository: Repository, line: str, *command: str) -> None:
    before = outputs(repository)
    done = repository.run(*(command or ("dvc", "repro")))
    printed = done.stdout + done.stderr
    assert done.returncode != 0
    assert "Traceback" not in printed
    errors = [text for text in printed.splitlines() if text.startswith("error: ")]
    assert len(errors) == 1, printed
    assert line in errors[0]
    assert outputs(repository) == before


@pytest.mark.parametrize(
    ("edit", "line"),
    [
        (
            set_key("models", "forest", "mnist", "n_estimators", to="many"),
            "params.yaml: models.forest.mnist.n_estimators: 'many'; must be a valid integer",
        ),
        (
            set_key("models", "svc", "digits", "gama", to=0.1),
            "params.yaml: models.svc.digits.gama: unknown key; allowed: features, C, kernel",
        ),
        (
            set_key("datasets", "digits", "split", to={"method": "ordered", "train": 1797}),
            "params.yaml: datasets.digits.split.train: 1797 of 1797 images; must leave both",
        ),
        (
            set_key(
                "datasets", "digits", "split", to={"method": "grouped", "test": 0.5, "seed": 0}
            ),
            "params.yaml: datasets.digits.split.method: 'grouped'; this dataset does not name",
        ),
        (
            set_key("datasets", "mnist", "image", "height", to=20),
            "data/raw/mnist.csv: row 0 (the header): 784 pixel columns; must be height × width",
        ),
        (
            set_key("datasets", "mnist", "image", "pixel_max", to=100),
            "data/raw/mnist.csv: row 1, column pixel156: '126'; must be a whole number from 0",
        ),
        (
            set_key("datasets", "mnist", "source", "location", to="nowhere.csv"),
            "datasets.mnist.source.location of params.yaml: nowhere.csv: no such file",
        ),
        (
            set_key("datasets", "mnist", "source", "sha256", to="0" * 64),
            "some_mnist.csv: SHA-256 is ",
        ),
        (
            set_key(
                "datasets",
                "mnist",
                "source",
                to={"kind": "mnist", "mirrors": ["nowhere"], "writers": [], "timeout": 1},
            ),
            "no mirror left of: nowhere (no such folder). To mend it, put the .gz files into",
        ),
    ],
)
def test_a_fault_stops_the_run_and_leaves_every_output(
    small: Repository, edit: Edit, line: str
) -> None:
    small.edit_params(edit)
    fails_with(small, line)


def test_params_that_are_no_yaml_stop_a_stage_with_the_line(small: Repository) -> None:
    (small.root / "params.yaml").write_text("seed: 1\nseed: 2\n")
    line = 'params.yaml: not YAML: while constructing a mapping found duplicate key "seed"'
    fails_with(small, line, "python", "-m", "stages.split", "digits")


@pytest.mark.parametrize(
    ("stage", "line"),
    [
        (("describe", "letters"), "dataset 'letters' is unknown; allowed: digits, mnist"),
        (("train", "digits", "knn"), "model 'knn' is unknown; allowed: svc, tree, forest"),
    ],
)
def test_a_stage_called_with_an_unknown_name_lists_those_allowed(
    small: Repository, stage: tuple[str, ...], line: str
) -> None:
    fails_with(small, line, "python", "-m", f"stages.{stage[0]}", *stage[1:])


@pytest.mark.parametrize(
    ("stage", "file", "content", "line"),
    [
        ("flatten", "data/raw/digits.csv", None, "digits.csv: no such file; run `dvc repro`"),
        ("flatten", "data/raw/digits.csv", b"", "digits.csv: the file is empty"),
        ("split", "data/flat/digits.npz", b"x", "digits.npz: not an .npz file of digit images"),
        ("evaluate", "models/digits/tree.skops", b"x", "tree.skops: not a model file"),
        ("explain", "models/digits/tree.skops", b"x", "tree.skops: not a model file"),
        ("compare", "plots/digits/predictions/svc.csv", b"index\nx\n", "svc.csv: not a table of"),
        ("report", "plots/claims.csv", None, "claims.csv: no such file; run `dvc repro`"),
        ("report", "plots/digits/verdict.csv", b"x\n", "verdict.csv: no columns model, verdict"),
        ("report", "metrics/digits/svc.json", b"x", "svc.json: not JSON"),
        ("report", "plots/digits/svc/mistakes.png", b"x", "mistakes.png: not a PNG"),
    ],
)
def test_a_broken_file_between_stages_is_named(
    small: Repository, stage: str, file: str, content: bytes | None, line: str
) -> None:
    (small.root / file).unlink()
    if content is not None:
        (small.root / file).write_bytes(content)
    unusual = {"evaluate": ["digits", "tree"], "explain": ["digits", "tree"], "report": []}
    words = unusual.get(stage, ["digits"])
    fails_with(small, line, "python", "-m", f"stages.{stage}", *words)


@pytest.mark.parametrize(
    ("stage", "line"),
    [
        ("evaluate", "tree.skops: trained on images of 784 pixels; the test images have 64"),
        ("explain", "tree on digits: trained on images of another size; run `dvc repro`"),
    ],
)
def test_a_model_of_other_images_is_refused(small: Repository, stage: str, line: str) -> None:
    other, own = (small.root / "models" / name / "tree.skops" for name in ("mnist", "digits"))
    own.unlink()
    own.write_bytes(other.read_bytes())
    fails_with(small, line, "python", "-m", f"stages.{stage}", "digits", "tree")


def test_without_any_mirror_everything_of_the_digits_is_still_made(
    small: Repository, tmp_path: Path
) -> None:
    """`make run` keeps going; the tests' own Python stands in for the one of `.venv`."""
    source = {"kind": "mnist", "mirrors": ["nowhere"], "writers": [], "timeout": 1}
    small.edit_params(set_key("datasets", "mnist", "source", to=source))
    small.edit_params(set_key("models", "tree", "digits", "max_depth", to=4))
    done = small.run("dvc", "repro", "--keep-going")
    assert done.returncode != 0
    assert [line for line in done.stderr.splitlines() if line.startswith("error: ")] != []
    ran = [line for line in done.stdout.splitlines() if line.startswith("Running stage")]
    assert any("compare@digits" in line for line in ran)
    assert not any("mnist'" in line and "fetch" not in line for line in ran)
