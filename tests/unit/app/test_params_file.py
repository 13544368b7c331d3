"""Blocks go into params.yaml and out again, and no other byte changes."""

from pathlib import Path

import pytest
from dvc.utils.hydra import apply_overrides
from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from handwriting.app import params_file
from handwriting.common.errors import InputError
from tests.helpers import PARAMS, PROJECT

TEXT = (PROJECT / "params.yaml").read_text(encoding="utf-8")
BLOCK = {"source": {"kind": "sklearn"}, "curve": {"n_rows": 3, "sizes": [1, 20]}, "x": 1e-06}


def meaning(text: str) -> object:
    return YAML(typ="safe").load(text)


@pytest.mark.parametrize("section", ["datasets", "submissions"])
@pytest.mark.parametrize(
    "text",
    [
        TEXT,
        TEXT.rstrip("\n"),
        TEXT.replace("\n", "\r\n"),
        TEXT + "\n\n# the end\n",
        TEXT + "after:\n- 1\n",
        TEXT.replace("submissions: {}", "submissions: {} # none yet"),
        TEXT.replace("submissions: {}", "submissions:\n  old:\n    x: 1"),
    ],
    ids=["project", "no line end", "CRLF", "comment after", "section after", "comment", "entry"],
)
def test_a_block_is_added_and_removed_and_no_other_byte_changes(text: str, section: str) -> None:
    added = params_file.add(text, section, "postcards", BLOCK)
    expected = meaning(text)
    expected[section] = {**expected[section], "postcards": BLOCK}
    assert meaning(added) == expected
    kept = [line for line in added.splitlines() if line in text.splitlines()]
    lost = [line for line in text.splitlines() if line not in added.splitlines()]
    assert len(kept) >= len(text.splitlines()) - 1
    assert all(line.startswith("submissions: {}") for line in lost)
    assert params_file.remove(added, section, "postcards") == text


@settings(deadline=None, max_examples=20)
@given(st.permutations(["a", "b", "c", "d"]), st.permutations(["a", "b", "c", "d"]))
def test_blocks_go_out_in_any_order(added: list[str], removed: list[str]) -> None:
    text = TEXT
    for name in added:
        text = params_file.add(text, "submissions", name, {"n": name, "list": [1]})
    for name in removed:
        text = params_file.remove(text, "submissions", name)
    assert text == TEXT


def test_a_published_dataset_is_removed_with_its_comments_and_nothing_else() -> None:
    removed = params_file.remove(TEXT, "datasets", "digits")
    expected = {**PARAMS, "datasets": {"mnist": PARAMS["datasets"]["mnist"]}}
    assert meaning(removed) == expected
    start = TEXT.index("  digits:\n")
    end = TEXT.index("  mnist:\n")
    assert removed == TEXT[:start] + TEXT[end:]


@pytest.mark.parametrize(
    "text",
    [
        "datasets: {a: {x: 1}}\nsubmissions: {}\n",
        "datasets:\n    a:\n        x: 1\n",
        "other: 1\n",
    ],
)
def test_a_layout_that_cannot_be_edited_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="the layout of datasets: does not allow this edit"):
        params_file.add(text, "datasets", "postcards", BLOCK)


def test_dvc_changes_one_line_of_an_added_block(tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    added = params_file.add(TEXT, "datasets", "postcards", BLOCK)
    params_file.write(added, path)
    apply_overrides(path, ["datasets.postcards.curve.n_rows=4"])
    before, after = added.splitlines(), path.read_text(encoding="utf-8").splitlines()
    assert [pair for pair in zip(before, after, strict=True) if pair[0] != pair[1]] == [
        ("      n_rows: 3", "      n_rows: 4")
    ]


@pytest.mark.parametrize("content", [None, b"\xff\xfe"])
def test_a_file_that_cannot_be_read_raises_input_error(
    tmp_path: Path, content: bytes | None
) -> None:
    path = tmp_path / "params.yaml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=r"params.yaml: (no such file; run this in|not UTF-8)"):
        params_file.read(path)
