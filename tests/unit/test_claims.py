"""Published claims: the numbers that were published are found again."""

import csv
import json

import numpy as np
import pytest
from ruamel.yaml import YAML
from sklearn.datasets import load_digits
from sklearn.svm import SVC

from handwriting import claims, sources
from handwriting.errors import InputError
from handwriting.images import Digits
from handwriting.params import Claim, Image, Params, parse
from tests.conftest import PROJECT

IMAGE = {"digits": Image(height=8, width=8, pixel_max=16)}
RESULTS = json.loads((PROJECT / "metrics" / "claims.json").read_text())


@pytest.fixture(scope="module")
def params() -> Params:
    return parse(YAML(typ="safe").load(PROJECT / "params.yaml"), "params.yaml")


@pytest.fixture(scope="module")
def digits() -> Digits:
    return sources.bundled_digits()


def claim(params: Params, name: str, **changed: object) -> Claim:
    found = next(claim for claim in params.claims if claim.name == name)
    return found.model_copy(update=changed)


def replay(one: Claim, digits: Digits) -> claims.Replay:
    return claims.replay([one], {"digits": digits}, IMAGE)[0]


def test_the_last_six_are_all_right(params: Params, digits: Digits) -> None:
    result = replay(claim(params, "digits_last_six"), digits)
    assert (result.right, result.images) == (6, 6)


def test_the_eighteen_predictions_are_identical(params: Params, digits: Digits) -> None:
    one = claim(params, "digits_hundredth")
    result = replay(one, digits)
    published = [2, 8, 2, 6, 6, 7, 1, 9, 8, 5, 2, 8, 6, 6, 6, 6, 1, 0]
    assert result.predicted.tolist() == one.predictions == published
    assert claims.same_predictions(one, result.predicted) == 18
    assert claims.same_predictions(one, 9 - result.predicted) == 0


def test_a_replay_is_what_scikit_learn_gives_by_hand(params: Params, digits: Digits) -> None:
    X, y = load_digits(return_X_y=True)
    predicted = SVC(C=100, gamma=0.001).fit(X[:898], y[:898]).predict(X[898:])
    result = replay(claim(params, "digits_first_half"), digits)
    assert np.array_equal(result.predicted, predicted)
    assert result.measured == np.mean(predicted == y[898:])


def test_seeds_give_mean_least_and_most_and_count_an_image_once(
    params: Params, digits: Digits
) -> None:
    result = replay(claim(params, "digits_tree", seeds=5), digits)
    assert result.images == 196
    assert 0.75 < result.least < result.measured < result.most < 0.82


def test_rows_that_are_not_there_are_one_clear_line(params: Params, digits: Digits) -> None:
    few = digits.take(np.arange(100))
    with pytest.raises(InputError, match=r"digits_last_six: split\.train: 1790 is the last"):
        replay(claim(params, "digits_last_six"), few)
    with pytest.raises(InputError, match="rows: 500; must be at most 100"):
        replay(claim(params, "digits_last_six", rows=500), few)


@pytest.mark.parametrize(
    ("accuracy", "below", "expected"),
    [(0.9, None, True), (0.85, None, False), (None, 0.95, True), (None, 0.91, False)],
)
def test_agreement(
    params: Params, accuracy: float | None, below: float | None, expected: bool
) -> None:
    one = claim(params, "digits_tree", accuracy=accuracy, below=below)
    assert claims.agrees(one, 0.88, 0.92) is expected


def test_a_claim_without_a_number_neither_agrees_nor_disagrees(params: Params) -> None:
    assert claims.agrees(claim(params, "digits_first_half"), 0.9, 1.0) is None


@pytest.mark.parametrize(
    ("name", "measured", "images"),
    [
        ("digits_last_six", 1.0, 6),
        ("digits_folds_in_order", 0.982, 1797),
        ("digits_folds_shuffled", 0.992, 1797),
        ("digits_from_1791", 1.0, 6),
        ("digits_tree", 0.79, 196),
        ("digits_forest", 0.92, 296),
        ("digits_hundredth", 1.0, 18),
        ("mnist_raw_auto", 0.111, 1000),
        ("mnist_raw_scale", 0.953, 1000),
        ("mnist_binary_auto", 0.925, 1000),
        ("mnist_binary_scale", 0.954, 1000),
    ],
)
def test_what_is_committed_has_every_number(name: str, measured: float, images: int) -> None:
    digits = len(str(measured)) - 2
    assert round(RESULTS[f"{name}_measured"], digits) == measured
    assert RESULTS[f"{name}_images"] == images


def test_the_table_has_one_row_a_claim(params: Params) -> None:
    with (PROJECT / "plots" / "claims.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["name"] for row in rows] == [claim.name for claim in params.claims]
    verdicts = {row["name"]: row["verdict"] for row in rows}
    assert verdicts["digits_last_six"] == "this test set cannot tell"
    assert verdicts["digits_tree"] == "rejected"
