"""Measures time and peak memory of each stage on a table of deformed digits.

    python -m benchmarks.scale_stages TABLE N_TRAIN [--models svc_raw tree forest]

`TABLE` is written by ``benchmarks.deform`` with the same number of training images. The stages of
one dataset run one after the other in a temporary folder, without DVC, each in a process of its
own; nothing else should run on the machine. A row is printed after each stage.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import yaml

PROJECT = Path(__file__).resolve().parents[1]
# The dataset whose settings the table gets.
DATASET = "mnist"
BEFORE_MODELS = ["fetch", "flatten", "describe", "split"]
PER_MODEL = ["train", "evaluate"]


def main() -> None:
    """Run the stages and print a table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("table", type=Path)
    parser.add_argument("n_train", type=int, help="training images in the table")
    parser.add_argument("--models", nargs="*", default=["svc_raw", "tree", "forest"])
    arguments = parser.parse_args()
    commands = [[stage, DATASET] for stage in BEFORE_MODELS]
    commands += [[stage, DATASET, model] for model in arguments.models for stage in PER_MODEL]
    print("| stage | time (s) | peak memory (GB) |\n|---|---|---|")
    with tempfile.TemporaryDirectory(prefix="scale-") as name:
        folder = Path(name)
        params = yaml.safe_load((PROJECT / "params.yaml").read_text(encoding="utf-8"))
        replace_table(params, arguments.table.resolve(), arguments.n_train)
        (folder / "params.yaml").write_text(yaml.safe_dump(params), encoding="utf-8")
        shutil.copy(PROJECT / "claims.yaml", folder)
        for command in commands:
            seconds, memory = run(command, folder)
            print(f"| {' '.join(command)} | {seconds:.0f} | {memory:.1f} |", flush=True)


def replace_table(params: dict[str, Any], table: Path, n_train: int) -> None:
    """Give the dataset another table, whose first rows are the training images."""
    block = params["datasets"][DATASET]
    block["source"] = {"kind": "csv", "location": str(table)}
    block["split"]["train"] = n_train


def run(command: list[str], folder: Path) -> tuple[float, float]:
    """Run a stage.

    Returns
    -------
    seconds : float
    memory : float
        Largest resident memory of the process in GB.
    """
    stage, *names = command
    start = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", f"stages.{stage}", *names],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(PROJECT)},
        stdout=sys.stderr,
    )
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise subprocess.CalledProcessError(process.returncode, command)
    return time.perf_counter() - start, usage.ru_maxrss * 1024 / 1e9


if __name__ == "__main__":
    main()
