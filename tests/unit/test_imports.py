"""Imports between the packages run one way."""

from pathlib import Path

import pytest

from tests.helpers import PROJECT
from tests.imports import direct_imports

# What the modules in a folder, or one module, may import besides modules of the same folder. The
# longest matching entry applies.
ALLOWED = {
    "handwriting/common/": [],
    "handwriting/models/": ["handwriting/common/"],
    "handwriting/models/features/": ["handwriting/models/svm/cluster.py"],
    "handwriting/models/svm/": [],
    "handwriting/data/": ["handwriting/common/"],
    "handwriting/figures/": ["handwriting/common/"],
    "handwriting/pages/": ["handwriting/common/"],
    "handwriting/claims/": ["handwriting/common/", "handwriting/models/svm/cluster.py"],
    "handwriting/evaluation/": ["handwriting/common/", "handwriting/models/"],
    "handwriting/evaluation/statistics.py": [],
    "handwriting/pictures/": ["handwriting/common/"],
    "handwriting/recognizer.py": [
        "handwriting/common/",
        "handwriting/models/",
        "handwriting/persistence.py",
        "handwriting/pictures/",
    ],
    "handwriting/app/": ["handwriting/"],
    "handwriting/persistence.py": ["handwriting/common/", "handwriting/models/"],
    "handwriting/model_selection.py": ["handwriting/common/", "handwriting/models/"],
    "handwriting/splits.py": ["handwriting/common/"],
    "stages/": ["handwriting/"],
    "tools/": ["handwriting/"],
}
FILES = sorted(
    path.relative_to(PROJECT).as_posix()
    for package in ("handwriting", "stages", "tools")
    for path in (PROJECT / package).rglob("*.py")
)
MODULES = [file for file in FILES if not file.endswith("/__init__.py")]


def rule(file: str) -> str:
    """Return the entry of `ALLOWED` that applies to a file."""
    return max((entry for entry in ALLOWED if file.startswith(entry)), key=len)


@pytest.mark.parametrize("file", MODULES)
def test_a_module_imports_only_what_its_package_may_import(file: str) -> None:
    entry = rule(file)
    allowed = list(ALLOWED[entry])
    # Stages do not import one another, and a rule for one module has no folder.
    if entry.endswith("/") and entry != "stages/":
        allowed.append(entry)
    imported = direct_imports(PROJECT / file, PROJECT)
    assert {path for path in imported if not path.startswith(tuple(allowed))} == set()


def test_only_what_runs_in_a_clone_reads_and_writes_the_files_of_the_pipeline() -> None:
    own = "handwriting/common/stage/"
    library = [file for file in MODULES if file.startswith("handwriting/")]
    imported = {file: direct_imports(PROJECT / file, PROJECT) for file in library}
    users = {
        file for file, paths in imported.items() if any(path.startswith(own) for path in paths)
    }
    assert all(file.startswith(own) for file in users)


def test_every_rule_applies_to_a_file() -> None:
    assert {rule(file) for file in MODULES} == set(ALLOWED)


def test_init_files_are_empty() -> None:
    tests = [path.relative_to(PROJECT).as_posix() for path in (PROJECT / "tests").rglob("*.py")]
    inits = [file for file in FILES + tests if file.endswith("/__init__.py")]
    assert len(inits) > 10
    assert [file for file in inits if (PROJECT / file).stat().st_size] == []


def test_every_folder_with_modules_is_a_package() -> None:
    folders = {Path(file).parent for file in FILES}
    assert [folder for folder in folders if not (PROJECT / folder / "__init__.py").is_file()] == []


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("import handwriting.common.errors", {"handwriting/common/errors.py"}),
        ("from handwriting.common import errors", {"handwriting/common/errors.py"}),
        ("from handwriting.common.errors import InputError", {"handwriting/common/errors.py"}),
        ("def f():\n    from stages import split", {"stages/split.py"}),
        ("import tools.prune as p, numpy", {"tools/prune.py"}),
        ("import json", set()),
    ],
)
def test_imports_are_found_in_every_form(tmp_path: Path, source: str, expected: set[str]) -> None:
    for file in ("handwriting/common/errors.py", "stages/split.py", "tools/prune.py"):
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).touch()
    (tmp_path / "module.py").write_text(source)
    assert direct_imports(tmp_path / "module.py", tmp_path) == expected


def test_relative_imports_are_refused(tmp_path: Path) -> None:
    (tmp_path / "module.py").write_text("from . import errors")
    with pytest.raises(AssertionError, match="relative import"):
        direct_imports(tmp_path / "module.py", tmp_path)
