"""`dvc metrics diff` against earlier commits of this repository."""

import json
import subprocess
from pathlib import Path

from tests.helpers import PROJECT, Repository, clone

MAX_COMMITS = 3  # of those that changed metrics, spread over the history


def history(origin: str, root: Path) -> Repository:
    """Clone the repository; if its history is not there, as in a shallow clone, create one."""
    subprocess.run(["git", "clone", "--quiet", origin, str(root)], check=True)
    repository = Repository(root)
    if len(commits(repository)) > 1:
        return repository
    repository = clone(root.with_name("created"))
    file = repository.root / "metrics/digits/tree.json"
    for n_mistakes in (1000, 900):
        content = json.loads(file.read_text())
        file.write_text(json.dumps({**content, "mistakes": n_mistakes}))
        repository.commit()
    return repository


def commits(repository: Repository) -> list[str]:
    """Return the commits that changed metrics, the latest first."""
    return repository.succeed("git", "log", "--format=%H", "--", "metrics").split()


def metrics_of(repository: Repository, commit: str) -> dict[str, dict[str, float]]:
    """Return the metrics of a commit as git has them."""
    listed = repository.succeed("git", "ls-tree", "-r", "--name-only", commit, "metrics")
    files = [name for name in listed.split() if name.endswith(".json")]
    contents = {name: repository.succeed("git", "show", f"{commit}:{name}") for name in files}
    return {name: json.loads(content) for name, content in contents.items()}


def check_metrics_diff(repository: Repository) -> None:
    """Compare the last commit with some before it; git is the oracle."""
    found = commits(repository)
    assert len(found) > 1
    now = metrics_of(repository, "HEAD")
    places = {len(found) * i // MAX_COMMITS for i in range(1, MAX_COMMITS)} | {len(found) - 1}
    for commit in (found[place] for place in sorted(places)):
        printed = repository.succeed("dvc", "metrics", "diff", "--json", commit, "HEAD")
        differences = json.loads(printed)
        before = metrics_of(repository, commit)
        common = [(name, key) for name in now for key in now[name] if key in before.get(name, {})]
        for name, key in common:
            shown = differences.get(name, {}).get(key)
            if now[name][key] == before[name][key]:
                assert shown is None
            else:
                assert (shown["old"], shown["new"]) == (before[name][key], now[name][key])


def test_metrics_are_compared_with_earlier_commits(tmp_path: Path) -> None:
    check_metrics_diff(history(str(PROJECT), tmp_path / "clone"))


def test_metrics_are_compared_where_the_history_was_cut_off(tmp_path: Path) -> None:
    """As in a clone of continuous integration, which has one commit."""
    shallow = tmp_path / "shallow"
    command = ["git", "clone", "--quiet", "--depth", "1", f"file://{PROJECT}", str(shallow)]
    subprocess.run(command, check=True)
    repository = history(str(shallow), tmp_path / "clone")
    assert len(commits(repository)) == 3
    check_metrics_diff(repository)
