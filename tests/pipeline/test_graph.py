"""dvc.yaml against the code: nothing that a stage depends on is missing from it or too many."""

import json
import shutil
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
from ruamel.yaml import YAML

from stages import parameters
from tests.conftest import PROJECT, Repository
from tests.imports import imported_files

GRAPH = YAML(typ="safe").load(PROJECT / "dvc.yaml")
PARAMS = YAML(typ="safe").load(PROJECT / "params.yaml")
STAGES = list(GRAPH["stages"])
FITTING = ("train", "tune", "curve")


def definition(stage: str) -> dict[str, Any]:
    block = GRAPH["stages"][stage]
    return block.get("do", block)


def modules(stage: str) -> set[str]:
    return {dep for dep in definition(stage)["deps"] if dep.endswith(".py")}


def fill(template: str, dataset: str, model: str) -> str:
    for variable, value in (("key", dataset), ("item.dataset", dataset), ("item.model", model)):
        template = template.replace(f"${{{variable}}}", value)
    return template


@pytest.mark.parametrize("stage", STAGES)
def test_every_module_that_a_stage_imports_is_its_dep_and_no_other(stage: str) -> None:
    assert modules(stage) == imported_files(PROJECT / "stages" / f"{stage}.py", PROJECT)


@pytest.mark.parametrize("stage", STAGES)
def test_every_stage_has_a_description_a_module_and_lists_without_repetition(stage: str) -> None:
    block = definition(stage)
    assert len(block["desc"]) > 20
    assert block["cmd"].startswith(f"python -m stages.{stage}")
    assert len(block["deps"]) == len(set(block["deps"]))


def test_every_module_of_the_library_serves_a_stage() -> None:
    library = {f"handwriting/{file.name}" for file in (PROJECT / "handwriting").glob("*.py")}
    assert library <= set().union(*(modules(stage) for stage in STAGES))


def test_no_stage_imports_another_and_the_library_imports_no_stage() -> None:
    stages = {f"stages/{stage}.py" for stage in STAGES}
    for stage in STAGES:
        assert modules(stage) & stages == {f"stages/{stage}.py"}
    for file in (PROJECT / "handwriting").glob("*.py"):
        assert not any(name.startswith("stages/") for name in imported_files(file, PROJECT))


class Recorder:
    """Stands for a part of the parameters and notes which keys are read."""

    def __init__(self, part: Any, path: str, keys: set[str]) -> None:
        self._part, self._path, self._keys = part, path, keys

    @property
    def __class__(self) -> type:
        """What isinstance and match see: the part's own type, which its `kind` has decided."""
        self._keys.add(self._path)
        return type(self._part)

    def _step(self, value: Any, name: str) -> Any:
        path = f"{self._path}.{name}".removeprefix(".")
        if isinstance(value, (BaseModel, Mapping)):
            return Recorder(value, path, self._keys)
        self._keys.add(path)
        return value

    def __getattr__(self, name: str) -> Any:
        attribute = getattr(type(self._part), name, None)
        if isinstance(attribute, property):
            return attribute.fget(self)
        if name == "model_dump":
            return self._dump
        if callable(attribute):
            return lambda *words: attribute(self, *words)
        return self._step(getattr(self._part, name), name)

    def _dump(self, exclude: set[str]) -> dict[str, Any]:
        return {name: self._step(value, name) for name, value in self._part if name not in exclude}

    def __getitem__(self, name: str) -> Any:
        return self._step(self._part[name], name)

    def __contains__(self, name: str) -> bool:
        return name in self._part

    def __iter__(self) -> Iterator[str]:
        return iter(self._part)


def read_keys(run: Callable[..., None], words: tuple[str, ...], monkeypatch: Any) -> set[str]:
    keys: set[str] = set()
    real = parameters.load
    monkeypatch.setattr(parameters, "load", lambda: Recorder(real(), "", keys))
    run(*words)
    # pydantic keeps a model's datasets, which are keys of the file's own choice, as extras.
    return {key.replace(".__pydantic_extra__", "") for key in keys}


@pytest.mark.parametrize("stage", STAGES)
def test_params_name_exactly_the_keys_that_a_stage_reads(
    stage: str, small: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(small.root)
    templates = definition(stage).get("params", [])
    used: set[str] = set()
    template = definition(stage)["cmd"].removeprefix(f"python -m stages.{stage}")
    pairs = product(PARAMS["datasets"], PARAMS["models"])
    # A stage without a dataset or a model in its command runs once, not once for each.
    runs = {tuple(fill(template, *pair).split()): pair for pair in pairs}
    for words, (dataset, model) in runs.items():
        with monkeypatch.context() as patch:
            keys = read_keys(import_module(f"stages.{stage}").main, words, patch)
        if stage in FITTING:
            # Read by the typed model, which chooses the hyperparameters' type by it.
            keys.add(f"models.{model}.kind")
        declared = {template: fill(template, dataset, model) for template in templates}
        undeclared = {k for k in keys if not any(_under(k, key) for key in declared.values())}
        assert not undeclared, f"{stage} reads {undeclared}"
        used |= {t for t, key in declared.items() if any(_under(k, key) for k in keys)}
    assert used == set(templates), f"{stage} does not read {set(templates) - used}"


def _under(key: str, section: str) -> bool:
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

# Which stages need the libraries that are slow to import. scikit-learn imports pandas and scipy by
# itself, and skops all of scikit-learn.
SLOW_LIBRARIES = {
    "jinja2": {"report"},
    "matplotlib": {"describe", "tune", "evaluate", "explain"},
    "pooch": {"fetch"},
    "sklearn": set(STAGES) - {"flatten", "describe", "split", "report"},
    "sklearnex": {"tune", "train", "curve"},
    "skops": {"train", "evaluate", "explain"},
}


@dataclass(frozen=True)
class Watched:
    """What a stage that ran opened to read, in order, and what it had imported at its end."""

    opened: list[str]
    modules: set[str]


@pytest.fixture(scope="module")
def watched(
    _small: Repository, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str, str], Watched]:
    """Run a stage for the digits and a model in a small pipeline, once, and watch it."""
    root = tmp_path_factory.mktemp("watched") / "project"
    shutil.copytree(_small.root, root, symlinks=True)
    repository = Repository(root)

    @cache
    def run(stage: str, model: str) -> Watched:
        command = [fill(word, "digits", model) for word in definition(stage)["cmd"].split()]
        printed = repository.succeed(sys.executable, "-B", "-c", WATCHED, *command[2:])
        seen = json.loads(printed.splitlines()[-1])
        files = [name for name in seen["opened"] if (root / name).is_file()]
        return Watched(files, set(seen["modules"]))

    return run


@pytest.mark.parametrize("stage", STAGES)
def test_a_running_stage_opens_only_its_deps(
    stage: str, watched: Callable[[str, str], Watched]
) -> None:
    opened = {
        name
        for name in watched(stage, "forest").opened
        if "__pycache__" not in name and name != "params.yaml"
    }
    deps = {fill(dep, "digits", "forest") for dep in definition(stage)["deps"]}
    assert f"stages/{stage}.py" in opened
    strangers = {name for name in opened if not any(Path(name).is_relative_to(d) for d in deps)}
    assert not strangers


@pytest.mark.parametrize("stage", STAGES)
def test_a_running_stage_reads_no_file_twice(
    stage: str, watched: Callable[[str, str], Watched]
) -> None:
    times = Counter(name for name in watched(stage, "forest").opened if not name.endswith(".py"))
    assert times
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


def test_metrics_plots_and_artifacts_name_every_model_of_every_dataset() -> None:
    pairs = [(dataset, model) for dataset in PARAMS["datasets"] for model in PARAMS["models"]]
    assert set(GRAPH["metrics"]) == {f"metrics/{dataset}/{model}.json" for dataset, model in pairs}
    models = {artifact["path"] for artifact in GRAPH["artifacts"].values()}
    assert models == {f"models/{dataset}/{model}.skops" for dataset, model in pairs}
    sources = {
        source
        for plot in GRAPH["plots"]
        if isinstance(plot, dict)
        for block in plot.values()
        for source in block["y"]
    }
    for dataset, model in pairs:
        assert f"plots/{dataset}/{model}/confusion.csv" in sources
        assert f"plots/{dataset}/{model}/learning_curve.csv" in sources
        assert f"plots/{dataset}/{model}/mistakes.png" in GRAPH["plots"]
