"""`tools.changed_params` on a small DVC repository."""

import subprocess
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from tests.helpers import Repository
from tools.changed_params import BeforeRun

# `slow` ends after params.yaml has changed, as if somebody had edited it at that moment.
GRAPH = """\
stages:
  first:
    cmd: echo first > first.txt
    params: [other]
    outs: [first.txt]
  slow:
    cmd: python slow.py
    deps: [first.txt]
    params: [number]
    outs: [number.txt]
"""
PROGRAM = """\
from pathlib import Path
params = Path("params.yaml").read_text()
Path("number.txt").write_text(params.split("number: ")[1])
if Path("edit").exists():
    Path("edit").unlink()
    Path("params.yaml").write_text(params.replace("number: 1", "number: 2"))
"""
CACHE = Path(".dvc/cache")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    """A repository whose stages have not run, which becomes the working directory."""
    repository = Repository(tmp_path)
    monkeypatch.chdir(tmp_path)
    subprocess.run(["git", "init", "--quiet"], check=True)
    repository.succeed("dvc", "init", "--quiet")
    Path("dvc.yaml").write_text(GRAPH)
    Path("params.yaml").write_text("other: 5\nnumber: 1\n")
    Path("slow.py").write_text(PROGRAM)
    return repository


def test_a_result_that_is_recorded_with_other_values_is_forgotten(project: Repository) -> None:
    Path("edit").touch()
    before = BeforeRun.take()
    project.succeed("dvc", "repro")
    assert "up to date" in project.succeed("dvc", "repro"), "DVC itself does not notice"
    assert Path("number.txt").read_text() == "1\n"

    assert before.forget_other_values(CACHE) == ["slow"]
    assert list(YAML(typ="safe").load(Path("dvc.lock"))["stages"]) == ["first"]
    printed = project.succeed("dvc", "repro")
    assert "Running stage 'slow'" in printed, "the run cache must not bring the wrong result back"
    assert "Running stage 'first'" not in printed
    assert Path("number.txt").read_text() == "2\n"


def test_without_a_change_nothing_is_forgotten(project: Repository) -> None:
    before = BeforeRun.take()
    project.succeed("dvc", "repro")
    lock = Path("dvc.lock").read_text()
    assert before.forget_other_values(CACHE) == []
    assert Path("dvc.lock").read_text() == lock


def test_results_recorded_before_the_change_are_kept(project: Repository) -> None:
    before = BeforeRun.take()
    project.succeed("dvc", "repro")
    Path("params.yaml").write_text("other: 5\nnumber: 2\n")
    assert before.forget_other_values(CACHE) == []
    Path("params.yaml").write_text("other: 5\nnumber: 1\n")
    assert "up to date" in project.succeed("dvc", "repro")


def test_parameters_that_cannot_be_read_count_as_changed(project: Repository) -> None:
    Path("edit").touch()
    before = BeforeRun.take()
    project.succeed("dvc", "repro")
    Path("params.yaml").write_text("number: [")
    assert before.forget_other_values(CACHE) == ["slow"]
