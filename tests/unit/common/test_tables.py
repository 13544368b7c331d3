from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handwriting.common import tables
from handwriting.common.errors import InputError
from handwriting.common.params.models import DecisionTree, SupportVectorClassifier
from handwriting.common.stage.outputs import write_csv, write_json

cells = (
    st.none()
    | st.integers()
    | st.floats(-1e9, 1e9).map(lambda value: float(f"{value:.6g}"))
    | st.text("abc ,;\"'", min_size=1, max_size=6)
)


@given(st.lists(st.tuples(cells, cells), max_size=4))
def test_read_table_returns_what_a_stage_wrote(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[Any, Any]]
) -> None:
    path = tmp_path_factory.mktemp("table") / "table.csv"
    write_csv(("first", "second"), rows, path)
    found = tables.read_table(path, ("second", "first"))
    assert [(row["first"], row["second"]) for row in found] == rows


def test_numbers_keep_their_type(tmp_path: Path) -> None:
    (tmp_path / "table.csv").write_text("a,b,c,d\n1,1.0,one,\n")
    (row,) = tables.read_table(tmp_path / "table.csv", ("a",))
    assert row == {"a": 1, "b": 1.0, "c": "one", "d": None}
    assert (type(row["a"]), type(row["b"])) == (int, float)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "no column a, b; run `dvc repro`"),
        (b"a,c\n1,2\n", "no column b; run `dvc repro`"),
        (b"a,b\n1,2\n1\n", "row 2 does not have 2 values; run `dvc repro`"),
        (b"a,b\n1,2,3\n", "row 1 does not have 2 values; run `dvc repro`"),
        (b"a,b\n\xff,2\n", "not a table ("),
        (b"a,b\n" + b"x" * 200_000 + b",2\n", "not a table ("),
    ],
)
def test_faulty_table_raises_input_error(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "table.csv"
    path.write_bytes(content)
    with pytest.raises(InputError) as caught:
        tables.read_table(path, ("a", "b"))
    assert f"{path}: {message}" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_read_json_returns_what_a_stage_wrote(tmp_path: Path) -> None:
    write_json({"accuracy": 0.96996662, "n_images": 899}, tmp_path / "metrics.json")
    found = tables.read_json(tmp_path / "metrics.json")
    assert found == {"accuracy": 0.969967, "n_images": 899}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "not JSON ("),
        (b"{", "not JSON ("),
        (b"\xff", "not JSON ("),
        (b"[1]", "not a JSON object; run `dvc repro`"),
    ],
)
def test_faulty_json_raises_input_error(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "metrics.json"
    path.write_bytes(content)
    with pytest.raises(InputError) as caught:
        tables.read_json(path)
    assert f"{path}: {message}" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_missing_files_raise_input_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file; run `dvc repro`"):
        tables.read_table(tmp_path / "table.csv", ("a",))
    with pytest.raises(InputError, match="no such file; run `dvc repro`"):
        tables.read_json(tmp_path / "metrics.json")


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ({"C": 10, "gamma": 0.001, "accuracy": 0.9}, True),
        ({"C": 10.0}, True),
        ({"C": 1, "gamma": 0.001}, False),
        ({"C": 10, "gamma": "scale"}, False),
        ({"accuracy": 0.9}, True),
    ],
)
def test_has_values_compares_the_fields_that_are_settings(
    row: dict[str, Any], expected: bool
) -> None:
    settings = SupportVectorClassifier(kind="svc", features="raw", C=10, gamma=0.001)
    assert tables.has_values(row, settings.model_dump()) is expected


@given(
    st.floats(1e-6, 1e6),
    st.sampled_from(["scale", "auto"]) | st.floats(1e-6, 1e6),
    st.sampled_from(["balanced", None]),
)
def test_has_values_recognises_settings_that_were_written_to_a_table(
    tmp_path_factory: pytest.TempPathFactory, C: float, gamma: Any, class_weight: Any
) -> None:
    settings = SupportVectorClassifier(
        kind="svc", features="raw", C=C, gamma=gamma, class_weight=class_weight
    )
    names = ("C", "gamma", "class_weight", "kernel", "degree")
    path = tmp_path_factory.mktemp("table") / "table.csv"
    write_csv(names, [[getattr(settings, name) for name in names]], path)
    (row,) = tables.read_table(path, names)
    assert tables.has_values(row, settings.model_dump())


def test_has_values_recognises_none_and_booleans() -> None:
    tree = DecisionTree(kind="tree", features="raw").model_dump()
    assert tables.has_values({"max_depth": None}, tree)
    assert not tables.has_values({"max_depth": 4}, tree)

    assert tables.has_values({"bootstrap": "True"}, {"bootstrap": True})
    assert not tables.has_values({"bootstrap": "False"}, {"bootstrap": True})
    assert not tables.has_values({"bootstrap": 1}, {"bootstrap": True})


def test_words_that_float_accepts_are_names(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text("model,accuracy\nnan,0.5\ninf,-1e-3\n")
    rows = tables.read_table(path, ("model", "accuracy"))
    assert rows == [{"model": "nan", "accuracy": 0.5}, {"model": "inf", "accuracy": -0.001}]
