"""Finds a full disk after a failure."""

import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

from dvc.dirs import site_cache_dir

# A stage or DVC that failed on a full disk has deleted some of what it had written.
_ALMOST_FULL = 16 * 2**20  # bytes


def explain_full_disk(folders: Iterable[Path]) -> str | None:
    """Return one line about the first folder whose disk is almost full; None if there is none."""
    for folder in folders:
        if folder.is_dir():
            free = shutil.disk_usage(folder).free
            if free < _ALMOST_FULL:
                return (
                    f"the disk of {folder} is full ({free / 2**20:.1f} MiB are free); free some "
                    "space, then run `make run`"
                )
    return None


def state_folder() -> Path:
    """Return the folder outside the project in which DVC notes the checksums of files."""
    done = subprocess.run(
        ["dvc", "config", "core.site_cache_dir"], check=False, capture_output=True, text=True
    )
    return Path(site_cache_dir(done.stdout.strip() or None))
