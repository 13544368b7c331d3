"""Measures time and peak memory of each stage on tables of deformed digits; writes a report.

    python -m benchmarks.scale_stages [--images 60000 250000 1000000] [--models svc forest]

The results are in ``scale_stages.jsonl``; the report ``scale_stages.md`` is made from them. Both
are written after each stage; results that are not measured again stay in them. Needs MNIST's
arrays, which `make run` writes. For each number of training images, a table is made and the stages
of one dataset run one after the other in a temporary folder, without DVC, each in a process of its
own; nothing else should run on the machine. All sizes take about two hours on two cores.
"""

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from benchmarks import provenance, results, svc
from handwriting.common.stage import paths

PROJECT = Path(__file__).resolve().parents[1]
RESULTS = Path(__file__).with_suffix(".jsonl")
REPORT = Path(__file__).with_suffix(".md")
SIZES = [60_000, 250_000, 1_000_000]
# The dataset whose settings the tables get.
DATASET = "mnist"
MODELS = ["tree", "nystroem", "svc_raw", "svc", "forest"]
BEFORE_MODELS = ["fetch", "flatten", "describe", "split"]
PER_MODEL = ["tune", "train", "curve", "evaluate", "draw"]
AFTER_MODELS = ["compare", "claims"]
# Field of the elastic deformation, in pixels.
AMPLITUDE = 0.7
# Size in MB of the kernel cache of support vector classifiers.
CACHE_SIZE = 400
# The settings of docs/extending.md for a model that params.yaml does not have.
NYSTROEM = {"n_components": 1000, "gamma": 0.05, "alpha": 0.01}
NYSTROEM_GRID = {"gamma": [0.02, 0.05, 0.1], "alpha": [0.001, 0.1], "n_components": [1000]}


@dataclass(frozen=True)
class Run:
    """One measured run of a stage.

    Attributes
    ----------
    stage : str
        Its name, with that of the model if there is one.
    n_images : int
        Training images in the table.
    seconds, cpu_seconds : float
        Wall-clock time, and processor time of all threads.
    memory : float
        Peak resident memory of the process in GB.
    date : str
        Day of the measurement, YYYY-MM-DD.
    machine : str
        Processor, number of cores, version of Python.
    mistakes : int or None
        On MNIST's 10,000 test images; None unless the stage is `evaluate`.
    """

    stage: str
    n_images: int
    seconds: float
    cpu_seconds: float
    memory: float
    date: str
    machine: str
    mistakes: int | None = None


def main() -> None:
    """Run the stages for each size; write the results and the report."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--images", type=int, nargs="+", default=SIZES, help="training images")
    parser.add_argument("--models", nargs="*", default=MODELS, choices=MODELS)
    arguments = parser.parse_args()
    runs = results.read(Run, RESULTS)
    for n_images in arguments.images:
        with tempfile.TemporaryDirectory(prefix="scale-") as name:
            folder = Path(name)
            write_table(folder / "table.csv", n_images)
            params = read_params()
            make_params(params, folder / "table.csv", n_images, arguments.models)
            (folder / "params.yaml").write_text(yaml.safe_dump(params), encoding="utf-8")
            shutil.copy(PROJECT / "claims.yaml", folder)
            for command in commands(arguments.models):
                found = run(command, folder, n_images)
                print(json.dumps(asdict(found)), flush=True)
                runs = [other for other in runs if key(other) != key(found)] + [found]
                results.write(sorted(runs, key=key), RESULTS)
                REPORT.write_text(render_report(runs), encoding="utf-8", newline="\n")


def key(run: Run) -> tuple[int, int]:
    """Return the position of a run in the table; a later run replaces one with the same key."""
    stages = [" ".join([stage, *model]) for stage, _, *model in commands(MODELS)]
    return stages.index(run.stage), run.n_images


def write_table(path: Path, n_images: int) -> None:
    """Write a table, in a process of its own: a child process counts the memory of its parent."""
    options = ["--images", str(n_images), "--amplitude", str(AMPLITUDE)]
    command = [sys.executable, "-m", "benchmarks.deform", str(path), *options]
    subprocess.run(command, check=True)


def read_params() -> dict[str, Any]:
    """Return the content of the project's ``params.yaml``."""
    params: dict[str, Any] = yaml.safe_load((PROJECT / "params.yaml").read_text(encoding="utf-8"))
    return params


def make_params(params: dict[str, Any], path: Path, n_train: int, models: Sequence[str]) -> None:
    """Leave one dataset, with another table whose first rows are the training images.

    Parameters
    ----------
    params : dict
        The content of ``params.yaml``; changed in place.
    path : Path
        The table.
    n_train : int
        Number of training images.
    models : sequence of str
        The models that are left. The kernel approximation is added.
    """
    block = params["datasets"][DATASET]
    params["datasets"] = {DATASET: block}
    block["source"] = {"kind": "csv", "location": str(path)}
    block["split"]["train"] = n_train
    settings = block["models"]
    settings["nystroem"] = {"features": settings["svc"]["features"], **NYSTROEM}
    for name in ("svc", "svc_raw"):
        settings[name]["cache_size"] = CACHE_SIZE
    params["models"]["nystroem"] = {"kind": "nystroem"}
    block["grids"]["nystroem"] = NYSTROEM_GRID
    for section in (params["models"], settings, block["grids"]):
        for name in section.keys() - set(models):
            del section[name]


def commands(models: Sequence[str]) -> Iterator[list[str]]:
    """Yield the stages in the order in which they run, with their arguments."""
    yield from ([stage, DATASET] for stage in BEFORE_MODELS)
    yield from ([stage, DATASET, model] for model in models for stage in PER_MODEL)
    yield from ([stage, DATASET] for stage in AFTER_MODELS)


def run(command: Sequence[str], folder: Path, n_images: int) -> Run:
    """Run a stage and measure it."""
    stage, dataset, *models = command
    start = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", f"stages.{stage}", dataset, *models],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(PROJECT)},
        stdout=sys.stderr,
    )
    _, status, usage = os.wait4(process.pid, 0)
    seconds = round(time.perf_counter() - start, 3)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise subprocess.CalledProcessError(process.returncode, command)
    name = " ".join([stage, *models])
    found = Run(name, n_images, seconds, *used(usage), provenance.today(), provenance.machine())
    if stage != "evaluate":
        return found
    metrics = json.loads((folder / paths.metrics(dataset, *models)).read_bytes())
    return replace(found, mistakes=metrics["mistakes"])


def used(usage: resource.struct_rusage) -> tuple[float, float]:
    """Return processor time in seconds and peak memory in GB."""
    return round(usage.ru_utime + usage.ru_stime, 3), round(usage.ru_maxrss * 1024 / 1e9, 3)


def render_report(runs: Sequence[Run]) -> str:
    """Return the report in Markdown."""
    runs = sorted(runs, key=key)
    sizes = sorted({run.n_images for run in runs})
    stages = list(dict.fromkeys(run.stage for run in runs))
    mistakes = {(run.stage, run.n_images): run.mistakes for run in runs if run.mistakes is not None}
    evaluated = dict.fromkeys(stage for stage, _ in mistakes)
    by_name = {(run.stage, run.n_images): run for run in runs}
    titles = " | ".join(f"{n_images:,}" for n_images in sizes)
    return "\n".join(
        [
            "# The stages on more images",
            "",
            *svc.wrap(
                "Each stage on a table of MNIST's training images and deformed copies of them "
                f"(`benchmarks/deform.py`, elastic field of {AMPLITUDE} pixels), followed by "
                "MNIST's 10,000 test images. A copy has the writer of its original. The dataset "
                f"has the settings of `mnist`; support vector classifiers have a `cache_size` of "
                f"{CACHE_SIZE} MB, and `nystroem` the settings of docs/extending.md. `tune`, "
                "`curve` and `claims` "
                "use the first thousands of images only, whatever the size of the table. `train` "
                "fits each model twice: to all images, and to five sixths of them for the "
                "calibration. One run each, on all cores, without DVC, measured "
                f"{provenance.describe_dates(run.date for run in runs)}."
            ),
            "",
            *svc.wrap(f"Machine: {provenance.describe_machines(run.machine for run in runs)}."),
            "",
            "## Time and peak memory",
            "",
            *svc.wrap(
                "Wall-clock time in seconds, and peak resident memory of the process in GB; mapped "
                "files count as far as they are in memory. The exponent is b in time = a · n^b."
            ),
            "",
            f"| training images | {titles} | exponent |",
            "|---|" + len(sizes) * "---|" + "---|",
            *(render_row(stage, [by_name.get((stage, n)) for n in sizes]) for stage in stages),
            "",
            "## Mistakes on the 10,000 test images",
            "",
            f"| training images | {titles} |",
            "|---|" + len(sizes) * "---|",
            *(
                f"| {stage.removeprefix('evaluate ')} | "
                + " | ".join(str(mistakes.get((stage, n_images), "")) for n_images in sizes)
                + " |"
                for stage in evaluated
            ),
        ]
    ) + ("\n")


def render_row(stage: str, runs: Sequence[Run | None]) -> str:
    """Return the row of a stage; cells of sizes that were not measured are empty."""
    cells = [f"{run.seconds:.0f} s, {run.memory:.1f} GB" if run else "" for run in runs]
    measured = [run for run in runs if run]
    exponent = ""
    if len(measured) > 1:
        sizes, times = zip(*((run.n_images, run.seconds) for run in measured), strict=True)
        exponent = f"{svc.growth_exponent(list(sizes), list(times)):.2f}"
    return f"| {stage} | {' | '.join(cells)} | {exponent} |"


if __name__ == "__main__":
    main()
