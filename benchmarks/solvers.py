"""Measures the solvers of the SVC on problems that active sets do not suit; writes ``solvers.md``.

    python -m benchmarks.solvers

Needs MNIST's arrays, which `make run` writes. Takes ten minutes; nothing else should run on the
machine.
"""

import os
import platform
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.decomposition import PCA

from benchmarks import svc
from handwriting.common import images
from handwriting.common.stage import paths
from handwriting.models.svm.solvers import SOLVER_VARIABLE
from handwriting.models.svm.svc import SVC

REPORT = Path(__file__).with_suffix(".md")
SOLVERS = ["active_set", "onedal", "libsvm"]
# The shortest of so many runs counts. A longer fit is measured once.
RUNS = 3
LONG_SECONDS = 10.0

Samples = tuple[NDArray[np.float32], NDArray[Any]]


@dataclass(frozen=True)
class Case:
    """A problem.

    Attributes
    ----------
    name : str
    samples : callable
        Returns the samples and their classes.
    parameters : dict
        Of `SVC`.
    """

    name: str
    samples: Callable[[], Samples]
    parameters: dict[str, Any]


@dataclass(frozen=True)
class Result:
    """The times of a case.

    Attributes
    ----------
    case : Case
    shape : tuple of int
        Numbers of samples and features.
    n_vectors : int
        Number of support vectors.
    chosen : str
        The solver that `SVC` selects.
    seconds : dict
        Time of a fit by each solver, if it is forced.
    selecting : float
        Time of a fit that selects the solver.
    """

    case: Case
    shape: tuple[int, int]
    n_vectors: int
    chosen: str
    seconds: dict[str, float]
    selecting: float

    @property
    def factor(self) -> float:
        """How many times longer a fit takes than one by the fastest solver."""
        return self.selecting / min(self.seconds.values())


def mnist(n_samples: int) -> Samples:
    """Return the first training images, with pixel values from 0 to 1."""
    data = images.load(paths.train("mnist")).take(np.arange(n_samples))
    return np.divide(data.pixels, np.float32(255), dtype=np.float32), data.labels


def mnist_with_random_labels(n_samples: int) -> Samples:
    """Return images whose class cannot be learned."""
    X, y = mnist(n_samples)
    return X, np.random.default_rng(0).permutation(y)


def mnist_components(n_samples: int, n_components: int) -> Samples:
    """Return the principal components of images."""
    X, y = mnist(n_samples)
    return PCA(n_components, random_state=0).fit_transform(X).astype(np.float32), y


def overlapping(n_samples: int, n_features: int, n_classes: int, distance: float) -> Samples:
    """Return normally distributed classes with centres at about this distance per feature."""
    random = np.random.default_rng(0)
    y = np.arange(n_samples) % n_classes
    centres = random.normal(scale=distance, size=(n_classes, n_features))
    X = random.normal(size=(n_samples, n_features)) + centres[y]
    return X.astype(np.float32), y


CASES = [
    Case("MNIST", lambda: mnist(10_000), {"C": 5, "gamma": 0.02}),
    Case("MNIST, C too small", lambda: mnist(5_000), {"C": 0.001, "gamma": 0.02}),
    Case("MNIST, gamma too large", lambda: mnist(5_000), {"C": 5, "gamma": 1}),
    Case("MNIST, random labels", lambda: mnist_with_random_labels(5_000), {"C": 1, "gamma": 0.02}),
    Case(
        "MNIST, random labels, large C",
        lambda: mnist_with_random_labels(3_000),
        {"C": 100, "gamma": 0.02},
    ),
    Case("MNIST, linear", lambda: mnist(10_000), {"C": 1, "kernel": "linear"}),
    Case(
        "MNIST, poly",
        lambda: mnist(10_000),
        {"C": 5, "kernel": "poly", "gamma": 0.02, "coef0": 1.0},
    ),
    Case("MNIST, 50 components", lambda: mnist_components(20_000, 50), {"C": 5, "gamma": 0.02}),
    Case(
        "overlapping, 10 features",
        lambda: overlapping(20_000, 10, 4, 0.5),
        {"C": 1, "gamma": 0.1},
    ),
    Case(
        "hardly overlapping, 10 features",
        lambda: overlapping(20_000, 10, 4, 2.0),
        {"C": 1, "gamma": 0.1},
    ),
    Case(
        "overlapping, 10 features, large C",
        lambda: overlapping(5_000, 10, 2, 0.5),
        {"C": 100, "gamma": 0.1},
    ),
    Case(
        "overlapping, 120 features",
        lambda: overlapping(10_000, 120, 4, 0.1),
        {"C": 1, "gamma": 0.005},
    ),
    Case(
        "overlapping, 120 features, large C",
        lambda: overlapping(5_000, 120, 2, 0.1),
        {"C": 100, "gamma": 0.001},
    ),
    Case(
        "overlapping, 500 features, 2 classes",
        lambda: overlapping(10_000, 500, 2, 0.05),
        {"C": 1, "gamma": 0.002},
    ),
]


def main() -> None:
    """Measure all cases and write the report."""
    SVC().fit(*overlapping(1_000, 200, 2, 1.0))  # loads the libraries
    results = []
    for case in CASES:
        results.append(measure(case))
        print(render_row(results[-1]), file=sys.stderr, flush=True)
    REPORT.write_text(render_report(results), encoding="utf-8", newline="\n")


def measure(case: Case) -> Result:
    """Fit each solver to a case."""
    X, y = case.samples()
    seconds = {}
    for solver in SOLVERS:
        os.environ[SOLVER_VARIABLE] = solver
        seconds[solver] = shortest(lambda: SVC(**case.parameters).fit(X, y))
    del os.environ[SOLVER_VARIABLE]
    selecting = shortest(lambda: SVC(**case.parameters).fit(X, y))
    model = SVC(**case.parameters).fit(X, y)
    shape = (len(X), int(X.shape[1]))
    return Result(case, shape, len(model.support_), model.solver_, seconds, selecting)


def shortest(fit: Callable[[], Any]) -> float:
    """Return the time in seconds of the shortest of several runs, or of one if it is long."""
    times = []
    while len(times) < RUNS and max(times, default=0) < LONG_SECONDS:
        start = time.perf_counter()
        fit()
        times.append(time.perf_counter() - start)
    return min(times)


def render_report(results: list[Result]) -> str:
    """Return the report in Markdown."""
    worst = max(results, key=lambda result: result.factor)
    lines = [
        "# The choice of the solver",
        "",
        *svc.wrap(
            "Fits of `handwriting.models.svm.svc.SVC` with each solver, on problems most of which "
            "active sets do not suit: nearly every sample is a support vector, or there are few "
            "features and the classes overlap. float32; rbf kernel unless stated; the shortest of "
            f"three runs, or a single one of at least {LONG_SECONDS:.0f} s. `factor` is the time "
            "of a fit that selects the solver itself, its trial included, relative to the fastest "
            "of the three forced ones."
        ),
        "",
        *svc.wrap(
            f"Machine: {svc.processor_name()}, {os.cpu_count()} cores; "
            f"Python {platform.python_version()}."
        ),
        "",
        "| problem | samples × features | support vectors | active sets (s) | oneDAL (s) "
        "| libsvm (s) | selected | selecting (s) | factor |",
        "|---|---|---|---|---|---|---|---|---|",
        *map(render_row, results),
        "",
        *svc.wrap(f"The largest factor is {worst.factor:.2f} ({worst.case.name})."),
    ]
    return "\n".join(lines) + "\n"


def render_row(result: Result) -> str:
    """Return a row of the table."""
    n_samples, n_features = result.shape
    times = " | ".join(f"{result.seconds[solver]:.2f}" for solver in SOLVERS)
    return (
        f"| {result.case.name} | {n_samples:,} × {n_features} | {result.n_vectors:,} | {times} "
        f"| {result.chosen} | {result.selecting:.2f} | {result.factor:.2f} |"
    )


if __name__ == "__main__":
    main()
