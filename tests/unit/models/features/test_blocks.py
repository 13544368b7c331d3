import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.utils.estimator_checks import check_estimator
from threadpoolctl import threadpool_limits

from handwriting.common.images import LabelledImages
from handwriting.models.features.blocks import Blockwise
from handwriting.models.features.deskew import Deskew
from handwriting.models.features.gradients import OrientedGradients
from handwriting.models.features.pixels import UnitPixels


def gradients(height: int, width: int) -> Pipeline:
    return make_pipeline(UnitPixels(255), Deskew(height, width), OrientedGradients())


def test_blockwise_passes_the_checks_of_scikit_learn() -> None:
    check_estimator(Blockwise(UnitPixels()))


@pytest.fixture(scope="module")
def some(mnist: LabelledImages) -> np.ndarray:
    return mnist.pixels[:300]


@pytest.fixture(scope="module")
def expected(some: np.ndarray) -> np.ndarray:
    return Blockwise(gradients(28, 28)).fit(some).transform(some)


def test_a_row_has_the_same_bits_alone_and_among_others(
    some: np.ndarray, expected: np.ndarray
) -> None:
    blockwise = Blockwise(gradients(28, 28)).fit(some)
    for row in (0, 1, 63, 64, 299):
        alone = blockwise.transform(some[row : row + 1])
        np.testing.assert_array_equal(alone, expected[row : row + 1], strict=True)
    np.testing.assert_array_equal(blockwise.transform(some[5:180]), expected[5:180])


@pytest.mark.parametrize("n_threads", [1, 2, 4])
def test_the_number_of_threads_changes_no_bit(
    some: np.ndarray, expected: np.ndarray, n_threads: int
) -> None:
    with threadpool_limits(n_threads):
        found = Blockwise(gradients(28, 28)).fit_transform(some)
    np.testing.assert_array_equal(found, expected, strict=True)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64])
def test_the_type_of_the_pixels_changes_no_bit(
    some: np.ndarray, expected: np.ndarray, dtype: type
) -> None:
    found = Blockwise(gradients(28, 28)).fit_transform(some.astype(dtype))
    np.testing.assert_array_equal(found, expected, strict=True)


@settings(max_examples=20, deadline=None)
@given(st.integers(4, 64), st.integers(4, 64), st.integers(1, 130))
def test_images_of_any_size_and_number(height: int, width: int, n: int) -> None:
    pixels = np.random.RandomState(n).randint(0, 256, (n, height * width), dtype=np.uint8)
    found = Blockwise(gradients(height, width)).fit_transform(pixels)
    assert found.shape == (n, 768)
    assert np.isfinite(found).all()
    with threadpool_limits(1):  # as in each block
        expected = gradients(height, width).fit_transform(pixels)
    np.testing.assert_array_equal(found, expected)


def test_a_faulty_value_is_refused() -> None:
    blockwise = Blockwise(UnitPixels(16)).fit(np.zeros((2, 4)))
    with pytest.raises(ValueError, match="NaN"):
        blockwise.transform(np.array([[0, 0, 0, np.nan]]))
    with pytest.raises(ValueError, match="4 features"):
        blockwise.transform(np.zeros((1, 5)))
