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


outcomes: list[tuple[str, str, str]] = []


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Remember what a test says about its run; with several processes, in the one that reports."""
    if report.when == "call" and report.passed:
        outcomes.extend(tuple(value) for name, value in report.user_properties if name == "outcome")


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Write the table after `make test-faults`, if no test failed."""
    if (
        os.environ.get("WRITE_FAULTS")
        and exitstatus == 0
        and not hasattr(session.config, "workerinput")
    ):
        table.write(outcomes)
