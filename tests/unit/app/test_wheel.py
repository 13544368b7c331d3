import ast
import email
import subprocess
import sys
import zipfile
from importlib.metadata import packages_distributions
from pathlib import Path

import numpy as np
import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from PIL import Image

from handwriting.common.images import LabelledImages
from tests.helpers import PROJECT

# What only the stages of the pipeline use; it is not needed to read digits.
FOR_STAGES = ("claims", "evaluation", "figures", "pages")
# What comes with a declared package.
ALONG = {"pydantic_core"}
FOR_STAGES_MODULES = ("data/mirrors.py", "model_selection.py", "svm/solvers.py")


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


def test_the_wheel_declares_what_it_imports(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = [name for name in archive.namelist() if name.endswith("/METADATA")]
        metadata = email.message_from_bytes(archive.read(name))
    declared = {
        canonicalize_name(Requirement(requirement).name)
        for requirement in metadata.get_all("Requires-Dist")
    }
    distributions = packages_distributions()
    for path in (PROJECT / "handwriting").rglob("*.py"):
        module = path.relative_to(PROJECT / "handwriting").as_posix()
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


def test_the_command_in_the_wheel_reads_a_digit(
    wheel: Path, model_file: Path, mnist: LabelledImages, tmp_path: Path
) -> None:
    """Python imports the package from the wheel itself."""
    Image.fromarray(255 - np.reshape(mnist.pixels[60_000], (28, 28))).save(tmp_path / "seven.png")
    program = (
        f"import sys; sys.path.insert(0, {str(wheel)!r})\n"
        "from handwriting.app import command_line\n"
        f"assert command_line.__file__.startswith({str(wheel)!r})\n"
        f"command_line.main(['predict', '--model', {str(model_file)!r}, 'seven.png'])\n"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-c", program], cwd=tmp_path, capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("seven.png\t7\t")
