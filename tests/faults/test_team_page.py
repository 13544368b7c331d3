"""The commands of docs/team.md, each of them run: two people, one remote, one origin."""

import re
import time
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from tests.faults.pipelines import DamagedPipeline
from tests.helpers import PROJECT, Repository

pytestmark = pytest.mark.thorough

PAGE = (PROJECT / "docs" / "team.md").read_text(encoding="utf-8")
FOLDER = "/mnt/shared/handwriting"  # the shared folder on the page
# Commands for servers; tests/pipeline/test_shared.py uses one by SSH.
FOR_SERVERS = re.compile(r"ssh://|s3://|team (user|keyfile|endpointurl|profile) ")


def commands(section: str) -> list[str]:
    """Return the commands of a section that need no server."""
    text = PAGE.partition(f"\n## {section}\n")[2].partition("\n## ")[0]
    found = re.findall(r"^\$ (.*)$", text, flags=re.MULTILINE)
    assert found, f"no commands in section {section!r}"
    return [command for command in found if not FOR_SERVERS.search(command)]


def say(repository: Repository, command: str) -> str:
    """Run a line in a shell as a person would, without an editor for messages."""
    done = repository.run("bash", "-ec", command, env={"GIT_EDITOR": "true"})
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def set_samples(params: dict) -> None:
    params["describe"]["samples_per_digit"] = 7


def set_submission(params: dict) -> None:
    params["submissions"]["kaggle"]["model"] = "tree"


def set_trees(n_estimators: int):
    def edit(params: dict) -> None:
        params["datasets"]["digits"]["models"]["forest"]["n_estimators"] = n_estimators

    return edit


@pytest.fixture
def mine(pipeline: DamagedPipeline, tmp_path: Path) -> Repository:
    """A clone whose origin and remote others can reach."""
    for command in commands("The remote"):
        say(pipeline, command.replace(FOLDER, str(tmp_path / "remote")))
    origin = str(tmp_path / "origin.git")
    pipeline.succeed("git", "init", "--quiet", "--bare", origin)
    pipeline.succeed("git", "remote", "add", "origin", origin)
    pipeline.succeed("git", "push", "--quiet", "--set-upstream", "origin", "HEAD")
    return pipeline


def clone(mine: Repository, root: Path) -> Repository:
    origin = mine.succeed("git", "remote", "get-url", "origin").strip()
    mine.succeed("git", "clone", "--quiet", origin, str(root))
    other = Repository(root)
    other.succeed("git", "config", "user.name", "other")
    other.succeed("git", "config", "user.email", "other@localhost")
    return other


def test_what_one_pushes_the_other_pulls(mine: Repository, tmp_path: Path) -> None:
    push, git_push, git_pull, pull, repro, pull_again, repro_pull = commands("Push and pull")
    mine.edit_params(set_samples)
    mine.succeed("dvc", "repro")
    mine.succeed("git", "checkout", "--quiet", ".")
    mine.succeed("dvc", "checkout")
    say(mine, push)
    say(mine, git_push)

    other = clone(mine, tmp_path / "other")
    say(other, git_pull)
    say(other, pull)
    assert "Running stage" not in say(other, repro)
    other.edit_params(set_samples)
    say(other, pull_again)
    printed = say(other, repro_pull)
    assert "Running stage" not in printed
    assert "'describe@digits' is cached" in printed


def test_two_changes_are_merged(mine: Repository) -> None:
    merge, *others = commands("Two people, one lock")
    without_conflict, with_conflict = others[:3], others[3:]
    assert merge.startswith("git merge theirs")
    assert with_conflict[0].startswith("git checkout --ours")
    branch = mine.succeed("git", "branch", "--show-current").strip()
    mine.succeed("git", "checkout", "--quiet", "-b", "theirs")
    mine.edit_params(set_submission)  # which the report does not show
    mine.succeed("dvc", "repro")
    mine.commit()
    mine.succeed("git", "checkout", "--quiet", branch)
    mine.edit_params(set_samples)
    say(mine, "dvc checkout && dvc repro")
    mine.commit()

    for command in (merge, *without_conflict):
        say(mine, command)
    assert mine.succeed("git", "status", "--short") == ""
    assert "up to date" in mine.succeed("dvc", "status")

    mine.succeed("git", "checkout", "--quiet", "theirs")
    mine.edit_params(set_trees(5))
    say(mine, "dvc checkout && dvc repro")
    mine.commit()
    mine.succeed("git", "checkout", "--quiet", branch)
    mine.edit_params(set_trees(3))
    say(mine, "dvc checkout && dvc repro")
    mine.commit()
    assert mine.run("bash", "-ec", merge).returncode == 1
    mine.succeed("git", "checkout", "--theirs", "params.yaml")
    for command in with_conflict:
        say(mine, command)
    assert mine.succeed("git", "status", "--short") == ""
    assert "up to date" in mine.succeed("dvc", "status")
    params = YAML(typ="safe").load(mine.root / "params.yaml")
    assert params["datasets"]["digits"]["models"]["forest"]["n_estimators"] == 5


def test_what_is_needed_remains_after_cleaning_up(mine: Repository, tmp_path: Path) -> None:
    mine.succeed("python", "-m", "tools.push")
    for n_estimators in (3, 5):  # the first is not committed
        mine.edit_params(set_trees(n_estimators))
        mine.succeed("dvc", "repro")
        mine.succeed("python", "-m", "tools.push")
    mine.commit()
    mine.succeed("git", "push", "--quiet")
    remote = tmp_path / "remote"
    n_before = len(list(remote.rglob("*")))

    workspace, all_commits, cloud = commands("Clean up")
    for command in (all_commits, cloud):
        say(mine, command)
    assert len(list(remote.rglob("*"))) < n_before, "the first setting is still in the remote"
    for commit in ("HEAD", "HEAD~1"):
        other = clone(mine, tmp_path / commit)
        other.succeed("git", "checkout", "--quiet", commit.replace("HEAD", "origin/HEAD"))
        other.succeed("dvc", "pull")
        assert other.stages_run_by("dvc", "repro") == set()
    say(mine, workspace)
    assert mine.stages_run_by("dvc", "repro") == set()


def test_after_a_fault_the_last_commit_comes_back(mine: Repository) -> None:
    section = PAGE.partition("\n## After a fault\n")[2].partition("\n## ")[0]
    back = re.search(r"back to the last commit \| `(.*)` \|", section)
    assert back is not None
    mine.edit_params(set_trees(3))
    mine.succeed("dvc", "repro")
    say(mine, back[1])
    assert mine.succeed("git", "status", "--short") == ""
    assert mine.stages_run_by("dvc", "repro") == set()


def test_a_sweep(mine: Repository) -> None:
    run, start, status, show, sweep, apply, branch = commands("Experiments and a sweep")
    say(mine, run)
    try:
        say(mine, start)
        for _ in range(300):
            printed = say(mine, status)
            if "Running" not in printed and "Queued" not in printed:
                break
            time.sleep(1)
    finally:
        mine.run("dvc", "queue", "stop", "--kill")
    assert printed.count("Success") == 2, printed
    printed = say(mine, show)
    assert "gini" in printed
    assert "entropy" in printed
    say(mine, sweep)
    assert (mine.root / "dvc_plots" / "sweep.png").stat().st_size > 1000
    name = mine.succeed("dvc", "exp", "list", "--name-only").split()[0]
    say(mine, branch.replace("NAME", name))
    assert "better-tree" in mine.succeed("git", "branch")
    say(mine, apply.replace("NAME", name))
    assert mine.stages_run_by("dvc", "repro") == set()


def test_every_section_with_commands_is_run() -> None:
    sections = {part.partition("\n")[0] for part in PAGE.split("\n## ")[1:] if "```console" in part}
    assert sections == {
        "The remote",
        "Push and pull",
        "Two people, one lock",
        "Clean up",
        "Experiments and a sweep",
    }
