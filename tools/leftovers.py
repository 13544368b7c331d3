"""Deletes temporary files that killed processes left behind."""

import shutil
from pathlib import Path

# Where stages write, apart from the report.
_FOLDERS = ("data", "models", "metrics", "plots")
_TEMPORARY = ".*.tmp-*"


def delete_leftovers() -> None:
    """Delete what killed stages left if DVC has restored their outputs without running them."""
    leftovers = [found for folder in _FOLDERS for found in Path(folder).rglob(_TEMPORARY)]
    leftovers += Path().glob(_TEMPORARY)
    for leftover in leftovers:
        shutil.rmtree(leftover, ignore_errors=True)
