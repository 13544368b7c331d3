"""Each kind of stage, disturbed in each way; `make test` runs only some of the cases.

What has to be true afterwards is in `DamagedPipeline.check_recovery`.
"""

import itertools
import os
import re
import subprocess
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from tests.faults.pipelines import TARGETS, DamagedPipeline, remove

Record = Callable[[str, object], None]

# The cases that `make test` runs: each fault once, mostly in stages that take little time.
QUICK = {
    "kill before the first write-flatten",
    "kill while the result is in the cache-split",
    "kill in a write-compare",
    "kill before the output gets its name-split",
    "kill after the last write-describe",
    "kill between two files of a folder-flatten",
    "after output 1-claims",
    "kill DVC before it stores an output-fetch",
    "kill DVC while it writes dvc.lock-flatten",
    "full disk-split",
    "read-only folder-flatten",
    "params.yaml changes-report",
    "truncated-split",
    "flipped-evaluate",
    "flipped in the cache-fetch",
    "two runs-curve",
    "marks of a merge conflict",
}  # and a network that is cut


def cases(*faults: str, stages: tuple[str, ...] = tuple(TARGETS)) -> list:
    """Return all pairs of a fault and a stage, most of them marked as thorough."""
    found = []
    for fault, stage in itertools.product(faults, stages):
        name = f"{fault}-{stage}"
        marks = () if name in QUICK else pytest.mark.thorough
        found.append(pytest.param(fault, stage, id=name, marks=marks))
    return found


def command_of(stage: str) -> list[str]:
    return ["python", "-m", f"stages.{stage}", *argument_of(stage)]


def argument_of(stage: str) -> list[str]:
    return TARGETS[stage][0].partition("@")[2].split("-") if "@" in TARGETS[stage][0] else []


def repro(stage: str) -> list[str]:
    return ["dvc", "repro", "--single-item", "--force", TARGETS[stage][0]]


def check_failure(done: CompletedProcess, *, line: str = "") -> None:
    """Check that a run failed without a traceback, and with our one line if there is one."""
    printed = done.stdout + done.stderr
    assert done.returncode != 0, printed
    assert "Traceback" not in printed
    errors = [text for text in printed.splitlines() if text.startswith("error: ")]
    assert len(errors) == bool(line), printed
    assert line in "".join(errors)


def outputs(pipeline: DamagedPipeline, stage: str) -> list[Path]:
    """Return those outputs of a stage that exist."""
    paths = [pipeline.root / name for name in TARGETS[stage][2]]
    return [path for path in paths if path.exists()]


def largest_output(pipeline: DamagedPipeline, stage: str) -> int:
    """Return the size of the largest file that a stage writes."""
    paths = outputs(pipeline, stage)
    files = [file for path in paths for file in ([path] if path.is_file() else path.rglob("*"))]
    return max(file.stat().st_size for file in files)


KILLS = {
    "kill before the first write": ("open", "kill"),
    "kill in a write": ("open", "kill at {half}"),
    "kill before the output gets its name": ("replace", "kill"),
    "kill after the last write": ("exit", "kill"),
    "kill between two files of a folder": ("second file", "kill"),
}
# Stages that write a folder with several files.
FOLDERS = ("flatten", "split", "evaluate", "draw")


@pytest.mark.parametrize(
    ("fault", "stage"),
    [
        case
        for fault in KILLS
        for case in cases(fault, stages=FOLDERS if "folder" in fault else tuple(TARGETS))
    ],
)
def test_a_stage_that_is_killed(
    pipeline: DamagedPipeline, fault: str, stage: str, record_property: Record
) -> None:
    pipeline.forget(stage)
    kill(pipeline, stage, *KILLS[fault])
    pipeline.check_recovery()
    record_property("outcome", (fault, stage, "built again"))


def kill(pipeline: DamagedPipeline, stage: str, moment: str, action: str) -> None:
    action = action.format(half=largest_output(pipeline, stage) // 2)
    done = pipeline.run_with_fault(repro(stage), f"stages.{stage}", moment, action)
    check_failure(done)
    assert "failed to reproduce" in done.stderr


@pytest.mark.parametrize(
    ("stage", "n_outputs"),
    [
        pytest.param(
            stage,
            n_outputs,
            id=f"after output {n_outputs}-{stage}",
            marks=() if f"after output {n_outputs}-{stage}" in QUICK else pytest.mark.thorough,
        )
        for stage, (_, _, names) in TARGETS.items()
        for n_outputs in range(1, len(names))
    ],
)
def test_a_stage_that_is_killed_between_two_outputs(
    pipeline: DamagedPipeline, stage: str, n_outputs: int, record_property: Record
) -> None:
    pipeline.forget(stage)
    kill(pipeline, stage, f"after output {n_outputs}", "kill")
    assert len(outputs(pipeline, stage)) == n_outputs
    pipeline.check_recovery()
    record_property("outcome", ("kill between two outputs", stage, "built again"))


@pytest.mark.parametrize(
    ("fault", "stage"),
    cases(
        "kill while the result is in the cache",
        stages=("fetch", "split", "train", "evaluate", "compare", "report"),
    ),
)
def test_a_stage_whose_result_is_in_the_cache_is_killed(
    pipeline: DamagedPipeline, fault: str, stage: str, record_property: Record
) -> None:
    """DVC then restores the result without running the stage, which would tidy up."""
    kill(pipeline, stage, *KILLS["kill before the output gets its name"])
    pipeline.succeed("python", "-m", "tools.run")
    pipeline.check_recovery()
    record_property("outcome", (fault, stage, "restored; `make run` deleted what was left"))


KILLS_OF_DVC = {
    "kill DVC before it stores an output": "cache",
    "kill DVC while it writes dvc.lock": "in dvc.lock",
    "kill DVC while it notes which files it uses": "in rwlock",
}
# A file that git keeps is not stored in DVC's cache.
STORED = tuple(stage for stage in TARGETS if stage != "claims")


@pytest.mark.parametrize(
    ("fault", "stage"),
    cases("kill DVC before it stores an output", stages=STORED)
    + cases("kill DVC while it writes dvc.lock")
    + cases("kill DVC while it notes which files it uses", stages=("train",)),
)
def test_dvc_is_killed(
    pipeline: DamagedPipeline, fault: str, stage: str, record_property: Record
) -> None:
    pipeline.forget(stage)
    done = pipeline.run_with_fault(repro(stage), "dvc repro", KILLS_OF_DVC[fault], "kill")
    check_failure(done)
    outcome = "built again"
    if fault == "kill DVC while it writes dvc.lock":
        outcome = recover_lock(pipeline)
    elif fault == "kill DVC while it notes which files it uses":
        check_failure(pipeline.run("dvc", "repro"))
        pipeline.succeed("python", "-m", "tools.run")
        outcome = "built again by `make run`, which deleted the notes"
    pipeline.check_recovery()
    record_property("outcome", (fault, stage, outcome))


def recover_lock(pipeline: DamagedPipeline) -> str:
    """Do what `make run` says about a damaged dvc.lock; return what happened."""
    done = pipeline.run("python", "-m", "tools.run")
    if done.returncode == 0:
        return "built again"
    check_failure(done, line="dvc.lock: ")
    assert "run `git checkout dvc.lock`" in done.stderr
    pipeline.succeed("git", "checkout", "--quiet", "dvc.lock")
    return "refused; right after `git checkout dvc.lock`, which the message names"


@pytest.mark.parametrize(("fault", "stage"), cases("full disk"))
def test_a_full_disk(
    pipeline: DamagedPipeline, fault: str, stage: str, record_property: Record
) -> None:
    pipeline.forget(stage)
    half = largest_output(pipeline, stage) // 2
    done = pipeline.run_with_fault(repro(stage), f"stages.{stage}", "open", f"limit {half}")
    check_failure(done, line=": cannot be written: ")
    pipeline.check_recovery()
    record_property("outcome", (fault, stage, "refused in one line, then built again"))


# Root may write everywhere. A process that lost this permission may not.
AS_USER = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"] if os.geteuid() == 0 else []


@pytest.mark.parametrize(("fault", "stage"), cases("read-only folder"))
def test_a_read_only_folder(
    pipeline: DamagedPipeline, fault: str, stage: str, record_property: Record
) -> None:
    folders = {(pipeline.root / name).parent for name in TARGETS[stage][2]}
    for folder in folders:
        folder.chmod(0o555)
    check_failure(pipeline.run(*AS_USER, *command_of(stage)), line=": cannot be written: ")
    check_failure(pipeline.run(*AS_USER, *repro(stage)))
    for folder in folders:
        folder.chmod(0o755)
    pipeline.check_recovery()
    record_property("outcome", (fault, stage, "refused in one line, then built again"))


@pytest.mark.parametrize(("fault", "stage"), cases("params.yaml changes"))
def test_params_change_while_a_stage_runs(
    pipeline: DamagedPipeline, fault: str, stage: str, record_property: Record
) -> None:
    lock = (pipeline.root / "dvc.lock").read_text()
    done = pipeline.run_with_fault(repro(stage), f"stages.{stage}", "open", "params")
    check_failure(done, line="params.yaml: changed while this stage ran")
    assert (pipeline.root / "dvc.lock").read_text() == lock, "recorded under the new parameters"
    assert "seed: 1" in (pipeline.root / "params.yaml").read_text()
    pipeline.succeed("git", "checkout", "--quiet", "params.yaml")
    pipeline.check_recovery()
    record_property("outcome", (fault, stage, "refused in one line, then built again"))


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) * 2 // 3] ^= 1
    path.write_bytes(content)


DAMAGE = {"truncated": truncate, "flipped": flip}
# What DVC says when another process has the lock of the project or of a file.
LOCKED = re.compile(r"Unable to acquire lock\.|' is busy, it is being blocked by:")
WITH_INPUT = tuple(stage for stage in TARGETS if TARGETS[stage][1])


@pytest.mark.parametrize(("fault", "stage"), cases(*DAMAGE, stages=WITH_INPUT))
def test_a_damaged_input(
    pipeline: DamagedPipeline, fault: str, stage: str, record_property: Record
) -> None:
    """The stage itself may refuse it; DVC sees in any case that the input is not as it was."""
    for name in TARGETS[stage][1]:
        DAMAGE[fault](pipeline.root / name)
    done = pipeline.run(*repro(stage))
    outcome = "computed from it; DVC noticed and built both again"
    if done.returncode:
        check_failure(done, line=": ")
        # Of several arrays that do not fit together, the message names the folder.
        names = {part for name in TARGETS[stage][1] for part in (name, str(Path(name).parent))}
        errors = [text for text in done.stderr.splitlines() if text.startswith("error: ")]
        assert any(text.startswith(f"error: {name}") for text in errors for name in names), errors
        outcome = "refused in one line, then built again"
    pipeline.check_recovery()
    record_property("outcome", (f"input {fault}", stage, outcome))


@pytest.mark.parametrize(
    ("fault", "stage"),
    cases("flipped in the cache", stages=STORED)
    + cases("list of files truncated in the cache", stages=FOLDERS),
)
def test_a_damaged_object_in_the_cache(
    pipeline: DamagedPipeline, fault: str, stage: str, record_property: Record
) -> None:
    """DVC checks it out; our check of the cache finds it."""
    name = TARGETS[stage][2][-1]
    stored = pipeline.stored(name)[0 if "list" in fault else -1]
    stored.chmod(0o644)
    (truncate if "truncated" in fault else flip)(stored)
    stored.chmod(0o444)  # DVC trusts files with this mode
    remove(pipeline.root / name)
    pipeline.run("dvc", "checkout")
    done = pipeline.run("python", "-m", "tools.verify")
    check_failure(done, line="damaged in DVC's cache; deleted there; run `dvc repro`")
    pipeline.check_recovery()
    record_property("outcome", (fault, stage, "found by `make run`, then built again"))


@pytest.mark.parametrize(
    ("fault", "stage"), cases("two runs", stages=("curve", "train", "compare", "report"))
)
def test_two_runs_at_once(
    pipeline: DamagedPipeline, fault: str, stage: str, record_property: Record
) -> None:
    runs = [
        subprocess.Popen(
            repro(stage),
            cwd=pipeline.root,
            env=pipeline.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for _ in range(2)
    ]
    printed = [run.communicate(timeout=600)[0] for run in runs]
    assert 0 in [run.returncode for run in runs], printed
    assert "Traceback" not in "".join(printed)
    for run, text in zip(runs, printed, strict=True):
        assert run.returncode == 0 or LOCKED.search(text), text
    pipeline.check_recovery()
    record_property("outcome", (fault, stage, "the second waited, or was refused in one line"))


class Cut(BaseHTTPRequestHandler):
    """A server that fails in the way that the first part of the path names."""

    def do_GET(self) -> None:
        """Promise a table, and send less."""
        kind = self.path.split("/")[1]
        self.send_response(500 if kind == "error" else 200)
        self.send_header("Content-Length", "1000000")
        self.end_headers()
        if kind != "error":
            self.wfile.write(b"label,pixel0\n" + b"1,2\n" * 1000)
        if kind == "silence":
            time.sleep(3)

    def log_message(self, *words: object) -> None:
        """Print nothing."""


NETWORK = {
    "cut": "no connection, or connection lost",
    "silence": "no connection, or connection lost",
    "error": "HTTP status 500",
    "no server": "no connection, or connection lost",
}


@pytest.mark.parametrize(
    "kind",
    [
        pytest.param(kind, marks=() if kind == "cut" else pytest.mark.thorough, id=kind)
        for kind in NETWORK
    ],
)
def test_a_network_that_fails_in_a_download(
    pipeline: DamagedPipeline, kind: str, record_property: Record
) -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), Cut) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        port = 9 if kind == "no server" else server.server_port
        location = f"http://127.0.0.1:{port}/{kind.split()[0]}/digits.csv"
        source = {"kind": "csv", "location": location, "timeout": 1}
        pipeline.edit_params(lambda params: params["datasets"]["digits"].update(source=source))
        check_failure(pipeline.run("dvc", "repro", TARGETS["fetch"][0]), line=NETWORK[kind])
        server.shutdown()
    pipeline.succeed("git", "checkout", "--quiet", "params.yaml")
    pipeline.check_recovery()
    record_property(
        "outcome", (f"network: {kind}", "fetch", "refused in one line, then built again")
    )


LOCKS: dict[str, Callable[[bytes], bytes]] = {
    "truncated to nothing": lambda content: b"",
    "truncated to a tenth": lambda content: content[: len(content) // 10],
    "truncated to a quarter": lambda content: content[: len(content) // 4],
    "truncated to half": lambda content: content[: len(content) // 2],
    "truncated to nearly all": lambda content: content[: len(content) * 99 // 100],
    "cut in a checksum": lambda content: content[: content.rindex(b"md5: ") + 20],
    "a checksum changed": lambda content: content.replace(b"md5: 1", b"md5: 2", 1),
    "a bit flipped": lambda content: content[:5000] + bytes([content[5000] ^ 1]) + content[5001:],
    "a control character": lambda content: content[:5000] + b"\x01" + content[5001:],
    "marks of a merge conflict": lambda content: b"<<<<<<< HEAD\n" + content,
}


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(name, marks=() if name in QUICK else pytest.mark.thorough, id=name)
        for name in LOCKS
    ],
)
def test_a_damaged_lock(pipeline: DamagedPipeline, damage: str, record_property: Record) -> None:
    file = pipeline.root / "dvc.lock"
    file.write_bytes(LOCKS[damage](file.read_bytes()))
    outcome = recover_lock(pipeline)
    # Entries that were lost are written again, at the end of the file.
    pipeline.check_recovery(order_of_lock=False)
    record_property("outcome", ("dvc.lock damaged", damage, outcome))
