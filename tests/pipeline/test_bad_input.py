"""A user's mistakes, through DVC: one line, an exit code that is not 0, nothing lost."""

import shutil
from collections.abc import Callable

import pytest

from tests.helpers import Repository

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


def check_failure(repository: Repository, line: str, *command: str) -> None:
    """Run a command that must fail with one line and no traceback."""
    done = repository.run(*command)
    printed = done.stdout + done.stderr
    assert done.returncode != 0
    assert "Traceback" not in printed
    errors = [text for text in printed.splitlines() if text.startswith("error: ")]
    assert len(errors) == 1, printed
    assert line in errors[0]


def check_untouched(repository: Repository, line: str, *command: str) -> None:
    before = outputs(repository)
    check_failure(repository, line, *command)
    assert outputs(repository) == before


IN_STAGES = [
    (
        set_key("datasets", "digits", "split", "train", to=1797),
        "params.yaml: datasets.digits.split.train: 1797 of 1797 images; both parts must be",
    ),
    (
        set_key("datasets", "digits", "split", to={"method": "grouped", "test": 0.5, "seed": 0}),
        "params.yaml: datasets.digits.split.method: 'grouped'; this dataset does not name",
    ),
    (
        set_key("datasets", "digits", "split", "train", to=1),
        "params.yaml: datasets.digits.split: the training images show only the digit 0; must show",
    ),
    (
        set_key("datasets", "mnist", "image", "height", to=20),
        "some_mnist.csv: row 0 (the header): 784 pixel columns; must be height × width",
    ),
    (
        set_key("datasets", "mnist", "image", "pixel_max", to=100),
        "some_mnist.csv: row 1, column pixel156: '126'; must be an integer from 0 to 100 (the",
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
        "all mirrors failed: nowhere (no such folder). To fix this, put the .gz files into",
    ),
]


@pytest.mark.parametrize(("edit", "line"), IN_STAGES, ids=[line[:50] for _, line in IN_STAGES])
def test_a_fault_stops_the_run_and_the_last_commit_can_be_restored(
    small: Repository, edit: Edit, line: str
) -> None:
    before = outputs(small)
    small.edit_params(edit)
    check_failure(small, line, "dvc", "repro")
    small.succeed("git", "checkout", "--quiet", ".")
    small.succeed("dvc", "checkout")
    assert outputs(small) == before
    assert small.stages_run_by("dvc", "repro") == set()


@pytest.mark.parametrize(
    ("edit", "line"),
    [
        (
            set_key("datasets", "mnist", "models", "forest", "n_estimators", to="many"),
            "params.yaml: datasets.mnist.models.forest.n_estimators: 'many'; must be an integer",
        ),
        (
            set_key("datasets", "digits", "models", "svc", "gama", to=0.1),
            "params.yaml: datasets.digits.models.svc.gama: unknown key; allowed: features, C, ker",
        ),
    ],
)
def test_faulty_parameters_stop_make_run_before_dvc_deletes_an_output(
    small: Repository, edit: Edit, line: str
) -> None:
    small.edit_params(edit)
    check_untouched(small, line, "python", "-m", "tools.run")
    check_failure(small, line, "dvc", "repro")


def test_faulty_claims_stop_make_run_before_dvc_deletes_an_output(small: Repository) -> None:
    claims = (small.root / "claims.yaml").read_text()
    (small.root / "claims.yaml").write_text(claims.replace("quote:", "said:", 1))
    line = "claims.yaml: claims[0].said: unknown key; allowed: name, dataset, write_up, quote"
    check_untouched(small, line, "python", "-m", "tools.run")


def test_params_that_are_not_yaml_are_one_line_with_the_position(small: Repository) -> None:
    (small.root / "params.yaml").write_text("seed: 1\nseed: 2\n")
    line = 'params.yaml, line 2, column 1: not valid YAML: found duplicate key "seed"'
    check_untouched(small, line, "python", "-m", "stages.split", "digits")


@pytest.mark.parametrize(
    ("stage", "line"),
    [
        (("describe", "letters"), "dataset 'letters' is unknown; allowed: digits, mnist"),
        (("train", "digits", "knn"), "model 'knn' is unknown; allowed: svc, svc_raw, tree, forest"),
    ],
)
def test_a_stage_called_with_an_unknown_name_lists_the_allowed_ones(
    small: Repository, stage: tuple[str, ...], line: str
) -> None:
    check_untouched(small, line, "python", "-m", f"stages.{stage[0]}", *stage[1:])


@pytest.mark.parametrize(
    ("stage", "file", "content", "line"),
    [
        (
            "flatten digits",
            "data/raw/digits.csv",
            None,
            "digits.csv: no such file; run `dvc repro`",
        ),
        ("flatten digits", "data/raw/digits.csv", b"", "digits.csv: the file is empty"),
        ("split digits", "data/flat/digits", None, "data/flat/digits: no such folder; run `dvc"),
        ("split digits", "data/flat/digits/pixels.npy", b"x", "pixels.npy: not a NumPy array"),
        ("split digits", "data/flat/digits/rows.npy", None, "rows.npy: no such file; run `dvc"),
        ("evaluate digits tree", "models/digits/tree.skops", b"x", "tree.skops: not a model file"),
        (
            "draw digits tree",
            "data/evaluation/digits/tree/predictions.csv",
            b"x\n",
            "predictions.csv: no column index, actual",
        ),
        (
            "compare digits",
            "data/evaluation/digits/svc/predictions.csv",
            b"index\nx\n",
            "svc/predictions.csv: no column actual, predicted",
        ),
        (
            "compare digits",
            "data/evaluation/digits/svc/predictions.csv",
            b"index,actual,predicted,probability\n1,2\n",
            "svc/predictions.csv: row 1 does not have 4 values",
        ),
        ("report", "plots/digits/claims.csv", None, "claims.csv: no such file; run `dvc repro`"),
        ("report", "plots/digits/accuracy.csv", b"x\n", "accuracy.csv: no column model"),
        ("report", "metrics/digits/svc.json", b"x", "svc.json: not JSON"),
        ("report", "plots/digits/svc/mistakes.png", b"x", "mistakes.png: not a PNG"),
    ],
)
def test_a_broken_file_between_stages_is_named(
    small: Repository, stage: str, file: str, content: bytes | None, line: str
) -> None:
    path = small.root / file
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()
    if content is not None:
        path.write_bytes(content)
    name, *words = stage.split()
    check_untouched(small, line, "python", "-m", f"stages.{name}", *words)


def test_a_model_of_other_images_is_refused(small: Repository) -> None:
    other, own = (small.root / "models" / name / "tree.skops" for name in ("mnist", "digits"))
    own.unlink()
    own.write_bytes(other.read_bytes())
    line = "tree.skops: trained on images of 784 pixels; the test images have 64"
    check_untouched(small, line, "python", "-m", "stages.evaluate", "digits", "tree")


def test_predictions_of_other_images_are_refused(small: Repository) -> None:
    other, own = (
        small.root / "data/evaluation" / dataset / "tree" for dataset in ("mnist", "digits")
    )
    shutil.rmtree(own)
    shutil.copytree(other, own)
    check_untouched(
        small,
        "digits/tree/predictions.csv: not the predictions for these 899 test images",
        "python", "-m", "stages.compare", "digits",
    )  # fmt: skip
    check_untouched(small, "run `dvc repro`", "python", "-m", "stages.draw", "digits", "tree")
