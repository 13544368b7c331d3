"""A file system that is really full, for the stages and for all that DVC itself writes.

The project, DVC's cache and DVC's database are on a small disk in memory, with different amounts
of free space, so that a run fails at different moments.
"""

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from tests.faults.pipelines import TARGETS, BuiltPipeline, DamagedPipeline, remove

PLENTY = 64 * 2**20
RUN = ["python", "-m", "tools.run"]
FAULT = "disk without space"

Record = Callable[[str, object], None]


@dataclass(frozen=True)
class SmallDisk:
    """A file system of its own whose size can be changed."""

    root: Path

    def leave(self, n_bytes: int) -> None:
        """Leave so much free space besides what is used."""
        status = os.statvfs(self.root)
        n_used = (status.f_blocks - status.f_bfree) * status.f_frsize
        self.mount(f"remount,size={n_used + n_bytes}")

    def mount(self, options: str) -> None:
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", options, "tmpfs", self.root],
            capture_output=True,
            text=True,
        )
        if done.returncode:
            pytest.skip(f"a small disk cannot be mounted: {done.stderr.strip()}")


@pytest.fixture
def disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SmallDisk]:
    if os.geteuid() != 0:
        pytest.skip("only root can mount a small disk")
    disk = SmallDisk(tmp_path / "disk")
    disk.root.mkdir()
    disk.mount(f"size={PLENTY}")
    monkeypatch.setenv("DVC_SITE_CACHE_DIR", str(disk.root / "state"))
    yield disk
    subprocess.run(["umount", disk.root], check=True)


def copy(built: BuiltPipeline, disk: SmallDisk, *stages: str) -> DamagedPipeline:
    """Return a copy on the small disk, in which some stages have to run again."""
    pipeline = built.copy(disk.root / "project")
    for stage in stages:
        pipeline.forget(stage)
        for name in TARGETS[stage][2]:
            remove(pipeline.root / name)
    pipeline.run("dvc", "status")  # has DVC note the checksums of what is there
    return pipeline


@pytest.mark.thorough
@pytest.mark.parametrize("n_kilobytes", [0, 100, 200, 500, 1200, 1900])
def test_a_run_with_little_free_space(
    disk: SmallDisk, built: BuiltPipeline, n_kilobytes: int, record_property: Record
) -> None:
    """The run would need 2 MB."""
    pipeline = copy(built, disk, "evaluate", "draw", "report")
    disk.leave(n_kilobytes * 1000)
    done = pipeline.run(*RUN)
    record_property("outcome", (FAULT, moment(done), recover(disk, pipeline, done)))


def moment(done: CompletedProcess) -> str:
    """Return when a run failed."""
    if ": cannot be written: " in done.stderr:
        return "in a stage"
    if "failed to transfer" in done.stderr:
        return "while DVC stores an output"
    if "error: DVC did not go on and was stopped: " in done.stderr:
        return "while DVC tries for ever to change its database"
    return "in DVC's database"


MOMENTS = {
    "while DVC writes dvc.lock": "in dvc.lock",
    "while DVC notes which files it uses": "in rwlock",
    "before DVC stores an output": "cache",
}


@pytest.mark.parametrize(
    "when",
    [
        pytest.param(name, marks=() if "dvc.lock" in name else pytest.mark.thorough, id=name)
        for name in MOMENTS
    ],
)
def test_another_program_fills_the_disk(
    disk: SmallDisk, built: BuiltPipeline, when: str, record_property: Record
) -> None:
    pipeline = copy(built, disk, "report")
    filler = disk.root / "filler"
    done = pipeline.run_with_fault(RUN, "dvc repro", MOMENTS[when], f"fill {filler}")
    filler.unlink()
    record_property("outcome", (FAULT, when, recover(disk, pipeline, done)))


def recover(disk: SmallDisk, pipeline: DamagedPipeline, done: CompletedProcess) -> str:
    """Check what a failed run said, and that the next one with free space ends as undisturbed."""
    printed = done.stdout + done.stderr
    assert done.returncode == 1, printed
    assert "Traceback" not in printed
    errors = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert any(f"the disk of {pipeline.root} is full (" in line for line in errors), printed
    disk.leave(PLENTY)
    outcome = "refused in one line; `make run` built again"
    if "error: dvc.lock: damaged; run `git checkout dvc.lock`" in done.stderr:
        pipeline.succeed("git", "checkout", "--quiet", "dvc.lock")
        outcome += " after `git checkout dvc.lock`, which the message names"
    assert pipeline.succeed("git", "diff", "--name-only", "dvc.lock") == ""
    if temporary_files(disk):
        time.sleep(61)  # `make run` deletes those of DVC's cache that have this age
    pipeline.succeed(*RUN)
    pipeline.check_recovery()
    assert temporary_files(disk) == []
    return outcome


def temporary_files(disk: SmallDisk) -> list[Path]:
    return [*disk.root.rglob(".*.tmp"), *disk.root.rglob(".*.tmp-*")]
