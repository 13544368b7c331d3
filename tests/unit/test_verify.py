"""`tools.verify` on a small DVC repository."""

import subprocess
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from handwriting.common.errors import InputError
from tests.helpers import Repository
from tools.verify import verify

GRAPH = """\
stages:
  write:
    cmd: python write.py
    outs: [numbers.csv, folder]
"""
PROGRAM = """\
from pathlib import Path
Path("numbers.csv").write_text("1,2,3")
Path("folder").mkdir()
Path("folder/a.txt").write_text("a")
"""


NO_MD5 = "schema: '2.0'\nstages: {a: {cmd: a, outs: [{path: a}]}}\n"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    """A repository with one stage that has run, which becomes the working directory."""
    repository = Repository(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", repository.environment["PATH"])
    subprocess.run(["git", "init", "--quiet"], check=True)
    repository.succeed("dvc", "init", "--quiet")
    Path("dvc.yaml").write_text(GRAPH)
    Path("write.py").write_text(PROGRAM)
    repository.succeed("dvc", "repro", "--quiet")
    return repository


def stored(name: str) -> Path:
    """Return where the cache has an output."""
    [entry] = YAML(typ="safe").load(Path("dvc.lock"))["stages"].values()
    checksum = next(output["md5"] for output in entry["outs"] if output["path"] == name)
    return Path(".dvc/cache/files/md5", checksum[:2], checksum[2:])


def damage(path: Path) -> None:
    """Change a file of the cache, which DVC trusts because of its mode."""
    path.chmod(0o644)
    path.write_text("damaged")
    path.chmod(0o444)


def test_a_sound_cache_has_no_damage(project: Repository) -> None:
    assert verify() == []


def test_a_damaged_file_is_deleted_and_built_again(project: Repository) -> None:
    damage(stored("numbers.csv"))
    Path("numbers.csv").unlink()
    project.succeed("dvc", "checkout")
    assert Path("numbers.csv").read_text() == "damaged", "DVC itself does not notice"
    assert verify() == ["numbers.csv: damaged in DVC's cache; deleted there; run `dvc repro`"]
    project.succeed("dvc", "repro")
    assert Path("numbers.csv").read_text() == "1,2,3"
    assert verify() == []


def test_a_damaged_list_of_files_is_deleted(project: Repository) -> None:
    damage(stored("folder"))
    assert verify() == ["folder: damaged in DVC's cache; deleted there; run `dvc repro`"]
    assert not stored("folder").exists()


def test_a_file_that_is_not_in_the_cache_is_no_damage(project: Repository) -> None:
    stored("numbers.csv").unlink()
    assert verify() == []


@pytest.mark.parametrize(
    "content",
    ["", "<<<<<<< HEAD\n", "stages: [1]\n", "- 1\n", "stages: {a: 1}\n", "\x01", "\xff", NO_MD5],
)
def test_a_damaged_lock_is_one_line(project: Repository, content: str) -> None:
    Path("dvc.lock").write_text(content, encoding="latin-1")
    with pytest.raises(InputError, match=r"^dvc.lock: damaged; run `git checkout dvc.lock`$"):
        verify()


@pytest.mark.parametrize("checksum", ["aa/../../outside", "/etc/passwd", "", None, 1])
def test_what_is_not_a_checksum_is_refused_and_names_no_file(
    project: Repository, checksum: object, tmp_path: Path
) -> None:
    outside = tmp_path / ".dvc/cache/files/outside"
    outside.write_text("kept")
    lock = YAML(typ="safe").load(Path("dvc.lock"))
    lock["stages"]["write"]["outs"][0]["md5"] = checksum
    with Path("dvc.lock").open("w") as file:
        YAML().dump(lock, file)
    with pytest.raises(InputError, match=r"^dvc\.lock: .*(not a checksum|damaged)"):
        verify()
    assert outside.read_text() == "kept"


def test_a_list_of_files_cannot_name_other_files(project: Repository) -> None:
    outside = Path(".dvc/cache/files/outside")
    outside.write_text("kept")
    listing = stored("folder")
    listing.chmod(0o644)
    listing.write_text('[{"md5": "aa/../../outside", "relpath": "a.txt"}]')
    verify()
    assert outside.read_text() == "kept"
