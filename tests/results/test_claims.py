"""The committed tables of reproduced claims have the published numbers and the known results."""

import pytest

from handwriting.claims import published
from tests.helpers import CLAIMS, PARAMS, PROJECT, PUBLISHED, read_csv

RESULTS = published.parse(CLAIMS, "claims.yaml")


def rows(dataset: str, table: str) -> dict[str, dict[str, str]]:
    """Read a table of a dataset by the name of the claim."""
    return {row["name"]: row for row in read_csv(PROJECT / "plots" / dataset / f"{table}.csv")}


@pytest.mark.parametrize(
    ("name", "measured", "n_images"),
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
def test_reproduced_accuracies_are_the_known_ones(
    name: str, measured: float, n_images: int
) -> None:
    row = rows(name.partition("_")[0], "claims")[name]
    n_decimals = len(str(measured)) - 2
    assert round(float(row["measured"]), n_decimals) == measured
    assert int(row["n_images"]) == n_images


@pytest.mark.parametrize("dataset", PUBLISHED)
def test_there_is_one_row_per_claim_in_the_order_of_the_file(dataset: str) -> None:
    claims = [claim for claim in RESULTS.claims if claim.dataset == dataset]
    found = rows(dataset, "claims")
    assert list(found) == [claim.name for claim in claims]
    for claim in claims:
        row = found[claim.name]
        assert row["quote"] == claim.quote
        assert row["source"] == str(RESULTS.write_ups[claim.write_up])
        claimed = "" if claim.claimed_accuracy is None else str(claim.claimed_accuracy)
        assert row["claimed"] == claimed


@pytest.mark.parametrize("dataset", PUBLISHED)
def test_there_is_one_row_per_comparison_in_the_order_of_the_file(dataset: str) -> None:
    entries = [entry for entry in RESULTS.comparisons if entry.dataset == dataset]
    found = rows(dataset, "comparisons")
    assert list(found) == [entry.name for entry in entries]
    assert [row["claimed"] for row in found.values()] == [entry.claimed for entry in entries]


@pytest.mark.parametrize("dataset", PUBLISHED)
def test_intervals_and_ranges_contain_the_measured_accuracy(dataset: str) -> None:
    for row in rows(dataset, "claims").values():
        measured = float(row["measured"])
        assert float(row["low"]) <= measured <= float(row["high"])
        assert float(row["minimum"]) <= measured <= float(row["maximum"])


def test_all_eighteen_predictions_are_reproduced() -> None:
    found = rows("digits", "claims")
    assert {name: row["same_predictions"] for name, row in found.items()} == {
        name: "18" if name == "digits_hundredth" else "" for name in found
    }


def test_six_images_decide_nothing_and_the_tree_is_rejected() -> None:
    found = rows("digits", "claims")
    assert found["digits_last_six"]["verdict"] == "this test set cannot tell"
    assert found["digits_tree"]["verdict"] == "rejected"
    assert found["digits_tree"]["agrees"] == "yes"


@pytest.mark.parametrize("dataset", PUBLISHED)
def test_verdicts_follow_from_the_p_values(dataset: str) -> None:
    level = 1 - PARAMS["evaluate"]["confidence"]
    claimed = PARAMS["verdict"]["claimed_accuracy"]
    for row in rows(dataset, "claims").values():
        if float(row["p_value"]) > level:
            expected = "this test set cannot tell"
        else:
            expected = "accepted" if float(row["measured"]) > claimed else "rejected"
        assert row["verdict"] == expected
