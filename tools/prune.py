"""Deletes the results of datasets, models and submissions that params.yaml no longer has.

DVC keeps the entries of removed stages in ``dvc.lock`` and their outputs in the work tree, where
they would be mistaken for results. Run as ``python -m tools.prune``.
"""

from handwriting.common.stage.command import run

import re
import shutil
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

from handwriting.common.params.yaml_reader import read_yaml
from handwriting.common.stage import paths, read_params
from tools.lock_file import LOCK, change_stages, read_stages

GRAPH = Path("dvc.yaml")


def main() -> None:
    """Delete outputs and lock entries of removed stages, and print their names."""
    params = read_params.read()
    removed = prune(params.datasets, params.models, params.submissions)
    if removed:
        print(f"Deleted the results of removed stages: {', '.join(removed)}")


def prune(
    datasets: Collection[str], models: Collection[str], submissions: Collection[str]
) -> list[str]:
    """Delete outputs and lock entries of stages of other datasets, models and submissions.

    Outputs are those that ``dvc.lock`` lists, and everything in the folders that the report reads,
    which contain only results. After ``git checkout .``, ``dvc.lock`` does not list the others.

    Returns
    -------
    list of str
        The stages that were removed from ``dvc.lock`` and the folders that were deleted.
    """
    # An empty file has no entries; `tools.verify` refuses it.
    entries = read_stages() if LOCK.exists() and LOCK.stat().st_size else {}
    stages = read_yaml(GRAPH)["stages"]
    names = {"${datasets}": datasets, "${models}": models, "${submissions}": submissions}
    stale = [name for name in entries if not _is_current(name, stages, names)]
    kept = {path for name in entries.keys() - set(stale) for path in _outputs(entries[name])}
    for name in stale:
        for path in _outputs(entries[name]):
            if path not in kept:
                _delete(path)
    if stale:
        _remove_from_lock(stale)
    return stale + _delete_unknown(datasets, models)


def _is_current(name: str, stages: Mapping[str, Any], names: Mapping[str, Collection[str]]) -> bool:
    """Return whether ``dvc.yaml`` still has ``stage``, ``stage@NAME`` or ``stage@D-M``.

    `names` maps the variables in ``dvc.yaml`` to their values.
    """
    stage, *values = re.split("[@-]", name)
    if stage not in stages:
        return False
    block = stages[stage]
    variables = list(block.get("matrix", {}).values())
    variables += [block["foreach"]] if "foreach" in block else []
    return len(values) == len(variables) and all(
        value in names[variable] for value, variable in zip(values, variables, strict=True)
    )


def _outputs(entry: dict[str, Any]) -> Iterator[Path]:
    """Yield the outputs of a stage inside the project."""
    for output in entry.get("outs", []):
        path = Path(output["path"])
        if path.parts and not path.is_absolute() and ".." not in path.parts:
            yield path


def _delete(path: Path) -> None:
    """Delete a file or a folder, and its parent folders that become empty."""
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
    for parent in list(path.parents)[:-2]:
        if not parent.is_dir() or any(parent.iterdir()):
            break
        parent.rmdir()


def _remove_from_lock(names: Collection[str]) -> None:
    with change_stages() as stages:
        for name in names:
            del stages[name]


def _delete_unknown(datasets: Collection[str], models: Collection[str]) -> list[str]:
    """Delete files of other datasets and models in the folders that the report reads."""
    unknown = [
        path
        for root in (Path("metrics"), Path("plots"))
        for path in sorted(root.glob("*"))
        if path.name not in datasets
    ]
    unknown += [
        path
        for files in (paths.facts("*"), paths.hyperparameters("*"))
        for path in sorted(Path().glob(files.as_posix()))
        if path.stem not in datasets
    ]
    unknown += [
        path for path in sorted(Path("metrics").glob("*/*.json")) if path.stem not in models
    ]
    unknown += [
        path
        for path in sorted(Path("plots").glob("*/*"))
        if path.is_dir() and path.name not in models
    ]
    for path in unknown:
        _delete(path)
    return [path.as_posix() for path in unknown]


if __name__ == "__main__":
    run(main)
