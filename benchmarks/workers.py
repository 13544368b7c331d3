"""Measures what a second worker of a Dask cluster saves; writes ``workers.md``.

    python -m benchmarks.workers [--repeats 3]

Needs MNIST's arrays, which `make run` writes. The scheduler and up to two workers are processes of
this machine; each worker has one thread and one core. Nothing else should run on the machine.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, chdir, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from joblib import parallel_config

from benchmarks import provenance, svc
from handwriting.common import images
from handwriting.common.stage import paths
from handwriting.common.stage.cluster import VARIABLE
from stages import tune

# Seconds of each repetition, by work and number of workers.
Times = dict[str, dict[int, list[float]]]

REPORT = Path(__file__).with_suffix(".md")
PROJECT = Path(__file__).resolve().parents[1]
DATASET = "mnist"
TUNED = ["svc", "svc_raw", "forest"]
N_FITTED = 60_000
PORT = 28786


def main() -> None:
    """Measure all work with one and with two workers, and write the report."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--repeats", type=int, default=3)
    repeats = parser.parse_args().repeats
    times: Times = {}
    with scheduler() as address:
        for n_workers in repeats * (1, 2):
            with workers(address, n_workers):
                for name, seconds in measure(address):
                    times.setdefault(name, {1: [], 2: []})[n_workers].append(seconds)
                    print(f"{name}, {n_workers}: {seconds:.1f} s", flush=True)
    REPORT.write_text(render_report(times, repeats), encoding="utf-8", newline="\n")


def measure(address: str) -> Iterator[tuple[str, float]]:
    """Yield the name and the seconds of all work, one after the other on the same workers."""
    from distributed import Client

    mnist = images.load(paths.train(DATASET)).take(np.arange(N_FITTED))
    X = np.divide(mnist.pixels, np.float32(255), dtype=np.float32)
    classifier = svc.make_classifier(svc.OURS)  # its import registers the backend
    # The stages come first: the workers have their memory and libraries when the fit is measured.
    for model in TUNED:
        yield f"stage `tune`, {model}", timed(run_stage, model, address)
    with (
        Client(address, set_as_default=False) as client,  # type: ignore[no-untyped-call]
        parallel_config("cluster", client=client, n_jobs=1),
    ):
        for model in TUNED:
            with stage_folder() as folder, chdir(folder):
                yield f"search of `tune`, {model}", timed(tune.main, DATASET, model)
        # The second fit finds the memory that the first one had to request from the system.
        for name in ("first", "second"):
            work = f"{name} `fit` of the SVC, {N_FITTED:,} images"
            yield work, timed(classifier.fit, X, mnist.labels)


def timed(function: Callable[..., Any], *arguments: Any) -> float:
    """Return the seconds that a call takes."""
    start = time.perf_counter()
    function(*arguments)
    return time.perf_counter() - start


@contextmanager
def stage_folder() -> Iterator[Path]:
    """Yield a temporary folder with what a stage reads."""
    with tempfile.TemporaryDirectory(prefix="workers-") as name:
        for needed in ("params.yaml", "claims.yaml", "data"):
            (Path(name) / needed).symlink_to(PROJECT / needed)
        yield Path(name)


def run_stage(model: str, address: str) -> None:
    """Run `tune` as a command that uses the cluster."""
    with stage_folder() as folder:
        subprocess.run(
            [sys.executable, "-m", "stages.tune", DATASET, model],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(PROJECT), VARIABLE: address},
            check=True,
        )


@contextmanager
def scheduler() -> Iterator[str]:
    """Run a scheduler; yield its address."""
    with process("scheduler", "--host", "127.0.0.1", "--port", str(PORT), "--no-dashboard"):
        yield f"tcp://127.0.0.1:{PORT}"


@contextmanager
def workers(address: str, n_workers: int) -> Iterator[None]:
    """Run workers with one thread each, on a core of its own, which the scheduler knows."""
    from distributed import Client

    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="workers-"))
        for core in range(n_workers):
            options = ["--nthreads", "1", "--no-nanny", "--no-dashboard"]
            stack.enter_context(
                process("worker", address, *options, "--local-directory", folder, core=core)
            )
        with Client(address, set_as_default=False) as client:  # type: ignore[no-untyped-call]
            client.wait_for_workers(n_workers, timeout=60)
        yield


@contextmanager
def process(kind: str, *arguments: str, core: int | None = None) -> Iterator[None]:
    """Run a command of Dask, on one core if one is given."""
    started = subprocess.Popen(
        [sys.executable, "-m", "dask", kind, *arguments],
        env={**os.environ, "PYTHONPATH": str(PROJECT)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        preexec_fn=None if core is None else lambda: os.sched_setaffinity(0, {core}),
    )
    try:
        yield
    finally:
        started.terminate()
        started.wait()


def describe_times(seconds: list[float]) -> str:
    """Return the median with the range."""
    return f"{statistics.median(seconds):.1f} s ({min(seconds):.1f} to {max(seconds):.1f})"


def render_report(times: Times, repeats: int) -> str:
    """Return the report in Markdown."""
    rows = []
    for name, measured in times.items():
        one, two = (statistics.median(measured[n_workers]) for n_workers in (1, 2))
        cells = [describe_times(measured[n_workers]) for n_workers in (1, 2)]
        rows.append(f"| {name} | {' | '.join(cells)} | {one / two:.2f} |")
    return "\n".join(
        [
            "# A second worker",
            "",
            *svc.wrap(
                "A Dask scheduler and one or two workers on the same machine "
                "(`benchmarks/workers.py`), dataset `mnist`. Each worker has one thread and one "
                "core. The process that uses them and the scheduler share these cores, so they "
                "slow two workers down, and not one. The rows are in the order of the "
                "measurements: the first one contains the imports of new workers. The time of a "
                "stage also contains its start, imports and the connection; that of its search "
                "does not. Arrays are sent anew each time, which counts. Median, fastest and "
                f"slowest of {repeats} run(s) each, alternately with one and with two workers."
            ),
            "",
            *svc.wrap(f"Machine: {provenance.machine()}."),
            "",
            "| work | one worker | two workers | times as fast |",
            "|---|---|---|---|",
            *rows,
        ]
    ) + ("\n")


if __name__ == "__main__":
    main()
