"""The tables of README.md and docs/claims.md against the committed results."""

import json
import re
from pathlib import Path

import pytest

from tests.helpers import CLAIMS, PROJECT, PUBLISHED, PUBLISHED_PAIRS, read_csv

README = PROJECT / "README.md"
CLAIMS_PAGE = PROJECT / "docs" / "claims.md"

CLAIM_NAMES = [claim["name"] for claim in CLAIMS["claims"]]
COMPARISON_NAMES = [comparison["name"] for comparison in CLAIMS["comparisons"]]

# Test sets of up to this size are quoted as counts instead of percentages.
SMALL_TEST_SET = 50


def table_rows(page: Path, section: str) -> list[list[str]]:
    """Return the cells of the only table in a section of a page, without its header."""
    _, found, rest = page.read_text(encoding="utf-8").partition(f"\n{section}\n")
    assert found, f"{page.name} has no section {section!r}"
    level = section.split()[0]
    body = re.split(rf"^#{{1,{len(level)}}} ", rest, maxsplit=1, flags=re.MULTILINE)[0]
    lines = [line for line in body.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def percent(value: str, digits: int) -> str:
    return f"{100 * float(value):.{digits}f}"


def interval(row: dict[str, str], low: str, high: str, digits: int) -> str:
    return f"{percent(row[low], digits)}–{percent(row[high], digits)} %"


def count(value: str) -> str:
    return f"{int(float(value)):,}" if value else "–"


def accuracy_table(dataset: str) -> dict[str, dict[str, str]]:
    return {row["model"]: row for row in read_csv(PROJECT / f"plots/{dataset}/accuracy.csv")}


def quoted_result(dataset: str, model: str) -> list[str]:
    """Return the cells of README.md for a model."""
    row = accuracy_table(dataset)[model]
    return [
        dataset,
        model,
        f"{percent(row['accuracy'], 2)} %",
        interval(row, "low", "high", 2),
        f"{count(row['mistakes'])} of {count(row['n_images'])}",
        row["verdict"],
    ]


def quoted_claim(row: dict[str, str]) -> list[str]:
    """Return the cells of docs/claims.md for a claim, without its description."""
    claimed = f"{100 * float(row['claimed']):.3g} %" if row["claimed"] else f'"{row["quote"]}"'
    n_images = int(row["n_images"])
    if n_images <= SMALL_TEST_SET:
        measured = f"{round(float(row['measured']) * n_images)} of {n_images}"
    else:
        measured = f"{percent(row['measured'], 1)} %"
        if row["minimum"] != row["maximum"]:
            measured += f" ({percent(row['minimum'], 1)}–{percent(row['maximum'], 1)})"
    return [
        f"`{row['name']}`",
        claimed,
        measured,
        count(row["n_images"]),
        interval(row, "low", "high", 1),
        row["agrees"] or "–",
        row["verdict"].removeprefix("this test set "),
    ]


def quoted_comparison(row: dict[str, str]) -> list[str]:
    """Return the cells of docs/claims.md for a comparison."""
    return [
        f"`{row['name']}`",
        f"{row['first']} {percent(row['first_accuracy'], 1)} %",
        f"{row['second']} {percent(row['second_accuracy'], 1)} %",
        count(row["n_images"]),
        f"{row['first_only']} / {row['second_only']}",
        f"{float(row['p_value']):.2g}",
        row["claimed"],
        row["agrees"],
    ]


def quoted_verdict(dataset: str, model: str) -> list[str]:
    """Return the cells of docs/claims.md for the verdict on a model."""
    row = accuracy_table(dataset)[model]
    writers = interval(row, "writers_low", "writers_high", 2) if row["writers_low"] else "–"
    return [
        dataset,
        model,
        f"{percent(row['accuracy'], 2)} %",
        interval(row, "low", "high", 2),
        writers,
        f"{float(row['p_value']):.2g}",
        f"**{row['verdict']}**",
        count(row["n_images_needed"]),
    ]


@pytest.mark.parametrize(("dataset", "model"), PUBLISHED_PAIRS)
def test_the_readme_quotes_the_measured_accuracy(dataset: str, model: str) -> None:
    rows = {(row[0], row[1]): row for row in table_rows(README, "## Results")}
    assert rows[dataset, model] == quoted_result(dataset, model)


@pytest.mark.parametrize(("dataset", "model"), PUBLISHED_PAIRS)
def test_the_table_behind_the_readme_has_the_numbers_of_the_metrics(
    dataset: str, model: str
) -> None:
    metrics = json.loads((PROJECT / f"metrics/{dataset}/{model}.json").read_text())
    row = accuracy_table(dataset)[model]
    for column, name in (
        ("accuracy", "accuracy"),
        ("low", "accuracy_low"),
        ("high", "accuracy_high"),
        ("mistakes", "mistakes"),
    ):
        assert float(row[column]) == metrics[name]
    right = 1 - metrics["mistakes"] / int(row["n_images"])
    assert metrics["accuracy"] == pytest.approx(right, abs=5e-6)


def test_the_readme_lists_every_model_of_every_dataset_once() -> None:
    assert [(row[0], row[1]) for row in table_rows(README, "## Results")] == PUBLISHED_PAIRS


@pytest.mark.parametrize("name", CLAIM_NAMES)
def test_the_page_of_claims_quotes_the_reproduced_results(name: str) -> None:
    dataset = next(claim["dataset"] for claim in CLAIMS["claims"] if claim["name"] == name)
    results = {row["name"]: row for row in read_csv(PROJECT / f"plots/{dataset}/claims.csv")}
    rows = {row[0]: row for row in table_rows(CLAIMS_PAGE, "## Published accuracies")}
    cells = rows[f"`{name}`"]
    assert cells[:1] + cells[2:] == quoted_claim(results[name])


@pytest.mark.parametrize("name", COMPARISON_NAMES)
def test_the_page_of_claims_quotes_the_reproduced_comparisons(name: str) -> None:
    dataset = next(entry["dataset"] for entry in CLAIMS["comparisons"] if entry["name"] == name)
    results = {row["name"]: row for row in read_csv(PROJECT / f"plots/{dataset}/comparisons.csv")}
    rows = {row[0]: row for row in table_rows(CLAIMS_PAGE, "## Published comparisons")}
    assert rows[f"`{name}`"] == quoted_comparison(results[name])


def test_the_page_of_claims_lists_every_claim_and_comparison_once_in_order() -> None:
    for section, names in (
        ("## Published accuracies", CLAIM_NAMES),
        ("## Published comparisons", COMPARISON_NAMES),
    ):
        assert [row[0].strip("`") for row in table_rows(CLAIMS_PAGE, section)] == names


@pytest.mark.parametrize("dataset", PUBLISHED)
def test_the_tables_have_every_claim_and_comparison_of_a_dataset(dataset: str) -> None:
    for name in ("claims", "comparisons"):
        found = {row["name"] for row in read_csv(PROJECT / f"plots/{dataset}/{name}.csv")}
        expected = {entry["name"] for entry in CLAIMS[name] if entry["dataset"] == dataset}
        assert found == expected


def test_the_eighteen_printed_predictions_are_reproduced() -> None:
    rows = {row["name"]: row for row in read_csv(PROJECT / "plots/digits/claims.csv")}
    assert rows["digits_hundredth"]["same_predictions"] == "18"
    assert rows["digits_hundredth"]["n_images"] == "18"


@pytest.mark.parametrize(("dataset", "model"), PUBLISHED_PAIRS)
def test_the_page_of_claims_quotes_the_verdicts(dataset: str, model: str) -> None:
    rows = {(row[0], row[1]): row for row in table_rows(CLAIMS_PAGE, "## The verdict")}
    assert rows[dataset, model] == quoted_verdict(dataset, model)


@pytest.mark.parametrize(
    ("dataset", "model"),
    [("mnist", "svc"), ("mnist", "forest"), ("mnist", "svc_raw"), ("digits", "svc")],
)
def test_the_page_on_recognition_quotes_the_errors(dataset: str, model: str) -> None:
    row = accuracy_table(dataset)[model]
    error, low, high = (100 - 100 * float(row[name]) for name in ("accuracy", "high", "low"))
    page = (PROJECT / "docs" / "recognition.md").read_text(encoding="utf-8")
    assert f"{error:.2f} % ({low:.2f}–{high:.2f} %)" in page


def test_the_readme_quotes_our_errors_and_published_ones() -> None:
    rows = table_rows(README, "## Comparison with published results")
    ours = {row[0].split("`")[1]: row[1].strip("*") for row in rows if row[2] == "this pipeline"}
    table = {row["method"]: row for row in read_csv(PROJECT / "plots/mnist/errors.csv")}
    assert list(ours) == ["svc", "forest"]
    for model, quoted in ours.items():
        error = f"{percent(table[model]['error'], 2)} %"
        assert quoted == f"{error} ({interval(table[model], 'low', 'high', 2)})"
    published = [row[1] for row in rows if row[2] != "this pipeline"]
    listed = {f"{100 * entry['error']:.3g}" for entry in CLAIMS["errors"]}
    assert {text.removesuffix(" %") for text in published} <= listed
    errors = [float(row[1].strip("*").split(" %")[0]) for row in rows]
    assert errors == sorted(errors)


@pytest.mark.parametrize(("dataset", "model"), PUBLISHED_PAIRS)
def test_the_page_on_recognition_quotes_the_confidence(dataset: str, model: str) -> None:
    metrics = json.loads((PROJECT / f"metrics/{dataset}/{model}.json").read_text())
    page = PROJECT / "docs" / "recognition.md"
    rows = {(row[0], row[1]): row[2:] for row in table_rows(page, "## Confidence")}
    assert rows[dataset, model] == [
        f"{metrics['ece']:.4f}",
        f"{percent(metrics['reject_rate'], 1)} %",
    ]


def test_no_number_is_left_to_be_filled_in() -> None:
    pages = [README, *(PROJECT / "docs").glob("*.md")]
    assert [page.name for page in pages if "TODO" in page.read_text(encoding="utf-8")] == []


@pytest.mark.parametrize(
    "page",
    [
        "README.md",
        "CONTRIBUTING.md",
        "data/README.md",
        *(f"docs/{page.name}" for page in sorted((PROJECT / "docs").glob("*.md"))),
    ],
)
def test_every_local_link_leads_to_a_file(page: str) -> None:
    file = PROJECT / page
    links = re.findall(r"\]\(([^)#\s]+)[^)]*\)", file.read_text(encoding="utf-8"))
    local = [link for link in links if not link.startswith("http")]
    assert [link for link in local if not (file.parent / link).exists()] == []
