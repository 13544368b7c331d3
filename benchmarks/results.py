"""Keeps what was measured, one JSON object a line, so that a part of it can be measured again."""

import json
from collections.abc import Callable, Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

Result = TypeVar("Result")


def read(kind: Callable[..., Result], path: Path) -> list[Result]:
    """Return the results that `write` wrote, given their dataclass."""
    return [kind(**json.loads(line)) for line in path.read_text(encoding="utf-8").splitlines()]


def write(results: Iterable[Any], path: Path) -> None:
    """Write results, which are dataclasses of plain values, in their order."""
    lines = [json.dumps(asdict(result)) + "\n" for result in results]
    path.write_text("".join(lines), encoding="utf-8", newline="\n")
