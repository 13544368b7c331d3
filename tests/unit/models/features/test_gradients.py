import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from handwriting.models.features.gradients import OrientedGradients

SQUARES = st.integers(4, 64).flatmap(
    lambda size: arrays(np.float32, (size, size), elements=st.floats(0, 1, width=32))
)
# Few different values: many pixels without a gradient, as in images of digits.
FLAT = st.integers(4, 12).flatmap(
    lambda size: arrays(np.float32, (size, size), elements=st.sampled_from([0.0, 0.5, 1.0]))
)


def features(image: np.ndarray, **parameters: float) -> np.ndarray:
    transformer = OrientedGradients(len(image), **parameters)
    shape = (transformer.n_orientations, transformer.n_cells, transformer.n_cells)
    return transformer.fit_transform(image.reshape(1, -1)).reshape(shape)


def plain_features(
    image: np.ndarray, n_orientations: int, n_cells: int, step: float, sigma: float, share: float
) -> np.ndarray:
    """Compute the features pixel by pixel."""
    size = len(image)
    maps = np.zeros((n_orientations, size, size))
    for i in range(size):
        for j in range(size):
            down = image[i + 1, j] - image[i - 1, j] if 0 < i < size - 1 else 0.0
            right = image[i, j + 1] - image[i, j - 1] if 0 < j < size - 1 else 0.0
            turn = math.atan2(down, right) / (2 * math.pi) * n_orientations
            lower = math.floor(turn)
            length = math.hypot(down, right)
            maps[lower % n_orientations, i, j] += length * (1 - (turn - lower))
            maps[(lower + 1) % n_orientations, i, j] += length * (turn - lower)
    centres = [(size - 1) / 2 + step * (k - (n_cells - 1) / 2) for k in range(n_cells)]
    weights = [
        [math.exp(-((i - centre) ** 2) / (2 * sigma**2)) for i in range(size)] for centre in centres
    ]
    largest = max(sum(row) for row in weights) ** 2
    result = np.zeros((n_orientations, n_cells, n_cells))
    for row in range(n_cells):
        for column in range(n_cells):
            window = np.outer(weights[row], weights[column])
            sums = (maps * window).sum(axis=(1, 2))
            result[:, row, column] = np.sqrt(sums / (sums.sum() + share * largest))
    return result


@settings(max_examples=30, deadline=None)
@given(
    FLAT | SQUARES.filter(lambda image: len(image) < 13),
    st.integers(3, 13),
    st.integers(1, 4),
    st.floats(0.5, 4),
    st.floats(0.3, 3),
)
def test_features_are_those_of_plain_loops(
    image: np.ndarray, n_orientations: int, n_cells: int, step: float, sigma: float
) -> None:
    found = features(image, n_orientations=n_orientations, n_cells=n_cells, step=step, sigma=sigma)
    expected = plain_features(image.astype(float), n_orientations, n_cells, step, sigma, 0.15)
    # A pixel between two directions may fall to either side; the square root enlarges that near 0.
    np.testing.assert_allclose(found**2, expected**2, atol=1e-5)


@settings(deadline=None)
@given(SQUARES)
def test_features_are_between_0_and_1_and_each_cell_has_at_most_length_1(image: np.ndarray) -> None:
    found = features(image)
    assert found.dtype == np.float32
    assert np.isfinite(found).all()
    assert found.min() >= 0
    assert ((found**2).sum(axis=0) < 1).all()


@settings(deadline=None)
@given(SQUARES)
def test_a_transposed_image_has_transposed_cells_and_mirrored_directions(
    image: np.ndarray,
) -> None:
    # Down and right change places: direction d of 12 becomes 3 - d.
    mirrored = (3 - np.arange(12)) % 12
    found = features(image.T.copy())
    np.testing.assert_allclose(
        found**2, features(image).transpose(0, 2, 1)[mirrored] ** 2, atol=1e-5
    )


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_an_image_without_edges_has_no_features(value: float) -> None:
    assert not features(np.full((28, 28), value, dtype=np.float32)).any()


def test_the_first_direction_is_ink_that_grows_to_the_right() -> None:
    ramp = np.tile(np.linspace(0, 1, 28, dtype=np.float32), (28, 1))
    assert features(ramp).sum(axis=(1, 2)).argmax() == 0
    assert features(ramp.T.copy()).sum(axis=(1, 2)).argmax() == 3
    np.testing.assert_array_equal(features(ramp)[1:], 0)


def test_fainter_ink_has_less_weight() -> None:
    edge = np.zeros((28, 28), dtype=np.float32)
    edge[:, 14:] = 1
    assert features(edge).sum() > features(edge * 0.2).sum() > 0


@settings(deadline=None)
@given(SQUARES, st.sampled_from([2, 64, 1000]))
def test_rounded_features_are_the_nearest_levels(image: np.ndarray, n_levels: int) -> None:
    found = features(image, n_levels=n_levels)
    assert found.dtype == np.float32
    assert np.abs(found - features(image)).max() <= 0.5 / n_levels + 1e-6
    np.testing.assert_allclose(found * n_levels, np.rint(found * n_levels), atol=1e-4)


@settings(max_examples=40, deadline=None)
@given(
    st.integers(4, 30), st.integers(3, 13), st.integers(1, 9), st.integers(2, 70), st.integers(0, 9)
)
def test_the_other_images_and_the_place_among_them_change_no_bit(
    size: int, n_orientations: int, n_cells: int, n: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 256, (n, size**2)).astype(np.float32) / np.float32(255)
    transformer = OrientedGradients(size, n_orientations=n_orientations, n_cells=n_cells)
    expected = transformer.fit_transform(images)
    chosen = rng.permutation(n)[: rng.integers(1, n + 1)]
    found = transformer.transform(images[chosen])
    np.testing.assert_array_equal(found, expected[chosen], strict=True)


def test_images_of_another_shape_are_refused() -> None:
    with pytest.raises(ValueError, match="64 features; images of 28×28 have 784"):
        OrientedGradients().fit(np.zeros((1, 64)))
