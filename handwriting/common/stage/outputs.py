"""Writes a stage's outputs: completely or not at all, and the same content as the same bytes."""

import csv
import errno
import json
import re
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from handwriting.common.errors import InputError
from handwriting.common.stage import read_params
from handwriting.common.tables import rounded

# Why the system may refuse to write, with what the user can do about it.
_REMEDIES = {
    errno.ENOSPC: "free some space on the disk",
    errno.EDQUOT: "free some space of your quota",
    errno.EFBIG: "allow larger files (`ulimit -f`)",
    errno.EACCES: "allow writing there",
    errno.EPERM: "allow writing there",
    errno.EROFS: "allow writing there",
    errno.EIO: "check the disk",
}
# The message of NumPy if a disk is full; it has no error number.
_NOT_ALL_WRITTEN = re.compile(r"\d+ requested and \d+ written")
_TEMPORARY_FOLDER = re.compile(r"\.[^/]+\.tmp-[^/]+/")


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Yield a temporary path for a file or a folder that replaces `path` at the end of the block.

    If the block fails, `path` is unchanged and nothing temporary is left. Temporary files of
    an earlier process that was killed are deleted. DVC and git ignore the temporary names.

    Raises
    ------
    InputError
        If the system does not let the output be written, for example on a full disk, or if
        parameters have changed in the meantime.
    """
    with _explained(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        prefix = f".{path.name}.tmp-"
        for leftover in path.parent.glob(f"{prefix}*"):
            shutil.rmtree(leftover, ignore_errors=True)
        with tempfile.TemporaryDirectory(prefix=prefix, dir=path.parent) as folder:
            temporary = Path(folder, path.name)
            yield temporary
            read_params.check_unchanged()
            if path.is_dir():
                shutil.rmtree(path)
            temporary.replace(path)


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Turn the system's refusal to write an output into one line with the output's path."""
    try:
        yield
    except OSError as error:
        is_reading = error.filename is not None and not _is_near(error.filename, path)
        if _NOT_ALL_WRITTEN.search(str(error)):
            reason, remedy = "only a part could be written", _REMEDIES[errno.ENOSPC]
        elif error.errno in _REMEDIES and not is_reading:
            reason, remedy = str(error.strerror), _REMEDIES[error.errno]
        else:
            raise
        name = _TEMPORARY_FOLDER.sub("", path.as_posix())
        raise InputError(
            f"{name}: cannot be written: {reason}; {remedy}, then run `dvc repro`"
        ) from None


def _is_near(filename: str, path: Path) -> bool:
    """Return whether a file is the output, is in it, or is in the folder where it is prepared."""
    return Path(filename).absolute().is_relative_to(path.parent.absolute()) or (
        path.absolute().is_relative_to(Path(filename).absolute())
    )


def write_json(content: Mapping[str, Any], path: Path) -> None:
    """Write values by name, in the given order; numbers have six significant digits.

    Mappings among the values are written as they are.
    """
    numbers = {name: rounded(value) for name, value in content.items()}
    with atomic_write(path) as temporary:
        temporary.write_text(json.dumps(numbers, indent=2) + "\n", encoding="ascii", newline="\n")


def write_csv(columns: Sequence[str], rows: Iterable[Sequence[object]], path: Path) -> None:
    """Write a table with a header; numbers have six significant digits."""
    with (
        atomic_write(path) as temporary,
        temporary.open("w", newline="", encoding="ascii") as file,
    ):
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows([rounded(value) for value in row] for row in rows)
