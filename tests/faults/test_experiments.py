"""Experiments in DVC's queue, two at once, and what is done with their results."""

import csv
import io
import json
import time

import pytest
from ruamel.yaml import YAML

from tests.faults.pipelines import DamagedPipeline

pytestmark = pytest.mark.thorough

PARAMETER = "datasets.digits.models.forest.n_estimators"
METRIC = "metrics/digits/forest.json:accuracy"
NAMES = {"few": 3, "more": 5}


def wait_for_queue(pipeline: DamagedPipeline) -> None:
    """Wait until all queued experiments have ended."""
    for _ in range(300):
        printed = pipeline.succeed("dvc", "queue", "status")
        if "Running" not in printed and "Queued" not in printed:
            assert "Failed" not in printed, pipeline.run("dvc", "queue", "logs", "few").stdout
            return
        time.sleep(1)
    pytest.fail(f"the queue does not end:\n{printed}")


def accuracy(pipeline: DamagedPipeline) -> float:
    return json.loads((pipeline.root / "metrics/digits/forest.json").read_text())["accuracy"]


def shown(pipeline: DamagedPipeline) -> dict[str, tuple[str, str]]:
    """Return parameter and metric of each experiment, as `dvc exp show` prints them."""
    rows = csv.DictReader(io.StringIO(pipeline.succeed("dvc", "exp", "show", "--csv")))
    return {row["Experiment"]: (row[PARAMETER], row[METRIC]) for row in rows if row["Experiment"]}


def test_queued_experiments_run_two_at_once_and_are_shown_applied_and_made_a_branch(
    pipeline: DamagedPipeline,
) -> None:
    for name, n_estimators in NAMES.items():
        pipeline.succeed(
            *("dvc", "exp", "run", "--queue", "--name", name, "-S", f"{PARAMETER}={n_estimators}")
        )
    assert pipeline.succeed("git", "status", "--short") == ""
    try:
        pipeline.succeed("dvc", "queue", "start", "-j", "2")
        wait_for_queue(pipeline)
    finally:
        pipeline.run("dvc", "queue", "stop", "--kill")
    assert pipeline.succeed("git", "status", "--short") == "", "the work tree has changed"
    found = shown(pipeline)
    assert {name: found[name][0] for name in NAMES} == {k: str(v) for k, v in NAMES.items()}

    pipeline.succeed("dvc", "exp", "apply", "few")
    params = YAML(typ="safe").load(pipeline.root / "params.yaml")
    assert params["datasets"]["digits"]["models"]["forest"]["n_estimators"] == NAMES["few"]
    assert accuracy(pipeline) == float(found["few"][1])
    assert pipeline.stages_run_by("dvc", "repro") == set()
    pipeline.succeed("git", "checkout", "--quiet", ".")
    pipeline.succeed("dvc", "checkout")

    pipeline.succeed("dvc", "exp", "branch", "more", "more-trees")
    pipeline.succeed("git", "checkout", "--quiet", "more-trees")
    pipeline.succeed("dvc", "checkout")
    assert accuracy(pipeline) == float(found["more"][1])
    assert pipeline.stages_run_by("dvc", "repro") == set()
    assert pipeline.succeed("git", "status", "--short") == ""
    pipeline.succeed("git", "checkout", "--quiet", "-")

    picture = pipeline.root / "dvc_plots" / "sweep.png"
    printed = pipeline.succeed("python", "-m", "tools.sweep", PARAMETER, METRIC)
    assert printed == "dvc_plots/sweep.png: 3 results\n"  # the commit and two experiments
    drawn = picture.read_bytes()
    pipeline.succeed("python", "-m", "tools.sweep", PARAMETER, METRIC)
    assert picture.read_bytes() == drawn
    assert pipeline.succeed("git", "status", "--short") == ""


def test_a_sweep_without_experiments_or_with_a_wrong_name_is_one_line(
    pipeline: DamagedPipeline,
) -> None:
    for words, message in (
        ((PARAMETER, METRIC), f"1 results with {PARAMETER} and {METRIC}; must be at least 2"),
        (("n_estimators", METRIC), "no column 'n_estimators'; similar: datasets.digits."),
    ):
        done = pipeline.run("python", "-m", "tools.sweep", *words)
        assert (done.returncode, done.stdout) == (1, "")
        (line,) = done.stderr.splitlines()
        assert message in line
    assert not (pipeline.root / "dvc_plots").exists()
