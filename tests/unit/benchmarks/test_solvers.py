import os
from dataclasses import replace

import numpy as np
import pytest

from benchmarks import solvers
from benchmarks.solvers import Case, Result
from handwriting.models.svm.solvers import SOLVER_VARIABLE


def test_a_case_is_solved_by_each_solver(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(solvers, "LONG_SECONDS", 1e-9)  # one run each
    case = Case("small", lambda: solvers.overlapping(300, 5, 2, 0.5), {"C": 1})
    result = solvers.measure(case)
    assert result.shape == (300, 5)
    assert set(result.seconds) == set(solvers.SOLVERS)
    assert all(seconds > 0 for seconds in result.seconds.values())
    assert result.selecting > 0
    assert result.chosen in ("onedal", "libsvm")  # few features
    assert SOLVER_VARIABLE not in os.environ


def test_the_factor_is_relative_to_the_fastest_solver() -> None:
    case = Case("slow", lambda: solvers.overlapping(300, 5, 2, 0.5), {})
    seconds = {"active_set": 3.0, "onedal": 2.0, "libsvm": 4.0}
    result = Result(case, (300, 5), 200, "active_set", seconds, selecting=3.1)
    assert result.factor == 1.55
    other = replace(result, case=replace(case, name="fast"), selecting=2.2)
    report = solvers.render_report([result], [other])
    assert "| slow | 300 × 5 | 200 | 3.00 | 2.00 | 4.00 | active_set | 3.10 | 1.55 |" in report
    assert "The largest factor is 1.55 (slow)." in report
    assert "The largest factor is 1.10 (fast)." in report


def test_classes_overlap_more_at_a_smaller_distance() -> None:
    def separation(distance: float) -> float:
        X, y = solvers.overlapping(2_000, 10, 2, distance)
        return float(np.linalg.norm(X[y == 0].mean(axis=0) - X[y == 1].mean(axis=0)))

    assert separation(0.1) < separation(1.0) / 5
