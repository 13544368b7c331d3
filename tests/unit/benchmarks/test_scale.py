from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import binomtest

from benchmarks import deform, results, scale, svc
from benchmarks.scale import Fit
from handwriting.common.images import LabelledImages


def make_fit(n_images: int, seconds: float, n_vectors: int, implementation: str = svc.OURS) -> Fit:
    processor_time, memory, mistakes = 2 * seconds, 1500.0, 120
    return Fit(
        implementation,
        n_images,
        0.7,
        seconds,
        processor_time,
        memory,
        n_vectors,
        mistakes,
        "2026-01-02",
        "a machine",
    )


def make_others() -> list[Fit]:
    """Return fits of the other implementations, whose time grows with the square of the size."""
    return [
        make_fit(n_images, n_images**2 / 1e8, 1000, implementation)
        for implementation, sizes in scale.SIZES.items()
        if implementation != svc.OURS
        for n_images in sizes
    ]


def test_the_exponents_are_those_of_the_fits() -> None:
    mild = [make_fit(60_000, 10, 1000), make_fit(240_000, 80, 2000)]
    strong = replace(make_fit(120_000, 50, 3000), amplitude=scale.STRONG)
    text = scale.render_report([*make_others(), strong, *reversed(mild)])
    text = text.replace("\n", " ")
    assert "the power 1.50 of the number of images" in text
    assert "support vectors with the power 0.50" in text
    assert "the power 2.00 from 15,000 to 30,000 images" in text
    assert "the power 2.00 from 60,000 to 240,000 images" in text
    assert text.count("1,000,000 images would take it 2.8 hours") == 2  # 10,000 s
    # 33.75 times as many images as the larger fit: 80 s times 33.75 ** 1.5, 2,000 times 33.75 ** .5
    assert "about 4 hours on this machine, with 11,619 support vectors" in text


def test_the_error_has_its_exact_interval() -> None:
    interval = binomtest(120, 10_000).proportion_ci(0.95, "exact")
    row = scale.render_row(make_fit(60_000, 10, 1000))
    assert f"1.20 % ({100 * interval.low:.2f}–{100 * interval.high:.2f} %)" in row


def test_a_fit_is_measured_and_scored(
    monkeypatch: pytest.MonkeyPatch, mnist: LabelledImages
) -> None:
    monkeypatch.setattr(deform, "N_TRAIN", 2_000)
    fit = scale.measure(mnist.take(np.arange(3_000)), svc.OURS, 2_500, 0.7)
    assert fit.n_images == 2_500
    assert 500 < fit.n_vectors < 2_500
    assert 10 < fit.mistakes < 150  # of 1,000
    assert fit.seconds > 0
    assert fit.cpu_seconds > 0
    assert fit.memory > 50


def test_the_report_is_made_from_the_results() -> None:
    found = scale.render_report(results.read(Fit, scale.RESULTS))
    assert scale.REPORT.read_text(encoding="utf-8") == found
