"""The support vector classifier on real digits, against scikit-learn's."""

from importlib.util import find_spec

import numpy as np
import pytest
import sklearn.svm

from handwriting import active_set
from handwriting.solvers import SOLVER_VARIABLE
from handwriting.svm import SVC

PARAMETERS = {"C": 5.0, "gamma": 0.02}


@pytest.fixture(scope="module")
def digits(mnist):
    """2,000 training and 2,000 test images as unit pixels (2000, 784), each with its labels."""
    parts = [mnist.take(np.arange(start, start + 2000)) for start in (0, 60_000)]
    return [array for part in parts for array in (part.pixels / np.float32(255), part.labels)]


@pytest.fixture(scope="module")
def stock(digits):
    return sklearn.svm.SVC(**PARAMETERS).fit(digits[0], digits[1])


@pytest.fixture(scope="module")
def stock_predictions(digits, stock):
    return stock.predict(digits[2])


def test_libsvm_fit_predicts_what_libsvm_predicts(digits, stock, stock_predictions, monkeypatch):
    monkeypatch.setenv(SOLVER_VARIABLE, "libsvm")
    train_pixels, train_labels, test_pixels, _ = digits
    model = SVC(**PARAMETERS).fit(train_pixels, train_labels)
    np.testing.assert_array_equal(model.predict(test_pixels), stock_predictions)
    np.testing.assert_allclose(
        model.decision_function(test_pixels[:200]),
        stock.decision_function(test_pixels[:200]),
        atol=1e-5,
    )


@pytest.mark.parametrize(
    "solver",
    [
        "active_set",
        pytest.param(
            "onedal",
            marks=pytest.mark.skipif(
                find_spec("sklearnex") is None,
                reason="scikit-learn-intelex has no wheel for this platform",
            ),
        ),
    ],
)
def test_other_fits_predict_what_libsvm_predicts(digits, stock_predictions, solver, monkeypatch):
    monkeypatch.setenv(SOLVER_VARIABLE, solver)
    monkeypatch.setattr(active_set, "_START_SAMPLES", 50)  # so that there are rounds
    train_pixels, train_labels, test_pixels, test_labels = digits
    model = SVC(**PARAMETERS).fit(train_pixels, train_labels)
    predicted = model.predict(test_pixels)
    assert np.sum(predicted != stock_predictions) <= 1
    assert np.mean(predicted == test_labels) == pytest.approx(
        np.mean(stock_predictions == test_labels), abs=0.001
    )
    assert model.support_vectors_.dtype == np.float32
