"""Finds a full disk while DVC runs and after a failure."""

import shutil
import time
from collections.abc import Sequence
from pathlib import Path

import psutil
from dvc.config import Config
from dvc.dirs import site_cache_dir

# A stage or DVC that failed on a full disk has deleted some of what it had written.
_ALMOST_FULL = 16 * 2**20  # bytes
# DVC's database cannot be changed on a disk with less free space.
_FULL = 2**20  # bytes
_SECONDS_STALLED = 20


def explain_full_disk(folders: Sequence[Path]) -> str | None:
    """Return one line about the first folder whose disk is almost full; None if there is none."""
    for folder in folders:
        if _has_less(folder, _ALMOST_FULL):
            free = shutil.disk_usage(folder).free
            return (
                f"the disk of {folder} is full ({free / 2**20:.1f} MiB are free); free some "
                "space, then run `make run`"
            )
    return None


def _has_less(folder: Path, n_bytes: int) -> bool:
    return folder.is_dir() and shutil.disk_usage(folder).free < n_bytes


def state_folder() -> Path:
    """Return the folder outside the project in which DVC notes the checksums of files."""
    return Path(site_cache_dir(Config.from_cwd(validate=False)["core"].get("site_cache_dir")))


class StallWatch:
    """Notices that DVC does not go on because a disk is full.

    DVC's database is changed by diskcache, which tries again for ever if SQLite fails. While a
    stage runs, DVC is not stalled: it waits for its process.

    Parameters
    ----------
    pid : int
        DVC's process.
    folders : sequence of Path
        Where DVC writes.
    """

    def __init__(self, pid: int, folders: Sequence[Path]) -> None:
        self.process = psutil.Process(pid)
        self.folders = folders
        self.since: float | None = None

    def is_stalled(self) -> bool:
        """Return whether no stage has run on a full disk for some time; call it often."""
        if self._may_go_on():
            self.since = None
            return False
        if self.since is None:
            self.since = time.monotonic()
        return time.monotonic() - self.since > _SECONDS_STALLED

    def _may_go_on(self) -> bool:
        try:
            is_running_stage = bool(self.process.children())
        except psutil.NoSuchProcess:
            return True
        return is_running_stage or not any(_has_less(folder, _FULL) for folder in self.folders)
