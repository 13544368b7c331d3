"""Keeps the project's copies of users' tables and images, under the control of DVC.

A copy is in ``data/sources/NAME``, the folder on which the stage that reads it depends. DVC stores
it like all other data: a change is noticed, a clone gets it by ``dvc pull``, and an experiment in a
folder of its own has it as well.
"""

import json
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from handwriting.common.errors import InputError

ROOT = Path("data/sources")
IMAGES = "images"


def folder(name: str) -> Path:
    """Return the folder of a dataset's or a submission's source."""
    return ROOT / name


def location(name: str, origin: Path) -> Path:
    """Return where the copy of a table or of a folder of images is kept."""
    if origin.is_dir():
        return folder(name) / IMAGES
    # DVC and git give a meaning to some characters of a path.
    return folder(name) / re.sub(r"[^A-Za-z0-9._-]", "_", origin.name).lstrip(".-")


def store(origin: Path, target: Path) -> None:
    """Copy a file, or a folder of images, to where DVC stores it; replaces an earlier copy.

    Raises
    ------
    InputError
        If DVC or the file system refuses it. Nothing is left behind then.
    """
    is_new = not target.parent.exists()
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        with tempfile.TemporaryDirectory(prefix=".copy.tmp-", dir=ROOT) as temporary:
            copy = Path(temporary, target.name)
            if origin.is_dir():
                # As `image_folders.list_files`, without hidden files.
                shutil.copytree(origin, copy, ignore=shutil.ignore_patterns(".*"))
            else:
                shutil.copyfile(origin, copy)
            if target.is_dir():
                shutil.rmtree(target)
            copy.replace(target)
        _dvc("add", target.as_posix())
    except (OSError, InputError) as error:
        if is_new:
            shutil.rmtree(target.parent, ignore_errors=True)
        raise InputError(f"{target}: cannot be stored: {error}") from None
    # Experiments in a folder of their own see what git knows about.
    _git("add", "--", target.parent.as_posix())


def discard(name: str) -> bool:
    """Delete the copy that `store` made; return whether it was deleted.

    A copy that was changed since is kept, because DVC has not stored it.
    """
    pointers = list(folder(name).glob("*.dvc"))
    if not pointers:
        return False
    for pointer in pointers:
        if json.loads(_dvc("status", "--json", pointer.as_posix())):
            return False
    shutil.rmtree(folder(name))
    _git("rm", "-r", "--cached", "--quiet", "--ignore-unmatch", "--", folder(name).as_posix())
    return True


def _dvc(*arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "dvc", *arguments], check=False, capture_output=True, text=True
    )
    if done.returncode:
        reason = (done.stderr.strip() or done.stdout.strip() or "unknown").splitlines()[-1]
        raise InputError(f"dvc {arguments[0]}: {reason}")
    return done.stdout


def _git(*arguments: str) -> None:
    """Run git; without a repository there is nothing to do."""
    if shutil.which("git"):
        subprocess.run(["git", *arguments], check=False, capture_output=True)
