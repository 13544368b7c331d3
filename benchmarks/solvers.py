"""Measures the solvers of the SVC on problems of many kinds; writes ``solvers.md``.

    python -m benchmarks.solvers [--problems NAME ...]

The results are in ``solvers.jsonl``; the report is made from them. Both are written after each
problem; results that are not measured again stay in them. Needs MNIST's arrays, which `make run`
writes. Takes 20 to 40 minutes; nothing else should run on the machine.
"""

import argparse
import multiprocessing
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from benchmarks import provenance, results, svc
from benchmarks.solver_problems import CASES, Case, overlapping, random_case
from handwriting.models.svm.solvers import SOLVER_VARIABLE
from handwriting.models.svm.svc import SVC

RESULTS = Path(__file__).with_suffix(".jsonl")
REPORT = Path(__file__).with_suffix(".md")
SOLVERS = ["active_set", "onedal", "libsvm"]
# The shortest of so many runs counts. A longer fit is measured once.
RUNS = 3
LONG_SECONDS = 5.0
# A solver that needs longer is stopped.
LIMIT_SECONDS = 60.0
# Random problems that were not used to choose between the solvers.
RANDOM = range(100, 112)


@dataclass(frozen=True)
class Result:
    """The times of a problem.

    Attributes
    ----------
    name : str
        Of the problem.
    n_samples, n_features, n_vectors : int
        Numbers of samples, features and support vectors.
    selected : str
        The solver that `SVC` selects.
    seconds : dict
        Time of a fit by each solver, if it is forced; None if it was stopped.
    selecting : float
        Time in seconds of a fit that selects the solver.
    date, machine : str
        When and on which machine this was measured.
    """

    name: str
    n_samples: int
    n_features: int
    n_vectors: int
    selected: str
    seconds: dict[str, float | None]
    selecting: float
    date: str
    machine: str

    @property
    def factor(self) -> float:
        """How many times longer a fit takes than one by the fastest solver."""
        return self.selecting / min(seconds for seconds in self.seconds.values() if seconds)


@dataclass(frozen=True)
class Fit:
    """The fit of a problem by one solver.

    Attributes
    ----------
    seconds : float
        Of the shortest run.
    shape : tuple of int
        Numbers of samples and features.
    n_vectors : int
        Number of support vectors.
    solver : str
    """

    seconds: float
    shape: tuple[int, int]
    n_vectors: int
    solver: str


def problems() -> dict[str, Case]:
    """Return all problems by name: those with a name of their own, and then random ones."""
    return {case.name: case for case in [*CASES, *map(random_case, RANDOM)]}


def main() -> None:
    """Measure problems and write the report."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    names = list(problems())
    parser.add_argument("--problems", nargs="+", metavar="NAME", choices=names, default=names)
    measured = {found.name: found for found in results.read(Result, RESULTS)}
    for name in parser.parse_args().problems:
        measured[name] = measure(name)
        print(render_row(measured[name]), file=sys.stderr, flush=True)
        ordered = [measured[name] for name in problems() if name in measured]
        results.write(ordered, RESULTS)
        REPORT.write_text(render_report(ordered), encoding="utf-8", newline="\n")


def measure(name: str) -> Result:
    """Fit each solver to a problem."""
    seconds: dict[str, float | None] = {}
    for solver in SOLVERS:
        done = fit_in_time(name, solver)
        seconds[solver] = None if done is None else done.seconds
    selecting = fit_in_time(name, "")
    if selecting is None:
        raise RuntimeError(f"{name}: the selected solver took more than {LIMIT_SECONDS:.0f} s")
    return Result(
        name,
        *selecting.shape,
        selecting.n_vectors,
        selecting.solver,
        seconds,
        selecting.seconds,
        provenance.today(),
        provenance.machine(),
    )


def fit_in_time(name: str, solver: str) -> Fit | None:
    """Return a fit by a solver, in a process of its own; None if it takes too long."""
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=send_fit, args=(sender, name, solver))
    process.start()
    sender.close()  # if the process ends early, `recv` raises an EOFError
    try:
        receiver.recv()  # it has the samples
        return receiver.recv() if receiver.poll(LIMIT_SECONDS) else None
    finally:
        process.kill()
        process.join()


def send_fit(sender: Connection, name: str, solver: str) -> None:
    """Send a note when the samples have been made, and the fit."""
    os.environ[SOLVER_VARIABLE] = solver
    SVC().fit(*overlapping(1_000, 200, 2, 1.0))  # loads the libraries
    case = problems()[name]
    X, y = case.samples()
    sender.send(None)
    model = SVC(**case.parameters)
    seconds = shortest(partial(model.fit, X, y))
    sender.send(Fit(seconds, X.shape, len(model.support_), model.solver_))


def shortest(fit: Callable[[], Any]) -> float:
    """Return the time in seconds of the shortest of several runs, or of one if it is long."""
    times: list[float] = []
    while len(times) < RUNS and max(times, default=0) < LONG_SECONDS:
        start = time.perf_counter()
        fit()
        times.append(time.perf_counter() - start)
    return min(times)


def render_report(found: list[Result]) -> str:
    """Return the report in Markdown."""
    names = {case.name for case in CASES}
    dates = provenance.describe_dates(result.date for result in found)
    machines = provenance.describe_machines(result.machine for result in found)
    lines = [
        "# The choice of the solver",
        "",
        *svc.wrap(
            "Fits of `handwriting.models.svm.svc.SVC` with each solver. float32; the shortest of "
            f"{RUNS} runs, or a single one of at least {LONG_SECONDS:.0f} s; a solver was stopped "
            f"after {LIMIT_SECONDS:.0f} s. `factor` is the time of a fit that selects the solver "
            "itself, its trial included, relative to the fastest of the three forced ones. "
            "Where the fastest one is selected, it shows how much the time of a fit varies. "
            f"Measured {dates}."
        ),
        "",
        *svc.wrap(f"Machine: {machines}."),
        "",
        "## Problems of many kinds",
        "",
        *svc.wrap(
            "Active sets do not suit half of them: nearly every sample is a support vector, or "
            "there are few features and the classes overlap. The limits of the choice were fitted "
            "to the times of most of these problems and of 80 random ones. rbf kernel unless "
            "stated."
        ),
        "",
        *render_table([result for result in found if result.name in names]),
        "",
        "## Random problems",
        "",
        *svc.wrap(
            "Kind, size, kernel and parameters are drawn (`benchmarks/solver_problems.py`). These "
            "problems were not used to fit the limits."
        ),
        "",
        *render_table([result for result in found if result.name not in names]),
    ]
    return "\n".join(lines) + "\n"


def render_table(found: list[Result]) -> list[str]:
    """Return the lines of a table and of its summary."""
    if not found:
        return ["Not measured."]
    worst = max(found, key=lambda result: result.factor)
    n_slow = sum(result.factor > 1.3 for result in found)
    return [
        "| problem | samples × features | support vectors | active sets (s) | oneDAL (s) "
        "| libsvm (s) | selected | selecting (s) | factor |",
        "|---|---|---|---|---|---|---|---|---|",
        *map(render_row, found),
        "",
        *svc.wrap(
            f"The largest factor is {worst.factor:.2f} ({worst.name}); {n_slow} of {len(found)} "
            "are larger than 1.3."
        ),
    ]


def render_row(result: Result) -> str:
    """Return a row of the table."""
    times = " | ".join(render_seconds(result.seconds[solver]) for solver in SOLVERS)
    return (
        f"| {result.name} | {result.n_samples:,} × {result.n_features} | {result.n_vectors:,} "
        f"| {times} | {result.selected} | {result.selecting:.2f} | {result.factor:.2f} |"
    )


def render_seconds(seconds: float | None) -> str:
    """Return a time, or the limit at which a solver was stopped."""
    return f"> {LIMIT_SECONDS:.0f}" if seconds is None else f"{seconds:.2f}"


if __name__ == "__main__":
    main()
