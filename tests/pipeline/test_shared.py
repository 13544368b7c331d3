"""Results that another clone has pushed: a folder and an SSH server as the remote."""

import getpass
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from tests.helpers import Repository

SSHD = shutil.which("sshd", path="/usr/sbin:/usr/local/sbin:/usr/bin")


@dataclass(frozen=True)
class Remote:
    """Where DVC pushes to: the settings of the remote, and the folder in which the files end."""

    url: str
    settings: dict[str, str]
    folder: Path
    home: Path


@pytest.fixture(params=["folder", "ssh"])
def remote(request: pytest.FixtureRequest, tmp_path: Path) -> Remote:
    folder, home = tmp_path / "remote", tmp_path / "home"
    folder.mkdir()
    (home / ".ssh").mkdir(parents=True, mode=0o700)
    if request.param == "folder":
        return Remote(str(folder), {}, folder, home)
    port = request.getfixturevalue("ssh_server")
    url = f"ssh://{getpass.getuser()}@127.0.0.1:{port}{folder}"
    return Remote(url, {"keyfile": str(home / ".ssh" / "id_ed25519")}, folder, home)


@pytest.fixture
def ssh_server(tmp_path: Path) -> Iterator[int]:
    """An OpenSSH server on the loopback interface; yields its port."""
    if SSHD is None:
        message = "the OpenSSH server is not installed"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    keys = tmp_path / "home" / ".ssh"
    for name in ("id_ed25519", "host"):
        command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(keys / name)]
        subprocess.run(command, check=True)
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    public = (keys / "host.pub").read_text()
    (keys / "known_hosts").write_text(f"[127.0.0.1]:{port} {public}")
    options = {
        "Port": port,
        "ListenAddress": "127.0.0.1",
        "HostKey": keys / "host",
        "AuthorizedKeysFile": keys / "id_ed25519.pub",
        "StrictModes": "no",
        "PasswordAuthentication": "no",
        "PidFile": "none",
        "Subsystem": "sftp internal-sftp",
    }
    config = tmp_path / "sshd_config"
    config.write_text("".join(f"{name} {value}\n" for name, value in options.items()))
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)  # where the server shuts itself in
    server = subprocess.Popen([SSHD, "-D", "-f", config], stderr=subprocess.DEVNULL)
    for _ in range(100):
        with socket.socket() as connection:
            if connection.connect_ex(("127.0.0.1", port)) == 0:
                break
        time.sleep(0.1)
    yield port
    server.terminate()
    server.wait()


@pytest.fixture
def shared(short: Repository, remote: Remote, monkeypatch: pytest.MonkeyPatch) -> Repository:
    """The short pipeline with a remote, everything pushed and committed."""
    monkeypatch.setenv("HOME", str(remote.home))
    short.succeed("dvc", "remote", "add", "--default", "team", remote.url)
    for name, value in {"verify": "true", **remote.settings}.items():
        short.succeed("dvc", "remote", "modify", "team", name, value)
    short.commit()
    short.succeed("python", "-m", "tools.push")
    return short


def clone_of(repository: Repository, root: Path) -> Repository:
    repository.succeed("git", "clone", "--quiet", ".", str(root))
    return Repository(root)


def another_tree(params: dict) -> None:
    params["datasets"]["digits"]["models"]["tree"]["max_depth"] = 5


def test_another_clone_gets_every_result_without_running_a_stage(
    shared: Repository, tmp_path: Path
) -> None:
    """Those of the commit, and those of a setting that somebody tried and did not commit."""
    before = (shared.root / "params.yaml").read_bytes()
    shared.edit_params(another_tree)
    assert "evaluate@digits-tree" in shared.stages_run_by("dvc", "repro")
    shared.succeed("python", "-m", "tools.push")
    lock = (shared.root / "dvc.lock").read_text()
    (shared.root / "params.yaml").write_bytes(before)

    other = clone_of(shared, tmp_path / "clone")
    other.succeed("dvc", "pull", "--run-cache")
    assert other.stages_run_by("dvc", "repro") == set()
    assert other.succeed("git", "status", "--short") == ""

    other.edit_params(another_tree)
    restored = other.stages_restored_by("dvc", "repro", "--pull")
    assert {"train@digits-tree", "evaluate@digits-tree", "compare@digits"} <= restored
    assert (other.root / "dvc.lock").read_text() == lock


def test_a_tampered_file_in_the_remote_is_refused(
    shared: Repository, remote: Remote, tmp_path: Path
) -> None:
    lock = YAML(typ="safe").load(shared.root / "dvc.lock")
    [model] = lock["stages"]["train@digits-tree"]["outs"]
    md5 = model["md5"]
    stored = remote.folder / "files" / "md5" / md5[:2] / md5[2:]
    stored.chmod(0o644)
    content = bytearray(stored.read_bytes())
    content[1000] ^= 1
    stored.write_bytes(content)

    other = clone_of(shared, tmp_path / "clone")
    done = other.run("dvc", "pull")
    assert done.returncode != 0
    assert "models/digits/tree.skops" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (other.root / "models/digits/tree.skops").exists()
