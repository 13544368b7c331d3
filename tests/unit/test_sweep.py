from typing import Any

import pytest

from handwriting.common.errors import InputError
from tools.sweep import draw, select

DEPTH = "datasets.digits.models.tree.max_depth"
ACCURACY = "metrics/digits/tree.json:accuracy"


def row(typ: str, depth: Any, accuracy: Any, rev: str = "1234567") -> dict[str, Any]:
    return {"Experiment": None, "typ": typ, "rev": rev, DEPTH: depth, ACCURACY: accuracy}


ROWS = [
    row("baseline", 7, 0.5, rev="workspace"),
    row("baseline", 7, 0.75),
    row("branch_commit", 12, 0.77),
    row("branch_base", 3, 0.6),
    row("queued", 20, None),
    row("failed", 30, float("nan")),
]


def test_commits_and_finished_experiments_are_sorted_by_the_parameter() -> None:
    assert select(ROWS, DEPTH, ACCURACY) == [(3, 0.6), (7, 0.75), (12, 0.77)]


@pytest.mark.parametrize(
    ("rows", "parameter", "metric", "message"),
    [
        (ROWS, "max_depht", ACCURACY, "no column 'max_depht'"),
        (ROWS, "tree.max_depth", ACCURACY, f"no column 'tree.max_depth'; similar: {DEPTH}"),
        (ROWS, DEPTH, "accuracy", f"no column 'accuracy'; similar: {ACCURACY}"),
        (ROWS, DEPTH, "typ", "typ: 'baseline'; must be a number"),
        ([], DEPTH, ACCURACY, f"no column '{DEPTH}'"),
        (ROWS[:2], DEPTH, ACCURACY, f"1 results with {DEPTH} and {ACCURACY}; must be at least 2"),
    ],
)
def test_a_faulty_call_is_one_line(
    rows: list[dict[str, Any]], parameter: str, metric: str, message: str
) -> None:
    with pytest.raises(InputError) as caught:
        select(rows, parameter, metric)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_numbers_are_placed_by_value_and_both_axes_are_named() -> None:
    (ax,) = draw([(3, 0.6), (7, 0.7), (7, 0.8), (12, 0.77)], DEPTH, ACCURACY).axes
    line, dots = ax.lines
    assert (ax.get_xlabel(), ax.get_ylabel(), ax.get_xscale()) == (DEPTH, ACCURACY, "linear")
    assert line.get_xydata().tolist() == [[3, 0.6], [7, 0.75], [12, 0.77]]
    assert dots.get_xydata().tolist() == [[3, 0.6], [7, 0.7], [7, 0.8], [12, 0.77]]


def test_values_of_several_powers_of_ten_get_a_logarithmic_axis() -> None:
    (ax,) = draw([(0.001, 0.6), (0.1, 0.7)], DEPTH, ACCURACY).axes
    assert ax.get_xscale() == "log"


def test_words_are_placed_side_by_side() -> None:
    (ax,) = draw([("entropy", 0.7), ("gini", 0.6)], DEPTH, ACCURACY).axes
    assert [label.get_text() for label in ax.get_xticklabels()] == ["entropy", "gini"]
    (dots,) = ax.lines  # and no line, because nothing is between two words
    assert dots.get_xydata().tolist() == [[0, 0.7], [1, 0.6]]
