"""`.gitignore` as DVC reads it: DVC looks for its files only in folders that are not ignored."""

from pathlib import Path

import pytest
from dvc.repo import Repo

from tests.helpers import GRAPH, PROJECT, definition, fill


@pytest.fixture(scope="module")
def repo() -> Repo:
    return Repo(PROJECT)


@pytest.mark.parametrize("folder", ["data", "data/sources", "data/sources/postcards"])
def test_dvc_finds_what_add_puts_into_the_folder_of_sources(repo: Repo, folder: str) -> None:
    assert not repo.scm.is_ignored(f"{PROJECT / folder}/")


def test_git_ignores_every_output_of_a_stage_that_is_in_the_cache(repo: Repo) -> None:
    outputs = {
        Path(fill(output, "digits", "svc"))
        for stage in GRAPH["stages"]
        for output in definition(stage).get("outs", [])
    }
    assert len(outputs) > 8
    for output in outputs:
        path = PROJECT / output
        ignored = repo.scm.is_ignored(str(path)) or repo.scm.is_ignored(f"{path.parent}/")
        assert ignored, f"{output} is not in .gitignore"
