"""Adds blocks to ``params.yaml`` and removes them; all other lines are preserved.

A YAML writer would lose comments and change the layout, so the text is edited line by line. The
edited text is then parsed and compared with the expected content. A file whose layout does not
allow the edit is rejected.
"""

import io
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from handwriting.common.errors import InputError
from handwriting.common.params.yaml_reader import parse_yaml

PATH = Path("params.yaml")

_INDENT = "  "


def read(path: Path = PATH) -> str:
    """Return the text of the file with its original line endings.

    Raises
    ------
    InputError
        If the file does not exist or is not UTF-8 text.
    """
    try:
        with path.open(encoding="utf-8", newline="") as file:
            return file.read()
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; run this in the project's root") from None
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not UTF-8 text ({error})") from None


def write(text: str, path: Path = PATH) -> None:
    """Replace the file atomically, so that a reader sees either the old or the new text."""
    temporary = path.with_name(f".{path.name}.tmp-handwriting")
    with temporary.open("w", encoding="utf-8", newline="") as file:
        file.write(text)
    temporary.replace(path)


def add(text: str, section: str, name: str, block: Mapping[str, Any], path: Path = PATH) -> str:
    """Return the text with a block at the end of a section, in the layout that DVC writes.

    Parameters
    ----------
    text : str
        The content of a parameters file.
    section : str
        A key of the file whose value is a mapping in block style, or ``{}``.
    name : str
        The key of the block; the section must not contain it.
    block : mapping
    path : Path, default=PATH
        How messages name the file.

    Raises
    ------
    InputError
        If the layout of the file does not allow the edit.
    """
    lines = text.splitlines(keepends=True)
    start, end = _section(lines, section, path)
    newline = "\r\n" if lines[start].endswith("\r\n") else "\n"
    added = [
        f"{_INDENT}{line}{newline}" for line in _dump({name: block}).splitlines(keepends=False)
    ]
    lines[start] = re.sub(r":[ ]*\{[ ]*\}", ":", lines[start], count=1)
    if not lines[end - 1].endswith("\n"):  # the file has no final newline; keep it that way
        lines[end - 1] += newline
        added[-1] = added[-1].removesuffix(newline)
    edited = "".join(lines[:end] + added + lines[end:])
    expected = parse_yaml(text)
    expected[section] = {**(expected[section] or {}), name: parse_yaml(_dump(block))}
    return _checked(edited, expected, section, path)


def remove(text: str, section: str, name: str, path: Path = PATH) -> str:
    """Return the text without a block of a section; what `add` added leaves nothing behind.

    Raises
    ------
    InputError
        If the layout of the file does not allow the edit.
    """
    lines = text.splitlines(keepends=True)
    start, end = _section(lines, section, path)
    key = re.compile(rf"[ ]+{re.escape(name)}[ ]*:")
    first = next((i for i in range(start + 1, end) if key.match(lines[i])), None)
    if first is None:
        raise _not_editable(section, path)
    depth = _depth(lines[first])
    last = first + 1
    for i in range(first + 1, end):
        if lines[i].strip() and _depth(lines[i]) <= depth:
            break
        if lines[i].strip():
            last = i + 1
    kept = lines[:first] + lines[last:]
    if last == len(lines) and not lines[-1].endswith("\n"):
        kept[-1] = kept[-1].rstrip("\r\n")
    expected = parse_yaml(text)
    del expected[section][name]
    if not expected[section]:
        kept[start] = re.sub(r":", ": {}", kept[start], count=1)
    return _checked("".join(kept), expected, section, path)


def _section(lines: list[str], section: str, path: Path) -> tuple[int, int]:
    """Return the first line of a section and the line after its last one."""
    start = next((i for i, line in enumerate(lines) if line.startswith(f"{section}:")), None)
    if start is None:
        raise _not_editable(section, path)
    end = start + 1
    for i in range(start + 1, len(lines)):
        if lines[i].strip() and not lines[i].startswith((" ", "#")):
            break
        if lines[i].startswith(" ") and lines[i].strip():
            end = i + 1
    return start, end


def _depth(line: str) -> int:
    return len(line) - len(line.lstrip(" "))


def _dump(content: Mapping[str, Any]) -> str:
    """Format YAML as DVC does, because DVC rewrites the file in experiments."""
    # Imported here because the import is slow.
    from ruamel.yaml import YAML

    writer = YAML()
    writer.default_flow_style = False
    stream = io.StringIO()
    writer.dump(content, stream)
    return stream.getvalue()


def _checked(text: str, expected: Any, section: str, path: Path) -> str:
    """Return an edited text if it means what it must mean, and nothing else."""
    try:
        found = parse_yaml(text)
    except (yaml.YAMLError, ValueError):
        found = None
    if found != expected:
        raise _not_editable(section, path)
    return text


def _not_editable(section: str, path: Path) -> InputError:
    return InputError(
        f"{path}: the layout of {section}: does not allow this edit; must be one block per entry, "
        f"indented by {len(_INDENT)} spaces, without braces"
    )
