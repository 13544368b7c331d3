"""dvc.yaml against the code: a stage's deps and params are exactly what it imports and reads."""

import json
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from handwriting.app.command_line import SUBCOMMANDS
from handwriting.common.params.models import GradientFeatures
from handwriting.common.stage import read_params
from tests.helpers import (
    DATASETS,
    GRAPH,
    MODELS,
    PAIRS,
    PROJECT,
    STAGES,
    SUBMITTED_BY,
    Repository,
    copy,
    definition,
    fill,
)
from tests.imports import imported_files

CODE = ("handwriting/", "stages/")


def code_deps(stage: str) -> list[Path]:
    return [Path(dep) for dep in definition(stage)["deps"] if dep.startswith(CODE)]


def imports(stage: str) -> set[Path]:
    """The project's files that a stage imports, without empty ones."""
    files = imported_files(PROJECT / "stages" / f"{stage}.py", PROJECT)
    return {Path(name) for name in files if (PROJECT / name).stat().st_size}


@pytest.mark.parametrize("stage", STAGES)
def test_every_file_that_a_stage_imports_is_under_a_dep(stage: str) -> None:
    deps = code_deps(stage)
    assert {f for f in imports(stage) if not any(f.is_relative_to(dep) for dep in deps)} == set()


@pytest.mark.parametrize("stage", STAGES)
def test_every_file_under_a_dep_is_imported_by_the_stage(stage: str) -> None:
    files: set[Path] = set()
    for dep in code_deps(stage):
        found = (PROJECT / dep).rglob("*.py") if (PROJECT / dep).is_dir() else [PROJECT / dep]
        files |= {file.relative_to(PROJECT) for file in found if file.stat().st_size}
    modules = {file for file in files if file.suffix == ".py"}
    assert modules - imports(stage) == set()
    templates = {file.name for file in files - modules}
    assert templates == ({"report.html.jinja"} if stage == "report" else set())


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_lists_a_package_where_it_imports_all_of_it(stage: str) -> None:
    single = {dep for dep in code_deps(stage) if dep.suffix == ".py"}
    for package in {dep.parent for dep in single} - {Path("handwriting"), Path("stages")}:
        modules = {
            file.relative_to(PROJECT)
            for file in (PROJECT / package).rglob("*.py")
            if file.stat().st_size
        }
        assert not modules <= single, f"list {package} instead of its modules"


@pytest.mark.parametrize("stage", STAGES)
def test_every_stage_has_a_description_a_module_and_no_dep_twice(stage: str) -> None:
    block = definition(stage)
    assert len(block["desc"]) > 20
    assert block["cmd"].startswith(f"python -m stages.{stage}")
    assert block["deps"] == list(dict.fromkeys(block["deps"]))


def test_the_folder_of_stages_has_one_module_per_stage_and_nothing_else() -> None:
    names = {path.name for path in (PROJECT / "stages").iterdir() if path.name != "__pycache__"}
    assert names == {"__init__.py", "templates", *(f"{stage}.py" for stage in STAGES)}


def test_every_module_of_the_library_serves_a_stage_the_plots_page_or_the_command() -> None:
    library = {f.relative_to(PROJECT) for f in (PROJECT / "handwriting").rglob("*.py")}
    used = set().union(*(imports(stage) for stage in STAGES))
    for module in ("command_line", *SUBCOMMANDS):
        files = imported_files(PROJECT / "handwriting" / "app" / f"{module}.py", PROJECT)
        used |= {Path(name) for name in files}
    assert {file for file in library if (PROJECT / file).stat().st_size} <= used


@pytest.mark.parametrize("stage", STAGES)
def test_the_run_cache_can_serve_a_stage(stage: str) -> None:
    """DVC keeps no stage in it that has a persistent or a plain uncached output, or no dep."""
    block = definition(stage)
    assert block["deps"]
    assert all(isinstance(out, str) for out in block.get("outs", []))
    for output in [*block.get("metrics", []), *block.get("plots", [])]:
        assert isinstance(output, str) or "persist" not in next(iter(output.values()))


def test_artifacts_name_every_model_of_every_dataset() -> None:
    artifacts = {name: artifact["path"] for name, artifact in GRAPH["artifacts"].items()}
    # DVC allows no underscore in these names.
    expected = {
        f"{dataset}-{model}".replace("_", "-"): f"models/{dataset}/{model}.skops"
        for dataset, model in PAIRS
    }
    missing = sorted(expected.keys() - artifacts.keys())
    assert not missing, f"add to artifacts: in dvc.yaml: {', '.join(missing)}"
    assert artifacts == expected


class Recorder:
    """Wraps a part of the parameters and records which keys are read."""

    def __init__(self, part: Any, path: str, keys: set[str]) -> None:
        self._part, self._path, self._keys = part, path, keys

    @property
    def __class__(self) -> type:
        """What isinstance and match see: the part's own type, which its `kind` defines."""
        self._keys.add(self._path)
        return type(self._part)

    def _step(self, value: Any, name: str) -> Any:
        path = f"{self._path}.{name}".removeprefix(".")
        # The parameters of features are read as a whole: pydantic accepts no wrapper of them.
        if isinstance(value, (BaseModel, Mapping)) and not isinstance(value, GradientFeatures):
            return Recorder(value, path, self._keys)
        self._keys.add(path)
        return value

    def __getattr__(self, name: str) -> Any:
        attribute = getattr(type(self._part), name, None)
        if isinstance(attribute, property):
            return attribute.fget(self)
        if isinstance(self._part, Mapping):
            return getattr(self._all(), name)
        if name == "model_dump":
            return self._dump
        if callable(attribute):
            return lambda *arguments: attribute(self, *arguments)
        return self._step(getattr(self._part, name), name)

    def _dump(self, **options: Any) -> dict[str, Any]:
        dumped = self._part.model_dump(**options)
        return {name: self._step(value, name) for name, value in dumped.items()}

    def _all(self) -> dict[str, Any]:
        """The whole mapping; who asks for all keys reads the mapping itself."""
        self._keys.add(self._path)
        return {name: self._step(value, name) for name, value in self._part.items()}

    def __getitem__(self, name: str) -> Any:
        return self._step(self._part[name], name)

    def __contains__(self, name: str) -> bool:
        return name in self._part

    def __len__(self) -> int:
        return len(self._all())

    def __iter__(self) -> Iterator[str]:
        return iter(self._all())


def read_keys(run: Callable[..., None], words: tuple[str, ...], monkeypatch: Any) -> set[str]:
    keys: set[str] = set()
    real = read_params.load
    monkeypatch.setattr(read_params, "load", lambda: Recorder(real(), "", keys))
    run(*words)
    for dataset, model in PAIRS:
        # The kind defines the type of the hyperparameters; the file has it under `models`.
        block = f"datasets.{dataset}.models.{model}"
        if any(_is_under(key, block) for key in keys):
            keys.add(f"models.{model}.kind")
        keys.discard(f"{block}.kind")
    return keys - {""}


@pytest.mark.parametrize("stage", STAGES)
def test_params_are_exactly_the_keys_that_a_stage_reads(
    stage: str, small: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(small.root)
    templates = definition(stage).get("params", [])
    used: set[str] = set()
    command = definition(stage)["cmd"]
    # A stage without a dataset or a model in its command runs once, not once per pair.
    pairs = [SUBMITTED_BY] if stage == "submit" else product(DATASETS, MODELS)
    runs = {tuple(fill(command, *pair, stage).split()[3:]): pair for pair in pairs}
    for words, (dataset, model) in runs.items():
        with monkeypatch.context() as patch:
            keys = read_keys(import_module(f"stages.{stage}").main, words, patch)
        declared = {template: fill(template, dataset, model, stage) for template in templates}
        undeclared = {k for k in keys if not any(_is_under(k, key) for key in declared.values())}
        assert not undeclared, f"{stage} reads {undeclared}"
        used |= {t for t, key in declared.items() if any(_is_under(k, key) for k in keys)}
    assert used == set(templates), f"{stage} does not read {set(templates) - used}"


def _is_under(key: str, section: str) -> bool:
    return key == section or key.startswith(f"{section}.")


WATCHED = """
import json, os, runpy, sys
root = os.getcwd() + os.sep
opened = []
def note(event, arguments):
    if event == "open" and isinstance(arguments[0], str):
        path = os.path.abspath(arguments[0])
        mode = arguments[1] or "r"
        if path.startswith(root) and not set(mode) & set("wax+"):
            opened.append(path.removeprefix(root).replace(os.sep, "/"))
sys.addaudithook(note)
sys.argv = sys.argv[1:]
runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
print(json.dumps({"opened": opened, "modules": sorted(sys.modules)}))
"""

# The stages that need the libraries that are slow to import. scikit-learn imports pandas and
# scipy.stats by itself, and skops imports all of scikit-learn.
FITTING = {"tune", "train", "curve", "evaluate", "claims", "submit"}
SLOW_LIBRARIES = {
    # skops imports all modules of scikit-learn; one of them imports Dask where it is installed, and
    # Dask imports Jinja.
    "jinja2": {"report", "train", "evaluate", "submit"},
    "matplotlib": {"compare", "describe", "draw"},
    "pandas": {"fetch", "flatten"} | FITTING,
    "pooch": {"fetch"},
    "scipy.special": {"fetch", "compare"} | FITTING,
    "scipy.stats": {"fetch"} | FITTING,
    "sklearn": {"fetch"} | FITTING,
    "sklearnex": {"tune", "train", "curve"},
    "skops": {"train", "evaluate", "submit"},
}


@dataclass(frozen=True)
class Watched:
    """What a stage opened for reading, in order, and what it had imported at its end."""

    opened: list[str]
    modules: set[str]


@pytest.fixture(scope="module")
def watched(
    built_small: Repository, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str, str], Watched]:
    """Run a stage for the digits and a model in a small pipeline, once, and watch it."""
    repository = copy(built_small, tmp_path_factory.mktemp("watched") / "project")

    @cache
    def run(stage: str, model: str) -> Watched:
        command = [fill(word, "digits", model, stage) for word in definition(stage)["cmd"].split()]
        printed = repository.succeed(sys.executable, "-B", "-c", WATCHED, *command[2:])
        seen = json.loads(printed.splitlines()[-1])
        files = [name for name in seen["opened"] if (repository.root / name).is_file()]
        return Watched(files, set(seen["modules"]))

    return run


@pytest.mark.parametrize("stage", STAGES)
def test_a_running_stage_opens_only_its_deps(
    stage: str, watched: Callable[[str, str], Watched]
) -> None:
    opened = {
        name
        for name in watched(stage, "forest").opened
        if "__pycache__" not in name
        and name != "params.yaml"
        and not (name.endswith("__init__.py") and not (PROJECT / name).stat().st_size)
    }
    deps = {fill(dep, "digits", "forest", stage) for dep in definition(stage)["deps"]}
    assert f"stages/{stage}.py" in opened
    assert {name for name in opened if not any(Path(name).is_relative_to(d) for d in deps)} == set()


@pytest.mark.parametrize("stage", STAGES)
def test_a_running_stage_reads_no_file_twice(
    stage: str, watched: Callable[[str, str], Watched]
) -> None:
    times = Counter(
        name
        for name in watched(stage, "forest").opened
        # NumPy opens an array twice to map it into memory: for its header and for the map.
        if not name.endswith((".py", ".npy"))
    )
    assert times
    # It is read again before each output gets its name, to see whether it has changed.
    del times["params.yaml"]
    assert {name: count for name, count in times.items() if count > 1} == {}


@pytest.mark.parametrize(
    ("stage", "model"),
    [
        (stage, model)
        for stage in STAGES
        for model in ("forest", "svc", "tree")
        if model == "forest" or "${item.model}" in definition(stage)["cmd"]
    ],
)
def test_a_running_stage_imports_no_slow_library_that_it_does_not_use(
    stage: str, model: str, watched: Callable[[str, str], Watched]
) -> None:
    imported = {name for name in SLOW_LIBRARIES if name in watched(stage, model).modules}
    needed = {name for name, stages in SLOW_LIBRARIES.items() if stage in stages}
    if model != "svc" or find_spec("sklearnex") is None:
        needed -= {"sklearnex"}
    assert imported == needed
