import numpy as np
import pytest
from PIL import Image
from sklearn.exceptions import NotFittedError
from sklearn.utils.estimator_checks import check_estimator

from handwriting.common.images import LabelledImages
from handwriting.models.features.pixels import ImagePixels, UnitPixels
from tests.helpers import tight_digits


def test_unit_pixels_passes_the_checks_of_scikit_learn() -> None:
    check_estimator(UnitPixels())


def test_unit_pixels_are_float32_from_0_to_1() -> None:
    pixels = np.array([[0, 8, 16]], dtype=np.uint8)
    unit = UnitPixels(pixel_max=16).fit_transform(pixels)
    assert unit.dtype == np.float32
    assert unit.tolist() == [[0, 0.5, 1]]


def learn(images: np.ndarray, pixel_max: int = 255) -> tuple[int, int, bool, bool]:
    """Return height and width of the box, whether digits have one size, and are centred by mass."""
    _, height, width = images.shape
    fitted = ImagePixels(height, width, pixel_max).fit(images.reshape(-1, height * width))
    lay = (fitted.box_height_, fitted.box_width_, fitted.one_size_, fitted.by_mass_)
    assert [type(value) for value in lay] == [int, int, bool, bool]
    return lay


@pytest.mark.parametrize("step", [1, 70, 1000, 70_000])
def test_mnist_has_a_box_of_20_pixels_and_is_centred_by_mass(
    step: int, mnist: LabelledImages
) -> None:
    assert learn(mnist.pixels.reshape(-1, 28, 28)[::step]) == (20, 20, True, True)


@pytest.mark.parametrize("n_images", [100, 900, 1797])
def test_the_digits_of_scikit_learn_fill_their_images(
    n_images: int, digits: LabelledImages
) -> None:
    assert learn(digits.pixels[:n_images].reshape(-1, 8, 8), 16) == (8, 8, True, False)


def test_tight_digits_fill_their_images(digits: LabelledImages) -> None:
    assert learn(tight_digits(digits).pixels.reshape(-1, 16, 16)) == (16, 16, True, False)


def test_a_narrow_box_is_narrow(mnist: LabelledImages) -> None:
    narrow = mnist.pixels[:2000].reshape(-1, 28, 28)[:, :, 8:20]
    assert learn(narrow)[:3] == (20, 12, True)


def test_digits_anywhere_have_a_box_and_no_centre(mnist: LabelledImages) -> None:
    random = np.random.default_rng(0)
    images = np.zeros((1000, 40, 40), dtype=np.uint8)
    for image, digit in zip(images, mnist.pixels.reshape(-1, 28, 28), strict=False):
        top, left = random.integers(0, 13, 2)
        image[top : top + 28, left : left + 28] = digit
    assert learn(images) == (20, 20, True, False)


def test_digits_of_different_sizes_have_the_size_of_the_median(mnist: LabelledImages) -> None:
    sides = np.linspace(14, 28, 500).round().astype(int)
    images = np.zeros((500, 28, 28), dtype=np.uint8)
    for image, digit, side in zip(images, mnist.pixels.reshape(-1, 28, 28), sides, strict=False):
        start = 14 - side // 2
        scaled = np.asarray(Image.fromarray(digit).resize((side, side)))
        image[start : start + side, start : start + side] = scaled
    height, width, one_size, _ = learn(images)
    assert 15 <= height == width <= 16  # three quarters of 20, and a faint edge
    assert not one_size


def test_a_few_faulty_images_do_not_count(mnist: LabelledImages) -> None:
    images = mnist.pixels[:1000].reshape(-1, 28, 28).copy()
    images[:5] = 255
    images[5:9] = 0
    images[9] = 0
    images[9, 0, 0] = 1
    assert learn(images) == (20, 20, True, True)


@pytest.mark.parametrize("n_images", [0, 1, 10])
def test_images_without_ink_get_the_frame_of_mnist(n_images: int) -> None:
    assert learn(np.zeros((n_images, 28, 28), dtype=np.uint8)) == (20, 20, True, True)
    assert learn(np.zeros((n_images, 1, 3), dtype=np.uint8)) == (1, 2, True, True)


@pytest.mark.parametrize("dtype", [np.uint8, np.int64, np.float32])
def test_one_pixel_is_a_digit(dtype: type) -> None:
    assert learn(np.ones((1, 1, 1), dtype=dtype))[:3] == (1, 1, True)


def test_image_pixels_must_be_fitted_and_pass_images_on(digits: LabelledImages) -> None:
    with pytest.raises(NotFittedError):
        ImagePixels(8, 8, 16).transform(digits.pixels)
    fitted = ImagePixels(8, 8, 16).fit(digits.pixels)
    np.testing.assert_array_equal(fitted.transform(digits.pixels), digits.pixels)
    assert fitted.n_features_in_ == len(fitted.get_feature_names_out()) == 64
