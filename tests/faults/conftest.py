"""The pipeline that is damaged, and the table of what happened."""

import os
from pathlib import Path

import pytest

from tests.faults import table
from tests.faults.pipelines import BuiltPipeline, DamagedPipeline, build
from tests.helpers import Repository


@pytest.fixture(scope="session")
def built(built_small: Repository, tmp_path_factory: pytest.TempPathFactory) -> BuiltPipeline:
    """A short pipeline, built; not to be changed."""
    return build(built_small, tmp_path_factory.mktemp("faults") / "project")


@pytest.fixture
def pipeline(built: BuiltPipeline, tmp_path: Path) -> DamagedPipeline:
    """A copy of it."""
    return built.copy(tmp_path / "project")


class _Record:
    """What each test that has passed says about its run, in the process that reports.

    It is kept in pytest's cache from run to run: after a failure, `make test-faults-rest` runs only
    what has not passed yet, and the table has everything.
    """

    KEY = "faults/passed"

    def __init__(self, config: pytest.Config, is_continued: bool) -> None:
        self.cache = config.cache
        self.passed = self.cache.get(self.KEY, {}) if is_continued else {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Remember a test that has passed."""
        if report.when == "call" and report.passed:
            self.passed[report.nodeid] = [tuple(value) for value in report.user_properties]
            self.cache.set(self.KEY, self.passed)

    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        """Write the table if no test failed."""
        if exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED):
            said = [value for values in self.passed.values() for value in values]
            table.write(
                [tuple(value) for name, value in said if name == "outcome"],
                [value for name, value in said if name == "input"],
                [tuple(value) for name, value in said if name == "fuzzer"],
                [tuple(value) for name, value in said if name == "machine"],
            )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what has passed in an earlier run, if only the rest is wanted."""
    if os.environ.get("WRITE_FAULTS") == "rest":
        passed = config.cache.get(_Record.KEY, {})
        config.hook.pytest_deselected(items=[item for item in items if item.nodeid in passed])
        items[:] = [item for item in items if item.nodeid not in passed]


def pytest_sessionstart(session: pytest.Session) -> None:
    """Record what happens in `make test-faults`."""
    wanted = os.environ.get("WRITE_FAULTS")
    if wanted and not hasattr(session.config, "workerinput"):
        session.config.pluginmanager.register(_Record(session.config, wanted == "rest"))
