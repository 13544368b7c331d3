import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import ndimage

from handwriting.common.images import LabelledImages
from handwriting.models.features.deskew import Deskew

SHAPES = st.tuples(st.integers(4, 64), st.integers(4, 64))
IMAGES = SHAPES.flatmap(lambda shape: arrays(np.uint8, shape))


def deskew(image: np.ndarray, **parameters: float) -> np.ndarray:
    transformer = Deskew(*image.shape, **parameters)
    return transformer.fit_transform(image.reshape(1, -1)).reshape(transformer.size, -1)


def slanted_bar(slant: float) -> np.ndarray:
    """Draw a bar of 12 rows that moves `slant` columns per row, with soft edges."""
    rows, columns = np.mgrid[:28, :28]
    distance = np.abs(columns - 13 - slant * (rows - 14))
    return np.where(np.abs(rows - 14) <= 6, np.clip(3 - distance, 0, 1), 0)


@settings(deadline=None)
@given(IMAGES, st.integers(4, 40), st.sampled_from([0.0, 1.0]), st.sampled_from([0.0, 0.5, 1.0]))
def test_the_result_is_an_affine_transformation_by_the_moments(
    image: np.ndarray, size: int, margin: float, share: float
) -> None:
    found = deskew(image, size=size, margin=margin, slant=share, scaling=share)
    height, width = image.shape
    ink = image.astype(float)
    if not ink.any():
        assert not found.any()
        return
    centre = np.array(ndimage.center_of_mass(ink))
    rows, columns = np.mgrid[:height, :width] - centre[:, None, None]

    def mean(values: np.ndarray) -> float:
        return float((values * ink).sum() / ink.sum())

    slant = mean(rows * columns) / mean(rows**2) if mean(rows**2) > 1e-6 else 0.0
    narrow = np.sqrt(max(mean(columns**2) - slant * mean(rows * columns), 0))
    zoom = size / (max(height, width) + 2 * margin)
    wanted = 0.19 * size / zoom
    scale = np.array(
        [
            np.sqrt(mean(rows**2)) / wanted,
            narrow / np.clip(narrow, 0.62 * wanted, 1.15 * wanted),
        ]
    )
    scale = np.clip(scale, 0.5, 2) ** share
    matrix = np.array([[1, 0], [share * np.clip(slant, -1, 1), 1]]) @ np.diag(scale) / zoom
    middle = np.full(2, (size - 1) / 2)
    expected = ndimage.affine_transform(
        np.pad(ink, 2),
        matrix,
        offset=centre + 2 - matrix @ middle,
        output_shape=(size, size),
        order=1,
        mode="constant",
    )
    np.testing.assert_allclose(found, expected, atol=0.05)


@pytest.mark.parametrize("slant", [-0.8, -0.3, 0.0, 0.5])
def test_slant_is_removed(slant: float) -> None:
    upright = deskew(slanted_bar(slant), scaling=0)
    by_row = [ndimage.center_of_mass(row)[0] for row in upright if row.sum() > 1]
    assert len(by_row) >= 10
    assert np.polyfit(np.arange(len(by_row)), by_row, 1)[0] == pytest.approx(0, abs=0.03)


def test_a_part_of_the_slant_can_be_kept() -> None:
    half = deskew(slanted_bar(0.8), slant=0.5, scaling=0)
    by_row = [ndimage.center_of_mass(row)[0] for row in half if row.sum() > 1]
    slope = np.polyfit(np.arange(len(by_row)), by_row, 1)[0]
    assert slope == pytest.approx(0.4, abs=0.05)


def test_the_ink_is_moved_to_the_middle(digits: LabelledImages) -> None:
    images = Deskew(8, 8, size=20, margin=1, scaling=0).fit_transform(digits.pixels[:50])
    for image in images.reshape(-1, 20, 20):
        assert ndimage.center_of_mass(image) == pytest.approx((9.5, 9.5), abs=0.4)


def test_full_scaling_reaches_the_wanted_height() -> None:
    rows, columns = np.mgrid[:28, :28] - 13.5
    disc = np.clip(7 - np.hypot(rows, columns), 0, 1)
    large = deskew(disc, scaling=1, spread=0.2)
    spread = np.sqrt((large.sum(axis=1) * (np.arange(28) - 13.5) ** 2).sum() / large.sum())
    assert spread == pytest.approx(0.2 * 28, rel=0.03)


def test_one_dot_stays_a_dot() -> None:
    image = np.zeros((28, 28), dtype=np.uint8)
    image[3, 20] = 255
    found = deskew(image)
    assert np.count_nonzero(found) <= 16
    assert ndimage.center_of_mass(found) == pytest.approx((13.5, 13.5), abs=0.01)


def test_images_of_another_shape_are_refused() -> None:
    with pytest.raises(ValueError, match="64 features; images of 28×28 have 784"):
        Deskew().fit(np.zeros((1, 64)))
