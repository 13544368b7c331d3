"""The project and DVC must read the same values from the same file; DVC's reader is the oracle."""

import math
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml
from dvc.utils.serialize import dumps_yaml
from dvc.utils.serialize import parse_yaml as dvc_parse_yaml
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from handwriting.common.errors import InputError
from handwriting.common.params.yaml_reader import parse_yaml, read_yaml
from tests.helpers import PROJECT


def read_or_fail(reader: Any, text: str) -> Any:
    """Return what a reader makes of a text, or the string "error" in a tuple if it raises."""
    try:
        return reader(text)
    except Exception:
        return ("error",)


def ruamel(text: str) -> Any:
    return YAML(typ="safe").load(text)


def with_types(value: Any) -> Any:
    """Convert values so that two are equal only if their types are equal too."""
    match value:
        case dict():
            return ("mapping", [(with_types(key), with_types(item)) for key, item in value.items()])
        case list():
            return ("list", [with_types(item) for item in value])
        case float() if math.isnan(value):
            return ("float", "nan")
        case _:
            return (type(value).__name__, value)


def assert_equal_readings(text: str) -> None:
    ours, theirs = read_or_fail(parse_yaml, text), read_or_fail(ruamel, text)
    assert with_types(ours) == with_types(theirs), text


SCALARS = [
    *("0", "1", "-1", "+1", "1_000", "007", "017", "0o17", "0x1F", "0b101", "0o8", "0b2", "1__0"),
    *("1e-3", "1E5", "1e+3", "1.5e3", ".5", "1.", "-.5", ".5e1", ".5e+1", "1_0.0_1", "1e", "e1"),
    *("yes", "no", "on", "off", "Yes", "y", "n", "true", "True", "TRUE", "tRUE", "false"),
    *("null", "Null", "NULL", "nULL", "~", "", '""', "''", "none", "None"),
    *(".inf", "-.inf", "+.inf", ".Inf", ".nan", ".NaN", "-.nan", "inf", "nan"),
    *("1:30", "1:30:00", "2024-1-1"),
    *(
        "=",
        '"="',
        "<",
        "-",
        "_",
        "+_",
        "0_",
        "0x",
        "._",
        "1 2",
        "1,5",
        "'5'",
        '"5"',
        "text",
        "é 😀",
    ),
    *("!!int '3'", "!!float 3", "!!str 3", "!!bool yes", "!!null x", "!!int x", "!!timestamp 2024"),
    *("!foo 3", "!!python/object:os.getcwd {}", "1" * 5000, "99999999999999999999", "1e500"),
]
DATES = [
    *("2024-01-01", "2024-13-45", "2024-01-01T10:00:00Z", "2024-01-01T10:00:00+02:00"),
    *("2024-01-01 10:00:00 -5", "2024-01-01 10:00:00.1", "2024-01-01 10:00:00.9999999"),
    *("2024-01-01 10:00:00.123456789", "2024-01-01 25:00:00", "2024-01-01 10:00:00 +99"),
]


@pytest.mark.parametrize("scalar", SCALARS + DATES, ids=lambda text: text[:30])
@pytest.mark.parametrize("document", ["{}", "key: {}", "- {}"])
def test_scalars_have_the_values_and_types_that_dvc_reads(document: str, scalar: str) -> None:
    assert_equal_readings(document.format(scalar))


@pytest.mark.parametrize("scalar", SCALARS, ids=lambda text: text[:30])
def test_keys_have_the_values_and_types_that_dvc_reads(scalar: str) -> None:
    assert_equal_readings(f"{scalar} : value")


@pytest.mark.parametrize(
    ("scalar", "value"),
    [
        ("1e-3", 0.001),
        ("017", 17),
        ("0o17", 15),
        ("0x1F", 31),
        ("1_000", 1000),
        ("yes", "yes"),
        ("on", "on"),
        ("1:30", "1:30"),
        ("~", None),
        ("", None),
        ("1.", 1.0),
        ("2024-01-01", date(2024, 1, 1)),
    ],
)
def test_scalars_follow_yaml_1_2(scalar: str, value: object) -> None:
    found = parse_yaml(f"key: {scalar}")["key"]
    assert (found, type(found)) == (value, type(value))


@given(st.text("0123456789eE.+-_xobnuletrufasNIF:~ ", max_size=9))
def test_random_plain_scalars_have_the_values_that_dvc_reads(scalar: str) -> None:
    assert_equal_readings(f"key: {scalar}")


@given(st.text("01_.-+eE", min_size=1, max_size=7))
def test_random_numbers_have_the_values_that_dvc_reads(scalar: str) -> None:
    assert_equal_readings(f"- {scalar}")


# Without ? and :, because the two C parsers disagree on whether [0?] and [:0] are valid.
scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="?:"), max_size=12)
    | st.sampled_from(["yes", "1e3", "1_0", "null", "=", "<<", "0x1", "2024-01-01", ".inf"])
)
documents = st.recursive(
    scalars,
    lambda children: (
        st.lists(children, max_size=3)
        | st.dictionaries(st.text("abc_123=", min_size=1, max_size=4), children, max_size=3)
    ),
    max_leaves=8,
)


@given(documents, st.booleans())
def test_documents_have_the_values_that_dvc_reads(document: Any, flow: bool) -> None:
    assert_equal_readings(yaml.safe_dump(document, default_flow_style=flow, allow_unicode=True))


@given(documents)
def test_documents_that_dvc_writes_have_the_values_that_it_reads(document: Any) -> None:
    text = dumps_yaml(document)
    assert_equal_readings(text)
    assert with_types(parse_yaml(text)) == with_types(document)


@pytest.mark.parametrize(
    "text",
    [
        "a: &x {b: 1, c: 2}\nd: {<<: *x, c: 3}",
        "a: &x {b: 1}\ne: &y {b: 2, f: 3}\nd: {<<: [*x, *y], c: 3}",
        "a: &x [1, 2]\nb: *x",
        "a: &x\nb: *x",
        "{a: 1, <<: {a: 2}}",
        "{<<: [], b: 1}",
        "{<<: 3}",
        "{<<: [3]}",
        "{<<: {a: 1}, <<: {b: 2}}",
        "a: *nowhere",
        "{=: 1}",
        "%YAML 1.2\n---\na: yes",
        "--- 1\n--- 2",
        "a: |\n  x\n  y\n",
        "a: >\n  1\n",
        "a:\tb",
        "\ta: 1",
        "a: b: c",
        "[1, 2",
        "a: 1 # comment",
        "{a, b: 1,}",
        "? a\n? b",
        "null: 1\n1.5: 2\ntrue: 3",
        "a: \0",
        "\ufeffa: 1",
        "a: !!map [1]",
        "a: !!seq {b: 1}",
        "# only a comment",
        "---\n...",
    ],
)
def test_structures_have_the_values_that_dvc_reads(text: str) -> None:
    assert_equal_readings(text)


@pytest.mark.parametrize(
    "text",
    [
        "a: 1\na: 2",
        "{a: 1, a: 1}",
        "a: {b: 1, c: 2, b: 3}",
        "1: a\n1.0: b",
        "true: 1\n1: 2",
        "{<<: {a: 1}, <<: {b: 2}}",
    ],
)
def test_duplicate_keys_are_refused_as_dvc_does(text: str) -> None:
    with pytest.raises(yaml.MarkedYAMLError, match="duplicate key"):
        parse_yaml(text)
    assert read_or_fail(ruamel, text) == ("error",)


@pytest.mark.parametrize(
    "text",
    [
        "{<<: {a: 1}, b: 1, b: 2}",
        "? [1, 2]\n: 3",
        "2024-01-01: 1",
        "!!set {a, b}",
        "!!omap [a: 1]",
        "!!pairs [a: 1]",
        "!!binary aGVsbG8=",
        "a: &a {b: *a}",
    ],
)
def test_what_no_parameters_file_needs_is_refused_although_dvc_reads_it(text: str) -> None:
    with pytest.raises(yaml.YAMLError):
        parse_yaml(text)


@pytest.mark.parametrize("name", ["params.yaml", "claims.yaml", "dvc.yaml", "dvc.lock"])
def test_the_files_of_the_project_have_the_values_that_dvc_reads(name: str) -> None:
    text = (PROJECT / name).read_text(encoding="utf-8")
    assert with_types(read_yaml(PROJECT / name)) == with_types(dvc_parse_yaml(text, name))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"a: [1, 2\nb: 3", ", line 2, column 2: not valid YAML: did not find expected"),
        (b"a: 1\na: 2", ', line 2, column 1: not valid YAML: found duplicate key "a"'),
        (b"a: \xff", ": not UTF-8 text"),
        (b"a: \0", ": not valid YAML"),
        (b"a: !!int x", ": not valid YAML: invalid literal for int()"),
        (b"a: !!bool maybe", ": not valid YAML"),
        (b"a: !!timestamp x", ", line 1, column 4: not valid YAML: not a timestamp"),
        (b"a: !!map [1]", ", line 1, column 4: not valid YAML: not a mapping"),
        (b"a: 9999-12-31 23:59:59.9999999", ": not valid YAML"),
        (b"? [1, 2]\n: 3", ", line 1, column 3: not valid YAML: key is not a string or a number"),
    ],
)
def test_faulty_file_raises_input_error_with_its_position(
    tmp_path: Path, content: bytes, message: str
) -> None:
    path = tmp_path / "params.yaml"
    path.write_bytes(content)
    with pytest.raises(InputError) as caught:
        read_yaml(path)
    assert f"{path}{message}" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_missing_file_raises_input_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"params\.yaml: no such file"):
        read_yaml(tmp_path / "params.yaml")
