from pathlib import Path

import pytest

from tools.leftovers import delete_leftovers


def test_leftovers_of_killed_processes_are_deleted_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("models/digits/.tree.skops.tmp-x/tree.skops", "data/raw/digits.csv", ".env"):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text("")
    Path(".report.html.tmp-x").mkdir()
    delete_leftovers()
    files = [path.as_posix() for path in Path().rglob("*") if path.is_file()]
    assert sorted(files) == [".env", "data/raw/digits.csv"]
    assert list(Path("models/digits").iterdir()) == []
