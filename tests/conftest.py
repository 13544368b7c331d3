"""Where the real data is, and DVC repositories to try things in."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from ruamel.yaml import YAML

from handwriting import mirrors, sources, table
from handwriting.images import Digits

PROJECT = Path(__file__).resolve().parents[1]
MIRROR = PROJECT.parent / "shared" / "mnist"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run what is quick first, so that a mistake shows early."""
    order = ("unit", "data", "pipeline", "model")
    items.sort(key=lambda item: ("full" in item.fixturenames, order.index(_kind(item))))


def _kind(item: pytest.Item) -> str:
    return item.path.relative_to(PROJECT / "tests").parts[0]


@pytest.fixture(scope="session")
def mirror() -> Path:
    """The folder of MNIST's real files; without it tests are skipped, but never where CI is set."""
    if not MIRROR.is_dir():
        message = "MNIST's files are not in ../shared/mnist"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    return MIRROR


@pytest.fixture(scope="session")
def mnist(mirror: Path) -> Digits:
    """All of MNIST, with its writers."""
    contents = mirrors.read(
        {**sources.MNIST, **sources.QMNIST_LABELS}, [str(mirror)], 1, print, progress=False
    )
    return sources.mnist(contents, contents)


@dataclass(frozen=True)
class Repository:
    """A clone of the project in a temporary folder."""

    root: Path

    def run(self, *command: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess:
        """Run a command in the clone with the Python that runs the tests."""
        scripts = str(Path(sys.executable).parent)
        path = os.pathsep.join([scripts, os.environ["PATH"]])
        return subprocess.run(
            command,
            cwd=self.root,
            env={**os.environ, "PATH": path, **(env or {})},
            capture_output=True,
            text=True,
            timeout=1500,
        )

    def succeed(self, *command: str) -> str:
        """Run a command that must end well and return what it printed."""
        done = self.run(*command)
        assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def commit(self) -> None:
        """Commit everything that git does not ignore."""
        self.succeed("git", "add", "--all")
        self.succeed("git", "commit", "--quiet", "--allow-empty", "--message", "as it stands")

    def edit_params(self, edit: Callable[[dict], None]) -> None:
        """Change params.yaml, keeping its comments."""
        yaml = YAML()
        file = self.root / "params.yaml"
        content = yaml.load(file)
        edit(content)
        yaml.dump(content, file)

    def stages_run_by(self, *command: str) -> set[str]:
        """Run a command and name the stages that DVC ran for it."""
        printed = self.succeed(*command)
        lines = [line for line in printed.splitlines() if line.startswith("Running stage '")]
        return {line.split("'")[1] for line in lines}


def clone(root: Path) -> Repository:
    """Clone the project as it stands in the work tree, without anything that DVC cached."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=PROJECT,
        capture_output=True,
        check=True,
        text=True,
    )
    for name in filter(None, listed.stdout.split("\0")):
        if (PROJECT / name).is_file():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(PROJECT / name, root / name)
    repository = Repository(root)
    repository.succeed("git", "init", "--quiet")
    repository.succeed("git", "config", "user.name", "tests")
    repository.succeed("git", "config", "user.email", "tests@localhost")
    repository.commit()
    return repository


@pytest.fixture(scope="session")
def _small(tmp_path_factory: pytest.TempPathFactory, mnist: Digits) -> Repository:
    """The whole graph, built on the real digits and on 1,000 images of MNIST."""
    root = tmp_path_factory.mktemp("small") / "project"
    repository = clone(root)
    index = np.r_[0:800, 60_000:60_200]
    table.write(mnist.take(index), root / "some_mnist.csv")

    def shrink(params: dict) -> None:
        params["datasets"]["mnist"]["source"] = {"kind": "csv", "location": "some_mnist.csv"}
        params["datasets"]["mnist"]["split"]["train"] = 800
        for dataset in params["datasets"]:
            params["models"]["forest"][dataset]["n_estimators"] = 10
            params["tune"]["grids"]["forest"][dataset]["n_estimators"] = [10]
            params["tune"]["grids"]["svc"][dataset] = {"C": [1, 10], "gamma": [0.001, 0.02]}
        params["claims"] = [claim for claim in params["claims"] if claim["dataset"] == "digits"]
        params["verdict"]["resamples"] = 200

    repository.edit_params(shrink)
    repository.succeed("dvc", "repro", "--quiet")
    repository.commit()
    return repository


@pytest.fixture
def small(_small: Repository, tmp_path: Path) -> Repository:
    """A copy of the small pipeline, built and committed, to change at will."""
    shutil.copytree(_small.root, tmp_path / "project", symlinks=True)
    return Repository(tmp_path / "project")


@pytest.fixture(scope="session")
def full(tmp_path_factory: pytest.TempPathFactory, mirror: Path) -> Repository:
    """The whole pipeline as it is committed, built from nothing on all of the real data."""
    folder = tmp_path_factory.mktemp("full")
    (folder / "shared").mkdir()
    (folder / "shared" / "mnist").symlink_to(mirror)
    repository = clone(folder / "project")
    # What is in git would pass for built: DVC does not run a stage whose outputs are as locked.
    for name in ("metrics", "plots"):
        shutil.rmtree(repository.root / name)
    repository.succeed("dvc", "repro")
    return repository
