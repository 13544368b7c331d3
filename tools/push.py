"""Pushes all outputs and the complete run cache to the remote: ``python -m tools.push``.

``dvc push --run-cache`` uploads the run cache, but not the outputs in it that are stored in git:
metrics and the tables of the charts. Without them, another clone runs `evaluate` and `compare`
again for a setting that somebody has already computed. This command also uploads them. The other
clone downloads everything with ``dvc pull --run-cache`` and ``dvc repro --pull``.
"""

from handwriting.common.stage.command import run

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from dvc.repo import Repo


def main() -> None:
    """Push outputs and run cache, then the files of the run cache that DVC left out."""
    done = subprocess.run(["dvc", "push", "--run-cache"], check=False)
    if done.returncode:
        sys.exit(done.returncode)
    with Repo() as repo, repo.lock:
        used = repo.stage_cache.get_used_objs(_entries(Path(repo.stage_cache.cache_dir)))
        cache = repo.cache.local
        stored = {
            entry for entries in used.values() for entry in entries if cache.exists(entry.value)
        }
        result = repo.cloud.push(stored)
    print(f"{len(result.transferred)} more files pushed for the run cache")
    if result.failed:
        sys.exit(f"error: {len(result.failed)} files could not be pushed; run this again")


def _entries(folder: Path) -> Iterator[tuple[str, str]]:
    """Yield the key and the value of each entry of the run cache."""
    for path in sorted(folder.glob("*/*/*")):
        yield path.parent.name, path.name


if __name__ == "__main__":
    run(main)
