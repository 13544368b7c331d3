import numpy as np
import pytest
from scipy import ndimage

from benchmarks.deformation import Distortion, _interpolate, deform, distort
from handwriting.common.images import LabelledImages


@pytest.fixture(scope="module")
def some(mnist: LabelledImages) -> np.ndarray:
    return mnist.pixels[:20].reshape(-1, 28, 28).astype(np.float32)


def test_values_between_pixels_are_those_of_scipy(some: np.ndarray) -> None:
    random = np.random.default_rng(1)
    points = random.uniform(-1, 28, (2, 20, 28, 28)).astype(np.float32)
    found = _interpolate(some, points[0], points[1])
    for image, rows, columns, result in zip(some, points[0], points[1], found, strict=True):
        expected = ndimage.map_coordinates(
            np.pad(image, 1), [rows + 1, columns + 1], order=1, mode="constant"
        )
        np.testing.assert_allclose(result, expected, atol=0.01)


def test_a_field_of_almost_0_changes_almost_nothing(some: np.ndarray) -> None:
    found = deform(some, 1e-6, 4, np.random.default_rng(0))
    np.testing.assert_allclose(found, some, atol=0.01)


def test_the_displacement_has_the_given_size_and_smoothness() -> None:
    # The values of this image are its columns, so that a deformed image shows the displacements.
    ramp = np.tile(np.arange(60, dtype=np.float32), (200, 60, 1))
    shift = (deform(ramp, 0.5, 4, np.random.default_rng(0)) - ramp)[:, 5:-5, 5:-5]
    assert np.sqrt((shift**2).mean()) == pytest.approx(0.5, rel=0.05)
    # The autocorrelation of smoothed noise is a Gaussian of sqrt(2) times the width.
    correlation = (shift[:, :, :-4] * shift[:, :, 4:]).mean() / (shift**2).mean()
    assert correlation == pytest.approx(np.exp(-(4**2) / (4 * 4**2)), abs=0.03)


def test_the_same_seed_gives_the_same_bits_and_another_seed_others(some: np.ndarray) -> None:
    first, again, other = (deform(some, 1, 4, np.random.default_rng(seed)) for seed in (3, 3, 4))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_images_of_any_shape_stay_in_their_range() -> None:
    random = np.random.default_rng(0)
    images = random.uniform(0, 255, (30, 5, 9)).astype(np.float32)
    found = deform(images, 3, 1, random)
    assert found.shape == images.shape
    assert found.min() >= 0
    assert found.max() <= 255


def test_a_distortion_of_size_0_changes_almost_nothing(some: np.ndarray) -> None:
    found = distort(some, Distortion(0, 0, 1e-6, 4), np.random.default_rng(0))
    np.testing.assert_allclose(found, some, atol=0.01)


def test_affine_distortions_are_those_of_scipy(some: np.ndarray) -> None:
    size = Distortion(angle=0.3, scale=0.2, amplitude=0, smoothness=4)
    found = distort(some, size, np.random.default_rng(5))
    angles, slants, heights, widths = np.random.default_rng(5).uniform(-1, 1, (4, 20))
    for index, image in enumerate(some):
        angle, slant = 0.3 * angles[index], 0.3 * slants[index]
        rotation = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
        shear = [[1, 0], [np.tan(slant), 1]]
        scale = np.diag([1 + 0.2 * heights[index], 1 + 0.2 * widths[index]])
        matrix = scale @ rotation @ shear
        centre = np.array([13.5, 13.5])
        expected = ndimage.affine_transform(image, matrix, centre - matrix @ centre, order=1)
        # scipy treats points up to one pixel outside the image differently
        np.testing.assert_allclose(found[index, 2:-2, 2:-2], expected[2:-2, 2:-2], atol=0.05)
