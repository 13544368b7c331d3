import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tools import free_space
from tools.free_space import StallWatch, explain_full_disk, state_folder

ENDLESS = "import time; time.sleep(60)"
WITH_A_CHILD = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {ENDLESS!r}])"


def test_the_first_folder_on_a_full_disk_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk counts as full below a limit; here, the limit is its size."""
    monkeypatch.setattr(free_space, "_ALMOST_FULL", shutil.disk_usage(tmp_path).total + 1)
    line = explain_full_disk([tmp_path / "missing", tmp_path, Path("/")])
    assert line is not None
    assert line.startswith(f"the disk of {tmp_path} is full (")
    assert line.endswith("free some space, then run `make run`")
    assert "\n" not in line


def test_a_disk_with_free_space_is_not_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(free_space, "_ALMOST_FULL", 0)
    assert explain_full_disk([tmp_path]) is None


def test_the_folder_of_dvcs_database_can_be_chosen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DVC_SITE_CACHE_DIR", str(tmp_path))
    assert state_folder() == tmp_path


@pytest.mark.parametrize(
    ("program", "limit", "is_stalled"),
    [
        pytest.param(ENDLESS, None, True, id="full disk"),
        pytest.param(ENDLESS, 0, False, id="free space"),
        pytest.param(WITH_A_CHILD, None, False, id="full disk while a stage runs"),
    ],
)
def test_a_process_without_children_on_a_full_disk_is_stalled(
    program: str,
    limit: int | None,
    is_stalled: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    size = shutil.disk_usage(tmp_path).total + 1
    monkeypatch.setattr(free_space, "_FULL", size if limit is None else limit)
    monkeypatch.setattr(free_space, "_SECONDS_STALLED", 0)
    with subprocess.Popen([sys.executable, "-c", program]) as process:
        watch = StallWatch(process.pid, [tmp_path])
        for _ in range(100):
            if bool(watch.process.children()) == (program == WITH_A_CHILD):
                break
            time.sleep(0.1)
        watch.is_stalled()
        time.sleep(0.05)
        found = watch.is_stalled()
        for child in watch.process.children():
            child.kill()
        process.kill()
    assert found == is_stalled
    assert not watch.is_stalled(), "the process has ended"
