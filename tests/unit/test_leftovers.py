import os
import time
from pathlib import Path

import pytest

from tools import leftovers
from tools.leftovers import delete_damaged_notes, delete_leftovers

# A temporary name as DVC chooses it.
TEMPORARY = ".MF6T7G4QX9RQ6G0yPdk86g.tmp"
NOTES = Path(".dvc/tmp/rwlock")


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def write(name: str, content: str = "") -> Path:
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    return path


def files() -> list[str]:
    return sorted(path.as_posix() for path in Path().rglob("*") if path.is_file())


def test_leftovers_of_killed_processes_are_deleted_and_nothing_else() -> None:
    for name in (
        "models/digits/.tree.skops.tmp-x/tree.skops",
        "models/digits/.svc.pairs/0f/0-1.npz",
        "data/raw/digits.csv",
        ".env",
    ):
        write(name)
    Path(".report.html.tmp-x").mkdir()
    delete_leftovers(Path("cache"))
    assert files() == [".env", "data/raw/digits.csv"]
    assert list(Path("models/digits").iterdir()) == []


def test_temporary_files_of_dvc_are_deleted_when_nobody_writes_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    kept = [
        "cache/files/md5/db/9f5d4364a9160b0733e375d8b35659",
        "cache/files/md5/db/.short.tmp",
        "data/raw/digits.tmp",
        f"other/{TEMPORARY}",
    ]
    temporary = [
        f"cache/files/md5/{TEMPORARY}",
        f"cache/files/md5/db/{TEMPORARY}",
        f"cache/runs/1a/2b/{TEMPORARY}",
        f"plots/digits/tree/{TEMPORARY}",
    ]
    for name in kept + temporary:
        os.utime(write(name), (0, 0))  # a copy may have the time of the original
    delete_leftovers(Path("cache"))
    assert files() == sorted(kept + temporary), "another process may just be writing them"
    monkeypatch.setattr(leftovers, "_SECONDS_IDLE", 0)
    time.sleep(0.05)
    delete_leftovers(Path("cache"))
    assert files() == sorted(kept)


@pytest.mark.parametrize("content", ["", '{"write": {"/project/da'])
def test_damaged_notes_on_the_files_in_use_are_deleted(content: str) -> None:
    write(str(NOTES), content)
    delete_damaged_notes()
    assert not NOTES.exists()


def test_valid_notes_are_kept_and_missing_ones_are_no_fault() -> None:
    delete_damaged_notes()
    write(str(NOTES), '{"write": {}, "read": {}}')
    delete_damaged_notes()
    assert NOTES.exists()
