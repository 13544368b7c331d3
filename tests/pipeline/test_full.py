"""The committed numbers, found again from nothing on all of the real data."""

import csv
import json
import re

import numpy as np
import pytest

from handwriting import images
from tests.conftest import PROJECT, Repository
from tests.pipeline.test_graph import PARAMS

PAIRS = [(dataset, model) for dataset in PARAMS["datasets"] for model in PARAMS["models"]]
# Matrix products round differently from one kind of processor to another; this many of the images
# near a border may then change sides. On one machine the numbers are the same to the last digit.
BORDERLINE_IMAGES = 3


@pytest.mark.parametrize(("dataset", "model"), PAIRS)
def test_the_committed_metrics_are_found_again(dataset: str, model: str, full: Repository) -> None:
    name = f"metrics/{dataset}/{model}.json"
    committed = json.loads((PROJECT / name).read_text())
    found = json.loads((full.root / name).read_text())
    assert found.keys() == committed.keys()
    assert found["images"] == committed["images"]
    allowed = BORDERLINE_IMAGES if model == "svc" else 0
    assert abs(found["mistakes"] - committed["mistakes"]) <= allowed
    assert found["accuracy"] == pytest.approx(
        committed["accuracy"], abs=1e-9 + allowed / committed["images"]
    )


@pytest.mark.parametrize("dataset", PARAMS["datasets"])
def test_the_committed_facts_are_found_again(dataset: str, full: Repository) -> None:
    name = f"metrics/{dataset}/dataset.json"
    assert (full.root / name).read_bytes() == (PROJECT / name).read_bytes()


@pytest.mark.parametrize(
    ("dataset", "model", "least"),
    [
        ("digits", "svc", 0.968),
        ("mnist", "svc", 0.985),
        ("mnist", "forest", 0.970),
        ("mnist", "tree", 0.875),
    ],
)
def test_the_baselines_hold(dataset: str, model: str, least: float, full: Repository) -> None:
    metrics = json.loads((full.root / f"metrics/{dataset}/{model}.json").read_text())
    assert metrics["accuracy"] >= least
    assert metrics["images"] == {"digits": 899, "mnist": 10_000}[dataset]


@pytest.mark.parametrize(("dataset", "model"), PAIRS)
def test_metrics_are_what_the_predictions_say(dataset: str, model: str, full: Repository) -> None:
    with (full.root / f"plots/{dataset}/predictions/{model}.csv").open() as file:
        rows = [tuple(map(int, row.values())) for row in csv.DictReader(file)]
    index, actual, predicted = np.array(rows).T
    test = images.load(full.root / f"data/split/{dataset}/test.npz")
    np.testing.assert_array_equal(index, test.rows)
    np.testing.assert_array_equal(actual, test.labels)
    metrics = json.loads((full.root / f"metrics/{dataset}/{model}.json").read_text())
    assert metrics["mistakes"] == int(np.sum(actual != predicted))
    assert metrics["accuracy"] == pytest.approx(np.mean(actual == predicted), abs=5e-6)
    assert metrics["accuracy_low"] < metrics["accuracy"] < metrics["accuracy_high"]


def test_everything_is_up_to_date_and_nothing_runs_again(full: Repository) -> None:
    assert "up to date" in full.succeed("dvc", "status")
    assert full.stages_run_by("dvc", "repro") == set()


def test_git_is_left_with_nothing_but_what_the_processor_rounds(full: Repository) -> None:
    changed = {line[3:] for line in full.succeed("git", "status", "--short").splitlines()}
    allowed = re.compile(r"dvc\.lock|(metrics|plots)/.*(svc|comparison).*")
    assert all(allowed.fullmatch(name) for name in changed), changed


def test_the_readmes_table_is_what_was_measured(full: Repository) -> None:
    text = (PROJECT / "README.md").read_text()
    cell = r"\s*([^|]*?)\s*\|"
    rows = re.findall(rf"^\|{cell}{cell}{cell}{cell}{cell}$", text, re.MULTILINE)
    table = {(row[0], row[1]): row[2:] for row in rows}
    for dataset, model in PAIRS:
        metrics = json.loads((PROJECT / f"metrics/{dataset}/{model}.json").read_text())
        percent = [100 * metrics[key] for key in ("accuracy", "accuracy_low", "accuracy_high")]
        expected = (
            f"{percent[0]:.2f} %",
            f"{percent[1]:.2f}–{percent[2]:.2f} %",
            f"{metrics['mistakes']:,} of {metrics['images']:,}",
        )
        assert table[dataset, model] == expected
