"""Measure time and memory of the support vector classifier and its alternatives on MNIST.

Run as ``python -m benchmarks.svc``; the results are written to benchmarks/svc.md. Each measurement
runs in a separate process, which gives its peak memory. The implementations take turns, so that a
temporary slowdown of the machine affects all of them.
"""

import argparse
import gzip
import json
import os
import pkgutil
import platform
import resource
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial, wraps
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
from numpy.typing import NDArray

from benchmarks import provenance
from handwriting.data.datasets import parse_idx
from handwriting.models.svm.threads import blas_threads

MIRROR = Path(__file__).resolve().parents[2] / "shared" / "mnist"
REPORT = Path(__file__).with_suffix(".md")
PARAMETERS: dict[str, Any] = {"kernel": "rbf", "C": 5.0, "gamma": 0.02}
SKLEARN, SKLEARNEX, OURS = "scikit-learn", "scikit-learn-intelex", "handwriting"
FORCED_SOLVERS = {"handwriting, oneDAL": "onedal", "handwriting, libsvm": "libsvm"}
IMPLEMENTATIONS = (SKLEARN, SKLEARNEX, OURS, *FORCED_SOLVERS)
PRODUCTS = "matrix products"
# Functions of the active-set solver whose share of the fit is reported.
KERNEL_ROWS, KERNEL_MATRICES, LIBSVM = "kernel rows", "kernel matrices", "libsvm"
FIT_PARTS = {
    KERNEL_ROWS: "handwriting.models.svm.pair.Pair.kernel_rows",
    KERNEL_MATRICES: "handwriting.models.svm.active_set._KernelMatrix.extend",
    LIBSVM: "handwriting.models.svm.active_set._solve_active",
}
# Enough rows for the warm-up to be solved with active sets.
WARM_UP_ROWS = 4_500
TEST_ROWS = 10_000


def read_mnist(part: str, n_rows: int) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """Read the first images of 'train' or 't10k': pixels from 0 to 1 (n_rows, 784) and labels."""
    images, labels = (
        parse_idx(gzip.decompress((MIRROR / f"{part}-{kind}-ubyte.gz").read_bytes()))[:n_rows]
        for kind in ("images-idx3", "labels-idx1")
    )
    pixels: NDArray[np.float32] = np.divide(
        images.reshape(len(images), -1), np.float32(255), dtype=np.float32
    )
    return pixels, labels


def make_classifier(implementation: str) -> Any:
    """Return an unfitted classifier."""
    if implementation == SKLEARN:
        import sklearn.svm

        return sklearn.svm.SVC(**PARAMETERS)
    if implementation == SKLEARNEX:
        import sklearnex.svm

        return sklearnex.svm.SVC(**PARAMETERS)
    from handwriting.models.svm.svc import SVC

    return SVC(**PARAMETERS)


def measure_seconds(function: Callable[[], Any]) -> tuple[float, Any]:
    """Call a function; return the wall-clock time in seconds and the result."""
    start = time.perf_counter()
    result = function()
    return time.perf_counter() - start, result


def measure_classifier(implementation: str, n_rows: int) -> dict[str, Any]:
    """Measure one fit and one prediction, after a small fit that loads the libraries."""
    pixels, labels = read_mnist("train", n_rows)
    test_pixels, test_labels = read_mnist("t10k", TEST_ROWS)
    make_classifier(implementation).fit(pixels[:WARM_UP_ROWS], labels[:WARM_UP_ROWS]).predict(
        pixels[:WARM_UP_ROWS]
    )
    fit_seconds, model = measure_seconds(
        lambda: make_classifier(implementation).fit(pixels, labels)
    )
    predict_seconds, predicted = measure_seconds(lambda: model.predict(test_pixels))
    measured = {
        "fit": fit_seconds,
        "predict": predict_seconds,
        "memory": peak_memory(),
        "accuracy": float(np.mean(predicted == test_labels)),
        "n_vectors": int(model.support_.size),
        "support": model.support_.tolist(),
        "predicted": predicted.tolist(),
    }
    if implementation == OURS:  # after the peak memory has been read
        measured["exponentials"] = measure_exponentials(model, test_pixels)
        measured["parts"], measured["kernel values"] = measure_fit_parts(pixels, labels)
    return measured


def measure_exponentials(model: Any, test_pixels: NDArray[np.float32]) -> float:
    """Return the difference in seconds between predicting with and without the kernel function."""

    def shortest_prediction() -> float:
        return min(measure_seconds(lambda: model.predict(test_pixels))[0] for _ in range(3))

    with_kernel = shortest_prediction()
    with patch("handwriting.models.svm.kernels.Kernel.apply", lambda *_: None):
        return with_kernel - shortest_prediction()


def measure_fit_parts(
    pixels: NDArray[np.float32], labels: NDArray[np.uint8]
) -> tuple[dict[str, float], int]:
    """Fit once more and measure the time spent in each part.

    Returns
    -------
    dict
        Seconds by part, averaged over the threads.
    int
        Number of kernel values computed for kernel rows.
    """
    spent = dict.fromkeys(FIT_PARTS, 0.0)
    n_values = 0
    lock = threading.Lock()

    def timed(part: str, function: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(function)
        def call(*arguments: Any) -> Any:
            nonlocal n_values
            elapsed, result = measure_seconds(lambda: function(*arguments))
            with lock:
                spent[part] += elapsed
                n_values += result.size if part == KERNEL_ROWS else 0
            return result

        return call

    with ExitStack() as patches:
        for part, target in FIT_PARTS.items():
            patches.enter_context(patch(target, timed(part, pkgutil.resolve_name(target))))
        make_classifier(OURS).fit(pixels, labels)
    return {part: total / blas_threads() for part, total in spent.items()}, n_values


def measure_products(support: list[int], n_rows: int) -> dict[str, float]:
    """Measure the matrix products at the core of fitting and predicting, with this BLAS.

    Predicting requires the products of the 10,000 test images with the support vectors: a lower
    bound. For fitting, the products of the support vectors with the training rows are a reference:
    checking that a solution is optimal requires the kernel values of each support vector with the
    training rows of both classes of each pair that it supports. Exponentials, active samples that
    are not support vectors in the end, and solving take additional time.
    """
    pixels, _ = read_mnist("train", n_rows)
    test_pixels, _ = read_mnist("t10k", TEST_ROWS)
    vectors = pixels[support]
    product_seconds(vectors[:1000], vectors[:1000])
    return {
        "fit": product_seconds(vectors, pixels),
        "predict": product_seconds(test_pixels, vectors),
        "kernel values": len(vectors) * len(pixels),
    }


def product_seconds(left: NDArray[np.float32], right: NDArray[np.float32]) -> float:
    """Return the seconds of left @ right.T; a reused block avoids measuring memory allocation."""
    block_rows = 1000
    block = np.zeros((block_rows, len(right)), dtype=np.float32)
    total = 0.0
    for start in range(0, len(left), block_rows):
        part = left[start : start + block_rows]
        elapsed, _ = measure_seconds(partial(np.matmul, part, right.T, out=block[: len(part)]))
        total += elapsed
    return total


def peak_memory() -> float:
    """Return the peak resident memory of this process in MB."""
    kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return kilobytes / 1024 if sys.platform != "darwin" else kilobytes / 1024**2


def run_in_process(name: str, n_rows: int, support: list[int] | None = None) -> dict[str, Any]:
    """Measure an implementation, or the matrix products with `support`, in a new process."""
    environment = dict(os.environ)
    if name in FORCED_SOLVERS:
        environment["HANDWRITING_SVC_SOLVER"] = FORCED_SOLVERS[name]
    completed = subprocess.run(
        [sys.executable, "-m", "benchmarks.svc", "--measure", name, "--sizes", str(n_rows)],
        input=json.dumps(support),
        capture_output=True,
        check=True,
        text=True,
        env=environment,
        cwd=Path(__file__).resolve().parents[1],
    )
    result: dict[str, Any] = json.loads(completed.stdout)
    return result


def run_all(sizes: list[int], repeats: int) -> dict[int, dict[str, dict[str, Any]]]:
    """Measure all implementations and the matrix products for each number of training rows."""
    results: dict[int, dict[str, dict[str, Any]]] = {}
    for n_rows in sizes:
        results[n_rows] = {}
        for _ in range(repeats):
            for implementation in IMPLEMENTATIONS:
                print(f"{n_rows} rows: {implementation}", file=sys.stderr, flush=True)
                measured = run_in_process(implementation, n_rows)
                keep_best(results[n_rows], implementation, measured)
            support = results[n_rows][SKLEARN]["support"]
            keep_best(results[n_rows], PRODUCTS, run_in_process(PRODUCTS, n_rows, support))
    return results


def keep_best(results: dict[str, dict[str, Any]], name: str, measured: dict[str, Any]) -> None:
    """Merge a measurement with the earlier ones: keep the shortest time and the largest memory."""
    earlier = results.setdefault(name, measured)
    for key, best in (("fit", min), ("predict", min), ("memory", max)):
        if key in measured:
            earlier[key] = best(earlier[key], measured[key])


def growth_exponent(sizes: list[int], times: list[float]) -> float:
    """Return b in time = a * n^b, fitted by least squares on the logarithms."""
    slope, _ = np.polyfit(np.log(sizes), np.log(times), 1)
    return float(slope)


def render_report(results: dict[int, dict[str, dict[str, Any]]], repeats: int) -> str:
    """Return the report in Markdown."""
    lines = ["# The support vector classifier: time and memory", "", *describe_run(repeats)]
    for n_rows, measured in results.items():
        lines += ["", f"## {n_rows:,} training rows", "", *describe_size(measured)]
    if len(results) > 1:
        lines += ["", "## Growth", "", *describe_growth(results)]
    return "\n".join(lines) + "\n"


def describe_run(repeats: int) -> list[str]:
    """Describe the data, the machine and the method."""
    versions = ", ".join(
        f"{name} {installed_version(name)}"
        for name in ("scikit-learn", "scikit-learn-intelex", "numpy", "scipy")
    )
    runs = "one run" if repeats == 1 else f"shortest time and largest memory of {repeats} runs"
    return [
        *wrap(
            "MNIST, pixel values from 0 to 1, float32; {kernel} kernel, C = {C:g}, "
            "gamma = {gamma:g}. ".format(**PARAMETERS)
            + "Each measurement runs in a separate process; the implementations take turns; "
            f"{runs}."
        ),
        "",
        *wrap(
            f"Machine: {provenance.processor_name()}, {os.cpu_count()} cores; "
            f"Python {platform.python_version()}, {versions}. BLAS: {provenance.blas()}."
        ),
        "",
        *wrap(
            "`handwriting` fits with active sets here. The rows below it are the same estimator "
            "with another solver forced. The row `matrix products` is the time of the matrix "
            "products alone, with the BLAS of this machine: for predicting, of the test images "
            "with the support vectors; for fitting, of the support vectors with the training rows. "
            "It is a lower bound for predicting, but only a reference for fitting: a vector that "
            "supports only the boundary between two classes does not need the rows of the others."
        ),
        "",
        *wrap(
            "The speed-up is relative to scikit-learn. `x products` is the time relative to the "
            "matrix products. Differing predictions are those that differ from scikit-learn's. The "
            "time by part is measured in an additional fit and averaged over the threads."
        ),
    ]


def wrap(paragraph: str) -> list[str]:
    """Return the lines of a paragraph of the report."""
    return textwrap.wrap(paragraph, width=100, break_on_hyphens=False)


def describe_size(measured: dict[str, dict[str, Any]]) -> list[str]:
    """Return the table and the times by part for one number of training rows."""
    reference, products = measured[SKLEARN], measured[PRODUCTS]
    lines = [
        "| | fit (s) | speed-up | x products | predict 10,000 (s) | speed-up | x products "
        "| peak memory (MB) | accuracy | differing predictions | support vectors |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for implementation in IMPLEMENTATIONS:
        row = measured[implementation]
        n_differing = int(np.sum(np.array(row["predicted"]) != np.array(reference["predicted"])))
        lines.append(
            f"| {implementation} | {row['fit']:.2f} | {reference['fit'] / row['fit']:.1f} "
            f"| {row['fit'] / products['fit']:.1f} | {row['predict']:.3f} "
            f"| {reference['predict'] / row['predict']:.1f} "
            f"| {row['predict'] / products['predict']:.2f} "
            f"| {row['memory']:.0f} | {row['accuracy']:.4f} | {n_differing} "
            f"| {row['n_vectors']:,} |"
        )
    lines.append(
        f"| {PRODUCTS} | {products['fit']:.2f} | | 1 | {products['predict']:.3f} | | 1 | | | | |"
    )
    return [*lines, "", *describe_parts(measured[OURS], products)]


def describe_parts(ours: dict[str, Any], products: dict[str, Any]) -> list[str]:
    """Describe what fitting and predicting take in addition to the matrix products."""
    parts = ours["parts"]
    predicting = wrap(
        f"Predicting takes {ours['predict'] / products['predict']:.2f} times the matrix products: "
        f"{products['predict']:.3f} s for the products, {ours['exponentials']:.3f} s for the "
        "exponentials; the rest is the sums with the dual coefficients, the votes and starting the "
        "threads."
    )
    if ours["kernel values"] == 0:  # too few rows for active sets
        return predicting
    fitting = wrap(
        f"Fitting takes {ours['fit'] / products['fit']:.2f} times the matrix products. Time by "
        f"part: {parts[KERNEL_ROWS]:.2f} s for the kernel rows of the samples that were support "
        "vectors in some round "
        f"({ours['kernel values'] / products['kernel values']:.2f} times as many kernel values as "
        f"in the matrix products), {parts[KERNEL_MATRICES]:.2f} s for the kernel matrices of the "
        f"active sets, {parts[LIBSVM]:.2f} s for libsvm on these matrices; the rest is selecting "
        "and copying samples."
    )
    return [*fitting, "", *predicting]


def describe_growth(results: dict[int, dict[str, dict[str, Any]]]) -> list[str]:
    """Return a table of the growth of the times with the number of training rows."""
    sizes = list(results)
    lines = [
        "Exponent b in time = a n^b, where n is the number of training rows.",
        "",
        "| | fit | predict |",
        "|---|---|---|",
    ]
    for name in (*IMPLEMENTATIONS, PRODUCTS):
        fit, predict = (
            growth_exponent(sizes, [results[n_rows][name][key] for n_rows in sizes])
            for key in ("fit", "predict")
        )
        lines.append(f"| {name} | {fit:.2f} | {predict:.2f} |")
    return lines


def installed_version(package: str) -> str:
    """Return the version of a package, or 'not installed'."""
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def main() -> None:
    """Run the benchmark, or a single measurement in a process started by it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=[5_000, 10_000, 20_000, 60_000])
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--report", type=Path, default=REPORT)
    parser.add_argument("--measure", choices=(*IMPLEMENTATIONS, PRODUCTS), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure == PRODUCTS:
        print(json.dumps(measure_products(json.load(sys.stdin), arguments.sizes[0])))
    elif arguments.measure is not None:
        print(json.dumps(measure_classifier(arguments.measure, arguments.sizes[0])))
    else:
        arguments.report.write_text(
            render_report(run_all(arguments.sizes, arguments.repeats), arguments.repeats)
        )


if __name__ == "__main__":
    main()
