"""Whether a published claim agrees with what was measured."""

from typing import Any

import numpy as np
import pytest

from handwriting.claims import published
from handwriting.claims.protocols import ReproducedComparison, Reproduction
from handwriting.claims.published import Claim, Comparison
from handwriting.evaluation.statistics import Interval
from stages import claims
from tests.helpers import CLAIMS

RESULTS = published.parse(CLAIMS, "claims.yaml")
INTERVAL = Interval(0.9, 0.88, 0.92)


def claim(name: str, **changed: Any) -> Claim:
    found = next(claim for claim in RESULTS.claims if claim.name == name)
    return found.model_copy(update=changed)


@pytest.mark.parametrize(
    ("claimed", "below", "expected"),
    [
        (0.9, None, "yes"),
        (0.88, None, "yes"),
        (0.92, None, "yes"),
        (0.85, None, "no, claim too low"),
        (0.95, None, "no, claim too high"),
        (None, 0.95, "yes"),
        (None, 0.91, "no, claim too low"),
    ],
)
def test_a_claim_agrees_if_it_is_in_the_interval(
    claimed: float | None, below: float | None, expected: str
) -> None:
    one = claim("digits_tree", claimed_accuracy=claimed, claimed_below=below)
    assert claims._agreement(one, INTERVAL) == expected


def test_a_claim_without_a_number_neither_agrees_nor_disagrees() -> None:
    one = claim("digits_tree", claimed_accuracy=None, claimed_below=None)
    assert claims._agreement(one, INTERVAL) is None


@pytest.mark.parametrize(
    ("claimed", "first_only", "second_only", "is_different", "expected"),
    [
        ("first better", 30, 3, True, "yes"),
        ("first better", 3, 30, True, "no"),
        ("first better", 5, 3, False, "cannot tell"),
        ("no difference", 5, 3, False, "yes"),
        ("no difference", 30, 3, True, "no"),
    ],
)
def test_a_comparison_agrees_if_the_paired_test_says_the_same(
    claimed: Any, first_only: int, second_only: int, is_different: bool, expected: str
) -> None:
    entry: Comparison = RESULTS.comparisons[0].model_copy(update={"claimed": claimed})
    reproduction = Reproduction(0.9, 300, 0.9, 0.9, predicted=np.zeros(300, np.uint8))
    found = ReproducedComparison(reproduction, reproduction, first_only, second_only)
    assert claims._comparison_agreement(entry, found, is_different) == expected


def test_labels_of_equal_kinds_name_the_hyperparameters_that_differ() -> None:
    comparisons = {entry.name: entry for entry in RESULTS.comparisons}
    labels = claims._labels(comparisons["digits_gini_against_entropy"])
    assert labels == ("tree gini", "tree entropy")
    assert claims._labels(comparisons["digits_forest_against_tree"]) == ("forest", "tree")
