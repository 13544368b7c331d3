"""Runs the pipeline and reports the outcome: ``python -m tools.run``, which is `make run`.

``dvc repro`` does the work. This command adds the following: faulty parameters stop it before DVC
deletes any output; damaged files in DVC's cache are deleted before DVC uses them as results;
Ctrl-C stops the whole run; if one dataset cannot be fetched, the others are still built; and after
a failure, it says whether a disk is full, and lists the stages that are not current and how to
continue.
"""

from handwriting.common.stage.command import INTERRUPTED, run

import json
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

from handwriting.common.errors import InputError
from handwriting.common.params.schema import Params
from handwriting.common.stage import paths
from tools.changed_params import BeforeRun
from tools.check_params import check
from tools.free_space import StallWatch, explain_full_disk, state_folder
from tools.leftovers import delete_damaged_notes, delete_leftovers
from tools.lock_file import read_stages
from tools.prune import prune
from tools.verify import cache_folder, verify

# How often to look whether DVC still goes on.
_SECONDS_BETWEEN_LOOKS = 5
_PER_DATASET = ("describe", "compare", "claims")


class _Dvc:
    """Runs DVC commands in the foreground; remembers an interrupt and a stop on a full disk."""

    def __init__(self, folders: Sequence[Path]) -> None:
        self.folders = folders  # where DVC writes
        self.was_interrupted = False
        self.is_stalled = False
        signal.signal(signal.SIGINT, self._note_interrupt)

    def _note_interrupt(self, signum: int, frame: FrameType | None) -> None:
        if not self.was_interrupted:
            print("\nInterrupted: waiting for the running stage to stop.", file=sys.stderr)
        self.was_interrupted = True

    def succeeds(self, *arguments: str) -> bool:
        """Run a command; the terminal sends Ctrl-C to it as well."""
        if self.was_interrupted or self.is_stalled:
            return False
        process = subprocess.Popen(["dvc", *arguments])
        watch = StallWatch(process.pid, self.folders)
        while True:
            try:
                return process.wait(timeout=_SECONDS_BETWEEN_LOOKS) == 0
            except subprocess.TimeoutExpired:
                self.is_stalled = watch.is_stalled()
                if self.is_stalled:
                    process.kill()


def main() -> None:
    """Build everything that is out of date; show the metrics and where the results are."""
    params = check()
    delete_damaged_notes()
    for line in verify():
        print(f"warning: {line}", file=sys.stderr)
    removed = prune(params.datasets, params.models, params.submissions)
    if removed:
        print(f"Deleted the results of removed stages: {', '.join(removed)}")
    _create_source_folders(params)
    cache = cache_folder()
    folders = [Path.cwd(), cache, state_folder()]
    dvc = _Dvc(folders)
    before = BeforeRun.take()
    is_complete = _reproduce(dvc, params)
    forgotten = [] if _lock_damage() else before.forget_other_values(cache)
    if forgotten or not is_complete:
        _explain_failure(dvc, forgotten, folders)
        sys.exit(INTERRUPTED if dvc.was_interrupted else 1)
    delete_leftovers(cache)
    dvc.succeeds("metrics", "show")
    print(
        "\nRead: report.html    Charts: make plots    Tables: metrics/, plots/    Models: models/\n"
        "Next: change a number in params.yaml, then: make run, make diff\n"
        "      (`source .venv/bin/activate` makes the command `dvc` available)"
    )


def _create_source_folders(params: Params) -> None:
    """Create missing folders on which `fetch` depends, for blocks that were written by hand."""
    for dataset in params.datasets:
        folder = paths.sources(dataset)
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(f"{folder}: cannot be created: {error.strerror}") from None


def _reproduce(dvc: _Dvc, params: Params) -> bool:
    """Run all stages, or those of the datasets that can be fetched; return whether all ran."""
    for dataset in _not_fetched(params):
        dvc.succeeds("repro", "--quiet", f"fetch@{dataset}")
    if not _not_fetched(params) and dvc.succeeds("repro"):
        return True
    # If a changed source cannot be fetched, its table is missing as well.
    missing = _not_fetched(params)
    targets = [
        target
        for dataset in params.datasets
        if dataset not in missing
        for target in (
            *(f"{stage}@{dataset}" for stage in _PER_DATASET),
            *(f"draw@{dataset}-{model}" for model in params.models),
        )
    ]
    targets += [
        f"submit@{name}"
        for name, submission in params.submissions.items()
        if submission.dataset not in missing
    ]
    if missing and targets:
        dvc.succeeds("repro", *targets)
    return False


def _not_fetched(params: Params) -> list[str]:
    return [dataset for dataset in params.datasets if not paths.raw(dataset).is_file()]


def _lock_damage() -> str | None:
    """Return one line about a damaged ``dvc.lock``, None if it is sound."""
    try:
        read_stages()
    except InputError as error:
        return str(error)
    return None


def _explain_failure(dvc: _Dvc, forgotten: list[str], folders: Sequence[Path]) -> None:
    done = subprocess.run(["dvc", "status", "--json"], check=False, capture_output=True, text=True)
    stale = sorted(json.loads(done.stdout)) if done.returncode == 0 else ["unknown"]
    if dvc.was_interrupted:
        reason = "interrupted"
    elif forgotten:
        reason = (
            "params.yaml changed during the run; some results may be those of the old values, so "
            "their stages will run again"
        )
    elif dvc.is_stalled:
        cause = explain_full_disk(folders) or "a disk was full"
        reason = f"DVC did not go on and was stopped: {cause}"
    elif full := explain_full_disk(folders):
        reason = full
    else:
        reason = "a stage failed; its message is above"
    if damage := _lock_damage():
        reason += f"\nerror: {damage}"
    print(
        f"\nerror: {reason}\n"
        f"Not current ({len(stale)} stages): {', '.join(stale)}\n"
        "To continue: make run (finished stages are not repeated)\n"
        "To restore the last commit: git checkout . && dvc checkout",
        file=sys.stderr,
    )


if __name__ == "__main__":
    run(main)
