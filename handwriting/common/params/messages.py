"""Turns pydantic's findings into one-line messages for the user."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from handwriting.common.errors import InputError
from handwriting.common.params.base import NAME_PATTERN, SHA256_PATTERN

_LONGEST_VALUE = 60
# What the patterns of texts mean.
_WORDS = {
    NAME_PATTERN: "consist of lower-case letters, digits and underscores, a letter first",
    SHA256_PATTERN: "be 64 hexadecimal digits, in lower case",
}

Section = TypeVar("Section", bound=BaseModel)


def validate(section: type[Section], content: Any, file: str) -> Section:
    """Convert a file's content to its typed model.

    Raises
    ------
    InputError
        One line per faulty key: the full path of the key, the value and what is allowed.
    """
    try:
        return section.model_validate(content)
    except ValidationError as error:
        details: dict[str, list[ErrorDetails]] = {}
        for detail in error.errors(include_url=False):
            details.setdefault(_path(detail, content), []).append(detail)
        # A value that matches none of several types is one fault, not one per type.
        lines = [
            f"{file}: {path or 'the whole file'}: {describe_all(found)}"
            for path, found in details.items()
        ]
        raise InputError("\n".join(lines)) from None


def describe_all(details: Sequence[ErrorDetails]) -> str:
    """Describe a faulty value and everything that would be allowed in its place."""
    value, _ = _describe(details[0])
    allowed = list(dict.fromkeys(wanted for _, wanted in map(_describe, details)))
    if "must be a number" in allowed:
        allowed = [wanted for wanted in allowed if wanted != "must be an integer"]
    return value + ", or ".join(allowed) + decimal_hint(details[0]["input"])


def shorten(value: object) -> str:
    """Return the representation of a value, cut to a length that fits a message."""
    text = repr(value)
    return text if len(text) <= _LONGEST_VALUE else f"{text[: _LONGEST_VALUE - 3]}..."


def decimal_hint(value: object) -> str:
    """Return how to write a text that is a number with a decimal comma; '' for other values."""
    if isinstance(value, str) and re.fullmatch(r"-?\d+,\d+", value):
        return f" (write a decimal point: {value.replace(',', '.')})"
    return ""


def _path(detail: ErrorDetails, content: Any) -> str:
    """Return the key's path in the file, without the union tags that pydantic inserts."""
    keys: list[str] = []
    here = content
    for part in detail["loc"]:
        if isinstance(here, Mapping) and part in here:
            keys.append(f".{part}")
            here = here[part]
        elif isinstance(here, list) and isinstance(part, int):
            keys.append(f"[{part}]")
            here = here[part]
    match detail["type"]:
        case "missing":
            keys.append(f".{detail['loc'][-1]}")
        case "unknown_key":
            keys.append(f".{detail['ctx']['key']}")
        case "union_tag_invalid" | "union_tag_not_found":
            keys.append("." + detail["ctx"]["discriminator"].strip("'"))
    return "".join(keys).removeprefix(".")


def _describe(detail: ErrorDetails) -> tuple[str, str]:
    """Return the faulty value and what is allowed in its place."""
    context = detail.get("ctx", {})
    match detail["type"]:
        case "missing" | "union_tag_not_found":
            return "", "missing"
        case "unknown_key":
            return "unknown key; ", f"allowed: {context['allowed']}"
        case "union_tag_invalid":
            return f"{shorten(context['tag'])}; ", f"allowed: {context['expected_tags']}"
        case "dict_type" | "model_type" | "model_attributes_type":
            allowed = "be a mapping of keys to values"
        case "list_type":
            allowed = "be a list"
        case "int_type":
            allowed = "be an integer"
        case "float_type":
            allowed = "be a number"
        case "string_pattern_mismatch" if context["pattern"] in _WORDS:
            allowed = _WORDS[context["pattern"]]
        case "too_short":
            shortest = context["min_length"]
            allowed = "not be empty" if shortest == 1 else f"have at least {shortest} entries"
        case _:
            allowed = re.sub(r"^\w+ should ", "", detail["msg"])
    return f"{shorten(detail['input'])}; ", f"must {allowed}"
