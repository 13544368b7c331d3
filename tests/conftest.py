"""Fixtures: the real data, and DVC repositories for experiments."""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from filelock import FileLock
from hypothesis import settings
from playwright.sync_api import Browser, sync_playwright
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from handwriting.common.images import LabelledImages
from handwriting.common.stage import read_params
from handwriting.data import datasets, mirrors, table
from tests.helpers import (
    MIRROR,
    PROJECT,
    SUBMISSION,
    UNLABELLED,
    Repository,
    clone,
    copy,
    unlabelled_digits,
)

# On a busy machine, a fast example may take long. A run tries the same examples as the one before.
settings.register_profile("project", deadline=None, derandomize=True)
settings.load_profile("project")

# Fast tests first, so that a mistake shows early.
_FOLDERS = ("unit", "results", "data", "pipeline", "faults", "model")


_BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_BROWSER_ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
)

# The tests that build the whole pipeline on all of the real data.
_FULL = ("tests/pipeline/test_full.py", "tests/model/")
# Each test changes a copy of the small pipeline, so that any process can run it.
_INDEPENDENT = (
    "tests/pipeline/test_bad_input.py",
    "tests/pipeline/test_small.py",
    "tests/pipeline/test_run.py",
    "tests/pipeline/test_shared.py",
    "tests/faults/",
)
# Those of them that take longest, the longest first.
_LONG = (
    "test_two_clones",
    "test_a_dataset_is_a_change_of_params",
    "test_a_model_is_a_change_of_params",
    "test_a_setting_that_was_computed_before",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Order tests by folder, those that build the whole pipeline last.

    If several processes share them, one process begins with those, and the other ones end with
    tests that are not in a group and take little time, so that no process has to wait for another.
    """
    is_shared = "PYTEST_XDIST_WORKER" in os.environ

    def place(item: pytest.Item) -> tuple[bool, bool, int, int]:
        is_full = item.nodeid.startswith(_FULL)
        is_single = is_shared and item.nodeid.startswith(_INDEPENDENT)
        is_long = [not item.name.startswith(name) for name in _LONG]
        n_before = is_long.index(False) if False in is_long else len(_LONG)
        return is_full != is_shared, is_single, _FOLDERS.index(_folder(item)), n_before * is_shared

    items.sort(key=place)


class _PipelineScheduling(LoadScopeScheduling):
    """Divides the tests among processes: by test where they take long, else by module.

    The whole pipeline is built in only one process.
    """

    def _split_scope(self, nodeid: str) -> str:
        if nodeid.startswith(_FULL):
            return "full"
        return nodeid if nodeid.startswith(_INDEPENDENT) else nodeid.partition("::")[0]


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> _PipelineScheduling:
    """Return the scheduler of `pytest --numprocesses 2`; it keeps the order of the tests."""
    config.option.loadscopereorder = False
    return _PipelineScheduling(config, log)


def _folder(item: pytest.Item) -> str:
    return item.path.relative_to(PROJECT / "tests").parts[0]


@pytest.fixture(autouse=True)
def forgotten_params(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stage is a process of its own; in tests, each begins without another one's parameters."""
    monkeypatch.setattr(read_params, "_loaded", [])


@pytest.fixture(scope="session")
def mirror() -> Path:
    """The folder of MNIST's real files; without it tests are skipped, but not where CI is set."""
    if not MIRROR.is_dir():
        message = "MNIST's files are not in ../shared/mnist"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    return MIRROR


@pytest.fixture(scope="session")
def mnist(mirror: Path) -> LabelledImages:
    """All of MNIST, with its writers."""
    contents = mirrors.fetch_files(
        {**datasets.MNIST, **datasets.QMNIST_LABELS}, [str(mirror)], 1, print, progress=False
    )
    return datasets.build_mnist(contents, contents)


@pytest.fixture(scope="session")
def digits() -> LabelledImages:
    """scikit-learn's digits."""
    return datasets.load_digits()


@pytest.fixture(scope="session")
def built_small(tmp_path_factory: pytest.TempPathFactory, mnist: LabelledImages) -> Repository:
    """The whole graph, built on the real digits and on 1,000 images of MNIST; not to be changed."""
    return _build_once("small", tmp_path_factory, lambda root: _build_small(root, mnist))


@pytest.fixture(scope="session")
def built_short(built_small: Repository, tmp_path_factory: pytest.TempPathFactory) -> Repository:
    """The small pipeline with one dataset and two models, so that a run is short."""
    return _build_once("short", tmp_path_factory, lambda root: _build_short(root, built_small))


def _build_once(
    name: str, folders: pytest.TempPathFactory, build: Callable[[Path], Repository]
) -> Repository:
    """Return a pipeline that is built once for all processes, or a copy of it."""
    own = folders.mktemp(name) / "project"
    if "PYTEST_XDIST_WORKER" not in os.environ:
        return build(own)
    # The processes have neighbouring folders. The first one to come builds it, the others wait.
    shared = folders.getbasetemp().parent / name / "project"
    with FileLock(shared.parent.with_suffix(".lock")):
        built = Repository(shared) if shared.is_dir() else build(shared)
    return copy(built, own)


def _build_small(root: Path, mnist: LabelledImages) -> Repository:
    """Build the small pipeline; after a failure nothing is left in its place."""
    repository = clone(root.with_name("unfinished"))
    index = np.r_[0:800, 60_000:60_200]
    table.write(mnist.take(index), repository.root / "some_mnist.csv")
    digits = datasets.load_digits()
    np.savetxt(repository.root / UNLABELLED, digits.pixels[:30], fmt="%d", delimiter=";")

    def shrink(params: dict) -> None:
        mnist = params["datasets"]["mnist"]
        mnist["source"] = {"kind": "csv", "location": "some_mnist.csv"}
        mnist["split"]["train"] = 800
        for dataset in params["datasets"].values():
            dataset["models"]["forest"]["n_estimators"] = 10
            dataset["grids"]["forest"]["n_estimators"] = [10]
            for model in ("svc", "svc_raw"):
                dataset["grids"][model] = {"C": [1, 10], "gamma": [0.001, 0.02]}
        params["verdict"]["n_resamples"] = 200
        params["suspects"]["min_accuracy"] = 0.95  # two models of digits, one of MNIST
        params["submissions"] = {SUBMISSION: unlabelled_digits()}

    repository.edit_params(shrink)
    # The protocols about MNIST need 5,000 of its images; 20 seeds of a forest take long.
    file = repository.root / "claims.yaml"
    claims = file.read_text().replace("n_rows: 5000", "n_rows: 500")
    file.write_text(claims.replace("n_seeds: 20", "n_seeds: 2"))
    # DVC reads and writes all of it after each stage, which takes longer than most of the stages.
    (repository.root / "dvc.lock").unlink()
    repository.succeed("dvc", "repro", "--quiet")
    repository.commit()
    return Repository(repository.root.rename(root))


def _build_short(root: Path, small: Repository) -> Repository:
    """Reduce a copy of the small pipeline; after a failure nothing is left in its place."""
    repository = copy(small, root.with_name("unfinished"))

    def reduce(params: dict) -> None:
        del params["datasets"]["mnist"]
        digits = params["datasets"]["digits"]
        for model in ("svc", "svc_raw"):
            for models in (params["models"], digits["models"], digits["grids"]):
                del models[model]

    repository.edit_params(reduce)
    repository.succeed("python", "-m", "tools.run")
    repository.commit()
    return Repository(repository.root.rename(root))


@pytest.fixture
def small(built_small: Repository, tmp_path: Path) -> Repository:
    """A copy of the small pipeline, built and committed, to change at will."""
    return copy(built_small, tmp_path / "project")


@pytest.fixture
def short(built_short: Repository, tmp_path: Path) -> Repository:
    """A copy of the short pipeline, for what does not depend on the number of its stages."""
    return copy(built_short, tmp_path / "project")


@pytest.fixture(scope="session")
def full(tmp_path_factory: pytest.TempPathFactory, mirror: Path) -> Repository:
    """The whole pipeline as it is committed, built from nothing on all of the real data.

    All of its processes start normally, as in `make run`.
    """
    folder = tmp_path_factory.mktemp("full")
    (folder / "shared").mkdir()
    (folder / "shared" / "mnist").symlink_to(mirror)
    repository = clone(folder / "project", is_forked=False)
    # DVC does not run a stage whose outputs are as locked, and these are in git.
    for name in ("metrics", "plots"):
        shutil.rmtree(repository.root / name)
    repository.succeed("dvc", "repro")
    return repository


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """The system's Chromium; without it tests are skipped, but never where CI is set."""
    path = next(filter(None, map(shutil.which, _BROWSERS)), None)
    if path is None:
        message = f"no browser found: none of {', '.join(_BROWSERS)}"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(_BROWSER_ARGUMENTS))
        yield browser
        browser.close()
