"""Reads and changes the stages in ``dvc.lock``."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dvc.exceptions import DvcException
from dvc.schema import COMPILED_LOCKFILE_SCHEMA
from dvc.utils.serialize import load_yaml, modify_yaml
from voluptuous import Invalid

from handwriting.common.errors import InputError
from handwriting.common.stage.outputs import atomic_write

LOCK = Path("dvc.lock")


def read_stages() -> dict[str, Any]:
    """Return the entries of the stages by their names; none if there is no file.

    Raises
    ------
    InputError
        If DVC cannot read the file, or an output has no checksum.
    """
    if not LOCK.exists():
        return {}
    try:
        # A process that was killed while it wrote leaves an empty file, which DVC refuses.
        stages = COMPILED_LOCKFILE_SCHEMA(load_yaml(str(LOCK)) or None).get("stages", {})
    except (DvcException, Invalid):
        stages = None
    if stages is None or not all(
        isinstance(output.get("md5"), str)
        for entry in stages.values()
        for output in entry.get("outs", [])
    ):
        raise InputError(f"{LOCK}: damaged; run `git checkout {LOCK}`")
    return dict(stages)


@contextmanager
def change_stages() -> Iterator[dict[str, Any]]:
    """Yield the entries of the stages; write them at the end of the block.

    Raises
    ------
    InputError
        If the system does not let the file be written. The file is unchanged then.
    """
    with atomic_write(LOCK) as temporary:
        shutil.copyfile(LOCK, temporary)
        # DVC's own writer keeps the layout of the file.
        with modify_yaml(temporary) as lock:
            yield lock["stages"]
