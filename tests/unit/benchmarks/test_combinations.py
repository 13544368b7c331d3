import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.svm import SVC

from benchmarks.combinations import (
    AffineCopies,
    MeanDecision,
    MeanProbability,
    intersection_kernel,
    unary,
)
from handwriting.common.images import LabelledImages


@pytest.fixture
def samples(digits: LabelledImages) -> tuple[np.ndarray, np.ndarray]:
    return digits.pixels[:300] / np.float32(16), digits.labels[:300]


def test_the_mean_of_a_model_and_itself_is_the_model(
    samples: tuple[np.ndarray, np.ndarray],
) -> None:
    X, _ = samples
    svc = SVC(C=5, decision_function_shape="ovo")
    np.testing.assert_allclose(
        MeanDecision([svc, svc]).fit(*samples).decision_function(X),
        svc.fit(*samples).decision_function(X),
    )
    logistic = LogisticRegression()
    np.testing.assert_allclose(
        MeanProbability([logistic, logistic]).fit(*samples).predict_proba(X),
        logistic.fit(*samples).predict_proba(X),
    )


def test_copies_are_like_their_images(samples: tuple[np.ndarray, np.ndarray]) -> None:
    X, y = samples
    model = AffineCopies(SVC(C=5, decision_function_shape="ovo"), 2).fit(X, y)
    assert model.model_.shape_fit_ == (900, 64)
    random = np.random.default_rng(0)
    copies = np.array([model._deform(row, random) for row in X])
    assert 0 < np.abs(copies - X).mean() < 0.1
    still = AffineCopies(SVC(), 1, amplitude=0)
    np.testing.assert_allclose(still._deform(X[0], random), X[0], atol=1e-6)


def test_the_intersection_kernel_is_a_sum_of_minima() -> None:
    X, Y = np.array([[0.2, 0.5], [1.0, 0.0]]), np.array([[0.3, 0.1]])
    np.testing.assert_allclose(intersection_kernel(X, Y), [[0.3], [0.3]])


def test_products_of_unary_codes_are_minima() -> None:
    X = np.random.default_rng(0).integers(0, 7, (5, 20)).astype(np.float32) / 6
    np.testing.assert_allclose(unary(X) @ unary(X).T, intersection_kernel(X, X), rtol=1e-5)
