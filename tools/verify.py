"""Finds damaged files in DVC's cache and in the workspace: ``python -m tools.verify``.

DVC trusts its cache. It would copy a damaged file from there into the workspace and use it as a
result. This command verifies the checksums of all files that ``dvc.lock`` names. It deletes damaged
files from the cache, so that ``dvc repro`` builds them again.
"""

from handwriting.common.stage.command import run

import hashlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from handwriting.common.errors import InputError
from tools.lock_file import LOCK, read_stages

# Suffix of DVC's checksum of a folder's list of files.
_FOLDER = ".dir"
_CHECKSUM = re.compile(rf"[0-9a-f]{{32}}({re.escape(_FOLDER)})?")


def main() -> None:
    """Delete damaged files from the cache; exit with 1 if there were any."""
    damaged = verify()
    for line in damaged:
        print(f"error: {line}", file=sys.stderr)
    if damaged:
        sys.exit(1)


def verify() -> list[str]:
    """Delete damaged files from the cache and make DVC check again files that differ from it.

    Returns
    -------
    list of str
        One line per damaged file.
    """
    cache = cache_folder() / "files" / "md5"
    damaged = []
    for path, checksum in _locked_files(cache):
        stored = _object(cache, checksum)
        if stored.is_file() and _md5(stored) != checksum.removesuffix(_FOLDER):
            stored.unlink()
            damaged.append(f"{path}: damaged in DVC's cache; deleted there; run `dvc repro`")
        # DVC stores checksums by modification time. A new time makes it compute the checksum again.
        if path.is_file() and _md5(path) != checksum:
            os.utime(path)
    return damaged


def cache_folder() -> Path:
    """Return the folder of DVC's cache, which is configurable."""
    done = subprocess.run(["dvc", "cache", "dir"], check=False, capture_output=True, text=True)
    if done.returncode:
        raise InputError(f"cannot find DVC's cache: {' '.join(done.stderr.split())}")
    return Path(done.stdout.strip())


def _locked_files(cache: Path) -> Iterator[tuple[Path, str]]:
    """Yield path and MD5 of each output, of each folder's list of files, and of each of these."""
    for output in _outputs():
        path, checksum = Path(output["path"]), output["md5"]
        # A checksum is a part of a path in the cache. Any other text could name any file.
        if not _CHECKSUM.fullmatch(checksum):
            raise InputError(
                f"{LOCK}: {path}: not a checksum: {checksum!r}; run `git checkout {LOCK}`"
            )
        yield path, checksum
        if checksum.endswith(_FOLDER):
            yield from _files_in(path, _object(cache, checksum))


def _outputs() -> list[dict[str, Any]]:
    """Return the outputs that dvc.lock lists."""
    return [output for entry in read_stages().values() for output in entry.get("outs", [])]


def _files_in(folder: Path, listing: Path) -> Iterator[tuple[Path, str]]:
    """Yield path and MD5 of each file of a folder; nothing if the list is missing or damaged."""
    try:
        entries = json.loads(listing.read_bytes())
        files = [(folder / entry["relpath"], entry["md5"]) for entry in entries]
        yield from [file for file in files if _CHECKSUM.fullmatch(file[1])]
    except (OSError, ValueError, KeyError, TypeError):
        return


def _object(cache: Path, checksum: str) -> Path:
    return cache / checksum[:2] / checksum[2:]


def _md5(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


if __name__ == "__main__":
    run(main)
