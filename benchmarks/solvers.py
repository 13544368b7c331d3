"""Measures the solvers of the SVC on problems that active sets do not suit; writes ``solvers.md``.

    python -m benchmarks.solvers

Needs MNIST's arrays, which `make run` writes. Takes 15 minutes; nothing else should run on the
machine.
"""

import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import make_circles, make_classification, make_moons
from sklearn.decomposition import PCA

from benchmarks import provenance, svc
from handwriting.common import images
from handwriting.common.stage import paths, read_params
from handwriting.models import pipeline
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


def mnist_in_two_classes(n_samples: int) -> Samples:
    """Return images and whether their digit is odd."""
    X, y = mnist(n_samples)
    return X, y % 2


def mnist_with_noise(n_samples: int) -> Samples:
    """Return images of which every fifth has a random class."""
    X, y = mnist(n_samples)
    y[::5] = np.random.default_rng(0).integers(0, 10, len(y[::5]))
    return X, y


def mnist_in_7_rows(n_samples: int) -> Samples:
    """Return images of 7×7 pixels, the means of 4×4 pixels each."""
    X, y = mnist(n_samples)
    return X.reshape(-1, 7, 4, 7, 4).mean(axis=(2, 4)).reshape(-1, 49), y


def mnist_gradients(n_samples: int) -> Samples:
    """Return the features of the model `svc`."""
    train, image = images.load(paths.train("mnist")), images.load_format(paths.train("mnist"))
    model = pipeline.build(read_params.load().hyperparameters("svc", "mnist"), image)
    train = train.take(np.arange(n_samples))
    return model[:-1].fit_transform(train.pixels), train.labels


def generated(made: tuple[NDArray[Any], NDArray[Any]]) -> Samples:
    """Return samples of scikit-learn in single precision."""
    X, y = made
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

# These were added, with their parameters, after the thresholds of the trial were chosen on those
# above.
NEW_CASES = [
    Case("MNIST, odd or even", lambda: mnist_in_two_classes(20_000), {"C": 5, "gamma": 0.02}),
    Case("MNIST, a fifth of the labels random", lambda: mnist_with_noise(10_000), {"gamma": 0.02}),
    Case("MNIST, 7×7 pixels", lambda: mnist_in_7_rows(20_000), {"C": 1, "gamma": 0.1}),
    Case("MNIST, gradients", lambda: mnist_gradients(20_000), {"C": 10, "gamma": 0.1}),
    Case(
        "two moons",
        lambda: generated(make_moons(20_000, noise=0.25, random_state=0)),
        {"C": 1, "gamma": 1},
    ),
    Case(
        "two rings",
        lambda: generated(make_circles(10_000, noise=0.2, factor=0.6, random_state=0)),
        {"C": 10, "gamma": 1},
    ),
    Case(
        "clusters, 20 features, 5 classes",
        lambda: generated(
            make_classification(
                20_000, 20, n_informative=10, n_classes=5, flip_y=0.1, random_state=0
            )
        ),
        {"C": 1, "gamma": 0.05},
    ),
    Case(
        "clusters, 200 features, 3 classes",
        lambda: generated(
            make_classification(
                10_000, 200, n_informative=40, n_classes=3, flip_y=0.2, random_state=0
            )
        ),
        {"C": 10, "gamma": 0.005},
    ),
    Case(
        "clusters, 1,000 features, linear",
        lambda: generated(
            make_classification(5_000, 1_000, n_informative=100, flip_y=0.05, random_state=0)
        ),
        {"C": 0.01, "kernel": "linear"},
    ),
]


def main() -> None:
    """Measure all cases and write the report."""
    SVC().fit(*overlapping(1_000, 200, 2, 1.0))  # loads the libraries
    results = []
    for case in CASES + NEW_CASES:
        results.append(measure(case))
        print(render_row(results[-1]), file=sys.stderr, flush=True)
    text = render_report(results[: len(CASES)], results[len(CASES) :])
    REPORT.write_text(text, encoding="utf-8", newline="\n")


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


def render_report(results: list[Result], new_results: list[Result]) -> str:
    """Return the report in Markdown.

    Parameters
    ----------
    results, new_results : list
        Of `CASES` and of `NEW_CASES`.
    """
    lines = [
        "# The choice of the solver",
        "",
        *svc.wrap(
            "Fits of `handwriting.models.svm.svc.SVC` with each solver. float32; rbf kernel unless "
            "stated; the shortest of three runs, or a single one of at least "
            f"{LONG_SECONDS:.0f} s. `factor` is the time of a fit that selects the solver itself, "
            "its trial included, relative to the fastest of the three forced ones."
        ),
        "",
        *svc.wrap(f"Machine: {provenance.machine()}."),
        "",
        "## Problems by which the choice was made",
        "",
        *svc.wrap(
            "Active sets do not suit most of them: nearly every sample is a support vector, or "
            "there are few features and the classes overlap."
        ),
        "",
        *render_table(results),
        "",
        "## Other problems",
        "",
        *svc.wrap("The thresholds were chosen without them."),
        "",
        *render_table(new_results),
    ]
    return "\n".join(lines) + "\n"


def render_table(results: list[Result]) -> list[str]:
    """Return the lines of a table and of its summary."""
    worst = max(results, key=lambda result: result.factor)
    return [
        "| problem | samples × features | support vectors | active sets (s) | oneDAL (s) "
        "| libsvm (s) | selected | selecting (s) | factor |",
        "|---|---|---|---|---|---|---|---|---|",
        *map(render_row, results),
        "",
        *svc.wrap(f"The largest factor is {worst.factor:.2f} ({worst.case.name})."),
    ]


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
