"""`tools.prune` in a folder with a small graph."""

from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from handwriting.common.errors import InputError
from tools.prune import prune

GRAPH = """\
stages:
  fetch:
    foreach: ${datasets}
    do: {cmd: fetch}
  train:
    matrix: {dataset: "${datasets}", model: "${models}"}
    cmd: train
  submit:
    foreach: ${submissions}
    do: {cmd: submit}
  report:
    cmd: report
"""


def write(path: str) -> None:
    """Write a file with its folders."""
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_text(path)


def lock(entries: dict[str, list[str]]) -> None:
    """Write dvc.lock with the outputs of each stage."""
    content = {
        "schema": "2.0",
        "stages": {
            name: {"cmd": name, "outs": [{"path": path, "md5": "0" * 32} for path in paths]}
            for name, paths in entries.items()
        },
    }
    YAML().dump(content, Path("dvc.lock"))


def locked() -> list[str]:
    """Return the stages in dvc.lock."""
    return list(YAML(typ="safe").load(Path("dvc.lock"))["stages"])


def files() -> set[str]:
    """Return all files but those of DVC."""
    found = {path.as_posix() for path in Path().rglob("*") if path.is_file()}
    return found - {"dvc.yaml", "dvc.lock"}


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with two datasets and two models, which becomes the working directory."""
    root = tmp_path / "project"
    root.mkdir()
    monkeypatch.chdir(root)
    Path("dvc.yaml").write_text(GRAPH)
    entries: dict[str, list[str]] = {"report": ["report.html"]}
    for dataset in ("digits", "letters"):
        entries[f"fetch@{dataset}"] = [f"data/raw/{dataset}.csv"]
        for model in ("svc", "tree"):
            entries[f"train@{dataset}-{model}"] = [
                f"models/{dataset}/{model}.skops",
                f"plots/{dataset}/{model}",
            ]
            write(f"plots/{dataset}/{model}/picture.png")
            write(f"models/{dataset}/{model}.skops")
            write(f"metrics/{dataset}/{model}.json")
        write(f"data/raw/{dataset}.csv")
        write(f"plots/{dataset}/accuracy.csv")
    write("report.html")
    write("data/README.md")
    lock(entries)
    return root


def test_nothing_is_deleted_if_all_datasets_and_models_are_current() -> None:
    before, text = files(), Path("dvc.lock").read_text()
    assert prune(["digits", "letters"], ["svc", "tree"], []) == []
    assert files() == before
    assert Path("dvc.lock").read_text() == text


def test_the_results_of_a_removed_dataset_are_deleted_and_nothing_else() -> None:
    before = files()
    removed = prune(["digits"], ["svc", "tree"], [])
    assert removed == [
        "fetch@letters",
        "train@letters-svc",
        "train@letters-tree",
        "metrics/letters",
        "plots/letters",
    ]
    assert files() == {name for name in before if "letters" not in name}
    assert locked() == ["report", "fetch@digits", "train@digits-svc", "train@digits-tree"]
    assert not Path("models/letters").exists()
    assert not Path("plots/letters").exists()


def test_what_the_report_would_read_is_deleted_even_if_the_lock_does_not_list_it() -> None:
    """As after `git checkout .`, when a dataset that was added had been built."""
    before = files()
    for folder in ("facts", "hyperparameters"):
        for name in ("digits.json", "added.json"):
            write(f"data/{folder}/{name}")
    removed = prune(["digits", "letters"], ["svc", "tree"], [])
    assert removed == ["data/facts/added.json", "data/hyperparameters/added.json"]
    kept = {"data/facts/digits.json", "data/hyperparameters/digits.json"}
    assert files() == before | kept


def test_the_results_of_a_removed_model_are_deleted_and_nothing_else() -> None:
    before = files()
    removed = prune(["digits", "letters"], ["svc"], [])
    assert removed[:2] == ["train@digits-tree", "train@letters-tree"]
    assert files() == {name for name in before if "tree" not in name}
    assert locked() == [
        "report",
        "fetch@digits",
        "train@digits-svc",
        "fetch@letters",
        "train@letters-svc",
    ]
    assert not Path("plots/digits/tree").exists()


MD5 = "d41d8cd98f00b204e9800998ecf8427e"
ONE_STAGE = "schema: '2.0'\nstages: {a: {cmd: a, outs: OUTS}}\n"


@pytest.mark.parametrize(
    "content",
    [
        "- 1\n",
        *(ONE_STAGE.replace("OUTS", outs) for outs in ("null", f"[{{md5: {MD5}}}]", "[{path: a}]")),
    ],
)
def test_a_damaged_lock_is_one_line_and_nothing_is_deleted(content: str) -> None:
    before = files()
    Path("dvc.lock").write_text(content)
    with pytest.raises(InputError, match=r"^dvc.lock: damaged; run `git checkout dvc.lock`$"):
        prune(["digits"], ["svc"], [])
    assert files() == before


def test_a_second_run_deletes_nothing() -> None:
    prune(["digits"], ["svc"], [])
    before = files()
    assert prune(["digits"], ["svc"], []) == []
    assert files() == before


def test_metrics_and_plots_without_an_entry_in_the_lock_are_deleted() -> None:
    write("metrics/claims.json")
    write("metrics/words/svc.json")
    write("metrics/digits/knn.json")
    write("plots/words/accuracy.csv")
    write("plots/digits/knn/picture.png")
    removed = prune(["digits", "letters"], ["svc", "tree"], [])
    assert removed == [
        "metrics/claims.json",
        "metrics/words",
        "plots/words",
        "metrics/digits/knn.json",
        "plots/digits/knn",
    ]
    assert not any(Path(name).exists() for name in removed)


def test_stages_that_the_graph_no_longer_has_are_removed() -> None:
    write("old/result.txt")
    lock({"explain@digits-svc": ["old/result.txt"], "fetch@digits": ["data/raw/digits.csv"]})
    assert prune(["digits", "letters"], ["svc", "tree"], []) == ["explain@digits-svc"]
    assert not Path("old/result.txt").exists()
    assert Path("data/raw/digits.csv").exists()
    assert locked() == ["fetch@digits"]


@pytest.mark.parametrize("name", ["fetch", "train@digits", "report@digits", "fetch@digits-svc"])
def test_entries_from_before_a_stage_was_repeated_are_removed(name: str) -> None:
    lock({name: []})
    assert prune(["digits", "letters"], ["svc", "tree"], []) == [name]
    assert locked() == []


def test_an_output_that_a_current_stage_writes_too_is_kept() -> None:
    lock({"fetch@words": ["data/raw/digits.csv"], "fetch@digits": ["data/raw/digits.csv"]})
    assert prune(["digits", "letters"], ["svc", "tree"], []) == ["fetch@words"]
    assert Path("data/raw/digits.csv").exists()


@pytest.mark.parametrize(
    "path", ["../precious.txt", "data/../../precious.txt", "{root}/p.txt", "."]
)
def test_paths_outside_the_project_are_not_deleted(path: str, project: Path) -> None:
    write("../precious.txt")
    write("../p.txt")
    before = files()
    lock({"fetch@words": [path.format(root=project.parent)]})
    assert prune(["digits", "letters"], ["svc", "tree"], []) == ["fetch@words"]
    assert Path("../precious.txt").exists()
    assert Path("../p.txt").exists()
    assert files() == before


def test_the_results_of_a_removed_submission_are_deleted_and_nothing_else() -> None:
    paths = {name: f"data/submissions/{name}.csv" for name in ("kaggle", "class", "digits")}
    for path in paths.values():
        write(path)
    lock({f"submit@{name}": [path] for name, path in paths.items()})
    assert prune(["digits", "letters"], ["svc", "tree"], ["class"]) == [
        "submit@kaggle",
        "submit@digits",
    ]
    assert locked() == ["submit@class"]
    assert [name for name, path in paths.items() if Path(path).exists()] == ["class"]


def test_outputs_that_are_missing_are_no_error() -> None:
    Path("data/raw/letters.csv").unlink()
    Path("models/letters/svc.skops").unlink()
    assert "fetch@letters" in prune(["digits"], ["svc", "tree"], [])


@pytest.mark.parametrize("content", [None, "", "schema: '2.0'\n", "schema: '2.0'\nstages: {}\n"])
def test_without_entries_only_metrics_and_plots_are_deleted(content: str | None) -> None:
    Path("dvc.lock").unlink()
    if content is not None:
        Path("dvc.lock").write_text(content)
    assert prune(["digits"], ["svc", "tree"], []) == ["metrics/letters", "plots/letters"]
    assert Path("data/raw/letters.csv").exists()


def test_other_entries_of_the_lock_stay_as_dvc_wrote_them() -> None:
    entry: dict[str, Any] = YAML(typ="safe").load(Path("dvc.lock"))["stages"]["fetch@digits"]
    prune(["digits"], ["svc"], [])
    content = YAML(typ="safe").load(Path("dvc.lock"))
    assert content["schema"] == "2.0"
    assert content["stages"]["fetch@digits"] == entry
