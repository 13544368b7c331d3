import numpy as np
import pytest

from benchmarks.patches import PatchDictionary

N_CELLS, N_CENTROIDS = 6, 8


@pytest.fixture
def maps() -> np.ndarray:
    return np.random.default_rng(0).random((200, 4 * N_CELLS**2), dtype=np.float32)


@pytest.mark.parametrize("activation", ["nystroem", "triangle"])
def test_features_have_norm_1_and_a_row_does_not_depend_on_others(
    maps: np.ndarray, activation: str
) -> None:
    dictionary = PatchDictionary(N_CELLS, N_CENTROIDS, activation, n_pools=2).fit(maps)
    features = dictionary.transform(maps)
    assert features.shape == (200, 4 * N_CENTROIDS)
    assert features.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(features, axis=1), 1, rtol=1e-5)
    np.testing.assert_allclose(dictionary.transform(maps[5:6]), features[5:6], atol=1e-5)


def test_products_of_codes_of_centroids_are_kernel_values(maps: np.ndarray) -> None:
    dictionary = PatchDictionary(N_CELLS, N_CENTROIDS).fit(maps)
    kernel = np.exp(dictionary.sharpness * (dictionary.centroids_ @ dictionary.centroids_.T - 1))
    codes = kernel @ dictionary.whitening_
    np.testing.assert_allclose(codes @ codes.T, kernel, atol=1e-3)


def test_patches_are_squares_of_neighbouring_cells(maps: np.ndarray) -> None:
    patches = PatchDictionary(N_CELLS)._patches(maps)
    assert patches.shape == (200, 16, 4 * 9)
    grid = maps.reshape(200, 4, N_CELLS, N_CELLS)
    np.testing.assert_array_equal(patches[7, 6].reshape(4, 3, 3), grid[7, :, 1:4, 2:5])
