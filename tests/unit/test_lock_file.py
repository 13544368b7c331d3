import resource
from pathlib import Path

import pytest

from handwriting.common.errors import InputError
from tools.lock_file import LOCK, change_stages, read_stages

CONTENT = """\
schema: '2.0'
stages:
  first:
    cmd: python first.py
    outs:
    - path: first.csv
      hash: md5
      md5: 00744065e228bc706b7864b152676db2
      size: 3
  second:
    cmd: python second.py
"""


@pytest.fixture(autouse=True)
def lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    LOCK.write_text(CONTENT)


def test_a_changed_file_keeps_its_layout() -> None:
    with change_stages() as stages:
        del stages["second"]
    assert LOCK.read_text() == CONTENT.partition("  second:")[0]
    assert list(read_stages()) == ["first"]


def add_stage() -> None:
    with change_stages() as stages:
        stages["third"] = {"cmd": "python third.py"}


def test_the_file_is_unchanged_if_the_disk_is_full() -> None:
    """The limit of the size of a file makes a write fail as a full disk does."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(CONTENT), limits[1]))
    try:
        with pytest.raises(InputError, match=r"^dvc.lock: cannot be written: "):
            add_stage()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert LOCK.read_text() == CONTENT
    assert [path.name for path in Path().iterdir()] == ["dvc.lock"]
