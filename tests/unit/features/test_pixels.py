import numpy as np
from sklearn.utils.estimator_checks import check_estimator

from handwriting.features.pixels import UnitPixels


def test_unit_pixels_passes_the_checks_of_scikit_learn() -> None:
    check_estimator(UnitPixels())


def test_unit_pixels_are_float32_from_0_to_1() -> None:
    pixels = np.array([[0, 8, 16]], dtype=np.uint8)
    unit = UnitPixels(pixel_max=16).fit_transform(pixels)
    assert unit.dtype == np.float32
    assert unit.tolist() == [[0, 0.5, 1]]
