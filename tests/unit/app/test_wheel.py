"""The wheel: what is in it, what it declares, and that it works in an empty environment."""

import ast
import email
import os
import subprocess
import sys
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.metadata import distribution, packages_distributions
from pathlib import Path

import numpy as np
import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from PIL import Image

from handwriting.common.images import LabelledImages
from tests.helpers import PROJECT

# What only the stages of the pipeline use; it is not needed to read digits.
FOR_STAGES = ("claims", "common/stage", "evaluation", "figures", "pages")
# What comes with a declared package, or with Dask, if a cluster is used.
ALONG = {"pydantic_core", "cloudpickle"}
FOR_STAGES_MODULES = ("data/mirrors.py", "model_selection.py", "models/svm/solvers.py")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", folder],
        cwd=PROJECT,
        check=True,
        capture_output=True,
    )
    (path,) = folder.glob("*.whl")
    return path


def test_the_wheel_has_the_package_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
    listed = subprocess.run(
        ["git", "ls-files", "handwriting"], cwd=PROJECT, check=True, capture_output=True, text=True
    )
    assert names == {name for name in listed.stdout.split() if (PROJECT / name).is_file()}


@dataclass(frozen=True)
class Environment:
    """A virtual environment."""

    root: Path

    @property
    def python(self) -> Path:
        return self.root / "bin" / "python"

    @property
    def packages(self) -> Path:
        (folder,) = self.root.glob("lib/python*/site-packages")
        return folder

    def run(
        self, *command: str | Path, cwd: Path | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run a command without what this process has in its environment for Python."""
        # A user's own settings of pip, for example where it looks for packages, stay.
        variables = {key: os.environ[key] for key in os.environ if not key.startswith("PYTHON")}
        return subprocess.run(command, cwd=cwd, env=variables, capture_output=True, text=True)


def create(root: Path, wheel: Path, *options: str) -> Environment:
    """Create an empty environment and install the wheel into it."""
    subprocess.run([sys.executable, "-m", "venv", root], check=True, capture_output=True)
    environment = Environment(root)
    done = environment.run(environment.python, "-m", "pip", "install", *options, wheel)
    assert done.returncode == 0, done.stderr
    return environment


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """An environment with the wheel and nothing else; no package is downloaded."""
    return create(tmp_path_factory.mktemp("installed") / "venv", wheel, "--no-deps", "--no-index")


@pytest.fixture(scope="module")
def requirements(installed: Environment) -> list[Requirement]:
    """What the installed package declares and this machine needs."""
    (file,) = installed.packages.glob("handwriting-*.dist-info/METADATA")
    metadata = email.message_from_bytes(file.read_bytes())
    found = map(Requirement, metadata.get_all("Requires-Dist"))
    return [item for item in found if item.marker is None or item.marker.evaluate()]


@pytest.fixture(scope="module")
def with_dependencies(
    wheel: Path, requirements: list[Requirement], tmp_path_factory: pytest.TempPathFactory
) -> Environment:
    """The same with the declared packages and what they need, but no others.

    They are links to the packages that the tests use, so that nothing is downloaded.
    """
    root = tmp_path_factory.mktemp("dependencies") / "venv"
    environment = create(root, wheel, "--no-deps", "--no-index")
    for name in closure(requirements):
        found = distribution(name)
        # The first part of each path: a package, a module, or metadata.
        for entry in {file.parts[0] for file in found.files or [] if file.parts[0] != ".."}:
            target = environment.packages / entry
            if entry != "__pycache__" and not target.exists():
                target.symlink_to(Path(str(found.locate_file(entry))))
    return environment


def closure(requirements: Iterable[Requirement]) -> set[str]:
    """Return the names of packages and of all that they need, directly or not."""
    found: set[str] = set()
    open_: list[tuple[Requirement, str]] = [(item, "") for item in requirements]
    while open_:
        requirement, extra = open_.pop()
        if requirement.marker is not None and not requirement.marker.evaluate({"extra": extra}):
            continue
        name = canonicalize_name(requirement.name)
        if name not in found:
            found.add(name)
            open_ += [
                (Requirement(text), wanted)
                for text in distribution(name).requires or []
                for wanted in ("", *requirement.extras)
            ]
    return found


def test_the_command_starts_without_any_other_package(installed: Environment) -> None:
    """It imports other packages only for what it is asked to do."""
    assert {path.name.partition("-")[0] for path in installed.packages.iterdir()} - {
        "pip",
        "setuptools",
        "pkg_resources",
        "_distutils_hack",
        "distutils",
    } == {"handwriting"}
    done = installed.run(installed.root / "bin" / "handwriting", "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert "predict" in done.stdout


def test_the_declared_packages_are_those_that_the_tests_use(
    requirements: list[Requirement],
) -> None:
    assert len(requirements) > 5
    for requirement in requirements:
        version = distribution(requirement.name).version
        assert requirement.specifier.contains(version, prereleases=True), requirement


def test_the_installed_package_imports_only_what_it_declares(
    installed: Environment, requirements: list[Requirement]
) -> None:
    declared = {canonicalize_name(requirement.name) for requirement in requirements}
    distributions = packages_distributions()
    root = installed.packages / "handwriting"
    paths = list(root.rglob("*.py"))
    assert len(paths) > 50
    for path in paths:
        module = path.relative_to(root).as_posix()
        if module.startswith(FOR_STAGES) or module in FOR_STAGES_MODULES:
            continue
        for imported in _imports(path) - set(sys.stdlib_module_names) - {"handwriting", *ALONG}:
            names = {canonicalize_name(name) for name in distributions[imported]}
            assert names & declared, f"{module} imports {imported}"


def _imports(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        match node:
            case ast.Import(names=names):
                found |= {alias.name.split(".")[0] for alias in names}
            case ast.ImportFrom(module=str(module)):
                found.add(module.split(".")[0])
    return found


def test_the_installed_command_reads_a_digit(
    with_dependencies: Environment, model_file: Path, mnist: LabelledImages, tmp_path: Path
) -> None:
    assert not (with_dependencies.packages / "dvc").exists()
    read_a_seven(with_dependencies, model_file, mnist, tmp_path)


@pytest.mark.thorough
def test_the_wheel_and_its_dependencies_install_into_an_empty_environment(
    wheel: Path, model_file: Path, mnist: LabelledImages, tmp_path: Path
) -> None:
    """pip gets them from where it is set up to look for packages."""
    environment = create(tmp_path / "venv", wheel)
    done = environment.run(environment.python, "-m", "pip", "check")
    assert done.returncode == 0, done.stdout
    read_a_seven(environment, model_file, mnist, tmp_path)


def read_a_seven(
    environment: Environment, model_file: Path, mnist: LabelledImages, folder: Path
) -> None:
    """Read an image and a table by the installed command, outside the project."""
    pixels = mnist.pixels[60_000]
    Image.fromarray(255 - np.reshape(pixels, (28, 28))).save(folder / "seven.png")
    (folder / "seven.csv").write_text(",".join(map(str, pixels)) + "\n")
    command = [environment.root / "bin" / "handwriting", "predict", "--model", model_file]
    done = environment.run(*command, "seven.png", "seven.csv", cwd=folder)
    assert (done.returncode, done.stderr) == (0, "")
    first, second = done.stdout.splitlines()
    assert first.startswith("seven.png\t7\t")
    assert second.startswith("seven.csv:1\t7\t")
