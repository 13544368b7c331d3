"""The committed grid searches: the hyperparameters in use are as good as the best of the grid."""

import pytest

from handwriting.common.params.schema import parse
from tests.helpers import PARAMS, PROJECT, PUBLISHED, PUBLISHED_PAIRS, read_csv

SETTINGS = parse(PARAMS, "params.yaml")


def candidates(dataset: str, model: str) -> list[dict[str, str]]:
    """Return the rows of a model in the table of all grid searches of a dataset."""
    rows = read_csv(PROJECT / "plots" / dataset / "tuning.csv")
    return [row for row in rows if row["model"] == model]


def values(row: dict[str, str]) -> dict[str, float | str]:
    """Return the hyperparameters of a candidate that are in the table."""
    return {row[f"{axis}_name"]: number_or_text(row[f"{axis}_value"]) for axis in ("row", "column")}


def number_or_text(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text


def in_grid(name: str, value: object, tried: list) -> object:
    """Return the value of a grid that has the same effect as the one in use."""
    if name == "max_depth" and value is None:
        return max(tried)
    return value


@pytest.mark.parametrize(("dataset", "model"), PUBLISHED_PAIRS)
def test_the_hyperparameters_in_use_are_as_good_as_the_best_of_the_grid(
    dataset: str, model: str
) -> None:
    first, grid = SETTINGS.grid(model, dataset)
    hyperparameters = SETTINGS.hyperparameters(model, dataset)
    assert hyperparameters.features == first.features
    used = {
        name: in_grid(name, getattr(hyperparameters, name), tried) for name, tried in grid.items()
    }
    # The table has the first two hyperparameters; the others have one value.
    axes = list(grid)[:2]
    assert {name: grid[name] for name in grid if name not in axes} == {
        name: [used[name]] for name in grid if name not in axes
    }
    rows = candidates(dataset, model)
    found = [row for row in rows if values(row) == {name: used[name] for name in axes}]
    assert len(found) == 1, f"{used} is not in the grid"
    assert float(found[0]["accuracy"]) == max(float(row["accuracy"]) for row in rows)


@pytest.mark.parametrize(("dataset", "model"), PUBLISHED_PAIRS)
def test_there_is_one_candidate_per_combination_and_the_first_best_is_marked(
    dataset: str, model: str
) -> None:
    _, grid = SETTINGS.grid(model, dataset)
    rows = candidates(dataset, model)
    first, second = list(grid)[:2]
    assert [values(row) for row in rows] == [
        {first: one, second: other} for one in grid[first] for other in grid[second]
    ]
    accuracies = [float(row["accuracy"]) for row in rows]
    is_best = [row["is_best"] for row in rows]
    assert is_best == [str(int(i == accuracies.index(max(accuracies)))) for i in range(len(rows))]


@pytest.mark.parametrize(("dataset", "model"), PUBLISHED_PAIRS)
def test_the_candidate_in_use_is_marked_if_it_is_in_the_grid(dataset: str, model: str) -> None:
    used = SETTINGS.hyperparameters(model, dataset).model_dump()
    rows = candidates(dataset, model)
    axes = list(values(rows[0]))
    marked = [values(row) for row in rows if row["in_use"] == "1"]
    expected = {name: used[name] for name in axes}
    assert marked == [expected for row in rows if values(row) == expected]
    assert {row["in_use"] for row in rows} <= {"0", "1"}
    assert marked or model == "tree"


@pytest.mark.parametrize("model", ["svc", "svc_raw"])
@pytest.mark.parametrize("dataset", PUBLISHED)
def test_the_grid_of_the_svc_extends_beyond_the_best_values(dataset: str, model: str) -> None:
    """Too small a C and too small or too large a gamma cost accuracy; a large C gains nothing."""
    rows = candidates(dataset, model)
    best = max(rows, key=lambda row: float(row["accuracy"]))
    _, grid = SETTINGS.grid(model, dataset)
    for name, tried in grid.items():
        assert min(tried) < values(best)[name] < max(tried)

    def highest(name: str, value: float) -> float:
        return max(float(row["accuracy"]) for row in rows if values(row)[name] == value)

    top = float(best["accuracy"])
    assert highest("C", min(grid["C"])) < top - 0.5
    assert highest("C", max(grid["C"])) <= top
    assert highest("gamma", min(grid["gamma"])) < top - 0.02
    assert highest("gamma", max(grid["gamma"])) < top - 0.2
