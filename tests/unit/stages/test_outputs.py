import errno
import resource
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from handwriting.common.errors import InputError
from handwriting.common.stage import read_params
from handwriting.common.stage.outputs import atomic_write, write_csv, write_json
from tests.helpers import PROJECT


class UnexpectedError(Exception):
    """What a failing block raises."""


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def write_half_a_file(path: Path) -> None:
    with atomic_write(path) as temporary:
        temporary.write_text("half of the n")
        raise UnexpectedError


def write_half_a_folder(path: Path) -> None:
    with atomic_write(path) as temporary:
        temporary.mkdir()
        (temporary / "new.txt").write_text("half of the n")
        raise UnexpectedError


def write_large_text(path: Path) -> None:
    with atomic_write(path) as folder:
        folder.mkdir()
        write_csv(["number"], [[number] for number in range(10_000)], folder / "large.csv")


def write_large_array(path: Path) -> None:
    with atomic_write(path / "large.npy") as file:
        np.save(file, np.arange(10_000))


def test_a_file_is_written_with_its_folders(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "result.txt"
    with atomic_write(path) as temporary:
        temporary.write_text("new")
        assert not path.exists()
    assert path.read_text() == "new"
    assert names(path.parent) == ["result.txt"]


def test_a_file_replaces_the_old_one_at_the_end_of_the_block(tmp_path: Path) -> None:
    path = tmp_path / "result.txt"
    path.write_text("old")
    with atomic_write(path) as temporary:
        temporary.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert names(tmp_path) == ["result.txt"]


def test_a_folder_replaces_the_old_one_with_everything_in_it(tmp_path: Path) -> None:
    path = tmp_path / "results"
    path.mkdir()
    (path / "old.txt").write_text("old")
    with atomic_write(path) as temporary:
        temporary.mkdir()
        (temporary / "new.txt").write_text("new")
        assert names(path) == ["old.txt"]
    assert names(path) == ["new.txt"]
    assert names(tmp_path) == ["results"]


def test_a_failure_leaves_the_old_file_and_nothing_temporary(tmp_path: Path) -> None:
    path = tmp_path / "result.txt"
    path.write_text("old")
    with pytest.raises(UnexpectedError):
        write_half_a_file(path)
    assert path.read_text() == "old"
    assert names(tmp_path) == ["result.txt"]


def test_a_failure_leaves_the_old_folder_and_nothing_temporary(tmp_path: Path) -> None:
    path = tmp_path / "results"
    path.mkdir()
    (path / "old.txt").write_text("old")
    with pytest.raises(UnexpectedError):
        write_half_a_folder(path)
    assert names(path) == ["old.txt"]
    assert names(tmp_path) == ["results"]


def test_a_failure_without_an_old_file_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(UnexpectedError):
        write_half_a_file(tmp_path / "result.txt")
    assert names(tmp_path) == []


def test_what_a_killed_process_left_is_deleted(tmp_path: Path) -> None:
    path = tmp_path / "result.txt"
    code = (
        "import os, signal, sys; from pathlib import Path\n"
        "from handwriting.common.stage.outputs import atomic_write\n"
        "with atomic_write(Path(sys.argv[1])) as temporary:\n"
        "    temporary.write_text('half of the n')\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    for _ in range(2):
        done = subprocess.run([sys.executable, "-c", code, str(path)], cwd=PROJECT)
        assert done.returncode == -signal.SIGKILL
    (leftover,) = names(tmp_path)
    assert leftover.startswith(".result.txt.tmp-")
    with atomic_write(path) as temporary:
        temporary.write_text("new")
    assert names(tmp_path) == ["result.txt"]


def test_temporary_files_of_other_outputs_are_kept(tmp_path: Path) -> None:
    other = tmp_path / ".result.txt.gz.tmp-abc"
    other.mkdir()
    with atomic_write(tmp_path / "result.txt") as temporary:
        temporary.write_text("new")
    assert names(tmp_path) == [other.name, "result.txt"]


def test_csv_and_json_have_six_significant_digits_and_unix_line_ends(tmp_path: Path) -> None:
    write_csv(("a", "b"), [(1 / 3, 2), (None, 1234567), ("x,y", 1e-9 / 3)], tmp_path / "table.csv")
    expected = b'a,b\n0.333333,2\n,1234567\n"x,y",3.33333e-10\n'
    assert (tmp_path / "table.csv").read_bytes() == expected
    write_json({"b": 2 / 3, "a": 7}, tmp_path / "metrics.json")
    assert (tmp_path / "metrics.json").read_bytes() == b'{\n  "b": 0.666667,\n  "a": 7\n}\n'


def test_a_failure_while_rows_are_computed_leaves_the_old_table(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    write_csv(("a",), [(1,)], path)
    before = path.read_bytes()
    with pytest.raises(ZeroDivisionError):
        write_csv(("a",), ((1 / n,) for n in (1, 0)), path)
    assert path.read_bytes() == before
    assert names(tmp_path) == ["table.csv"]


@pytest.mark.parametrize("write", [write_large_text, write_large_array])
def test_a_full_disk_is_one_line_with_the_name_of_the_output(
    write: Callable[[Path], None], tmp_path: Path
) -> None:
    """The limit of the size of a file makes a write fail as a full disk does."""
    path = tmp_path / "results"
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        with pytest.raises(
            InputError, match=r"^\S+/results/large.*: cannot be written: "
        ) as raised:
            write(path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert ".tmp-" not in str(raised.value)
    assert "run `dvc repro`" in str(raised.value)
    assert [found for found in tmp_path.rglob("*") if found.is_file()] == []


def test_an_error_while_an_input_is_read_is_not_taken_for_one_of_the_output(
    tmp_path: Path,
) -> None:
    with (
        pytest.raises(PermissionError),
        atomic_write(tmp_path / "results" / "numbers.csv"),
    ):
        raise PermissionError(errno.EACCES, "Permission denied", str(tmp_path / "data" / "input"))


def test_parameters_that_change_in_the_meantime_keep_the_output_from_being_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    params = (PROJECT / "params.yaml").read_text()
    Path("params.yaml").write_text(params)
    read_params.load()
    Path("params.yaml").write_text(params + "# a comment\n")
    write_json({"number": 1}, Path("first.json"))
    Path("params.yaml").write_text(params.replace("\nseed: 0\n", "\nseed: 1\n"))
    with pytest.raises(InputError, match=r"^params.yaml: changed while this stage ran"):
        write_json({"number": 2}, Path("second.json"))
    read_params.load()
    assert names(tmp_path) == ["first.json", "params.yaml"]
