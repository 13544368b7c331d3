"""The README against what it quotes."""

import re

import pytest

from tests.conftest import PROJECT

QUOTED = {
    "`sklearn.svm.SVC`": "stock scikit-learn",
    "`handwriting.svm.SVC`": "handwriting",
    "the same, libsvm forced": "handwriting, libsvm",
}


def cells(text: str, first: str) -> list[str]:
    """Find the row of a Markdown table that begins with a word and split it."""
    (row,) = re.findall(rf"^\| {re.escape(first)} \|(.*)\|$", text, re.MULTILINE)
    return [cell.strip() for cell in row.split("|")]


@pytest.mark.parametrize("row", QUOTED)
def test_the_benchmark_is_quoted_as_it_was_measured(row: str) -> None:
    report = (PROJECT / "benchmarks" / "svc.md").read_text()
    largest = report.partition("## 60,000 training rows")[2].partition("##")[0]
    fit, fit_gain, _, predict, predict_gain, _, memory, _, unlike, _ = cells(largest, QUOTED[row])
    quoted = " | ".join(cells((PROJECT / "README.md").read_text(), row))
    measured = [f"{fit} s", f"{predict} s", f"{memory} MB"]
    if row != "`sklearn.svm.SVC`":
        measured += [f"{predict_gain} times", f"| {unlike}"]
    if row == "`handwriting.svm.SVC`":
        measured.append(f"{fit_gain} times faster")
    assert [figure for figure in measured if figure not in quoted] == []
