"""Forgets results that DVC recorded with parameters they were not computed with.

DVC reads ``params.yaml`` when a stage has ended. If a value changes just before, DVC records the
result of the old value as that of the new one, in ``dvc.lock`` and in its run cache.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from handwriting.common.errors import InputError
from handwriting.common.params.yaml_reader import read_yaml
from handwriting.common.stage import paths
from tools.lock_file import change_stages, read_stages

# The clock of a file system may be behind the clock of the system by this many seconds.
_CLOCK_TOLERANCE = 2


@dataclass(frozen=True)
class BeforeRun:
    """The parameters and the recorded stages before DVC runs."""

    params: Any
    stages: dict[str, Any]
    seconds: float

    @classmethod
    def take(cls) -> Self:
        """Read ``params.yaml`` and ``dvc.lock`` as they are now."""
        return cls(read_yaml(paths.PARAMS), read_stages(), time.time())

    def forget_other_values(self, cache: Path) -> list[str]:
        """Make DVC forget the stages that it has since recorded with other values.

        Some of them may be correct, because they started after the change.

        Parameters
        ----------
        cache : Path
            Folder of DVC's cache.

        Returns
        -------
        list of str
            The stages that will run again.
        """
        if _is_unchanged(self.params):
            return []
        names = [
            name
            for name, entry in read_stages().items()
            if entry != self.stages.get(name) and not _has_values(entry, self.params)
        ]
        for record in cache.glob("runs/*/*/*"):
            is_new = record.stat().st_mtime >= self.seconds - _CLOCK_TOLERANCE
            if is_new and not _has_values(read_yaml(record), self.params):
                record.unlink()
                if not any(record.parent.iterdir()):  # DVC expects a record in each folder
                    record.parent.rmdir()
        if names:
            with change_stages() as stages:
                for name in names:
                    del stages[name]
        return names


def _is_unchanged(params: Any) -> bool:
    try:
        return bool(read_yaml(paths.PARAMS) == params)
    except InputError:
        return False


def _has_values(entry: Mapping[str, Any], params: Any) -> bool:
    """Return whether a stage is recorded with the values of `params`."""
    recorded = entry.get("params", {}).get(str(paths.PARAMS), {})
    return all(_value(params, key) == value for key, value in recorded.items())


def _value(params: Any, key: str) -> Any:
    """Return the value of a dotted key; None if there is none."""
    for name in key.split("."):
        params = params.get(name) if isinstance(params, Mapping) else None
    return params
