"""Trained models under changes of an image that must, or must not, change the prediction."""

import numpy as np
import pytest
from sklearn.pipeline import Pipeline

from handwriting import persistence
from handwriting.common import images
from handwriting.common.images import LabelledImages
from tests.helpers import PAIRS, Repository

SOME = np.arange(0, 10_000, 10)

# A drawn seven in the two image sizes.
SEVEN = {
    "digits": [
        "..####..",
        "..#..#..",
        "....##..",
        "..#####.",
        "...##...",
        "...#....",
        "..##....",
        "..##....",
    ],
    "mnist": [
        *["." * 28] * 6,
        *["......################......"] * 3,
        *["...................###......"] * 2,
        *["..................###......."] * 2,
        *[".................###........"] * 2,
        *["................###........."] * 2,
        *["...............###.........."] * 2,
        *["..............###..........."] * 3,
        *["." * 28] * 6,
    ],
}


@pytest.fixture(params=PAIRS, ids="-".join)
def trained(
    request: pytest.FixtureRequest, full: Repository
) -> tuple[str, str, Pipeline, LabelledImages]:
    dataset, model = request.param
    test = images.load(full.root / "data/split" / dataset / "test")
    some = test.take(SOME[len(test) > SOME]) if dataset == "mnist" else test
    return dataset, model, persistence.load(full.root / "models" / dataset / f"{model}.skops"), some


def pictures(dataset: str, test: LabelledImages) -> np.ndarray:
    side = {"digits": 8, "mnist": 28}[dataset]
    return test.pixels.reshape(-1, side, side)


def agreement(model: Pipeline, test: LabelledImages, changed: np.ndarray) -> float:
    before = model.predict(test.pixels)
    return float(np.mean(before == model.predict(changed.reshape(test.pixels.shape))))


def test_a_shift_of_one_pixel_keeps_most_labels(trained: tuple) -> None:
    dataset, model, classifier, test = trained
    if dataset == "digits":
        pytest.skip("one pixel is an eighth of these images")
    shifted = np.roll(pictures(dataset, test), 1, axis=2)
    least = {"svc": 0.98, "svc_raw": 0.9, "forest": 0.95, "tree": 0.5}[model]
    assert agreement(classifier, test, shifted) >= least


def test_a_faint_change_of_grey_keeps_nearly_all_labels(trained: tuple) -> None:
    dataset, model, classifier, test = trained
    darker = np.clip(test.pixels.astype(int) + (test.pixels > 0), 0, test.pixels.max())
    # One step is a 255th of MNIST's range, and a sixteenth of that of the digits.
    least = 0.85 if model == "tree" else {"mnist": 0.99, "digits": 0.97}[dataset]
    assert agreement(classifier, test, darker.astype(np.uint8)) >= least


def test_turning_the_images_upside_down_changes_most_labels(trained: tuple) -> None:
    dataset, _, classifier, test = trained
    assert agreement(classifier, test, pictures(dataset, test)[:, ::-1, :]) <= 0.6


def test_the_order_of_the_images_does_not_matter(trained: tuple) -> None:
    _, _, classifier, test = trained
    order = np.random.default_rng(0).permutation(len(test))
    np.testing.assert_array_equal(
        classifier.predict(test.pixels)[order], classifier.predict(test.pixels[order])
    )


def test_every_digit_is_recognised_far_better_than_by_chance(trained: tuple) -> None:
    _, _, classifier, test = trained
    predicted = classifier.predict(test.pixels)
    for digit in range(10):
        assert np.mean(predicted[test.labels == digit] == digit) >= 0.5


def test_a_drawn_seven_is_a_seven(trained: tuple) -> None:
    dataset, model, classifier, _ = trained
    if model == "tree":
        pytest.skip("a single tree follows single pixels")
    largest = {"digits": 16, "mnist": 255}[dataset]
    drawn = np.array([[largest * (c == "#") for c in line] for line in SEVEN[dataset]])
    assert classifier.predict(drawn.reshape(1, -1).astype(np.uint8)).tolist() == [7]
