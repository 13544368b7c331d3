"""Which modules of the project a module imports, directly or not, read off their syntax."""

import ast
from pathlib import Path

PACKAGES = ("handwriting", "stages", "tools")


def imported_files(file: Path, root: Path) -> set[str]:
    """Name the project's files that running `file` may import, itself included."""
    found: set[str] = set()
    waiting = [file.relative_to(root)]
    while waiting:
        current = waiting.pop()
        if current.as_posix() in found:
            continue
        found.add(current.as_posix())
        waiting += _packages(current)
        waiting += _direct_imports(current, root)
    return found


def direct_imports(file: Path, root: Path) -> set[str]:
    """Name the project's files that `file` imports itself, without those of its packages."""
    found = _direct_imports(file.relative_to(root), root)
    return {path.as_posix() for path in found if path.name != "__init__.py"}


def _packages(file: Path) -> list[Path]:
    return [parent / "__init__.py" for parent in file.parents if parent != Path()]


def _direct_imports(file: Path, root: Path) -> list[Path]:
    files = []
    for node in ast.walk(ast.parse((root / file).read_text(encoding="utf-8"))):
        match node:
            case ast.Import(names=names):
                modules = [alias.name for alias in names]
            case ast.ImportFrom(module=str(module), names=names, level=0):
                modules = [module, *(f"{module}.{alias.name}" for alias in names)]
            case ast.ImportFrom(level=level) if level:
                raise AssertionError(f"{file}: relative import; the project imports by full name")
            case _:
                continue
        for module in modules:
            path = Path(*module.split("."))
            if path.parts[0] in PACKAGES:
                candidates = (path.with_suffix(".py"), path / "__init__.py")
                files += [path for path in candidates if (root / path).is_file()]
    return files
