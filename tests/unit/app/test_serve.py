"""The command `handwriting serve`, as a process."""

import os
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from handwriting import persistence
from handwriting.app import command_line, serve
from handwriting.common.errors import InputError
from handwriting.common.images import LabelledImages
from tests.helpers import PROJECT, fit_digits

COMMAND = (sys.executable, "-m", "handwriting.app.command_line", "serve")


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory, digits: LabelledImages) -> Path:
    folder = tmp_path_factory.mktemp("models")
    for name in ("forest", "svc", "tree"):
        persistence.save(fit_digits(name, digits), folder / f"{name}.skops")
    return folder


def run(*arguments: str | Path) -> subprocess.CompletedProcess:
    return subprocess.run(
        [*COMMAND, *map(str, arguments)], cwd=PROJECT, capture_output=True, text=True, timeout=120
    )


@contextmanager
def started(models: Path, *prefix: str) -> Iterator[tuple[subprocess.Popen, str]]:
    process = subprocess.Popen(
        [*prefix, *COMMAND, "--port", "0", "--models", str(models)],
        cwd=PROJECT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        line = process.stdout.readline()
        assert line.startswith("http://127.0.0.1:"), process.communicate()
        yield process, line.split()[0]
    finally:
        process.kill()
        process.communicate()


def test_it_serves_until_ctrl_c_and_only_on_this_machine(models: Path) -> None:
    with started(models) as (process, url):
        with urllib.request.urlopen(url, timeout=60) as page:
            assert b"<h1>Handwritten digits</h1>" in page.read()
        port = int(url.rpartition(":")[2])
        # Another address of the same machine.
        with pytest.raises(OSError), socket.create_connection(("127.0.0.2", port), timeout=5):  # noqa: PT011
            pass
        process.send_signal(signal.SIGINT)
        printed, errors = process.communicate(timeout=30)
        assert (process.returncode, printed, errors) == (0, "stopped\n", "")


def test_it_stops_in_the_same_way_where_a_script_started_it_in_the_background(models: Path) -> None:
    """A shell lets such processes ignore the signal of Ctrl-C; uvicorn handles it nevertheless."""
    with started(models, "bash", "-c", 'trap "" INT; exec "$0" "$@"') as (process, url):
        # The signal is ignored until the server has answered, so that it has its handler.
        with urllib.request.urlopen(url, timeout=60):
            pass
        process.send_signal(signal.SIGINT)
        printed, errors = process.communicate(timeout=30)
        assert (process.returncode, printed, errors) == (0, "stopped\n", "")


def test_ctrl_c_closes_open_connections_soon(models: Path) -> None:
    with started(models) as (process, url):
        address = ("127.0.0.1", int(url.rpartition(":")[2]))
        with socket.create_connection(address) as unfinished:
            unfinished.sendall(
                b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n"
            )
            with urllib.request.urlopen(url, timeout=60):
                pass
            process.send_signal(signal.SIGINT)
            printed, errors = process.communicate(timeout=20)
        assert (process.returncode, printed) == (0, "stopped\n")
        assert "Traceback" not in errors


def test_svc_is_the_first_choice(models: Path) -> None:
    assert list(serve.load_models(models)) == ["svc", "forest", "tree"]


def test_a_port_in_use_is_one_line(models: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        done = run("--port", str(port), "--models", models)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        f"error: --port {port}: cannot be opened: it is in use; select another one, "
        "or 0 for a free one\n"
    )


def _missing(folder: Path) -> None:
    folder.rmdir()


def _empty(folder: Path) -> None:
    pass


def _damaged(folder: Path) -> None:
    (folder / "svc.skops").write_bytes(b"PK\x03\x04 nothing")


def _too_many(folder: Path) -> None:
    for i in range(serve.MAX_MODELS + 1):
        (folder / f"{i}.skops").touch()


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (_missing, "no such folder"),
        (_empty, "has no model file"),
        (_damaged, "not a model file"),
        (_too_many, "has 9 model files; must have at most 8"),
    ],
)
def test_faulty_folders_are_one_line(make, problem: str, tmp_path: Path) -> None:
    folder = tmp_path / "models"
    folder.mkdir()
    make(folder)
    with pytest.raises(InputError, match=problem) as refusal:
        serve.load_models(folder)
    assert str(folder) in str(refusal.value)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("arguments", [("--port", "70000"), ("--port", "x"), ("--host", "0.0.0.0")])
def test_faulty_arguments_are_refused(
    arguments: tuple[str, ...], capsys: pytest.CaptureFixture
) -> None:
    with pytest.raises(SystemExit, match="2"):
        command_line.main(["serve", *arguments])
    assert arguments[1] in capsys.readouterr().err


def test_without_models_it_is_one_line_and_nothing_is_written(tmp_path: Path) -> None:
    done = subprocess.run(
        COMMAND,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(PROJECT)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("error: --models models/mnist: no such folder")
    assert done.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []
