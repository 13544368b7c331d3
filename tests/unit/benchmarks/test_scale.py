import numpy as np
import pytest
from scipy.stats import binomtest

from benchmarks import deform, scale
from benchmarks.scale import Fit
from handwriting.common.images import LabelledImages


def make_fit(n_images: int, seconds: float, n_vectors: int) -> Fit:
    return Fit(n_images, 0.7, seconds, 2 * seconds, 1500.0, n_vectors, 120)


def test_the_exponents_are_those_of_the_fits() -> None:
    mild = [make_fit(60_000, 10, 1000), make_fit(240_000, 80, 2000)]
    text = scale.render_report(mild, make_fit(120_000, 50, 3000)).replace("\n", " ")
    assert "the power 1.50 of the number of images" in text
    assert "support vectors with the power 0.50" in text


def test_the_error_has_its_exact_interval() -> None:
    interval = binomtest(120, 10_000).proportion_ci(0.95, "exact")
    row = scale.render_row(make_fit(60_000, 10, 1000))
    assert f"1.20 % ({100 * interval.low:.2f}–{100 * interval.high:.2f} %)" in row


def test_a_fit_is_measured_and_scored(
    monkeypatch: pytest.MonkeyPatch, mnist: LabelledImages
) -> None:
    monkeypatch.setattr(deform, "N_TRAIN", 2_000)
    fit = scale.measure(mnist.take(np.arange(3_000)), 2_500, 0.7)
    assert fit.n_images == 2_500
    assert 500 < fit.n_vectors < 2_500
    assert 10 < fit.mistakes < 150  # of 1,000
    assert fit.seconds > 0
    assert fit.cpu_seconds > 0
    assert fit.memory > 50
