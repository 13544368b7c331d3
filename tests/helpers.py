"""What several test modules use: the project's files, clones of it, and reading its results."""

import csv
import os
import shutil
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import skops.io
from PIL import Image
from ruamel.yaml import YAML
from sklearn.pipeline import Pipeline

from handwriting import persistence
from handwriting.common.images import LabelledImages
from handwriting.common.params.datasets import ImageFormat
from handwriting.common.params.models import (
    DecisionTree,
    DeskewParams,
    GradientFeatures,
    GradientParams,
    Hyperparameters,
    NystroemApproximation,
    RandomForest,
    SupportVectorClassifier,
)
from handwriting.models import pipeline
from tests import forks

PROJECT = Path(__file__).resolve().parents[1]
MIRROR = PROJECT.parent / "shared" / "mnist"

# Read by DVC's own reader, not by the project's.
GRAPH: dict[str, Any] = YAML(typ="safe").load(PROJECT / "dvc.yaml")
PARAMS: dict[str, Any] = YAML(typ="safe").load(PROJECT / "params.yaml")
CLAIMS: dict[str, Any] = YAML(typ="safe").load(PROJECT / "claims.yaml")

STAGES = list(GRAPH["stages"])
DATASETS, MODELS = list(PARAMS["datasets"]), list(PARAMS["models"])
PAIRS = [(dataset, model) for dataset in DATASETS for model in MODELS]
# Whose results are quoted in README.md and docs/; users add datasets of their own.
PUBLISHED = ["digits", "mnist"]
PUBLISHED_PAIRS = [(dataset, model) for dataset in PUBLISHED for model in MODELS]


# What the small pipeline submits: a table without labels, and who predicts it.
SUBMISSION, UNLABELLED = "kaggle", "unlabelled.csv"
SUBMITTED_BY = ("digits", "forest")


def unlabelled_digits() -> dict[str, Any]:
    """Return the block of the small pipeline's submission in params.yaml."""
    source = {
        "kind": "table",
        "location": UNLABELLED,
        "separator": "semicolon",
        "header": False,
        "paper": 0,
        "ink": 16,
        "columns": ["pixels"],
    }
    return {"source": source, "dataset": SUBMITTED_BY[0], "model": SUBMITTED_BY[1]}


def definition(stage: str) -> dict[str, Any]:
    """Return a stage's block in dvc.yaml."""
    block = GRAPH["stages"][stage]
    return block.get("do", block)


def fill(template: str, dataset: str, model: str, stage: str = "") -> str:
    """Replace the variables of dvc.yaml; a submission's are those of the small pipeline."""
    for variable, value in (
        ("key", SUBMISSION if stage == "submit" else dataset),
        ("item.source.location", UNLABELLED),
        ("item.dataset", dataset),
        ("item.model", model),
    ):
        template = template.replace(f"${{{variable}}}", value)
    return template


def read_csv(path: Path) -> list[dict[str, str]]:
    """Read a table as text."""
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


# Commands that are started as forks.
FORKED = ("dvc", "python")


@dataclass(frozen=True)
class Repository:
    """A clone of the project in a temporary folder.

    Its commands are forks of a warm process, see `tests/forks.py`, unless `is_forked` is False.
    """

    root: Path
    is_forked: bool = field(default=True, kw_only=True)

    def run(self, *command: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess:
        """Run a command in the clone with the Python that runs the tests.

        It starts normally if the test sets variables of its environment.
        """
        environment = {**self.environment, **(env or {})}
        if self.is_forked and forks.CAN_FORK and not env and command[0] in FORKED:
            environment["PATH"] = os.pathsep.join([str(forks.commands()), environment["PATH"]])
        return subprocess.run(
            command,
            cwd=self.root,
            env=environment,
            capture_output=True,
            text=True,
            timeout=2100,
        )

    @property
    def environment(self) -> dict[str, str]:
        """The environment in which commands of this Python's environment are found first."""
        scripts = str(Path(sys.executable).parent)
        return {**os.environ, "PATH": os.pathsep.join([scripts, os.environ["PATH"]])}

    def succeed(self, *command: str) -> str:
        """Run a command that must succeed and return what it printed."""
        done = self.run(*command)
        assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def commit(self) -> None:
        """Commit everything that git does not ignore."""
        self.succeed("git", "add", "--all")
        self.succeed("git", "commit", "--quiet", "--allow-empty", "--message", "state")

    def edit_params(self, edit: Callable[[dict], None]) -> None:
        """Change params.yaml, keeping its comments."""
        yaml = YAML()
        file = self.root / "params.yaml"
        content = yaml.load(file)
        edit(content)
        yaml.dump(content, file)

    def stages_run_by(self, *command: str) -> set[str]:
        """Run a command and return the stages that DVC ran for it."""
        return _stages(self.succeed(*command), "Running stage '")

    def stages_restored_by(self, *command: str) -> set[str]:
        """Run a command that must run no stage; return those restored from the run cache."""
        printed = self.succeed(*command)
        assert _stages(printed, "Running stage '") == set()
        return _stages(printed, "Stage '", "is cached - skipping run")


def _stages(printed: str, start: str, end: str = "") -> set[str]:
    lines = [line for line in printed.splitlines() if line.startswith(start) and end in line]
    return {line.split("'")[1] for line in lines}


def clone(root: Path, *, is_forked: bool = True) -> Repository:
    """Clone the project's work tree, without anything that DVC cached."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=PROJECT,
        capture_output=True,
        check=True,
        text=True,
    )
    for name in filter(None, listed.stdout.split("\0")):
        if (PROJECT / name).is_file():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(PROJECT / name, root / name)
    repository = Repository(root, is_forked=is_forked)
    repository.succeed("git", "init", "--quiet")
    repository.succeed("git", "config", "user.name", "tests")
    repository.succeed("git", "config", "user.email", "tests@localhost")
    repository.commit()
    return repository


def copy(repository: Repository, root: Path) -> Repository:
    """Copy a repository with everything that was built in it."""
    shutil.copytree(repository.root, root, symlinks=True)
    return Repository(root)


DIGITS_FORMAT = ImageFormat(height=8, width=8, pixel_max=16)

# Small models of each kind, without default values.
GRADIENTS = GradientFeatures(
    deskew=DeskewParams(size=20, margin=1, slant=0.5, scaling=0.2, spread=0.2),
    gradients=GradientParams(
        n_orientations=10, n_cells=5, step=3.5, sigma=2.2, regularization=0.1, n_levels=1000
    ),
)
HYPERPARAMETERS: dict[str, Hyperparameters] = {
    "svc": SupportVectorClassifier(kind="svc", features="unit", C=2, gamma=0.3),
    "svc with gradients": SupportVectorClassifier(kind="svc", features=GRADIENTS, C=2, gamma=0.03),
    "tree": DecisionTree(
        kind="tree", features="raw", criterion="entropy", max_depth=7, random_state=3
    ),
    "forest": RandomForest(
        kind="forest", features="raw", n_estimators=7, min_samples_leaf=3, random_state=3
    ),
    "nystroem": NystroemApproximation(
        kind="nystroem", features="unit", n_components=150, gamma=0.3, alpha=0.1, random_state=3
    ),
}


def fit_digits(name: str, digits: LabelledImages) -> Pipeline:
    """Fit one of the small models on the first 900 digits."""
    return fit(HYPERPARAMETERS[name], digits.take(np.arange(900)))


def fit(
    hyperparameters: Hyperparameters, train: LabelledImages, image: ImageFormat = DIGITS_FORMAT
) -> Pipeline:
    """Fit a model on digits and calibrate it on the last third of them."""
    cut = len(train) * 2 // 3
    folds = [(np.arange(cut), np.arange(cut, len(train)))]
    return pipeline.fit(pipeline.build(hyperparameters, image), train, folds)


def tight_digits(digits: LabelledImages) -> LabelledImages:
    """Return scikit-learn's digits in 16×16 pixels, 0–255, which they fill to the border."""
    scaled = [
        Image.fromarray(image * np.float32(255 / 16)).resize((16, 16), Image.Resampling.BICUBIC)
        for image in digits.pixels.reshape(-1, 8, 8)
    ]
    pixels = np.clip(np.rint(np.stack([np.asarray(image) for image in scaled])), 0, 255)
    return replace(digits, pixels=pixels.astype(np.uint8).reshape(-1, 256))


def dump_sealed(content: object, path: Path) -> None:
    """Write any object as a model file with a checksum that matches."""
    path.write_bytes(persistence._seal(skops.io.dumps(content)))


def png_declaring(width: int, height: int) -> bytes:
    """Return a PNG file that declares a size and has almost no data."""
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(b"\0" * 1000)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(content))
        + name
        + content
        + struct.pack(">I", zlib.crc32(name + content))
        for name, content in chunks
    )
