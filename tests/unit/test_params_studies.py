"""Faults in the sections for tuning, curves, verdicts and claims: one clear line each."""

import copy
from collections.abc import Callable
from typing import Any

import pytest
from ruamel.yaml import YAML

from handwriting.errors import InputError
from handwriting.params import parse
from tests.conftest import PROJECT

CONTENT = YAML(typ="safe").load(PROJECT / "params.yaml")

FAULTS: list[tuple[Callable[[Any], Any], str]] = [
    (
        lambda p: p["tune"]["grids"]["svc"]["digits"].update(C=[1, -1]),
        "tune.grids.svc.digits.C[1]: -1; must be greater than 0",
    ),
    (
        lambda p: p["tune"]["grids"]["svc"]["digits"].update(max_depth=[1]),
        "tune.grids.svc.digits.max_depth: unknown key; allowed: C, kernel, gamma, degree, coef0, "
        "class_weight, tol",
    ),
    (
        lambda p: p["tune"]["grids"]["tree"]["mnist"].update(max_depth=["deep"]),
        "tune.grids.tree.mnist.max_depth[0]: 'deep'; must be a valid integer",
    ),
    (
        lambda p: p["tune"]["grids"]["forest"]["mnist"].pop("n_estimators"),
        "tune.grids.forest.mnist.n_estimators: missing; a RandomForest has no default for it",
    ),
    (
        lambda p: p["tune"]["grids"].pop("tree"),
        "tune.grids.tree: missing; must have an entry for each model",
    ),
    (
        lambda p: p["tune"]["grids"]["svc"].update(letters={"C": [1], "gamma": [1]}),
        "tune.grids.svc.letters: unknown key; allowed: digits, mnist",
    ),
    (
        lambda p: p["tune"]["folds"].update(digits=1),
        "tune.folds.digits: 1; must be greater than or equal to 2",
    ),
    (
        lambda p: p["tune"]["rows"].pop("mnist"),
        "tune.rows.mnist: missing; must have an entry for each dataset",
    ),
    (
        lambda p: p["curve"]["sizes"].update(digits=[100, 50]),
        "curve.sizes.digits: [100, 50]; must rise from each number to the next",
    ),
    (lambda p: p["curve"]["sizes"].update(digits=[]), "curve.sizes.digits: []; must not be empty"),
    (lambda p: p["verdict"].update(accuracy=95), "verdict.accuracy: 95; must be less than 1"),
    (
        lambda p: p["verdict"].update(resamples=10),
        "verdict.resamples: 10; must be greater than or equal to 100",
    ),
    (
        lambda p: p["claims"][0].update(dataset="letters"),
        "claims[0].dataset: 'letters'; allowed: digits, mnist",
    ),
    (
        lambda p: p["claims"][1].update(name="digits_last_six"),
        "claims[1].name: 'digits_last_six'; must differ from the names of the other claims",
    ),
    (
        lambda p: p["claims"][0]["split"].update(method="by_hand"),
        "claims[0].split.method: 'by_hand'; allowed: 'rows', 'shuffled', 'folds'",
    ),
    (
        lambda p: p["claims"][0]["split"].update(train=[9, 3]),
        "claims[0].split.train: [9, 3]; must rise, first row and last",
    ),
    (
        lambda p: p["claims"][6]["split"].update(train=0.5),
        "claims[6].split: {'method': 'shuffled', 'test': 0.01, 'seed': 0, 'train': ...; "
        "must name one of train and test",
    ),
    (
        lambda p: p["claims"][0]["model"].update(features="unit"),
        "claims[0].model.features: 'unit'; must be 'raw' or 'binary'",
    ),
    (
        lambda p: p["claims"][0].update(below=0.5),
        "claims[0].below: 0.5; must not stand beside accuracy",
    ),
]


@pytest.mark.parametrize(("spoil", "message"), FAULTS, ids=[line[:40] for _, line in FAULTS])
def test_a_fault_is_one_line_that_names_key_value_and_what_is_allowed(
    spoil: Callable[[Any], Any], message: str
) -> None:
    content = copy.deepcopy(CONTENT)
    spoil(content)
    with pytest.raises(InputError) as raised:
        parse(content, "params.yaml")
    assert str(raised.value) == f"params.yaml: {message}"


def test_a_grid_of_one_hyperparameter_has_no_two_sides() -> None:
    content = copy.deepcopy(CONTENT)
    content["tune"]["grids"]["svc"]["digits"] = {"C": [1, 10]}
    with pytest.raises(InputError, match=r"tune\.grids\.svc\.digits: .* have at least 2 entries"):
        parse(content, "params.yaml")
