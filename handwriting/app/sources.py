"""Stores copies of users' tables and images in the project, tracked by DVC.

A copy is stored in ``data/sources/NAME``, a dependency of the stage that reads it. DVC therefore
detects changes, ``dvc pull`` downloads the copy into a clone, and experiments in temporary folders
can use it.
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
    """Return the folder of the source of a dataset or a submission."""
    return ROOT / name


def location(name: str, origin: Path) -> Path:
    """Return the path of the copy of a table or of a folder of images."""
    if origin.is_dir():
        return folder(name) / IMAGES
    # Some characters of a path have a special meaning in DVC or git.
    return folder(name) / re.sub(r"[^A-Za-z0-9._-]", "_", origin.name).lstrip(".-")


def store(origin: Path, target: Path) -> None:
    """Copy a file or a folder of images to `target` and track it with DVC.

    An existing copy is replaced.

    Raises
    ------
    InputError
        If DVC or the file system reports an error. A new folder is then removed again.
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
    # Experiments in temporary folders only contain files that git tracks.
    _git("add", "--", target.parent.as_posix())


def discard(name: str) -> bool:
    """Delete the copy that `store` created; return whether it was deleted.

    A copy that was changed afterwards is kept, because DVC does not have its current content.
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
    """Run git if it is installed; errors, such as a missing repository, are ignored."""
    if shutil.which("git"):
        subprocess.run(["git", *arguments], check=False, capture_output=True)
