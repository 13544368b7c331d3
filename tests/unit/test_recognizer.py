import filecmp
import io
import subprocess
import sys
import textwrap
import zipfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline

from benchmarks import disturbances
from handwriting import persistence
from handwriting.common.errors import InputError
from handwriting.common.images import LabelledImages
from handwriting.common.params.datasets import ImageFormat
from handwriting.recognizer import Box, Recognizer
from tests.helpers import HYPERPARAMETERS, dump_sealed, fit, fit_digits, tight_digits


@pytest.fixture(scope="module")
def test_images(mnist: LabelledImages) -> tuple[np.ndarray, np.ndarray]:
    """Sixty of MNIST's test images that the small model reads right, with their digits."""
    return mnist.pixels[60_000:60_060].reshape(-1, 28, 28), mnist.labels[60_000:60_060]


def encode(grey: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(grey).save(file, "PNG")
    return file.getvalue()


def test_clean_images_are_read_as_by_the_pipeline(
    recognizer: Recognizer, mnist: LabelledImages
) -> None:
    pixels = mnist.pixels[60_000:60_300]
    found = [recognizer.find(image) for image in pixels.reshape(-1, 28, 28)]
    assert all(len(parts) == 1 for parts in found)
    read = recognizer.recognize([parts[0] for parts in found])
    assert [reading.digit for reading in read] == recognizer.model.predict(pixels).tolist()
    np.testing.assert_array_equal([reading.pixels.ravel() for reading in read], pixels)


@pytest.mark.parametrize("kind", list(disturbances.KINDS))
def test_most_digits_are_read_in_each_kind_of_picture(
    kind: str, recognizer: Recognizer, test_images: tuple[np.ndarray, np.ndarray]
) -> None:
    random = np.random.default_rng(0)
    right = 0
    for digit, label in zip(*test_images, strict=True):
        readings = recognizer.read(disturbances.KINDS[kind](digit, random))
        right += len(readings) == 1 and readings[0].digit == label
    assert right >= 0.9 * len(test_images[0])


def test_a_reading_says_what_was_seen_and_where(
    recognizer: Recognizer, test_images: tuple[np.ndarray, np.ndarray]
) -> None:
    canvas = np.full((200, 300), 255, dtype=np.uint8)
    canvas[40:68, 200:228] = 255 - test_images[0][0]
    (reading,) = recognizer.read(canvas)
    rows, columns = (
        np.flatnonzero(test_images[0][0].any(1)),
        np.flatnonzero(test_images[0][0].any(0)),
    )
    expected = Box(200 + columns[0], 40 + rows[0], 201 + columns[-1], 41 + rows[-1])
    assert np.abs(np.subtract(reading.box, expected)).max() <= 2
    assert reading.digit == test_images[1][0] == np.argmax(reading.probabilities)
    assert reading.is_digit
    assert reading.runner_up != reading.digit
    assert reading.probability == reading.probabilities.max()
    assert reading.runner_up_probability == np.sort(reading.probabilities)[-2]
    assert reading.probabilities.sum() == pytest.approx(1)
    assert reading.pixels.shape == (28, 28)


def test_all_kinds_of_pictures_are_read_alike(
    recognizer: Recognizer, test_images: tuple[np.ndarray, np.ndarray], tmp_path: Path
) -> None:
    grey = disturbances.inverted(test_images[0][3], np.random.default_rng(0))
    path = tmp_path / "image.png"
    path.write_bytes(encode(grey))
    sources = [grey, path, str(path), path.read_bytes(), io.BytesIO(path.read_bytes())]
    readings = [recognizer.read(source)[0] for source in sources]
    assert len({(reading.digit, reading.probability) for reading in readings}) == 1


def test_lines_are_read_from_the_left_and_from_the_top(
    recognizer: Recognizer, test_images: tuple[np.ndarray, np.ndarray]
) -> None:
    random = np.random.default_rng(0)
    strips = [
        disturbances.strip(test_images[0][start : start + 4], random, gap=10)
        for start in (0, 4, 10)
    ]
    width = max(strip.shape[1] for strip in strips)
    page = np.vstack(
        [np.pad(s, ((0, 0), (0, width - s.shape[1])), constant_values=255) for s in strips]
    )
    readings = recognizer.read(page)
    lines = [[r.digit for r in readings if r.line == number] for number in range(3)]
    assert lines == [test_images[1][start : start + 4].tolist() for start in (0, 4, 10)]
    assert [r.line for r in readings] == sorted(r.line for r in readings)


def test_a_blank_page_has_no_reading(recognizer: Recognizer) -> None:
    assert recognizer.read(np.full((50, 50), 200, dtype=np.uint8)) == []
    assert recognizer.recognize([]) == []


def test_noise_and_scribbles_are_probably_no_digits(recognizer: Recognizer) -> None:
    random = np.random.default_rng(0)
    scribbles = [recognizer.prepare(disturbances.scribble(random)).ravel() for _ in range(40)]
    noise = random.integers(0, 256, (40, 784), dtype=np.uint8)
    assert not recognizer.classify(noise)[1].any()
    assert recognizer.classify(np.stack(scribbles))[1].mean() < 0.5


def test_threads_may_share_a_recognizer(
    recognizer: Recognizer, test_images: tuple[np.ndarray, np.ndarray]
) -> None:
    pictures = [
        disturbances.of_size(60)(digit, np.random.default_rng(0)) for digit in test_images[0][:16]
    ]
    expected = [recognizer.read(picture)[0].digit for picture in pictures]
    with ThreadPoolExecutor(4) as executor:
        found = list(executor.map(lambda picture: recognizer.read(picture)[0].digit, pictures))
    assert found == expected


def test_a_model_of_another_format_prepares_its_own_images(digits: LabelledImages) -> None:
    recognizer = Recognizer(fit_digits("svc", digits))
    images = digits.pixels[1000:1100].reshape(-1, 8, 8)
    right = 0
    for image, label in zip(images, digits.labels[1000:1100], strict=True):
        grey = 255 - np.rint(image * (255 / 16)).astype(np.uint8)
        large = np.asarray(Image.fromarray(grey).resize((96, 96), Image.Resampling.BICUBIC))
        readings = recognizer.read(np.pad(large, 30, constant_values=255))
        right += len(readings) == 1 and readings[0].digit == label
    assert right >= 80


@pytest.fixture(scope="module")
def tight(digits: LabelledImages) -> tuple[Recognizer, LabelledImages]:
    """A model of digits that fill their images to the border, and images to test it with."""
    images = tight_digits(digits)
    image = ImageFormat(height=16, width=16, pixel_max=255)
    model = fit(HYPERPARAMETERS["svc with gradients"], images.take(np.arange(900)), image)
    return Recognizer(model), images.take(np.arange(900, 1300))


@pytest.mark.parametrize("dark", [True, False])
def test_pictures_of_tight_digits_are_read_as_by_the_pipeline(
    dark: bool, tight: tuple[Recognizer, LabelledImages]
) -> None:
    recognizer, test = tight
    pictures = (255 - test.pixels if dark else test.pixels).reshape(-1, 16, 16)
    readings = [recognizer.read(picture) for picture in pictures]
    assert all(len(read) == 1 for read in readings)
    np.testing.assert_array_equal([read[0].pixels.ravel() for read in readings], test.pixels)
    expected = recognizer.model.predict(test.pixels).tolist()
    assert [read[0].digit for read in readings] == expected


def test_large_pictures_of_tight_digits_are_read_nearly_as_well(
    tight: tuple[Recognizer, LabelledImages],
) -> None:
    recognizer, test = tight
    right = 0
    for picture, label in zip(255 - test.pixels.reshape(-1, 16, 16), test.labels, strict=True):
        large = Image.fromarray(picture).resize((64, 64), Image.Resampling.BICUBIC)
        readings = recognizer.read(np.pad(np.asarray(large), 24, constant_values=255))
        right += len(readings) == 1 and readings[0].digit == label
    by_pipeline = np.sum(recognizer.model.predict(test.pixels) == test.labels)
    assert by_pipeline >= 0.95 * len(test)
    assert right >= 0.95 * by_pipeline


@pytest.mark.parametrize("margin", [0, 1])
@pytest.mark.parametrize("size", [28, 112])
def test_a_picture_may_end_at_the_digit(
    size: int, margin: int, recognizer: Recognizer, test_images: tuple[np.ndarray, np.ndarray]
) -> None:
    right = 0
    for digit, label in zip(*test_images, strict=True):
        ink = disturbances.scaled(digit, size)
        rows, columns = (np.flatnonzero((ink > 0.1).any(axis=axis)) for axis in (1, 0))
        box = np.pad(ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1], margin)
        readings = recognizer.read(disturbances.to_pixels(disturbances.on_paper(box)))
        assert readings, "nothing stands out from the paper"
        right += len(readings) == 1 and readings[0].digit == label
    assert right >= 0.9 * len(test_images[0])


def test_an_enlarged_image_of_scikit_learn_is_read(digits: LabelledImages) -> None:
    """It has no margin, and most of it is grey."""
    recognizer = Recognizer(fit_digits("svc", digits))
    images = digits.pixels[1000:1100].reshape(-1, 8, 8)
    right = 0
    for image, label in zip(images, digits.labels[1000:1100], strict=True):
        grey = 255 - np.rint(image * (255 / 16)).astype(np.uint8)
        large = np.asarray(Image.fromarray(grey).resize((64, 64), Image.Resampling.BICUBIC))
        readings = recognizer.read(large)
        right += len(readings) == 1 and readings[0].digit == label
    assert right >= 80


def test_a_model_without_a_detector_takes_everything_for_a_digit(digits: LabelledImages) -> None:
    recognizer = Recognizer(fit_digits("tree", digits))
    assert recognizer.classify(digits.pixels[:5])[1].all()


def test_images_of_another_size_are_refused(recognizer: Recognizer) -> None:
    with pytest.raises(InputError, match="trained on images of 28×28 = 784 pixels"):
        recognizer.predict_proba(np.zeros((3, 64), dtype=np.uint8))


def _truncate(content: bytes) -> bytes:
    return content[: len(content) // 2]


def _flip(content: bytes) -> bytes:
    """Change bytes in the middle of the largest compressed array."""
    changed = bytearray(content)
    middle = len(changed) // 2
    changed[middle : middle + 8] = b"\xff" * 8
    return bytes(changed)


def _other_archive(content: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("letter.txt", "hello")
    return file.getvalue()


def _no_json(content: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("schema.json", "{")
    return file.getvalue()


@pytest.mark.parametrize(
    "damage",
    [_truncate, _flip, _other_archive, _no_json, lambda content: b"", lambda content: b"x"],
)
def test_a_damaged_model_is_one_line(
    damage: Callable[[bytes], bytes], model_file: Path, tmp_path: Path
) -> None:
    path = tmp_path / "damaged.skops"
    path.write_bytes(damage(model_file.read_bytes()))
    with pytest.raises(InputError, match=r": (not )?a model file|: damaged") as raised:
        Recognizer.load(path)
    assert "\n" not in str(raised.value)


def test_untrusted_types_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.skops"
    dump_sealed(make_pipeline(_Evil()), path)
    with pytest.raises(InputError, match="not loaded: Untrusted types found") as raised:
        Recognizer.load(path)
    assert "\n" not in str(raised.value)


class _Evil(GaussianNB):
    pass


def test_the_documented_lines_work(
    model_file: Path, test_images: tuple[np.ndarray, np.ndarray], tmp_path: Path
) -> None:
    """In a new process, outside the project."""
    (tmp_path / "photo.png").write_bytes(encode(255 - test_images[0][0]))
    program = f"""
        from handwriting.recognizer import Recognizer

        recognizer = Recognizer.load({str(model_file)!r})
        for reading in recognizer.read("photo.png"):
            print(reading.digit, f"{{reading.probability:.0%}}", reading.is_digit)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)],
        cwd=tmp_path,
        env={"PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split()[0] == str(test_images[1][0])
    assert done.stdout.split()[2] == "True"
    assert done.stderr == ""


def test_a_saved_model_keeps_its_detector(model_file: Path, tmp_path: Path) -> None:
    model = persistence.load(model_file)
    persistence.save(model, tmp_path / "again.skops")
    assert filecmp.cmp(tmp_path / "again.skops", model_file, shallow=False)
