"""The support vector classifier compared with scikit-learn's on MNIST."""

from importlib.util import find_spec

import numpy as np
import pytest
import sklearn.svm

from handwriting.models.svm import active_set
from handwriting.models.svm.solvers import SOLVER_VARIABLE
from handwriting.models.svm.svc import SVC

PARAMETERS = {"C": 5.0, "gamma": 0.02}


@pytest.fixture(scope="module")
def images(mnist):
    """Return pixels from 0 to 1 (2000, 784) and labels for training, and the same for testing."""
    parts = [mnist.take(np.arange(start, start + 2000)) for start in (0, 60_000)]
    return [array for part in parts for array in (part.pixels / np.float32(255), part.labels)]


@pytest.fixture(scope="module")
def reference(images):
    return sklearn.svm.SVC(**PARAMETERS).fit(images[0], images[1])


@pytest.fixture(scope="module")
def reference_predictions(images, reference):
    return reference.predict(images[2])


def test_model_fitted_by_libsvm_predicts_the_same(
    images, reference, reference_predictions, monkeypatch
):
    monkeypatch.setenv(SOLVER_VARIABLE, "libsvm")
    train_pixels, train_labels, test_pixels, _ = images
    model = SVC(**PARAMETERS).fit(train_pixels, train_labels)
    np.testing.assert_array_equal(model.predict(test_pixels), reference_predictions)
    np.testing.assert_allclose(
        model.decision_function(test_pixels[:200]),
        reference.decision_function(test_pixels[:200]),
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
def test_models_fitted_by_other_solvers_predict_the_same(
    images, reference_predictions, solver, monkeypatch
):
    monkeypatch.setenv(SOLVER_VARIABLE, solver)
    monkeypatch.setattr(active_set, "_START_SAMPLES", 50)  # to have several rounds
    train_pixels, train_labels, test_pixels, test_labels = images
    model = SVC(**PARAMETERS).fit(train_pixels, train_labels)
    predicted = model.predict(test_pixels)
    assert np.sum(predicted != reference_predictions) <= 1
    assert np.mean(predicted == test_labels) == pytest.approx(
        np.mean(reference_predictions == test_labels), abs=0.001
    )
    assert model.support_vectors_.dtype == np.float32
