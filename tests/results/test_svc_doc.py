"""The figures quoted in docs/svc.md equal those in benchmarks/svc.md."""

import re

import pytest

from tests.helpers import PROJECT

DOCUMENT = (PROJECT / "docs" / "svc.md").read_text()
REPORT = (PROJECT / "benchmarks" / "svc.md").read_text()
REFERENCE, OURS = "`sklearn.svm.SVC`", "`handwriting.models.svm.svc.SVC`"
QUOTED = {
    REFERENCE: "scikit-learn",
    OURS: "handwriting",
    "the same, oneDAL forced": "handwriting, oneDAL",
    "the same, libsvm forced": "handwriting, libsvm",
}


def section(title: str) -> str:
    """Return a section of the benchmark report."""
    return REPORT.partition(f"## {title}\n")[2].partition("\n## ")[0]


def cells(text: str, label: str) -> list[str]:
    """Return the cells after the label in the row of a Markdown table with this label."""
    (row,) = re.findall(rf"^\| {re.escape(label)} \|(.*)\|$", text, re.MULTILINE)
    return [cell.strip() for cell in row.split("|")]


@pytest.mark.parametrize("label", QUOTED)
def test_table_quotes_the_measurements(label: str) -> None:
    measured = cells(section("60,000 training rows"), QUOTED[label])
    fit, fit_gain, _, predict, predict_gain, _, memory, _, differing, _ = measured
    expected = [f"{fit} s", f"{predict} s", f"{memory} MB", ""]
    if label != REFERENCE:
        expected = [
            f"{fit} s, {fit_gain} times faster",
            f"{predict} s, {predict_gain} times faster",
            f"{memory} MB",
            differing,
        ]
    assert cells(DOCUMENT, label) == expected


def test_text_quotes_the_measurements() -> None:
    largest, smallest = section("60,000 training rows"), section("5,000 training rows")
    reference, ours, libsvm = (
        cells(largest, name) for name in ("scikit-learn", "handwriting", "handwriting, libsvm")
    )
    faster = min(float(reference[0]), float(libsvm[0]))
    growth = section("Growth")
    to_products = re.findall(r"takes ([\d.]+) times the matrix products", largest)
    small_gains = [cells(smallest, name)[1] for name in ("handwriting", "handwriting, oneDAL")]
    for quoted in (
        f"fits {ours[1]} times and predicts {ours[4]} times faster",
        f"active sets are {faster / float(ours[0]):.1f} times faster",
        "Fitting takes {} times and predicting {} times as long".format(*to_products),
        f"with the power {cells(growth, 'handwriting')[0]} of the number of rows",
        f"that of scikit-learn with the power {cells(growth, 'scikit-learn')[0]}",
        "only {} times faster than scikit-learn, and with oneDAL {} times".format(*small_gains),
        f"{ours[-1]} with active sets and {libsvm[-1]} with libsvm",
    ):
        assert quoted in DOCUMENT
