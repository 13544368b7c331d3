"""A built pipeline to damage, and how to see that it is as before."""

import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from subprocess import CompletedProcess

from ruamel.yaml import YAML

from tests.helpers import Repository, copy

INJECTION = Path(__file__).parent / "injection"

# One of each kind of stage, with what it reads from other stages and what it writes.
TARGETS: dict[str, tuple[str, tuple[str, ...], tuple[str, ...]]] = {
    "fetch": ("fetch@digits", (), ("data/raw/digits.csv",)),
    "flatten": ("flatten@digits", ("data/raw/digits.csv",), ("data/flat/digits",)),
    "describe": (
        "describe@digits",
        ("data/flat/digits/pixels.npy",),
        ("data/facts/digits.json", "plots/digits/samples.png"),
    ),
    "split": (
        "split@digits",
        ("data/flat/digits/labels.npy",),
        ("data/split/digits/train", "data/split/digits/test"),
    ),
    "tune": (
        "tune@digits-tree",
        ("data/split/digits/train/pixels.npy",),
        ("data/tuning/digits/tree.csv",),
    ),
    "train": (
        "train@digits-tree",
        ("data/split/digits/train/labels.npy",),
        ("models/digits/tree.skops",),
    ),
    "curve": (
        "curve@digits-tree",
        ("data/split/digits/train/rows.npy",),
        ("data/learning_curve/digits/tree.csv",),
    ),
    "evaluate": (
        "evaluate@digits-tree",
        ("models/digits/tree.skops",),
        ("metrics/digits/tree.json", "data/evaluation/digits/tree"),
    ),
    "draw": (
        "draw@digits-tree",
        ("data/evaluation/digits/tree/predictions.csv",),
        ("plots/digits/tree",),
    ),
    "compare": (
        "compare@digits",
        ("data/evaluation/digits/forest/predictions.csv",),
        (
            *(
                f"plots/digits/{name}.csv"
                for name in (
                    "accuracy", "errors", "pairs", "confusion", "per_digit", "learning_curve",
                    "reliability", "reject_curve", "tuning", "suspects",
                )
            ),
            "data/hyperparameters/digits.json",
            "plots/digits/suspects.png",
        ),
    ),
    "claims": (
        "claims@digits",
        ("data/flat/digits/pixels.npy",),
        ("plots/digits/claims.csv", "plots/digits/comparisons.csv"),
    ),
    "submit": ("submit@kaggle", ("models/digits/forest.skops",), ("data/submissions/kaggle.csv",)),
    "report": ("report", ("plots/digits/tree/tuning.png",), ("report.html",)),
}  # fmt: skip


@dataclass(frozen=True)
class BuiltPipeline:
    """A pipeline that is built and committed, with the checksum of every result."""

    repository: Repository
    results: dict[str, str]

    def copy(self, root: Path) -> "DamagedPipeline":
        """Return a copy to be damaged."""
        return DamagedPipeline(copy(self.repository, root).root, self)


@dataclass(frozen=True)
class DamagedPipeline(Repository):
    """A copy of a built pipeline in which something goes wrong."""

    built: BuiltPipeline

    def run_with_fault(
        self, command: list[str], process: str, moment: str, action: str
    ) -> CompletedProcess:
        """Run a command; when a process gets to a moment, something happens."""
        variables = {"FAULT_IN": process, "FAULT_AT": moment, "FAULT": action}
        path = os.pathsep.join(filter(None, [str(INJECTION), os.environ.get("PYTHONPATH")]))
        return self.run(*command, env={**variables, "PYTHONPATH": path})

    def stored(self, name: str) -> list[Path]:
        """Return the files in DVC's cache of an output, for a folder its list first."""
        checksum = self._checksums()[name]
        cache = self.root / ".dvc/cache/files/md5"
        found = [cache / checksum[:2] / checksum[2:]]
        if checksum.endswith(".dir"):
            entries = json.loads(found[0].read_text())
            found += [cache / entry["md5"][:2] / entry["md5"][2:] for entry in entries]
        return found

    def _checksums(self) -> dict[str, str]:
        outputs = [output for entry in self.lock().values() for output in entry.get("outs", [])]
        return {output["path"]: output["md5"] for output in outputs}

    def lock(self) -> dict[str, dict]:
        """Return the entries of dvc.lock by stage."""
        return YAML(typ="safe").load(self.root / "dvc.lock")["stages"]

    def forget(self, stage: str) -> None:
        """Delete the results of a stage from the cache, so that DVC has to run it again."""
        for name in TARGETS[stage][2]:
            for stored in self.stored(name):
                stored.unlink(missing_ok=True)

    def check_recovery(self, order_of_lock: bool = True) -> None:
        """Check that `dvc repro` ends with the bytes of an undisturbed run, and nothing else.

        `order_of_lock` is False if the stages in dvc.lock may be in another order.
        """
        self.succeed("dvc", "repro")
        if not order_of_lock:
            assert self.lock() == DamagedPipeline(self.built.repository.root, self.built).lock()
            self.succeed("git", "checkout", "--quiet", "dvc.lock")
        assert differences(results(self.root), self.built.results) == {}
        assert self.succeed("git", "status", "--short") == ""


def remove(path: Path) -> None:
    """Delete a file or a folder."""
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()


def differences(found: dict[str, str], expected: dict[str, str]) -> dict[str, str]:
    """Return the files that are new, missing or changed."""
    names = {name for name, _ in found.items() ^ expected.items()}
    return {name: f"{expected.get(name)} became {found.get(name)}" for name in sorted(names)}


def results(root: Path) -> dict[str, str]:
    """Return the checksum of each result, and of everything else that is where results are."""
    return {
        str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in _files(root)
    }


def _files(root: Path) -> Iterator[Path]:
    for folder in ("data", "models", "metrics", "plots"):
        yield from (path for path in sorted((root / folder).rglob("*")) if path.is_file())
    yield from (path for path in sorted(root.iterdir()) if path.is_file())


def build(short: Repository, root: Path) -> BuiltPipeline:
    """Copy the short pipeline without its run cache: a stage whose result is lost runs again."""
    repository = copy(short, root)
    repository.succeed("dvc", "gc", "--workspace", "--force")
    shutil.rmtree(repository.root / ".dvc/cache/runs")
    return BuiltPipeline(repository, results(repository.root))
