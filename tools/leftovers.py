"""Deletes temporary files that killed processes left behind."""

import shutil
from pathlib import Path

# Folders into which stages write; the report is in the root.
_FOLDERS = ("data", "models", "metrics", "plots")
_TEMPORARY = ".*.tmp-*"


def delete_leftovers() -> None:
    """Delete temporary files of killed stages, whose outputs DVC may have restored since."""
    leftovers = [found for folder in _FOLDERS for found in Path(folder).rglob(_TEMPORARY)]
    leftovers += Path().glob(_TEMPORARY)
    for leftover in leftovers:
        shutil.rmtree(leftover, ignore_errors=True)
