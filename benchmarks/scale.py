"""Measures the support vector classifier on tables of deformed digits; writes ``scale.md``.

    python -m benchmarks.scale [--images 60000 120000 240000]

Needs MNIST's arrays, which `make run` writes. Each fit runs in a process of its own, on all cores;
nothing else should run on the machine.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks import deform, svc
from benchmarks.deformation import Distortion
from handwriting.common import images
from handwriting.common.images import LabelledImages
from handwriting.common.stage import paths
from handwriting.evaluation import statistics
from handwriting.models.svm.svc import SVC

REPORT = Path(__file__).with_suffix(".md")
SIZES = [60_000, 120_000, 240_000]
# Field of the elastic deformation, in pixels.
MILD, STRONG = 0.7, 2.0
STRONG_SIZE = 120_000


@dataclass(frozen=True)
class Fit:
    """One measured fit.

    Attributes
    ----------
    n_images : int
    amplitude : float
        Of the elastic deformation, in pixels.
    seconds, cpu_seconds : float
        Of the fit: wall-clock time, and processor time of all threads.
    memory : float
        Peak resident memory of the process in MB, samples included.
    n_vectors : int
        Number of support vectors.
    mistakes : int
        On MNIST's 10,000 test images.
    """

    n_images: int
    amplitude: float
    seconds: float
    cpu_seconds: float
    memory: float
    n_vectors: int
    mistakes: int


def main() -> None:
    """Measure one fit and print it, or all and write the report."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--images", type=int, nargs="+", default=SIZES, help="training images")
    parser.add_argument("--measure", type=float, metavar="AMPLITUDE", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure is not None:
        mnist = images.load(paths.flat("mnist"))
        print(json.dumps(asdict(measure(mnist, arguments.images[0], arguments.measure))))
        return
    mild = [run_in_process(n_images, MILD) for n_images in arguments.images]
    strong = run_in_process(STRONG_SIZE, STRONG)
    REPORT.write_text(render_report(mild, strong), encoding="utf-8", newline="\n")
    print(f"wrote {REPORT}", file=sys.stderr)


def run_in_process(n_images: int, amplitude: float) -> Fit:
    """Measure a fit in a new process."""
    print(f"{n_images:,} images, {amplitude} pixels", file=sys.stderr, flush=True)
    command = [sys.executable, "-m", "benchmarks.scale"]
    command += ["--measure", str(amplitude), "--images", str(n_images)]
    completed = subprocess.run(command, capture_output=True, check=True, text=True)
    return Fit(**json.loads(completed.stdout))


def measure(mnist: LabelledImages, n_images: int, amplitude: float) -> Fit:
    """Fit the classifier to raw pixels and score it on the test images."""
    X = np.empty((n_images, mnist.pixels.shape[1]), dtype=np.float32)
    y = np.empty(n_images, dtype=np.uint8)
    start = 0
    for block in deform.training_blocks(mnist, n_images, Distortion(amplitude=amplitude)):
        X[start : start + len(block)] = to_unit(block.pixels)
        y[start : start + len(block)] = block.labels
        start += len(block)
    wall, processor = time.perf_counter(), time.process_time()
    model = SVC(**svc.PARAMETERS).fit(X, y)
    wall, processor = time.perf_counter() - wall, time.process_time() - processor
    memory = svc.peak_memory()
    test = mnist.take(np.arange(deform.N_TRAIN, len(mnist)))
    mistakes = int(np.sum(model.predict(to_unit(test.pixels)) != test.labels))
    return Fit(n_images, amplitude, wall, processor, memory, len(model.support_), mistakes)


def to_unit(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return pixel values from 0 to 1."""
    return np.divide(pixels, np.float32(255), dtype=np.float32)


def render_report(mild: list[Fit], strong: Fit) -> str:
    """Return the report in Markdown."""
    sizes = [fit.n_images for fit in mild]
    exponents = {
        name: svc.growth_exponent(sizes, [getattr(fit, name) for fit in mild])
        for name in ("seconds", "n_vectors")
    }
    parameters = "{kernel} kernel, C = {C:g}, gamma = {gamma:g}".format(**svc.PARAMETERS)
    return "\n".join(
        [
            "# The support vector classifier on more images",
            "",
            *svc.wrap(
                "MNIST's 60,000 training images and deformed copies of them "
                "(`benchmarks/deform.py`): rotated and slanted by up to 0.1 radians, scaled by up "
                "to 5 %, with an elastic field of the given size. Pixel values from 0 to 1, "
                f"float32; {parameters}, the default cache size of 200 MB. One run of each fit. "
                "The memory includes the samples. Mistakes are those on MNIST's 10,000 test "
                "images, with the exact 95 % interval of the error."
            ),
            "",
            *svc.wrap(
                f"Machine: {svc.processor_name()}, {os.cpu_count()} cores; "
                f"Python {platform.python_version()}."
            ),
            "",
            "| images | field (pixels) | fit (s) | processor time (s) | peak memory (GB) "
            "| support vectors | mistakes | error |",
            "|---|---|---|---|---|---|---|---|",
            *map(render_row, [*mild, strong]),
            "",
            *svc.wrap(
                f"With the smaller field, the time grows with the power "
                f"{exponents['seconds']:.2f} of the number of images, the number of support "
                f"vectors with the power {exponents['n_vectors']:.2f}. A pair of classes with more "
                "than 32,768 samples is decomposed (docs/svc.md), and so is one whose active set "
                "does not fit into the cache. Kernel rows are not kept then, so memory does not "
                "grow with them."
            ),
        ]
    ) + ("\n")


def render_row(fit: Fit) -> str:
    """Return a row of the table."""
    n_test = svc.TEST_ROWS
    is_right = np.arange(n_test) >= fit.mistakes
    accuracy = statistics.accuracy(np.ones(n_test, dtype=bool), is_right, 0.95)
    return (
        f"| {fit.n_images:,} | {fit.amplitude} | {fit.seconds:.0f} | {fit.cpu_seconds:.0f} "
        f"| {fit.memory / 1000:.1f} | {fit.n_vectors:,} | {fit.mistakes} "
        f"| {100 - 100 * accuracy.value:.2f} % "
        f"({100 - 100 * accuracy.high:.2f}–{100 - 100 * accuracy.low:.2f} %) |"
    )


if __name__ == "__main__":
    main()
