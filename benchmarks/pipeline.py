"""Measures the run times of the pipeline: ``python -m benchmarks.pipeline REVISION ...``.

Every revision is cloned into a temporary folder, with an environment built from its own
``requirements.lock``. Times are wall-clock seconds of whole commands; those of short commands are
medians of three runs. The result is written to ``benchmarks/pipeline.md``.
"""

import argparse
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
REPORT = PROJECT / "benchmarks" / "pipeline.md"
SHORT_RUNS = 3
# In every revision, the first occurrence in params.yaml is that of the digits' forest.
FOREST, SMALLER_FOREST = "n_estimators: 150", "n_estimators: 50"

# The rows of the report and their targets, if any.
ROWS = {
    "`dvc status`, nothing changed": "≤ 1.0 s",
    "`dvc repro`, nothing changed": "≤ 1.2 s",
    "digits' forest `n_estimators` 150 → 50, `dvc repro`": "≤ 9 s",
    "the same, reverted": "≤ 4 s",
    "`dvc exp run` of the setting computed before": "",
    "full run from scratch, without set-up": "≤ 190 s",
    "stages": "",
    "`dvc.yaml` / `dvc.lock` lines": "≤ 320 / ≤ 2,000",
}


@dataclass(frozen=True)
class Clone:
    """A clone of a revision with its own environment."""

    root: Path

    def run(self, *command: str) -> float:
        """Run a command that must succeed and return its wall-clock time in seconds."""
        path = os.pathsep.join([str(self.root / ".venv" / "bin"), os.environ["PATH"]])
        start = time.perf_counter()
        subprocess.run(
            command,
            cwd=self.root,
            env={**os.environ, "PATH": path},
            check=True,
            stdout=subprocess.DEVNULL,
        )
        seconds = time.perf_counter() - start
        print(f"{seconds:7.2f} s  {' '.join(command)}", file=sys.stderr)
        return seconds

    def edit_params(self, old: str, new: str) -> None:
        """Replace the first occurrence of a text in params.yaml."""
        file = self.root / "params.yaml"
        content = file.read_text(encoding="utf-8")
        assert old in content
        file.write_text(content.replace(old, new, 1), encoding="utf-8")

    def count_lines(self, name: str) -> int:
        """Count the lines of a file."""
        return len((self.root / name).read_text(encoding="utf-8").splitlines())


def main() -> None:
    """Measure the revisions and write the report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("revisions", nargs="+", help="git revisions, the oldest first")
    revisions = parser.parse_args().revisions
    names = [_short_name(revision) for revision in revisions]
    results = []
    for revision in revisions:
        print(revision, file=sys.stderr)
        results.append(measure(revision))
    REPORT.write_text(render_report(names, results), encoding="utf-8", newline="\n")
    print(REPORT.read_text(encoding="utf-8"))


def measure(revision: str) -> dict[str, str]:
    """Return the cells of a revision's column in the report."""
    with tempfile.TemporaryDirectory() as folder:
        clone = make_clone(revision, Path(folder))
        from_scratch = clone.run("dvc", "repro", "--quiet")
        status = _median(clone, "dvc", "status", "--quiet")
        nothing_changed = _median(clone, "dvc", "repro", "--quiet")
        clone.edit_params(FOREST, SMALLER_FOREST)
        smaller = clone.run("dvc", "repro", "--quiet")
        clone.edit_params(SMALLER_FOREST, FOREST)
        back = clone.run("dvc", "repro", "--quiet")
        clone.edit_params(FOREST, SMALLER_FOREST)
        experiment = clone.run("dvc", "exp", "run", "--quiet")
        stages = subprocess.run(
            [clone.root / ".venv/bin/dvc", "stage", "list", "--name-only"],
            cwd=clone.root,
            check=True,
            capture_output=True,
            text=True,
        )
        cells = (
            f"{status:.2f} s",
            f"{nothing_changed:.2f} s",
            f"{smaller:.1f} s",
            f"{back:.1f} s",
            f"{experiment:.1f} s",
            f"{from_scratch:.0f} s",
            str(len(stages.stdout.splitlines())),
            f"{clone.count_lines('dvc.yaml'):,} / {clone.count_lines('dvc.lock'):,}",
        )
    return dict(zip(ROWS, cells, strict=True))


def make_clone(revision: str, folder: Path) -> Clone:
    """Clone a revision next to a link to the local mirror of MNIST, without results; set it up."""
    mirror = PROJECT.parent / "shared" / "mnist"
    if mirror.is_dir():
        (folder / "shared").mkdir()
        (folder / "shared" / "mnist").symlink_to(mirror)
    root = folder / "project"
    subprocess.run(["git", "clone", "--quiet", PROJECT, root], check=True)
    subprocess.run(
        ["git", "checkout", "--quiet", "--detach", _commit(revision)], cwd=root, check=True
    )
    for name, value in (("user.name", "benchmark"), ("user.email", "benchmark@localhost")):
        subprocess.run(["git", "config", name, value], cwd=root, check=True)
    subprocess.run(["make", "--quiet", "environment"], cwd=root, check=True, stdout=sys.stderr)
    # DVC does not run a stage whose outputs match the lock, and these outputs are in git.
    for name in ("metrics", "plots"):
        shutil.rmtree(root / name)
    return Clone(root)


def _median(clone: Clone, *command: str) -> float:
    return statistics.median(clone.run(*command) for _ in range(SHORT_RUNS))


def _commit(revision: str) -> str:
    return _git("rev-parse", f"{revision}^{{commit}}")


def _short_name(revision: str) -> str:
    return _git("rev-parse", "--short", revision)


def _git(*arguments: str) -> str:
    done = subprocess.run(
        ["git", *arguments], cwd=PROJECT, check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


def render_report(names: list[str], results: list[dict[str, str]]) -> str:
    """Return the report as Markdown."""
    lines = [
        "# Run times of the pipeline",
        "",
        f"Wall-clock times of whole commands on {os.cpu_count()} cores ({platform.machine()}) with "
        f"Python {platform.python_version()}, all revisions in one run on one machine. `python -m "
        "benchmarks.pipeline REVISION ...` repeats the measurement. Times of short commands are "
        f"medians of {SHORT_RUNS} runs.",
        "",
        f"| | {' | '.join(names)} | target |",
        f"|---|{'---|' * len(names)}---|",
        *(
            f"| {row} | {' | '.join(result[row] for result in results)} | {target} |"
            for row, target in ROWS.items()
        ),
        "",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
