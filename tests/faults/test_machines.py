"""The same inputs under other settings of the machine: threads, processors, locale, and others.

One machine acts as several: libraries choose their kernels for matrix products by the processor,
and environment variables let them choose others. A kernel that this processor cannot run stops with
an illegal instruction; its case says so.
"""

import dataclasses
import json
import shutil
import signal
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from handwriting import persistence
from tests.helpers import DATASETS, MODELS, Repository, copy

pytestmark = pytest.mark.thorough


@dataclass(frozen=True)
class Setting:
    """Environment variables, words before the command, and whether sums may be rounded."""

    variables: dict[str, str]
    prefix: tuple[str, ...] = ()
    may_round: bool = False


def threads(n: int) -> Setting:
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "LOKY_MAX_CPU_COUNT")
    return Setting(dict.fromkeys(names, str(n)))


def processor(**variables: str) -> Setting:
    return Setting(variables, may_round=True)


SETTINGS = {
    "1 thread": dataclasses.replace(threads(1), may_round=True),
    "2 threads": threads(2),
    "4 threads": threads(4),
    # oneDAL takes another way on one core than on two or more.
    "one core": Setting({}, ("taskset", "--cpu-list", "0"), may_round=True),
    "umask 077": Setting({}, ("bash", "-c", 'umask 077; exec "$0" "$@"')),
    "locale C": Setting({"LC_ALL": "C"}),
    "time zone": Setting({"TZ": "Pacific/Apia"}),
    "hash seed 1": Setting({"PYTHONHASHSEED": "1"}),
    "hash seed 2": Setting({"PYTHONHASHSEED": "2"}),
    "OpenBLAS for Haswell": processor(OPENBLAS_CORETYPE="Haswell"),
    "OpenBLAS for Zen": processor(OPENBLAS_CORETYPE="Zen"),
    "OpenBLAS for SkylakeX": processor(OPENBLAS_CORETYPE="SkylakeX"),
    "OpenBLAS for Sandybridge": processor(OPENBLAS_CORETYPE="Sandybridge"),
    "OpenBLAS for Nehalem": processor(OPENBLAS_CORETYPE="Nehalem"),
    "OpenBLAS for Prescott": processor(OPENBLAS_CORETYPE="Prescott"),
    "NumPy without AVX2": processor(NPY_DISABLE_CPU_FEATURES="AVX2 FMA3"),
    "oneDAL's MKL for SSE 4.2": processor(MKL_ENABLE_INSTRUCTIONS="SSE4_2"),
    "oneDAL's MKL, compatible": processor(MKL_CBWR="COMPATIBLE"),
}

# The stages whose results are models, predictions and metrics, in one process.
STAGES = f"""
from stages import compare, evaluate, train
for dataset in {DATASETS}:
    for model in {MODELS}:
        train.main(dataset, model)
        evaluate.main(dataset, model)
    compare.main(dataset)
"""


@pytest.fixture(scope="module")
def project(built_small: Repository, tmp_path_factory: pytest.TempPathFactory) -> Repository:
    return copy(built_small, tmp_path_factory.mktemp("machines") / "project")


@pytest.fixture(scope="module")
def reference(project: Repository) -> dict[str, bytes]:
    """The results under the settings of this machine."""
    return results_of(project, Setting({}))


def results_of(project: Repository, setting: Setting) -> dict[str, bytes]:
    """Run the stages; return what they wrote, or nothing if the processor cannot run them."""
    for name in ("models", "data/evaluation", "metrics"):
        shutil.rmtree(project.root / name, ignore_errors=True)  # a process that stopped left none
    done = subprocess.run(
        [*setting.prefix, "python", "-c", STAGES],
        cwd=project.root,
        env={**project.environment, "PYTHONPATH": str(project.root), **setting.variables},
        capture_output=True,
        text=True,
    )
    if setting.may_round and done.returncode == -signal.SIGILL:
        return {}
    assert done.returncode == 0, done.stderr
    return {
        str(path.relative_to(project.root)): path.read_bytes()
        for folder in ("models", "data/evaluation", "metrics", "plots")
        for path in sorted((project.root / folder).rglob("*"))
        if path.is_file()
    }


def test_kernels_of_other_processors_are_really_used(project: Repository) -> None:
    code = (
        "import numpy, scipy.linalg, threadpoolctl\n"
        "print({p['architecture'] for p in threadpoolctl.threadpool_info()"
        " if p['internal_api'] == 'openblas'})"
    )
    done = project.run("python", "-c", code, env={"OPENBLAS_CORETYPE": "Nehalem"})
    assert done.stdout == "{'Nehalem'}\n"


@pytest.mark.parametrize("name", SETTINGS)
def test_predicted_digits_do_not_depend_on_the_machine(
    project: Repository,
    reference: dict[str, bytes],
    name: str,
    tmp_path: Path,
    record_property: Callable[[str, object], None],
) -> None:
    setting = SETTINGS[name]
    found = results_of(project, setting)
    if not found:
        record_property("machine", (name, "not run: illegal instruction", "", ""))
        return
    assert found.keys() == reference.keys()
    differing = [file for file in found if found[file] != reference[file]]
    models = [file for file in differing if file.startswith("models/")]
    others = [file for file in differing if file not in models]
    record_property("machine", (name, *described(models, others, found, reference, tmp_path)))
    if not setting.may_round:
        assert differing == []
    assert predicted(found) == predicted(reference)
    for file in (name for name in others if name.startswith("metrics/")):
        assert json.loads(found[file]) == pytest.approx(json.loads(reference[file]), abs=0.005)
        for key in ("accuracy", "mistakes", "macro_f1"):
            assert json.loads(found[file])[key] == json.loads(reference[file])[key]


def predicted(results: dict[str, bytes]) -> dict[str, list[str]]:
    """Return the predicted digits of each model."""
    return {
        file: [line.split(b",")[2].decode() for line in content.splitlines()[1:]]
        for file, content in results.items()
        if file.endswith("/predictions.csv")
    }


def described(
    models: list[str],
    others: list[str],
    found: dict[str, bytes],
    reference: dict[str, bytes],
    folder: Path,
) -> tuple[str, str, str]:
    """Return what differs, and by how much: model files, probabilities, other files."""
    if not models and not others:
        return ("none", "none", "none")
    largest = max((model_difference(file, found, reference, folder) for file in models), default=0)
    tables = [file for file in others if file.endswith("/predictions.csv")]
    probability = max((probability_difference(found[f], reference[f]) for f in tables), default=0)
    rest = sorted({Path(file).name for file in others if file not in tables})
    return (
        f"{len(models)}, by {largest:.0e}" if models else "none",
        f"{probability:.0e}" if tables else "none",
        ", ".join(rest) or "none",
    )


def model_difference(
    file: str, found: dict[str, bytes], reference: dict[str, bytes], folder: Path
) -> float:
    """Return the largest difference of the probabilities of random images."""
    scores = []
    for content in (found[file], reference[file]):
        path = folder / "model.skops"
        path.write_bytes(content)
        model = persistence.load(path)
        n_pixels = 64 if "/digits/" in file else 784
        images = np.random.default_rng(0).integers(0, 17, (50, n_pixels), dtype=np.uint8)
        scores.append(model.predict_proba(images))
    return float(np.abs(scores[0] - scores[1]).max())


def probability_difference(found: bytes, reference: bytes) -> float:
    """Return the largest difference between the probabilities in two tables."""
    columns = [
        [float(line.split(b",")[3]) for line in content.splitlines()[1:]]
        for content in (found, reference)
    ]
    return float(np.abs(np.subtract(*columns)).max())
