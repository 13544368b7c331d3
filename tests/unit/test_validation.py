"""Cross-validation inside the training images, and what it says of the parameters in use."""

import csv
import math

import numpy as np
import pytest
from ruamel.yaml import YAML
from sklearn.model_selection import cross_val_score
from sklearn.tree import DecisionTreeClassifier

from handwriting import charts, models, sources, validation
from handwriting.errors import InputError
from handwriting.images import Digits
from handwriting.params import DecisionTree, Image, parse
from tests.conftest import PROJECT

IMAGE = Image(height=8, width=8, pixel_max=16)
PARAMS = parse(YAML(typ="safe").load(PROJECT / "params.yaml"), "params.yaml")
PAIRS = [(dataset, model) for dataset in PARAMS.datasets for model in PARAMS.models]
GRID = {"max_depth": [2, 8], "min_samples_leaf": [1, 2, 30]}


@pytest.fixture(scope="module")
def digits() -> Digits:
    return sources.bundled_digits().take(np.arange(300))


@pytest.fixture(scope="module")
def with_writers(digits: Digits) -> Digits:
    writers = np.random.default_rng(0).integers(0, 20, len(digits)).astype(np.int32)
    return Digits(digits.pixels, digits.labels, digits.rows, writers)


def tree() -> models.Pipeline:
    return models.build(DecisionTree(features="raw"), IMAGE, 0)


def test_folds_are_stretches_of_the_table_where_no_writer_is_known(digits: Digits) -> None:
    parts = validation.folds(digits, 4)
    assert [judge.tolist() for _, judge in parts] == [
        list(range(start, start + 75)) for start in range(0, 300, 75)
    ]


def test_folds_share_no_writer_and_use_every_image_once(with_writers: Digits) -> None:
    parts = validation.folds(with_writers, 4)
    assert with_writers.writers is not None
    for learn, judge in parts:
        assert not set(with_writers.writers[learn]) & set(with_writers.writers[judge])
    assert sorted(np.concatenate([judge for _, judge in parts])) == list(range(300))


def test_more_folds_than_writers_is_one_clear_line(with_writers: Digits) -> None:
    one = Digits(
        with_writers.pixels,
        with_writers.labels,
        with_writers.rows,
        np.zeros(len(with_writers), dtype=np.int32),
    )
    with pytest.raises(InputError, match="folds: 4; must be at most 1, the number of writers"):
        validation.folds(one, 4)


def test_search_is_scikit_learns_cross_validation_in_the_grids_order(digits: Digits) -> None:
    parts = validation.folds(digits, 4)
    candidates = validation.search(tree(), GRID, digits, parts)
    assert [tuple(found.values.values()) for found in candidates] == [
        (depth, leaf) for depth in (2, 8) for leaf in (1, 2, 30)
    ]
    for found in candidates:
        plain = DecisionTreeClassifier(**found.values, random_state=0)
        scores = cross_val_score(plain, digits.pixels, digits.labels, cv=parts)
        assert found.accuracy == pytest.approx(scores.mean())
        assert found.error == pytest.approx(scores.std(ddof=1) / math.sqrt(4))


def test_best_is_the_first_of_the_highest() -> None:
    found = [validation.Candidate({"C": C}, accuracy, 0.1) for C, accuracy in ((1, 0.5), (2, 0.9))]
    found.append(validation.Candidate({"C": 3}, 0.9, 0.1))
    assert validation.best(found).values == {"C": 2}


def test_the_table_by_two_takes_the_best_of_the_others() -> None:
    grid = {"a": [1, 2], "b": [1, 2, 3], "c": [1, 2]}
    found = [validation.Candidate({}, accuracy, 0.0) for accuracy in np.arange(12) / 12]
    assert (
        validation.by_two(found, grid).tolist() == (np.array([[1, 3, 5], [7, 9, 11]]) / 12).tolist()
    )


def test_curve_leaves_out_what_the_folds_cannot_fill(digits: Digits) -> None:
    parts = validation.folds(digits, 4)
    points = validation.curve(tree(), [20, 225, 226], digits, parts, 0)
    assert [point.images for point in points] == [20, 225]
    assert all(point.least <= point.accuracy <= point.most for point in points)
    # Learning from the whole fold is plain cross-validation, but for the order of the images.
    plain = cross_val_score(tree(), digits.pixels, digits.labels, cv=parts).mean()
    assert points[-1].accuracy == pytest.approx(plain, abs=0.05)
    with pytest.raises(InputError, match="one must be at most 225"):
        validation.curve(tree(), [226], digits, parts, 0)


def test_the_heat_map_names_its_sides_and_frames_the_best() -> None:
    accuracies = np.array([[0.1, 0.9, 0.8], [0.5, 0.95, 0.2]])
    figure = charts.tuning_map(accuracies, ("C", [1, 2]), ("gamma", [0.1, 0.2, "scale"]), "here")
    ax = figure.axes[0]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("gamma", "C")
    assert [label.get_text() for label in ax.get_xticklabels()] == ["0.1", "0.2", "scale"]
    assert [text.get_text() for text in ax.texts][4] == "0.950"
    assert ax.patches[0].get_xy() == (0.5, 0.5)


# --- the parameters in use against what tuning found ---------------------------------------------


def tuned(dataset: str, model: str) -> list[dict[str, str]]:
    with (PROJECT / "plots" / dataset / model / "tuning.csv").open() as file:
        return list(csv.DictReader(file))


def in_use(name: str, value: object, grid: list, pixels: int) -> object:
    """The value of a grid that does the same as the one in use."""
    if name == "max_depth" and value is None:
        return max(grid)
    if name == "max_features" and value == "sqrt":
        return next(share for share in grid if int(share * pixels) == math.isqrt(pixels))
    return value


@pytest.mark.parametrize(("dataset", "model"), PAIRS)
def test_the_parameters_in_use_are_as_good_as_the_best_that_tuning_found(
    dataset: str, model: str
) -> None:
    first, grid = PARAMS.grid(model, dataset)
    hyperparameters = PARAMS.hyperparameters(model, dataset)
    assert hyperparameters.features == first.features
    pixels = PARAMS.datasets[dataset].image.pixels
    used = {
        name: in_use(name, getattr(hyperparameters, name), values, pixels)
        for name, values in grid.items()
    }
    rows = tuned(dataset, model)
    found = [row for row in rows if all(float(row[name]) == used[name] for name in used)]
    assert len(found) == 1, f"{used} is not in the grid"
    assert float(found[0]["accuracy"]) == max(float(row["accuracy"]) for row in rows)


@pytest.mark.parametrize("dataset", list(PARAMS.datasets))
def test_the_grid_of_the_svc_shows_every_end(dataset: str) -> None:
    """A margin too soft, a reach too far or too near cost accuracy; a hard margin gains nothing."""
    rows = tuned(dataset, "svc")
    best = max(rows, key=lambda row: float(row["accuracy"]))
    _, grid = PARAMS.grid("svc", dataset)
    for name, values in grid.items():
        assert min(values) < float(best[name]) < max(values)

    def highest(name: str, value: float) -> float:
        return max(float(row["accuracy"]) for row in rows if float(row[name]) == value)

    top = float(best["accuracy"])
    assert highest("C", min(grid["C"])) < top - 0.5
    assert highest("C", max(grid["C"])) <= top
    assert highest("gamma", min(grid["gamma"])) < top - 0.02
    assert highest("gamma", max(grid["gamma"])) < top - 0.2
