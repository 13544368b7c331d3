"""The pipeline that is damaged, and the table of what happened."""

import os
from pathlib import Path

import pytest

from tests.faults import table
from tests.faults.pipelines import BuiltPipeline, DamagedPipeline, build
from tests.helpers import Repository


@pytest.fixture(scope="session")
def built(built_short: Repository, tmp_path_factory: pytest.TempPathFactory) -> BuiltPipeline:
    """The short pipeline, built; not to be changed."""
    return build(built_short, tmp_path_factory.mktemp("faults") / "project")


@pytest.fixture
def pipeline(built: BuiltPipeline, tmp_path: Path) -> DamagedPipeline:
    """A copy of it."""
    return built.copy(tmp_path / "project")


class _Record:
    """What each test that has passed says about its run, in the process that reports.

    It is kept in pytest's cache from run to run: after a failure, `make test-faults-rest` runs only
    what has not passed yet, and the table has everything. With `WRITE_FAULTS=selected`, a run of
    some tests replaces their rows and leaves the others as they are on the page.
    """

    KEY = "faults/passed"

    def __init__(self, config: pytest.Config, wanted: str) -> None:
        self.cache = config.cache
        self.wanted = wanted
        self.passed = self.cache.get(self.KEY, {}) if wanted == "rest" else {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Remember a test that has passed."""
        if report.when == "call" and report.passed:
            self.passed[report.nodeid] = [tuple(value) for value in report.user_properties]
            if self.wanted != "selected":
                self.cache.set(self.KEY, self.passed)

    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        """Write the table if no test failed."""
        if exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED):
            said = table.Record()
            for values in self.passed.values():
                for name, value in values:
                    said.add(name, value)
            record = table.Record()
            if self.wanted == "selected":
                record = table.read()
            record.update(said)
            table.write(record)


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
        session.config.pluginmanager.register(_Record(session.config, wanted))
