"""Writes a stage's outputs: whole or not at all, and the same bytes for the same content."""

import csv
import json
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a temporary file in `path`'s folder that takes its place when the block ends well.

    When the block fails, what was at `path` before is still there and the temporary file is gone.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{path.name}.", dir=path.parent) as folder:
        temporary = Path(folder, path.name)
        yield temporary
        temporary.replace(path)


def write_json(metrics: Mapping[str, float], path: Path) -> None:
    """Write metrics, in the order given, numbers to six significant digits."""
    rounded = {name: _rounded(value) for name, value in metrics.items()}
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(rounded, indent=2) + "\n", encoding="ascii", newline="\n")


def write_csv(columns: Sequence[str], rows: Iterable[Sequence[object]], path: Path) -> None:
    """Write a table with a header, numbers to six significant digits."""
    with (
        replacing(path) as temporary,
        temporary.open("w", newline="", encoding="ascii") as file,
    ):
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows([_rounded(value) for value in row] for row in rows)


def _rounded(value: Any) -> Any:
    """Round what is measured to one digit more than `dvc metrics diff` prints: more is noise."""
    return float(f"{value:.6g}") if isinstance(value, float) else value
