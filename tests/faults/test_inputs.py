"""Faulty inputs of every kind, given to the real commands; `make test` runs one of each kind.

A command ends with one line and exit code 1, and no file is changed, created or lost.
"""

import contextlib
import gzip
import hashlib
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.faults import inputs
from tests.faults.inputs import FaultyInput
from tests.faults.pipelines import BuiltPipeline, DamagedPipeline

# The cases that `make test` runs.
QUICK = {
    "CSV-a cell missing",
    "arrays-pixels: truncated",
    "params-a key misspelt",
    "claims-rows backwards",
    "images-PNG truncated",
    "mirrors-a folder as a table",
    "mirrors-mirror: cut",
    "models-a byte changed in the middle",
    "templates-report: an unknown variable",
}


class Mirror(BaseHTTPRequestHandler):
    """Fails in the way that the first part of the path names."""

    def do_GET(self) -> None:
        body, status, promised = b"label,pixel0\n3,1\n", 200, None
        match self.path.split("/")[1]:
            case "missing":
                status, body = 404, b""
            case "forbidden":
                status, body = 403, b""
            case "error":
                status, body = 500, b""
            case "cut":
                promised = 10_000
            case "silent":
                time.sleep(2)
            case "page":
                body = b"<html>please log in</html>"
            case "empty":
                body = b""
            case "other":
                body = gzip.compress(b"other bytes", mtime=0)
            case "loop":
                status, body = 302, b""
        self.send_response(status)
        if status == 302:
            self.send_header("Location", self.path)
        self.send_header("Content-Length", str(promised or len(body)))
        self.end_headers()
        with contextlib.suppress(BrokenPipeError):  # who has waited for too long does not listen
            self.wfile.write(body)

    def log_message(self, *words: object) -> None:
        """Print nothing."""


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """Host and port of a server that fails."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Mirror) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"127.0.0.1:{running.server_port}"
        running.shutdown()


@pytest.fixture(scope="module")
def project(built: BuiltPipeline, tmp_path_factory: pytest.TempPathFactory) -> DamagedPipeline:
    """A built pipeline; each test puts back what it damages."""
    return built.copy(tmp_path_factory.mktemp("inputs") / "project")


def files(root: Path) -> dict[str, str]:
    """Return the checksum of each file that git or a user may know of."""
    return {
        str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(root.rglob("*"))
        if path.is_file()
        and not {".git", "tmp", "cache", "__pycache__"} & set(path.relative_to(root).parts)
    }


CASES = [
    pytest.param(case, id=str(case), marks=() if str(case) in QUICK else pytest.mark.thorough)
    for case in inputs.all_inputs()
]


@pytest.mark.parametrize("case", CASES)
def test_a_faulty_input_is_one_line_and_nothing_is_overwritten(
    project: DamagedPipeline,
    server: str,
    case: FaultyInput,
    record_property: Callable[[str, object], None],
) -> None:
    path = project.root / case.file
    sound = path.read_bytes() if path.exists() else None
    damaged = case.damage(sound or b"")
    assert damaged != sound or case.name == "no file"
    path.unlink(missing_ok=True)
    if damaged is not None:
        path.write_bytes(damaged.replace(b"SERVER", server.encode()))
    try:
        before = files(project.root)
        done = project.run(*case.command)
        after = files(project.root)
    finally:
        path.unlink(missing_ok=True)
        if sound is not None:
            path.write_bytes(sound)

    assert done.returncode == 1, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    errors = [line for line in done.stderr.splitlines() if not line.startswith("skipped mirror: ")]
    assert len(errors) == 1, done.stderr
    assert errors[0].startswith("error: ")
    # What it says about where to look.
    assert Path(case.file).stem in errors[0] or case.command[-1] in errors[0]
    assert len(errors[0]) < 600
    assert after == before
    record_property("input", case.kind)


def test_the_cases_of_make_test_exist() -> None:
    assert {str(case) for case in inputs.all_inputs()} >= QUICK
