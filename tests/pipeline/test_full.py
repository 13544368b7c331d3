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
    allowed = re.compile(r"dvc\.lock|(metrics|plots)/.*(svc|comparison|verdict).*")
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


def readme_rows(columns: int) -> list[list[str]]:
    lines = (PROJECT / "README.md").read_text().splitlines()
    tables = [line.strip("|").split("|") for line in lines if line.startswith("|")]
    return [[cell.strip() for cell in row] for row in tables if len(row) == columns]


def test_the_readmes_claims_are_those_that_were_replayed() -> None:
    with (PROJECT / "plots/claims.csv").open() as file:
        claims = list(csv.DictReader(file))
    shown = readme_rows(7)[2:]
    in_table_order = sorted(shown, key=lambda row: row[0].startswith(("MNIST", "the same")))
    replayed = {row["name"]: row for row in claims}
    order = [
        "digits_last_six", "digits_folds_in_order", "digits_folds_shuffled", "digits_from_1791",
        "digits_tree", "digits_forest", "digits_hundredth", "digits_first_quarter",
        "digits_first_half", "digits_first_nine_tenths", "mnist_raw_auto", "mnist_raw_scale",
        "mnist_binary_auto", "mnist_binary_scale",
    ]  # fmt: skip
    assert set(order) == set(replayed)
    for name, cells in zip(order, in_table_order, strict=True):
        claim = replayed[name]
        measured = f"{100 * float(claim['measured']):.1f} %".replace("100.0 %", "6 of 6")
        measured = "18 of 18" if name == "digits_hundredth" else measured
        assert measured in cells[2], name
        assert cells[3] == f"{int(claim['images']):,}"
        low, high = (
            f"{100 * float(claim[end]):.1f}".replace("100.0", "100") for end in ("low", "high")
        )
        assert cells[4].split(" ")[0] == f"{low}–{high}", name
        assert cells[5] == {"1": "yes", "0": "no", "": "–"}[claim["agrees"].split(".")[0]], name
        assert claim["verdict"].endswith(cells[6]), name


def test_the_eighteen_printed_predictions_are_found_again() -> None:
    metrics = json.loads((PROJECT / "metrics/claims.json").read_text())
    assert metrics["digits_hundredth_same_predictions"] == 18 == metrics["digits_hundredth_images"]


def test_the_readmes_verdicts_are_those_that_were_found() -> None:
    shown = readme_rows(8)[2:]
    for dataset, rows in (("digits", shown[:3]), ("mnist", shown[3:])):
        with (PROJECT / f"plots/{dataset}/verdict.csv").open() as file:
            verdicts = {row["model"]: row for row in csv.DictReader(file)}
        digits = 1 if dataset == "digits" else 2
        for cells in rows:
            found = verdicts[cells[1]]
            assert cells[2] == f"{100 * float(found['accuracy']):.{digits}f} %"
            low, high = (f"{100 * float(found[end]):.{digits}f}" for end in ("low", "high"))
            assert cells[3] == f"{low}–{high} %"
            if found["writers_low"]:
                ends = (f"{100 * float(found[f'writers_{end}']):.2f}" for end in ("low", "high"))
                assert cells[4] == "–".join(ends) + " %"
            assert cells[6].strip("*") == found["verdict"]
            assert cells[7] == f"{int(float(found['images_needed'])):,}"
