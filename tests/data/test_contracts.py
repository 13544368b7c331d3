"""Properties of the real data that everything else relies on."""

import hashlib

import numpy as np
import pytest

from handwriting.common.images import LabelledImages


@pytest.mark.parametrize("name", ["digits", "mnist"])
def test_pixels_labels_and_rows_are_complete(name: str, request: pytest.FixtureRequest) -> None:
    data: LabelledImages = request.getfixturevalue(name)
    side, largest = {"digits": (8, 16), "mnist": (28, 255)}[name]
    assert data.pixels.shape == (len(data), side * side)
    assert (data.pixels.min(), data.pixels.max()) == (0, largest)
    assert set(data.labels) == set(range(10))
    assert data.rows.tolist() == list(range(len(data)))
    assert (data.pixels.sum(axis=1) > 0).all(), "an image without ink"


def test_digits_are_1797_in_about_equal_parts(digits: LabelledImages) -> None:
    counts = [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
    assert np.bincount(digits.labels).tolist() == counts


def test_mnist_is_60000_and_10000_with_the_published_counts(mnist: LabelledImages) -> None:
    train = [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    test = [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    assert np.bincount(mnist.labels[:60_000]).tolist() == train
    assert np.bincount(mnist.labels[60_000:]).tolist() == test


def test_mnists_two_parts_share_no_writer(mnist: LabelledImages) -> None:
    assert mnist.writers is not None
    train, test = set(mnist.writers[:60_000]), set(mnist.writers[60_000:])
    assert (len(train), len(test)) == (539, 297)
    assert not train & test


def test_mnists_test_images_are_in_writer_order_far_more_than_its_training_images(
    mnist: LabelledImages,
) -> None:
    assert mnist.writers is not None
    same = mnist.writers[1:] == mnist.writers[:-1]
    assert same[:59_999].mean() == pytest.approx(0.031, abs=5e-4)
    assert same[60_000:].mean() == pytest.approx(0.497, abs=5e-4)


@pytest.mark.parametrize("name", ["digits", "mnist"])
def test_no_test_image_is_a_training_image(name: str, request: pytest.FixtureRequest) -> None:
    data: LabelledImages = request.getfixturevalue(name)
    first_test = {"digits": 898, "mnist": 60_000}[name]
    hashes = [hashlib.sha256(image.tobytes()).digest() for image in data.pixels]
    assert not set(hashes[:first_test]) & set(hashes[first_test:])
