"""Commands that the tests start as forks: they end as those that start normally."""

import json
import signal
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from tests import forks
from tests.helpers import Repository

# What a command sees, and the ways in which it can end.
PROBE = """
import json, os, sys
how = sys.argv[1]
print(json.dumps([os.getcwd(), sys.argv[1:], os.environ.get("PROBE"), sys.stdin.read(), __file__]))
if how == "kill":
    os.kill(os.getpid(), 9)
if how == "fail":
    raise ValueError("wrong")
if how == "interrupt":
    raise KeyboardInterrupt
sys.exit({"message": "a message", "code": 7}.get(how))
"""

pytestmark = pytest.mark.skipif(not forks.CAN_FORK, reason="only Linux has what it needs")


@pytest.fixture
def project(tmp_path: Path) -> Repository:
    """A folder with a module of its own under the name of a stage."""
    (tmp_path / "stages").mkdir()
    (tmp_path / "stages" / "__init__.py").touch()
    (tmp_path / "stages" / "probe.py").write_text(PROBE)
    return Repository(tmp_path)


def is_forked(project: Repository, **variables: str) -> bool:
    """Return whether a command that finds the clients first is a fork."""
    (project.root / "stages" / "words.py").write_text("import sys; print(*sys.orig_argv)")
    path = f"{forks.commands()}:{project.environment['PATH']}"
    printed = subprocess.run(
        ["python", "-m", "stages.words"],
        cwd=project.root,
        env={**project.environment, **variables, "PATH": path},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    return "forks.py" in printed


@pytest.mark.parametrize("how", ["success", "code", "message", "fail", "interrupt", "kill"])
def test_a_fork_ends_as_a_process_that_starts_normally(
    project: Repository, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PROBE", "a value")
    command = ("python", "-m", "stages.probe", how)
    forked, normal = project.run(*command), replace(project, is_forked=False).run(*command)
    assert forked.returncode == normal.returncode
    assert forked.stdout == normal.stdout
    assert forked.stderr.splitlines()[-1:] == normal.stderr.splitlines()[-1:]
    if how == "kill":
        assert forked.returncode == -signal.SIGKILL
    else:
        folder, words, value, _, file = json.loads(forked.stdout)
        assert (folder, words, value) == (str(project.root), [how], "a value")
        assert file == str(project.root / "stages" / "probe.py")


def test_a_command_starts_normally_where_the_start_reads_other_settings(
    project: Repository,
) -> None:
    assert is_forked(project)
    assert not is_forked(project, PYTHONHASHSEED="1")
    assert not is_forked(project, OMP_NUM_THREADS="1")
