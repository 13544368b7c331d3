"""Measures the accuracy on users' own images: ``python -m benchmarks.own_images``.

MNIST's test images are rendered as pictures of many kinds and read with the model ``mnist/svc``.
All settings were chosen on training images. The result is written to ``benchmarks/own_images.md``.
"""

import argparse
import contextlib
import io
import os
import platform
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from benchmarks import disturbances
from handwriting.app import prediction
from handwriting.app.writers import CsvWriter
from handwriting.common import images
from handwriting.pictures.decode import read_grey
from handwriting.recognizer import Reading, Recognizer

PROJECT = Path(__file__).resolve().parents[1]
REPORT = PROJECT / "benchmarks" / "own_images.md"
TEST = PROJECT / "data" / "split" / "mnist" / "test"

N_IMAGES = 1_000  # of each kind
N_STRIPS = 200
N_TIMED = 10_000
N_REPEATS = 3

UInt8Array = npt.NDArray[np.uint8]


def main() -> None:
    """Measure everything and write the report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, default=PROJECT / "models" / "mnist" / "svc.skops")
    recognizer = Recognizer.load(parser.parse_args().model)
    test = images.load(TEST)
    chosen = np.random.default_rng(0).permutation(len(test))[:N_IMAGES]
    digits, labels = test.pixels[chosen].reshape(-1, 28, 28), test.labels[chosen]
    sections = [
        _introduction(),
        _kinds(recognizer, digits, labels),
        _strips(recognizer, digits, labels),
        _no_digits(recognizer, digits, labels),
        _times(recognizer, test.pixels[:N_TIMED]),
    ]
    REPORT.write_text("\n\n".join(sections) + "\n", encoding="utf-8")


def _introduction() -> str:
    return (
        "# Accuracy on your own images\n\n"
        f"The model `mnist/svc` reads {N_IMAGES:,} of MNIST's test images, rendered as pictures of "
        "many kinds (`benchmarks/disturbances.py`). All settings were chosen on training images. "
        "`python -m benchmarks.own_images` repeats all measurements."
    )


def _read_all(recognizer: Recognizer, pictures: Sequence[UInt8Array]) -> list[list[Reading]]:
    """Read pictures in the same way as `handwriting predict`."""
    with ThreadPoolExecutor(os.cpu_count()) as executor:
        found = list(executor.map(recognizer.find, pictures))
    readings = iter(recognizer.recognize([part for parts in found for part in parts]))
    return [[next(readings) for _ in parts] for parts in found]


def _as_file(picture: UInt8Array) -> UInt8Array:
    """Write a picture as PNG and read it again."""
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "PNG")
    return read_grey(file.getvalue())


def _kinds(recognizer: Recognizer, digits: UInt8Array, labels: UInt8Array) -> str:
    lines = [
        "## Single digits\n",
        "Correct: exactly one digit is found, and it is the right one. Not exactly one digit: none "
        "or several are found. Reported as no digit: reported as probably no digit, whether the "
        "digit is right or not.\n",
        "| picture | correct | not exactly one digit | reported as no digit |",
        "|---|---|---|---|",
    ]
    for kind, render in disturbances.KINDS.items():
        random = np.random.default_rng(1)
        read = _read_all(recognizer, [_as_file(render(digit, random)) for digit in digits])
        right = np.mean(
            [
                len(own) == 1 and own[0].digit == label
                for own, label in zip(read, labels, strict=True)
            ]
        )
        not_one = np.mean([len(own) != 1 for own in read])
        rejected = np.mean([len(own) == 1 and not own[0].is_digit for own in read])
        lines.append(f"| {kind} | {right:.1%} | {not_one:.1%} | {rejected:.1%} |")
        print(lines[-1], flush=True)
    predicted = recognizer.model.predict(digits.reshape(len(digits), -1))
    lines.append(
        f"\nThe pipeline itself classifies {np.mean(predicted == labels):.1%} of these images "
        "correctly."
    )
    return "\n".join(lines)


STRIPS: dict[str, Callable[[Sequence[UInt8Array], np.random.Generator], UInt8Array]] = {
    "gaps of 4 pixels": lambda digits, random: disturbances.strip(digits, random, gap=4),
    "gaps of 12 pixels": lambda digits, random: disturbances.strip(digits, random, gap=12),
    "gaps of 6 pixels, slope up to 4°": lambda digits, random: disturbances.strip(
        digits, random, gap=6, slope=random.uniform(-4, 4)
    ),
    "touching": disturbances.touching_strip,
}


def _strips(recognizer: Recognizer, digits: UInt8Array, labels: UInt8Array) -> str:
    fives = digits.reshape(-1, 5, 28, 28)[:N_STRIPS]
    expected = labels.reshape(-1, 5)[:N_STRIPS]
    alone = recognizer.predict_proba(fives.reshape(-1, 784)).argmax(axis=1).reshape(-1, 5)
    readable = (alone == expected).all(axis=1)
    lines = [
        "## Strips of five digits\n",
        f"Digits of about 40 pixels. Of {N_STRIPS} strips, only those count in which each digit is "
        "read correctly on its own. A strip is correct if exactly these five digits are found.\n",
        "| digits | strips | correct |",
        "|---|---|---|",
    ]
    for kind, render in STRIPS.items():
        random = np.random.default_rng(2)
        read = _read_all(recognizer, [render(five, random) for five in fives])
        right = [
            [reading.digit for reading in own] == row.tolist()
            for own, row in zip(read, expected, strict=True)
        ]
        lines.append(f"| {kind} | {readable.sum()} | {np.mean(np.array(right)[readable]):.1%} |")
        print(lines[-1], flush=True)
    return "\n".join(lines)


def _no_digits(recognizer: Recognizer, digits: UInt8Array, labels: UInt8Array) -> str:
    lines = [
        "## Pictures of other objects\n",
        "A picture is recognised if nothing is found in it, or if everything found is reported as "
        "probably no digit. Digits on their side are 2, 3, 4, 5 and 7, rotated by a right angle.\n",
        "| picture | pictures | recognised as no digit |",
        "|---|---|---|",
    ]
    random = np.random.default_rng(3)
    pictures = {
        kind: [render(random) for _ in range(N_IMAGES // 2)]
        for kind, render in disturbances.NO_DIGITS.items()
    }
    rotated = digits[np.isin(labels, (2, 3, 4, 5, 7))]
    pictures["digit on its side"] = [disturbances.on_its_side(digit, random) for digit in rotated]
    for kind, own in pictures.items():
        read = _read_all(recognizer, own)
        share = np.mean([not any(reading.is_digit for reading in found) for found in read])
        lines.append(f"| {kind} | {len(own)} | {share:.1%} |")
        print(lines[-1], flush=True)
    # The detector's result for two digits in one box that were not separated.
    pairs = [
        recognizer.prepare(disturbances.touching_strip(digits[i : i + 2], random)).ravel()
        for i in range(0, N_IMAGES, 2)
    ]
    share = np.mean(~recognizer.classify(np.stack(pairs))[1])
    lines.append(f"| two digits in one box, not separated | {len(pairs)} | {share:.1%} |")
    return "\n".join(lines)


def _times(recognizer: Recognizer, pixels: UInt8Array) -> str:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for number, image in enumerate(pixels.reshape(-1, 28, 28)):
            Image.fromarray(image).save(folder / f"{number:05}.png")
        files = sorted(folder.iterdir())
        whole, own, reading, ratio = [], [], [], []
        for _ in range(N_REPEATS):
            start = time.perf_counter()
            with contextlib.redirect_stdout(io.StringIO()) as out:
                prediction.predict(recognizer, prediction.expand([name]), CsvWriter(out))
            whole.append(time.perf_counter() - start)
            start = time.perf_counter()
            predicted = recognizer.model.predict(pixels)
            own.append(time.perf_counter() - start)
            start = time.perf_counter()
            for file in files:
                read_grey(file)
            reading.append(time.perf_counter() - start)
            ratio.append(whole[-1] / (own[-1] + reading[-1]))
        rows = out.getvalue().splitlines()[1:]
        same = [int(row.split(",")[4]) for row in rows] == predicted.tolist()
    medians = [statistics.median(values) for values in (whole, own, reading, ratio)]
    print(medians, same, flush=True)
    return (
        "## Time\n\n"
        f"{len(pixels):,} PNG files of 28×28 pixels on {os.cpu_count()} cores "
        f"({platform.machine()}), median of {N_REPEATS}:\n\n"
        "| | seconds |\n|---|---|\n"
        f"| `handwriting predict`, without starting Python | {medians[0]:.1f} |\n"
        f"| the model's `predict` on the pixels | {medians[1]:.1f} |\n"
        f"| reading and decoding the files one by one | {medians[2]:.1f} |\n\n"
        f"`handwriting predict` takes {medians[3]:.2f} times the sum of the other two. It "
        f"{'reads' if same else 'does not always read'} the same digits as the pipeline."
    )


if __name__ == "__main__":
    main()
