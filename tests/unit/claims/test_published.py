"""Faults in claims.yaml, each described in one line."""

import copy
from collections.abc import Callable
from typing import Any

import pytest

from handwriting.claims import published
from handwriting.claims.published import FoldsSplit, NearestNeighbours, WriteUp
from handwriting.common.errors import InputError
from tests.helpers import CLAIMS, PUBLISHED

# What is done to the content of claims.yaml, and the message about it.
FAULTS: list[tuple[Callable[[Any], Any], str]] = [
    (
        lambda c: c["claims"][1].update(name="digits_last_six"),
        "claims[1].name: 'digits_last_six'; must differ from all other names",
    ),
    (
        lambda c: c["comparisons"][0].update(name="digits_last_six"),
        "comparisons[0].name: 'digits_last_six'; must differ from all other names",
    ),
    (
        lambda c: c["claims"][0].update(write_up="nowhere"),
        "claims[0].write_up: 'nowhere'; allowed: last_six_rows, dey, one_percent, kaggle",
    ),
    (
        lambda c: c["claims"][0]["split"].update(method="by_hand"),
        "claims[0].split.method: 'by_hand'; allowed: 'rows', 'shuffled', 'folds'",
    ),
    (
        lambda c: c["claims"][0]["split"].update(train=[9, 3]),
        "claims[0].split.train: [9, 3]; first row must not exceed last row",
    ),
    (
        lambda c: c["comparisons"][0]["split"].update(test=[9, 3]),
        "comparisons[0].split.test: [9, 3]; first row must not exceed last row",
    ),
    (
        lambda c: c["claims"][0]["split"].update(train=[3]),
        "claims[0].split.train: [3]; must have at least 2 entries",
    ),
    (
        lambda c: c["claims"][6]["split"].update(train=0.5),
        "claims[6].split: {'method': 'shuffled', 'test': 0.01, 'seed': 0, 'train': ...; "
        "must have either train or test",
    ),
    (
        lambda c: c["claims"][6]["split"].pop("test"),
        "claims[6].split: {'method': 'shuffled', 'seed': 0}; must have either train or test",
    ),
    (
        lambda c: c["claims"][0]["model"].update(features="hog"),
        "claims[0].model.features: 'hog'; must be 'raw', 'unit' or 'binary'",
    ),
    (
        lambda c: c["claims"][0]["model"].update(kind="svm"),
        "claims[0].model.kind: 'svm'; allowed: 'svc', 'tree', 'forest', 'knn'",
    ),
    (
        lambda c: c["claims"][0]["model"].update(n_estimators=3),
        "claims[0].model.n_estimators: unknown key; allowed: features, C, kernel, gamma, degree, "
        "coef0, class_weight, tol, cache_size",
    ),
    (
        lambda c: c["claims"][0].update(claimed_below=0.5),
        "claims[0].claimed_below: 0.5; cannot be combined with claimed_accuracy",
    ),
    (
        lambda c: c["claims"][0].update(claimed_accuracy=98),
        "claims[0].claimed_accuracy: 98; must be less than or equal to 1",
    ),
    (
        lambda c: c["claims"][6].update(predictions=[10]),
        "claims[6].predictions[0]: 10; must be less than or equal to 9",
    ),
    (lambda c: c["claims"][0].pop("quote"), "claims[0].quote: missing"),
    (lambda c: c.pop("comparisons"), "comparisons: missing"),
    (
        lambda c: c["comparisons"][0].update(claimed="second better"),
        "comparisons[0].claimed: 'second better'; must be 'first better' or 'no difference'",
    ),
    (
        lambda c: c["write_ups"]["dey"].pop("title"),
        "write_ups.dey.title: missing",
    ),
]


@pytest.mark.parametrize(("spoil", "message"), FAULTS, ids=[line[:40] for _, line in FAULTS])
def test_a_fault_is_one_line_with_key_value_and_what_is_allowed(
    spoil: Callable[[Any], Any], message: str
) -> None:
    content = copy.deepcopy(CLAIMS)
    spoil(content)
    with pytest.raises(InputError) as caught:
        published.parse(content, "claims.yaml")
    assert str(caught.value) == f"claims.yaml: {message}"


def test_the_file_of_the_project_is_valid() -> None:
    results = published.parse(CLAIMS, "claims.yaml")
    assert len(results.claims) == len(CLAIMS["claims"])
    assert len(results.comparisons) == len(CLAIMS["comparisons"])
    assert {entry.dataset for entry in (*results.claims, *results.comparisons)} == set(PUBLISHED)


def test_protocols_have_the_types_of_their_methods_and_kinds() -> None:
    results = published.parse(CLAIMS, "claims.yaml")
    claims = {claim.name: claim for claim in results.claims}
    assert claims["digits_folds_in_order"].split == FoldsSplit(method="folds", folds=10)
    comparisons = {entry.name: entry for entry in results.comparisons}
    second = comparisons["mnist_svc_against_knn"].second
    assert second == NearestNeighbours(kind="knn", features="binary", n_neighbors=5)


@pytest.mark.parametrize("content", [None, [], "text"])
def test_a_file_that_is_not_a_mapping_raises_input_error(content: Any) -> None:
    with pytest.raises(InputError, match=r"^claims\.yaml: the whole file: .*must be a mapping"):
        published.parse(content, "claims.yaml")


def test_two_faults_are_two_lines() -> None:
    content = copy.deepcopy(CLAIMS)
    content["claims"][1]["name"] = content["claims"][0]["name"]
    content["claims"][0]["write_up"] = "nowhere"
    with pytest.raises(InputError) as caught:
        published.parse(content, "claims.yaml")
    assert len(str(caught.value).splitlines()) == 2


def test_a_write_up_names_what_is_known() -> None:
    assert str(WriteUp(title="T")) == "T"
    assert str(WriteUp(title="T", author="A", date="2021")) == "A, T, 2021"
