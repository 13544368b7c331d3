"""Writes a stage's outputs: completely or not at all, and the same content as the same bytes."""

import csv
import json
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Yield a temporary path for a file or a folder that replaces `path` at the end of the block.

    If the block fails, `path` is unchanged and nothing temporary is left. What an earlier process
    left because it was killed is deleted. DVC and git ignore the temporary names.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    prefix = f".{path.name}.tmp-"
    for leftover in path.parent.glob(f"{prefix}*"):
        shutil.rmtree(leftover, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix=prefix, dir=path.parent) as folder:
        temporary = Path(folder, path.name)
        yield temporary
        if path.is_dir():
            shutil.rmtree(path)
        temporary.replace(path)


def write_json(content: Mapping[str, float], path: Path) -> None:
    """Write numbers by name, in the given order, with six significant digits."""
    rounded = {name: _round(value) for name, value in content.items()}
    with atomic_write(path) as temporary:
        temporary.write_text(json.dumps(rounded, indent=2) + "\n", encoding="ascii", newline="\n")


def write_csv(columns: Sequence[str], rows: Iterable[Sequence[object]], path: Path) -> None:
    """Write a table with a header; numbers have six significant digits."""
    with (
        atomic_write(path) as temporary,
        temporary.open("w", newline="", encoding="ascii") as file,
    ):
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows([_round(value) for value in row] for row in rows)


def _round(value: Any) -> Any:
    """Round to one digit more than `dvc metrics diff` prints; further digits are noise."""
    return float(f"{value:.6g}") if isinstance(value, float) else value
