"""Time and memory of the support vector classifier against its rivals, on real MNIST.

Run as ``python -m benchmarks.svc``. Every measurement is a process of its own, so that its peak
memory is its own; rivals take turns, so that a slow minute of the machine hits all of them.
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
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from functools import wraps
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
from numpy.typing import NDArray

from handwriting.cores import count_threads
from handwriting.sources import parse_idx

MIRROR = Path(__file__).resolve().parents[2] / "shared" / "mnist"
REPORT = Path(__file__).with_suffix(".md")
PARAMETERS = {"kernel": "rbf", "C": 5.0, "gamma": 0.02}
STOCK, SKLEARNEX, OURS = "stock scikit-learn", "plain sklearnex", "handwriting"
FORCED = {"handwriting, oneDAL": "onedal", "handwriting, libsvm": "libsvm"}
RIVALS = (STOCK, SKLEARNEX, OURS, *FORCED)
FLOOR = "floor"
# The parts of a fit by active sets that a reader of the report may wonder about.
KERNEL_ROWS, KERNEL_MATRICES, LIBSVM = "kernel rows", "kernel matrices", "libsvm"
FIT_PARTS = {
    KERNEL_ROWS: "handwriting.active_set._Pair.kernel_rows",
    KERNEL_MATRICES: "handwriting.active_set._KernelMatrix.extend",
    LIBSVM: "handwriting.active_set._solve_active",
}
# Enough for the warm-up to be fitted by the solver that the benchmark is about.
WARM_UP_ROWS = 4_500
TEST_ROWS = 10_000


def read_mnist(part: str, n_rows: int) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """Read the first images, as unit pixels (n_rows, 784), and labels of 'train' or 't10k'."""
    images, labels = (
        parse_idx(gzip.decompress((MIRROR / f"{part}-{kind}-ubyte.gz").read_bytes()))[:n_rows]
        for kind in ("images-idx3", "labels-idx1")
    )
    return images.reshape(len(images), -1) / np.float32(255), labels


def make_classifier(rival: str) -> Any:
    """Make the rival's classifier, unfitted."""
    if rival == STOCK:
        import sklearn.svm

        return sklearn.svm.SVC(**PARAMETERS)
    if rival == SKLEARNEX:
        import sklearnex.svm

        return sklearnex.svm.SVC(**PARAMETERS)
    from handwriting.svm import SVC

    return SVC(**PARAMETERS)


def seconds(work: Callable[[], Any]) -> tuple[float, Any]:
    """Run `work` and give its wall-clock seconds and its result."""
    start = time.perf_counter()
    result = work()
    return time.perf_counter() - start, result


def measure_rival(rival: str, n_rows: int) -> dict[str, Any]:
    """Fit and predict once, in this process, after a small fit that loads the libraries."""
    pixels, labels = read_mnist("train", n_rows)
    test_pixels, test_labels = read_mnist("t10k", TEST_ROWS)
    make_classifier(rival).fit(pixels[:WARM_UP_ROWS], labels[:WARM_UP_ROWS]).predict(
        pixels[:WARM_UP_ROWS]
    )
    fit_seconds, model = seconds(lambda: make_classifier(rival).fit(pixels, labels))
    predict_seconds, predicted = seconds(lambda: model.predict(test_pixels))
    measured = {
        "fit": fit_seconds,
        "predict": predict_seconds,
        "memory": peak_memory(),
        "accuracy": float(np.mean(predicted == test_labels)),
        "n_vectors": int(model.support_.size),
        "support": model.support_.tolist(),
        "predicted": predicted.tolist(),
    }
    if rival == OURS:  # after the peak of the memory has been read
        measured["exponentials"] = seconds_in_exponentials(model, test_pixels)
        measured["parts"], measured["kernel values"] = parts_of_fit(pixels, labels)
    return measured


def seconds_in_exponentials(model: Any, test_pixels: NDArray[np.float32]) -> float:
    """Time predictions of ours with and without the kernel function, and give the difference."""

    def best_prediction() -> float:
        return min(seconds(lambda: model.predict(test_pixels))[0] for _ in range(3))

    whole = best_prediction()
    with patch("handwriting.kernels.Kernel.apply", lambda *_: None):
        return whole - best_prediction()


def parts_of_fit(
    pixels: NDArray[np.float32], labels: NDArray[np.uint8]
) -> tuple[dict[str, float], int]:
    """Fit once more with a clock in each part.

    Returns
    -------
    dict
        Seconds by part, summed over the threads and divided by their number.
    int
        Kernel values in the kernel rows.
    """
    spent = dict.fromkeys(FIT_PARTS, 0.0)
    n_values = 0
    lock = threading.Lock()

    def clocked(part: str, work: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(work)
        def run(*arguments: Any) -> Any:
            nonlocal n_values
            elapsed, result = seconds(lambda: work(*arguments))
            with lock:
                spent[part] += elapsed
                n_values += result.size if part == KERNEL_ROWS else 0
            return result

        return run

    with ExitStack() as patches:
        for part, target in FIT_PARTS.items():
            patches.enter_context(patch(target, clocked(part, pkgutil.resolve_name(target))))
        make_classifier(OURS).fit(pixels, labels)
    return {part: total / count_threads() for part, total in spent.items()}, n_values


def measure_floor(support: list[int], n_rows: int) -> dict[str, float]:
    """Time the matrix products that a fit and a prediction can't do without, by this BLAS.

    Predict: the products of the 10,000 test images with the support vectors.
    Fit: whatever the order of work, an optimal solution is only known to be one when the kernel of
    each support vector with each training row has been used once (the gradient of every row is a
    sum over the support vectors). That is one product (n_SV x n_rows); the exponentials, the rows
    that become active and turn out not to be support vectors, and the solving come on top.
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
    """Time left @ right.T into one block that is used again: the arithmetic, not the memory."""
    rows = 1000
    block = np.zeros((rows, len(right)), dtype=np.float32)
    total = 0.0
    for start in range(0, len(left), rows):
        part = left[start : start + rows]
        spent, _ = seconds(lambda part=part: np.matmul(part, right.T, out=block[: len(part)]))
        total += spent
    return total


def peak_memory() -> float:
    """Give the peak resident memory of this process in MB."""
    kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return kilobytes / 1024 if sys.platform != "darwin" else kilobytes / 1024**2


def in_own_process(rival: str, n_rows: int, support: list[int] | None = None) -> dict[str, Any]:
    """Measure a rival, or with `support` the floor, in a fresh process."""
    environment = dict(os.environ)
    if rival in FORCED:
        environment["HANDWRITING_SVC_SOLVER"] = FORCED[rival]
    finished = subprocess.run(
        [sys.executable, "-m", "benchmarks.svc", "--measure", rival, "--sizes", str(n_rows)],
        input=json.dumps(support),
        capture_output=True,
        check=True,
        text=True,
        env=environment,
        cwd=Path(__file__).resolve().parents[1],
    )
    result: dict[str, Any] = json.loads(finished.stdout)
    return result


def run_all(sizes: list[int], repeats: int) -> dict[int, dict[str, dict[str, Any]]]:
    """Measure every rival and the floor for every size; of repeats keep the best times."""
    results: dict[int, dict[str, dict[str, Any]]] = {}
    for n_rows in sizes:
        results[n_rows] = {}
        for _ in range(repeats):
            for rival in RIVALS:
                print(f"{n_rows} rows: {rival}", file=sys.stderr, flush=True)
                keep_best(results[n_rows], rival, in_own_process(rival, n_rows))
            support = results[n_rows][STOCK]["support"]
            keep_best(results[n_rows], FLOOR, in_own_process(FLOOR, n_rows, support))
    return results


def keep_best(results: dict[str, dict[str, Any]], name: str, measured: dict[str, Any]) -> None:
    """Merge a measurement into the earlier ones: the shortest times, the highest memory."""
    earlier = results.setdefault(name, measured)
    for key, best in (("fit", min), ("predict", min), ("memory", max)):
        if key in measured:
            earlier[key] = best(earlier[key], measured[key])


def growth_exponent(sizes: list[int], times: list[float]) -> float:
    """Fit the exponent b of time = a * n^b."""
    slope, _ = np.polyfit(np.log(sizes), np.log(times), 1)
    return float(slope)


def write_report(results: dict[int, dict[str, dict[str, Any]]], repeats: int) -> str:
    """Write the report in Markdown."""
    lines = ["# The support vector classifier: time and memory", "", *describe_run(repeats)]
    for n_rows, measured in results.items():
        lines += ["", f"## {n_rows:,} training rows", "", *describe_size(measured)]
    if len(results) > 1:
        lines += ["", "## Growth", "", *describe_growth(results)]
    return "\n".join(lines) + "\n"


def describe_run(repeats: int) -> list[str]:
    """Say what was run on what."""
    versions = ", ".join(
        f"{name} {installed_version(name)}"
        for name in ("scikit-learn", "scikit-learn-intelex", "numpy", "scipy")
    )
    runs = "one run" if repeats == 1 else f"the best time and the highest memory of {repeats} runs"
    return [
        "MNIST, unit pixels, float32; {kernel} kernel, C = {C:g}, gamma = {gamma:g}.".format(
            **PARAMETERS
        ),
        f"Each measurement is a process of its own, rivals in turn; {runs}.",
        "",
        f"Machine: {processor_name()}, {os.cpu_count()} cores; Python {platform.python_version()},",
        f"{versions}.",
        "",
        "`handwriting` fits by active sets here; below it, the same estimator with another solver",
        "forced. The floor is the matrix products alone, by this machine's BLAS: to predict, of",
        "the test images with the support vectors; to fit, of the support vectors with the",
        "training rows. For the fit it is a yardstick more than a bound: a vector that only",
        "supports the boundary between two classes does not need the rows of the others.",
    ]


def describe_size(measured: dict[str, dict[str, Any]]) -> list[str]:
    """Tabulate one training size."""
    stock, floor = measured[STOCK], measured[FLOOR]
    lines = [
        "| | fit s | x stock | x floor | predict 10,000 s | x stock | x floor | peak MB "
        "| accuracy | predictions unlike stock | support vectors |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for rival in RIVALS:
        row = measured[rival]
        different = int(np.sum(np.array(row["predicted"]) != np.array(stock["predicted"])))
        lines.append(
            f"| {rival} | {row['fit']:.2f} | {stock['fit'] / row['fit']:.1f} "
            f"| {row['fit'] / floor['fit']:.1f} | {row['predict']:.3f} "
            f"| {stock['predict'] / row['predict']:.1f} | {row['predict'] / floor['predict']:.2f} "
            f"| {row['memory']:.0f} | {row['accuracy']:.4f} | {different} | {row['n_vectors']:,} |"
        )
    lines.append(
        f"| floor: matrix products alone | {floor['fit']:.2f} | | 1 | {floor['predict']:.3f} "
        "| | 1 | | | | |"
    )
    return [*lines, "", *describe_between(measured[OURS], floor)]


def describe_between(ours: dict[str, Any], floor: dict[str, Any]) -> list[str]:
    """Say what lies between the floor and us."""
    parts = ours["parts"]
    lines = [
        f"Our prediction takes {ours['predict'] / floor['predict']:.2f} times the floor:",
        f"{floor['predict']:.3f} s the products, {ours['exponentials']:.3f} s the exponentials,",
        "the rest the sums with the dual coefficients, the votes and the start of the threads.",
    ]
    if ours["kernel values"] == 0:  # so few rows are not fitted by active sets
        return lines
    return [
        f"Our fit takes {ours['fit'] / floor['fit']:.2f} times the floor. With a clock in it:",
        f"{parts[KERNEL_ROWS]:.2f} s the kernel rows of what supported a boundary in some round",
        f"({ours['kernel values'] / floor['kernel values']:.2f} times the values of the floor),",
        f"{parts[KERNEL_MATRICES]:.2f} s the kernel matrices of the active sets,",
        f"{parts[LIBSVM]:.2f} s libsvm on these, the rest choosing and copying.",
        "",
        *lines,
    ]


def describe_growth(results: dict[int, dict[str, dict[str, Any]]]) -> list[str]:
    """Tabulate how the times grow with the training rows."""
    sizes = list(results)
    lines = ["Exponent b of time = a n^b.", "", "| | fit | predict |", "|---|---|---|"]
    for name in (*RIVALS, FLOOR):
        fit, predict = (
            growth_exponent(sizes, [results[n_rows][name][key] for n_rows in sizes])
            for key in ("fit", "predict")
        )
        lines.append(f"| {name} | {fit:.2f} | {predict:.2f} |")
    return lines


def installed_version(package: str) -> str:
    """Give the version of a package, or 'not installed'."""
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def processor_name() -> str:
    """Name the processor as the system does."""
    information = Path("/proc/cpuinfo")
    if information.exists():
        for line in information.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def main() -> None:
    """Run the benchmark, or one measurement of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=[5_000, 10_000, 20_000, 60_000])
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--report", type=Path, default=REPORT)
    parser.add_argument("--measure", choices=(*RIVALS, FLOOR), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure == FLOOR:
        print(json.dumps(measure_floor(json.load(sys.stdin), arguments.sizes[0])))
    elif arguments.measure is not None:
        print(json.dumps(measure_rival(arguments.measure, arguments.sizes[0])))
    else:
        arguments.report.write_text(
            write_report(run_all(arguments.sizes, arguments.repeats), arguments.repeats)
        )


if __name__ == "__main__":
    main()
