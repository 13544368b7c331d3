"""`make run`, that is tools.run: an interrupt, a source that cannot be fetched, a failed stage."""

import os
import signal
import subprocess
import time

import pytest

from tests.faults.pipelines import INJECTION
from tests.helpers import MODELS, Repository


def test_a_dataset_that_cannot_be_fetched_does_not_stop_the_others(small: Repository) -> None:
    def edit(params: dict) -> None:
        source = {"kind": "mnist", "mirrors": ["nowhere"], "writers": [], "timeout": 1}
        params["datasets"]["mnist"]["source"] = source
        params["datasets"]["digits"]["models"]["tree"]["max_depth"] = 4

    small.edit_params(edit)
    done = small.run("python", "-m", "tools.run")
    assert done.returncode == 1
    assert "all mirrors failed: nowhere (no such folder)" in done.stderr
    ran = {
        line.split("'")[1]
        for line in done.stdout.splitlines()
        if line.startswith("Running stage '")
    }
    expected = {f"{stage}@digits-tree" for stage in ("train", "curve", "evaluate", "draw")}
    assert ran == {"fetch@mnist", "compare@digits", *expected}
    assert "Read: report.html" not in done.stdout
    not_current = next(line for line in done.stderr.splitlines() if line.startswith("Not current"))
    assert "report" in not_current
    assert "fetch@mnist" in not_current
    assert "digits" not in not_current


def test_a_failed_stage_ends_with_what_is_not_current_and_how_to_go_back(
    short: Repository,
) -> None:
    short.edit_params(lambda p: p["datasets"]["digits"]["split"].update(train=1797))
    done = short.run("python", "-m", "tools.run")
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "error: a stage failed; its message is above" in done.stderr
    assert "split@digits" in done.stderr.partition("Not current")[2]
    assert "git checkout . && dvc checkout" in done.stderr
    assert "Read: report.html" not in done.stdout


@pytest.mark.parametrize("stage", ["tune@digits-forest", "train@digits-forest"])
def test_an_interrupt_stops_the_run_with_one_line(short: Repository, stage: str) -> None:
    def edit(params: dict) -> None:
        digits = params["datasets"]["digits"]
        digits["grids"]["forest"]["n_estimators"] = [400]
        digits["models"]["forest"]["n_estimators"] = 10_000

    short.edit_params(edit)
    targets = ["dvc", "repro", "--quiet", stage.replace("digits-forest", "digits-tree")]
    short.succeed(*targets)
    process = subprocess.Popen(
        ["python", "-u", "-m", "tools.run"],
        cwd=short.root,
        env=short.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    printed = []
    for line in process.stdout:
        printed.append(line)
        if line.startswith(f"> python -m stages.{stage.split('@')[0]} digits forest"):
            break
    time.sleep(4)  # long enough for the stage to compute
    os.killpg(process.pid, signal.SIGINT)
    rest, _ = process.communicate(timeout=120)
    assert process.returncode == 130, rest
    assert "Traceback" not in rest
    assert rest.count("error: interrupted") == 2  # of the stage and of the run
    assert "Running stage" not in rest
    assert stage in rest.partition("Not current")[2]
    assert "Read: report.html" not in rest
    assert not [path for path in short.root.rglob(".*.tmp-*") if ".venv" not in path.parts], (
        "temporary files are left"
    )


def test_a_change_of_params_between_a_stage_and_its_record_is_detected(short: Repository) -> None:
    """DVC records the result of `seed: 0` with `seed: 1`, which changes after the stage's end."""
    short.edit_params(lambda p: p["datasets"]["digits"]["models"]["tree"].update(max_depth=4))
    fault = {"FAULT_IN": "stages.curve digits tree", "FAULT_AT": "exit", "FAULT": "params"}
    done = short.run("python", "-m", "tools.run", env={**fault, "PYTHONPATH": str(INJECTION)})
    assert "seed: 1" in (short.root / "params.yaml").read_text()
    assert done.returncode == 1
    assert "error: params.yaml changed during the run" in done.stderr
    assert "curve@digits-tree" in done.stderr.partition("Not current")[2]
    assert "curve@digits-tree" not in (short.root / "dvc.lock").read_text()
    printed = short.succeed("dvc", "repro", "curve@digits-tree")
    assert "Running stage 'curve@digits-tree'" in printed


def test_a_run_without_faults_ends_with_the_metrics_and_where_to_look(small: Repository) -> None:
    done = small.run("python", "-m", "tools.run")
    assert done.returncode == 0
    for model in MODELS:
        assert f"metrics/digits/{model}.json" in done.stdout
    assert "Read: report.html" in done.stdout
