import shutil
from pathlib import Path

import pytest

from tools import free_space
from tools.free_space import explain_full_disk, state_folder


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
