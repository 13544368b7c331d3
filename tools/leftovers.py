"""Deletes temporary files that killed processes and full disks left behind."""

import json
import re
import shutil
import time
from pathlib import Path

# Folders into which stages write; the report is in the root.
_FOLDERS = ("data", "models", "metrics", "plots")
_OURS = ".*.tmp-*"
# Solved pairs of classes of a long fit that was stopped and never repeated.
_SOLVED_PAIRS = "*/.*.pairs"
# DVC's own temporary files, in its cache and next to the outputs that it restores.
_DVCS = re.compile(r"\.[\w-]{22}\.tmp")
# Another process may just be writing to a shared cache. Files that nobody has changed for this
# many seconds are left over.
_SECONDS_IDLE = 60
# Where DVC notes which process uses which file.
_USERS_OF_FILES = Path(".dvc/tmp/rwlock")


def delete_leftovers(cache: Path) -> None:
    """Delete temporary files of killed stages, whose outputs DVC may have restored since.

    All stages must be current: what a stopped fit has solved is deleted, too.

    Parameters
    ----------
    cache : Path
        Folder of DVC's cache. DVC's temporary files are deleted there as well.
    """
    leftovers = [found for folder in _FOLDERS for found in Path(folder).rglob(_OURS)]
    leftovers += Path().glob(_OURS)
    leftovers += Path("models").glob(_SOLVED_PAIRS)
    for leftover in leftovers:
        shutil.rmtree(leftover, ignore_errors=True)
    for folder in (*map(Path, _FOLDERS), cache):
        for path in folder.rglob(".*.tmp"):
            if _DVCS.fullmatch(path.name) and _is_idle(path):
                path.unlink(missing_ok=True)


def _is_idle(path: Path) -> bool:
    """Return whether a file has not been changed recently; the time of a link counts, too."""
    try:
        return time.time() - path.stat().st_ctime > _SECONDS_IDLE
    except FileNotFoundError:
        return False


def delete_damaged_notes() -> None:
    """Delete DVC's notes on the files in use if a killed process left only a part of them.

    With such notes every command of DVC fails. Valid notes of killed processes do no harm: DVC
    ignores processes that have ended.
    """
    if not _are_notes_valid():
        time.sleep(1)  # another process may just be writing them
        if not _are_notes_valid():
            _USERS_OF_FILES.unlink(missing_ok=True)


def _are_notes_valid() -> bool:
    try:
        json.loads(_USERS_OF_FILES.read_bytes())
    except FileNotFoundError:
        return True
    except ValueError:
        return False
    return True
