"""Reads YAML files as DVC reads them: YAML 1.2 scalars, no duplicate keys.

PyYAML implements YAML 1.1, where ``yes`` is a boolean, ``1:30`` a number and ``1e-3`` text. DVC
reads the same file with ruamel.yaml in YAML 1.2. Two readers that disagree about a value would
make a stage compute with one number while DVC tracks another.
"""

import re
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import yaml

from handwriting.common.errors import InputError

_MERGE = "tag:yaml.org,2002:merge"
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Yaml12Loader(_Loader):
    """PyYAML's safe loader with the scalar types of YAML 1.2, as ruamel.yaml resolves them."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012


# Tag, pattern and first characters; where two patterns match, the first one wins.
_SCALARS = (
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    (
        "float",
        r"[-+]?(?:[0-9][0-9_]*)\.[0-9_]*(?:[eE][-+]?[0-9]+)?"
        r"|[-+]?(?:[0-9][0-9_]*)(?:[eE][-+]?[0-9]+)"
        r"|[-+]?\.[0-9_]+(?:[eE][-+][0-9]+)?"
        r"|[-+]?\.(?:inf|Inf|INF)"
        r"|\.(?:nan|NaN|NAN)",
        "-+0123456789.",
    ),
    (
        "int",
        r"[-+]?0b[0-1_]+|[-+]?0o?[0-7_]+|[-+]?[0-9_]+|[-+]?0x[0-9a-fA-F_]+",
        "-+0123456789",
    ),
    ("merge", r"<<", "<"),
    ("null", r"~|null|Null|NULL|", ("~", "n", "N", "")),
    (
        "timestamp",
        r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
        r"|[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?:[Tt]|[ \t]+)[0-9]{1,2}:[0-9]{2}:[0-9]{2}"
        r"(?:\.[0-9]*)?(?:[ \t]*(?:Z|[-+][0-9]{1,2}(?::[0-9]{2})?))?",
        "0123456789",
    ),
    ("value", r"=", "="),  # has no meaning here and raises an error, as in ruamel.yaml
)
for _tag, _pattern, _first in _SCALARS:
    _Yaml12Loader.add_implicit_resolver(
        f"tag:yaml.org,2002:{_tag}", re.compile(rf"^(?:{_pattern})$"), list(_first)
    )


def _construct_int(loader: Any, node: yaml.ScalarNode) -> int:
    text = loader.construct_scalar(node).replace("_", "")
    sign = -1 if text.startswith("-") else 1
    digits = text.lstrip("+-")
    bases = {"0b": 2, "0o": 8, "0x": 16}
    base = bases.get(digits[:2], 10)
    return sign * int(digits[2:] if base != 10 else digits, base)


def _construct_float(loader: Any, node: yaml.ScalarNode) -> float:
    text = loader.construct_scalar(node).replace("_", "").lower()
    return float(text.replace(".inf", "inf").replace(".nan", "nan"))


def _construct_timestamp(loader: Any, node: yaml.ScalarNode) -> date:
    match = loader.timestamp_regexp.match(loader.construct_scalar(node))
    if match is None:
        raise yaml.MarkedYAMLError(problem="not a timestamp", problem_mark=node.start_mark)
    timestamp: date = loader.construct_yaml_timestamp(node)
    if (match["fraction"] or "")[6:7] > "4":  # ruamel.yaml rounds where PyYAML truncates
        timestamp += timedelta(microseconds=1)
    return timestamp


def _construct_mapping(loader: Any, node: yaml.Node) -> dict[Any, Any]:
    if not isinstance(node, yaml.MappingNode):
        raise yaml.MarkedYAMLError(problem="not a mapping", problem_mark=node.start_mark)
    own = [pair for pair in node.value if pair[0].tag != _MERGE]
    if len(node.value) - len(own) > 1:
        raise yaml.MarkedYAMLError(problem='found duplicate key "<<"', problem_mark=node.start_mark)
    loader.flatten_mapping(node)  # puts merged keys first, so that the mapping's own keys win
    _check_unique(loader, own)
    return {
        loader.construct_object(key, deep=True): loader.construct_object(value, deep=True)
        for key, value in node.value
    }


def _check_unique(loader: Any, pairs: list[tuple[yaml.Node, yaml.Node]]) -> None:
    found = set()
    for key_node, _ in pairs:
        key = loader.construct_object(key_node, deep=True)
        if not isinstance(key, str | int | float | bool | None):
            raise yaml.MarkedYAMLError(
                problem="key is not a string or a number", problem_mark=key_node.start_mark
            )
        if key in found:
            raise yaml.MarkedYAMLError(
                problem=f'found duplicate key "{key}"', problem_mark=key_node.start_mark
            )
        found.add(key)


_Yaml12Loader.add_constructor("tag:yaml.org,2002:int", _construct_int)
_Yaml12Loader.add_constructor("tag:yaml.org,2002:float", _construct_float)
_Yaml12Loader.add_constructor("tag:yaml.org,2002:map", _construct_mapping)
_Yaml12Loader.add_constructor("tag:yaml.org,2002:timestamp", _construct_timestamp)
# Tags that no parameter needs, and whose values differ from those of ruamel.yaml.
for _tag in ("binary", "omap", "pairs", "set"):
    del _Yaml12Loader.yaml_constructors[f"tag:yaml.org,2002:{_tag}"]


def read_yaml(path: Path) -> Any:
    """Read a YAML file.

    Raises
    ------
    InputError
        If the file is missing, is not UTF-8 text or is not YAML, with the line and column.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; run this in the project's root") from None
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not UTF-8 text ({error})") from None
    try:
        return parse_yaml(text)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise InputError(f"{path}{where}: not valid YAML: {error.problem}") from None
    except (yaml.YAMLError, ValueError, KeyError, OverflowError, RecursionError) as error:
        reason = " ".join(str(error).split())
        raise InputError(f"{path}: not valid YAML: {reason}") from None


def parse_yaml(text: str) -> Any:
    """Convert YAML text to mappings, lists and scalars; faults raise PyYAML's errors."""
    return yaml.load(text, Loader=_Yaml12Loader)
