import subprocess
import sys

import numpy as np
import pytest
from sklearn.kernel_approximation import Nystroem
from sklearn.linear_model import RidgeClassifier
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import check_estimator
from threadpoolctl import threadpool_limits

from handwriting.common.images import LabelledImages
from handwriting.models import nystroem
from handwriting.models.nystroem import NystroemClassifier
from tests.helpers import PROJECT

SETTINGS = {"n_components": 200, "gamma": 0.3, "alpha": 0.01, "random_state": 3}


@pytest.fixture(scope="module", name="X")
def unit_pixels(digits: LabelledImages) -> np.ndarray:
    return digits.pixels / np.float32(16)


def fit(X: np.ndarray, y: np.ndarray, **settings: object) -> NystroemClassifier:
    return NystroemClassifier(**{**SETTINGS, **settings}).fit(X, y)


def reference(X: np.ndarray, y: np.ndarray) -> RidgeClassifier:
    """Fit scikit-learn's two estimators to all samples at once, in double precision."""
    approximation = Nystroem(
        n_components=SETTINGS["n_components"],
        gamma=SETTINGS["gamma"],
        random_state=SETTINGS["random_state"],
    )
    return make_pipeline(approximation, RidgeClassifier(alpha=SETTINGS["alpha"])).fit(
        X.astype(np.float64), y
    )


def values(model: RidgeClassifier, X: np.ndarray) -> np.ndarray:
    """Return its values for targets 0 and 1, which it takes for -1 and 1."""
    return (model.decision_function(X.astype(np.float64)) + 1) / 2


# One block, a part of one, several ones, and several groups of blocks.
@pytest.mark.parametrize("n", [256, 200, 257, 600, 1797])
def test_the_fit_is_that_of_scikit_learn_on_all_samples_at_once(
    n: int, X: np.ndarray, digits: LabelledImages, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nystroem, "_N_BLOCKS", 2)
    expected = reference(X[:n], digits.labels[:n])
    model = fit(X[:n], digits.labels[:n])
    np.testing.assert_allclose(model._values(X), values(expected, X), atol=1e-7)
    np.testing.assert_array_equal(model.predict(X), expected.predict(X))


@pytest.mark.parametrize("rows", [1, 7, 100, 10_000])
@pytest.mark.parametrize("columns", [1, 64, 200, 1000])
def test_the_limits_of_blocks_do_not_matter(
    rows: int,
    columns: int,
    X: np.ndarray,
    digits: LabelledImages,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings = {"n_components": 65}
    expected = fit(X[:300], digits.labels[:300], **settings)._values(X[300:400])
    monkeypatch.setattr(nystroem, "_BLOCK_ROWS", rows)
    monkeypatch.setattr(nystroem, "_PANEL_COLUMNS", columns)
    found = fit(X[:300], digits.labels[:300], **settings)._values(X[300:400])
    np.testing.assert_allclose(found, expected, atol=1e-8)


def test_the_number_of_threads_changes_no_bit(X: np.ndarray, digits: LabelledImages) -> None:
    found = []
    for n_threads in (1, 2, 4):
        with threadpool_limits(n_threads, user_api="blas"):
            model = fit(X, digits.labels)
            found.append(model.predict_proba(X).tobytes() + model.dual_coef_.tobytes())
    assert len(set(found)) == 1


def test_equal_samples_and_a_wide_kernel_are_no_problem(
    X: np.ndarray, digits: LabelledImages
) -> None:
    """The kernel matrix of the components is singular."""
    repeated, labels = np.repeat(X[:200], 3, axis=0), np.repeat(digits.labels[:200], 3)
    for gamma in (1e-12, 1e-6, 1e12):
        model = fit(repeated, labels, gamma=gamma, alpha=1e-6, n_components=600)
        assert np.isfinite(model.predict_proba(X)).all()
    once = fit(X[:200], digits.labels[:200], alpha=1e-6)
    # Three equal samples weigh three times as much.
    model = fit(repeated, labels, alpha=3e-6, n_components=600)
    assert np.mean(model.predict(X) == once.predict(X)) > 0.99


def test_probabilities_order_the_classes_as_the_values_do(
    X: np.ndarray, digits: LabelledImages
) -> None:
    model = fit(X, digits.labels + 5)
    found = model.predict_proba(X)
    np.testing.assert_allclose(found.sum(axis=1), 1)
    np.testing.assert_array_equal(model.classes_[found.argmax(axis=1)], model.predict(X))
    assert model.score(X, digits.labels + 5) > 0.97


def test_samples_are_not_copied_and_the_features_never_exist_as_a_whole() -> None:
    """As a matrix, the features would have 1.6 GB."""
    code = """
import resource
import numpy as np
from handwriting.models.nystroem import NystroemClassifier
X = np.random.default_rng(0).random((400_000, 100), dtype=np.float32)
y = np.arange(len(X)) % 10
NystroemClassifier(n_components=20, random_state=0).fit(X[:1000], y[:1000])
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
NystroemClassifier(n_components=500, random_state=0).fit(X, y)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=PROJECT, check=True, capture_output=True, text=True
    )
    assert int(done.stdout) * 1024 < 150e6


@pytest.mark.parametrize(
    ("name", "value"), [("n_components", 0), ("gamma", 0.0), ("alpha", 1e-7), ("alpha", "small")]
)
def test_a_parameter_out_of_range_raises_value_error_in_one_line(
    name: str, value: object, X: np.ndarray, digits: LabelledImages
) -> None:
    with pytest.raises(
        ValueError, match=f"^The '{name}' parameter of NystroemClassifier must"
    ) as e:
        fit(X, digits.labels, **{name: value})
    assert "\n" not in str(e.value)


def test_it_is_an_estimator_of_scikit_learn() -> None:
    check_estimator(NystroemClassifier(random_state=0))
