from dataclasses import replace

import numpy as np
import pytest

from benchmarks import solver_problems, solvers
from benchmarks.solver_problems import Case
from benchmarks.solvers import Fit, Result

RESULT = Result(
    name="slow",
    n_samples=300,
    n_features=5,
    n_vectors=200,
    selected="active_set",
    seconds={"active_set": 3.0, "onedal": 2.0, "libsvm": None},
    selecting=3.1,
    date="2026-01-02",
    machine="a machine",
)


def test_a_solver_fits_in_a_process_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    name = next(name for name in solvers.problems() if name.endswith("normal, 3 classes"))
    done = solvers.fit_in_time(name, "libsvm")
    assert isinstance(done, Fit)
    assert done.solver == "libsvm"
    assert done.seconds > 0
    monkeypatch.setattr(solvers, "LIMIT_SECONDS", 0.0)
    assert solvers.fit_in_time(name, "libsvm") is None


def test_a_problem_is_solved_by_each_solver(monkeypatch: pytest.MonkeyPatch) -> None:
    def fit(name: str, solver: str) -> Fit | None:
        times = {"active_set": 2.0, "onedal": None, "libsvm": 1.0, "": 1.1}
        seconds = times[solver]
        return None if seconds is None else Fit(seconds, (300, 5), 200, "libsvm")

    monkeypatch.setattr(solvers, "fit_in_time", fit)
    result = solvers.measure("some")
    assert result.seconds == {"active_set": 2.0, "onedal": None, "libsvm": 1.0}
    assert (result.n_samples, result.n_features, result.n_vectors) == (300, 5, 200)
    assert result.selected == "libsvm"
    assert result.factor == 1.1


def test_the_factor_is_relative_to_the_fastest_solver() -> None:
    assert RESULT.factor == 1.55
    named = replace(RESULT, name="checkerboard", selecting=2.2)
    report = solvers.render_report([named, RESULT])
    assert "| slow | 300 × 5 | 200 | 3.00 | 2.00 | > 60 | active_set | 3.10 | 1.55 |" in report
    assert "The largest factor is 1.10 (checkerboard); 0 of 1 are larger than 1.3." in report
    assert "The largest factor is 1.55 (slow); 1 of 1 are larger than 1.3." in report


def test_classes_overlap_more_at_a_smaller_distance() -> None:
    def separation(distance: float) -> float:
        X, y = solver_problems.overlapping(2_000, 10, 2, distance)
        return float(np.linalg.norm(X[y == 0].mean(axis=0) - X[y == 1].mean(axis=0)))

    assert separation(0.1) < separation(1.0) / 5


@pytest.mark.parametrize("number", [0, 1, 2])  # MNIST's images are those of the pipeline
def test_the_number_of_a_random_problem_is_its_seed(number: int) -> None:
    case, again = (solver_problems.random_case(number) for _ in range(2))
    assert isinstance(case, Case)
    assert case.name == again.name
    assert case.parameters == again.parameters
    X, y = case.samples()
    assert np.array_equal(X, again.samples()[0])
    assert X.dtype == np.float32
    assert X.size <= solver_problems.MAX_VALUES
    assert len(np.unique(y)) >= 2
    assert solver_problems.random_case(number + 4).parameters != case.parameters


def test_a_square_of_a_checkerboard_has_another_colour_than_its_neighbours() -> None:
    X, y = solver_problems.checkerboard(1_000, 4, seed=0)
    assert X.min() >= 0
    assert X.max() <= 4
    is_first = (X < 1).all(axis=1)
    is_right = (X[:, 0] >= 1) & (X[:, 0] < 2) & (X[:, 1] < 1)
    assert len(set(y[is_first])) == len(set(y[is_right])) == 1
    assert y[is_first][0] != y[is_right][0]
