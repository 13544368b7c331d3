"""Measures the support vector classifier on tables of deformed digits; writes a report.

    python -m benchmarks.scale [--images 60000 1000000] [--implementations handwriting]

The results are in ``scale.jsonl``; the report ``scale.md`` is made from them. Both are written
after each fit; results that are not measured again stay in them. Needs MNIST's arrays, which `make
run` writes. Each fit runs in a process of its own, on all cores; nothing else should run on the
machine. All fits take 20 minutes on two cores.
"""

import argparse
import json
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks import deform, provenance, results, svc
from benchmarks.deformation import Distortion
from handwriting.common import images
from handwriting.common.images import LabelledImages
from handwriting.common.stage import paths
from handwriting.evaluation import statistics

RESULTS = Path(__file__).with_suffix(".jsonl")
REPORT = Path(__file__).with_suffix(".md")
# Training images. The other implementations fit so many in a few minutes.
SIZES = {
    svc.OURS: [60_000, 120_000, 240_000, 1_000_000],
    svc.SKLEARNEX: [60_000, 120_000, 240_000],
    svc.SKLEARN: [15_000, 30_000],
}
# What the times of the other implementations are extrapolated to.
LARGEST = 1_000_000
# The largest published table of deformed digits.
PLANNED = 8_100_000
N_PIXELS = 784
# Field of the elastic deformation, in pixels.
MILD, STRONG = 0.7, 2.0
STRONG_SIZE = 120_000
# All fits, in the order of the table: implementation, number of images, field.
CASES = [(svc.OURS, n_images, MILD) for n_images in SIZES[svc.OURS]]
CASES += [(svc.OURS, STRONG_SIZE, STRONG)]
CASES += [(name, size, MILD) for name in SIZES if name != svc.OURS for size in SIZES[name]]
# Cache size in MB for so many images; the default for others.
CACHE_SIZES = {1_000_000: 400}
DEFAULT_CACHE_SIZE = 200


@dataclass(frozen=True)
class Fit:
    """One measured fit.

    Attributes
    ----------
    implementation : str
        As `benchmarks.svc` names it.
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
    date : str
        Day of the measurement, YYYY-MM-DD.
    machine : str
        Processor, number of cores, version of Python.
    """

    implementation: str
    n_images: int
    amplitude: float
    seconds: float
    cpu_seconds: float
    memory: float
    n_vectors: int
    mistakes: int
    date: str
    machine: str

    @property
    def cache_size(self) -> int:
        """Size of the kernel cache in MB."""
        return CACHE_SIZES.get(self.n_images, DEFAULT_CACHE_SIZE)


def main() -> None:
    """Measure one fit and print it, or several and write the results and the report."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--images", type=int, nargs="+", help="only these numbers of images")
    parser.add_argument("--implementations", nargs="+", choices=SIZES, default=list(SIZES))
    parser.add_argument("--measure", nargs=3, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure is not None:
        implementation, n_images, amplitude = arguments.measure
        mnist = images.load(paths.flat("mnist"))
        print(json.dumps(asdict(measure(mnist, implementation, int(n_images), float(amplitude)))))
        return
    fits = results.read(Fit, RESULTS)
    for case in CASES:
        if case[0] not in arguments.implementations:
            continue
        if arguments.images is not None and case[1] not in arguments.images:
            continue
        found = run_in_process(*case)
        fits = in_order([fit for fit in fits if key(fit) != case] + [found])
        results.write(fits, RESULTS)
        REPORT.write_text(render_report(fits), encoding="utf-8", newline="\n")


def key(fit: Fit) -> tuple[str, int, float]:
    """Return what is fitted to what; a later fit replaces one with the same key."""
    return fit.implementation, fit.n_images, fit.amplitude


def in_order(fits: list[Fit]) -> list[Fit]:
    """Return fits in the order of the table."""
    return sorted(fits, key=lambda fit: CASES.index(key(fit)))


def run_in_process(implementation: str, n_images: int, amplitude: float) -> Fit:
    """Measure a fit in a new process and print it to stderr."""
    command = [sys.executable, "-m", "benchmarks.scale"]
    command += ["--measure", implementation, str(n_images), str(amplitude)]
    completed = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True)
    print(completed.stdout, end="", file=sys.stderr, flush=True)
    return Fit(**json.loads(completed.stdout))


def measure(mnist: LabelledImages, implementation: str, n_images: int, amplitude: float) -> Fit:
    """Fit the classifier to raw pixels and score it on the test images."""
    X = np.empty((n_images, mnist.pixels.shape[1]), dtype=np.float32)
    y = np.empty(n_images, dtype=np.uint8)
    start = 0
    for block in deform.training_blocks(mnist, n_images, Distortion(amplitude=amplitude)):
        X[start : start + len(block)] = to_unit(block.pixels)
        y[start : start + len(block)] = block.labels
        start += len(block)
    model = svc.make_classifier(implementation)
    model.set_params(cache_size=CACHE_SIZES.get(n_images, DEFAULT_CACHE_SIZE))
    wall, processor = time.perf_counter(), time.process_time()
    model.fit(X, y)
    wall, processor = time.perf_counter() - wall, time.process_time() - processor
    memory = round(svc.peak_memory(), 1)
    test = mnist.take(np.arange(deform.N_TRAIN, len(mnist)))
    mistakes = int(np.sum(model.predict(to_unit(test.pixels)) != test.labels))
    return Fit(
        implementation,
        n_images,
        amplitude,
        round(wall, 3),
        round(processor, 3),
        memory,
        n_vectors=len(model.support_),
        mistakes=mistakes,
        date=provenance.today(),
        machine=provenance.machine(),
    )


def to_unit(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return pixel values from 0 to 1."""
    return np.divide(pixels, np.float32(255), dtype=np.float32)


def render_report(fits: list[Fit]) -> str:
    """Return the report in Markdown; at least two sizes of this project's fits are needed."""
    fits = in_order(fits)
    mild = [fit for fit in fits if (fit.implementation, fit.amplitude) == (svc.OURS, MILD)]
    others = [fit for fit in fits if fit.implementation != svc.OURS]
    parameters = "{kernel} kernel, C = {C:g}, gamma = {gamma:g}".format(**svc.PARAMETERS)
    header = (
        "| | images | field (pixels) | cache size (MB) | fit (s) | processor time (s) "
        "| peak memory (GB) | support vectors | mistakes | error |"
    )
    return "\n".join(
        [
            "# The support vector classifier on more images",
            "",
            *svc.wrap(
                "MNIST's 60,000 training images and deformed copies of them "
                "(`benchmarks/deform.py`): rotated and slanted by up to 0.1 radians, scaled by up "
                "to 5 %, with an elastic field of the given size. Pixel values from 0 to 1, "
                f"float32; {parameters}. One run of each fit, measured "
                f"{provenance.describe_dates(fit.date for fit in fits)}. The memory includes the "
                "samples. Mistakes are those on MNIST's 10,000 test images, with the exact 95 % "
                "interval of the error."
            ),
            "",
            *svc.wrap(f"Machine: {provenance.describe_machines(fit.machine for fit in fits)}."),
            "",
            header,
            "|---|---|---|---|---|---|---|---|---|---|",
            *map(render_row, fits),
            "",
            *svc.wrap(describe_growth(mild)),
            "",
            *svc.wrap(" ".join(extrapolate(others, name) for name in measured_twice(others))),
            "",
            "[scale_stages.md](scale_stages.md) has the stages of the pipeline on such tables.",
            "",
            f"## {PLANNED:,} images, on paper",
            "",
            *svc.wrap(plan(mild)),
        ]
    ) + ("\n")


def describe_growth(mild: list[Fit]) -> str:
    """Return how time and support vectors grow with the number of images."""
    sizes = [fit.n_images for fit in mild]
    exponents = {
        name: svc.growth_exponent(sizes, [getattr(fit, name) for fit in mild])
        for name in ("seconds", "n_vectors")
    }
    return (
        f"With the smaller field, the time grows with the power {exponents['seconds']:.2f} of the "
        f"number of images, the number of support vectors with the power "
        f"{exponents['n_vectors']:.2f}. A pair of classes with more than 16,384 samples is "
        "decomposed (docs/svc.md), and so is one whose active set does not fit into the cache. "
        "Kernel rows are not kept then, so memory does not grow with them."
    )


def measured_twice(fits: list[Fit]) -> list[str]:
    """Return the implementations with fits of at least two sizes, in their order."""
    names = [fit.implementation for fit in fits]
    return [name for name in dict.fromkeys(names) if names.count(name) > 1]


def extrapolate(others: list[Fit], implementation: str) -> str:
    """Return how long another implementation would take for the largest table."""
    fits = [fit for fit in others if fit.implementation == implementation]
    times = [fit.seconds for fit in fits]
    exponent = svc.growth_exponent([fit.n_images for fit in fits], times)
    hours = times[-1] * (LARGEST / fits[-1].n_images) ** exponent / 3600
    return (
        f"The time of {implementation} grows with the power {exponent:.2f} from "
        f"{fits[0].n_images:,} to {fits[-1].n_images:,} images; extrapolated, not measured, "
        f"{LARGEST:,} images would take it {hours:.1f} hours."
    )


def plan(mild: list[Fit]) -> str:
    """Return what the largest published table would need, from the two largest fits."""
    smaller, largest = mild[-2:]
    sizes = [smaller.n_images, largest.n_images]
    factor = PLANNED / largest.n_images
    hours = largest.seconds * factor ** svc.growth_exponent(
        sizes, [smaller.seconds, largest.seconds]
    )
    n_vectors = largest.n_vectors * factor ** svc.growth_exponent(
        sizes, [smaller.n_vectors, largest.n_vectors]
    )
    return (
        f"Loosli, Canu and Bottou (2007) trained on {PLANNED:,} deformed digits (raw pixels, 0.67 "
        "% mistakes). Extrapolated from the two largest fits, not measured: about "
        f"{hours / 3600:.0f} hours on this machine, with {n_vectors:,.0f} support vectors. The "
        f"samples are the first bottleneck of memory: {PLANNED * N_PIXELS * 4 / 1e9:.0f} GB as "
        f"float32, which the solver needs as a whole, but {PLANNED * N_PIXELS / 1e9:.1f} GB as "
        "bytes, from which each block could be converted when it is read. The next one is the "
        "working set: with more support vectors in a pair than the cache has rows, it is exchanged "
        "more often, so the cache must grow with the square of their number. Most of the time goes "
        "into the margins of all samples of a pair with all of its support vectors; pairs are "
        "independent, so up to 45 workers of a cluster (docs/cluster.md) divide it."
    )


def render_row(fit: Fit) -> str:
    """Return a row of the table."""
    n_test = svc.TEST_ROWS
    is_right = np.arange(n_test) >= fit.mistakes
    accuracy = statistics.accuracy(np.ones(n_test, dtype=bool), is_right, 0.95)
    return (
        f"| {fit.implementation} | {fit.n_images:,} | {fit.amplitude} | {fit.cache_size} "
        f"| {fit.seconds:.0f} | {fit.cpu_seconds:.0f} "
        f"| {fit.memory / 1000:.1f} | {fit.n_vectors:,} | {fit.mistakes} "
        f"| {100 - 100 * accuracy.value:.2f} % "
        f"({100 - 100 * accuracy.high:.2f}–{100 - 100 * accuracy.low:.2f} %) |"
    )


if __name__ == "__main__":
    main()
