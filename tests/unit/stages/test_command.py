from handwriting.common.stage.command import INTERRUPTED

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.helpers import PROJECT

STAGE = """
import sys, threading, time
from handwriting.common.errors import InputError
from handwriting.common.stage.command import run

def main(dataset: str, model: str) -> None:
    '''Do what the model says.'''
    print("dataset:", dataset)
    match model:
        case "faulty":
            raise InputError("first fault\\nsecond fault")
        case "interrupted":
            threading.Thread(target=time.sleep, args=[60]).start()
            raise KeyboardInterrupt
        case "bug":
            raise ZeroDivisionError("a bug")

run(main)
"""


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", STAGE, *arguments],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        timeout=30,
    )


def test_main_gets_the_arguments_of_the_command_line() -> None:
    done = run("digits", "sound")
    assert (done.returncode, done.stdout, done.stderr) == (0, "dataset: digits\n", "")


def test_an_input_error_is_printed_without_a_traceback_and_exits_with_1() -> None:
    done = run("digits", "faulty")
    assert done.returncode == 1
    assert done.stderr == "error: first fault\nsecond fault\n"


def test_a_stage_fails_if_params_have_changed_when_it_ends(tmp_path: Path) -> None:
    """DVC would record its outputs, which have their names by then, with the new values."""
    content = (PROJECT / "params.yaml").read_text()
    (tmp_path / "params.yaml").write_text(content)
    stage = """
from handwriting.common.stage import read_params
from handwriting.common.stage.command import run
from pathlib import Path

def main() -> None:
    read_params.load()
    Path("params.yaml").write_text(Path("params.yaml").read_text().replace("seed: 0", "seed: 1"))

run(main)
"""
    environment = {**os.environ, "PYTHONPATH": str(PROJECT)}
    done = subprocess.run(
        [sys.executable, "-c", stage], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 1
    assert done.stderr.startswith("error: params.yaml: changed while this stage ran")
    assert done.stderr.count("\n") == 1


def test_an_interrupt_is_one_line_and_does_not_wait_for_threads() -> None:
    done = run("digits", "interrupted")
    assert done.returncode == INTERRUPTED == 130
    assert done.stderr == "error: interrupted\n"


def test_an_interrupt_is_one_line_while_other_modules_are_imported() -> None:
    slow_import = "import handwriting.common.stage.command; raise KeyboardInterrupt"
    done = subprocess.run(
        [sys.executable, "-c", slow_import], cwd=PROJECT, capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (INTERRUPTED, "error: interrupted\n")


@pytest.mark.parametrize(
    "path", sorted((PROJECT / "stages").glob("[a-z]*.py")), ids=lambda p: p.stem
)
def test_a_stage_imports_the_command_first(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").splitlines()
    imports = [line for line in lines if line.startswith(("import ", "from "))]
    assert imports[0] == "from handwriting.common.stage.command import run"


def test_a_bug_shows_its_traceback() -> None:
    done = run("digits", "bug")
    assert done.returncode == 1
    assert "Traceback" in done.stderr
    assert "ZeroDivisionError: a bug" in done.stderr


@pytest.mark.parametrize("arguments", [(), ("digits",), ("digits", "svc", "more")])
def test_a_wrong_number_of_arguments_exits_with_2(arguments: tuple[str, ...]) -> None:
    done = run(*arguments)
    assert done.returncode == 2
    assert "usage:" in done.stderr
    assert "Traceback" not in done.stderr


def test_help_is_the_docstring_of_main() -> None:
    done = run("--help")
    assert done.returncode == 0
    assert "Do what the model says." in done.stdout
