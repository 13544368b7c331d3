"""A real Dask cluster on this machine: the same bytes as without it, also if a worker is killed."""

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from distributed import Client
from joblib import Parallel, cpu_count, delayed, effective_n_jobs, parallel_config

from handwriting import persistence
from handwriting.claims import protocols, published
from handwriting.common import images
from handwriting.common.errors import InputError
from handwriting.common.images import LabelledImages
from handwriting.common.params.datasets import ImageFormat
from handwriting.common.params.models import (
    DecisionTree,
    DeskewParams,
    GradientFeatures,
    GradientParams,
    Hyperparameters,
    RandomForest,
    SupportVectorClassifier,
)
from handwriting.common.stage import paths
from handwriting.common.stage.cluster import VARIABLE, cluster_in_use
from handwriting.model_selection import grid_search, learning_curve
from handwriting.models import pipeline
from handwriting.models.folds import make_folds
from handwriting.models.svm import cluster, long_fits
from handwriting.models.svm.solvers import SOLVER_VARIABLE
from handwriting.models.svm.svc import SVC
from tests.helpers import CLAIMS, PROJECT

FORMAT = ImageFormat(height=8, width=8, pixel_max=16)
SVC_RAW = SupportVectorClassifier(kind="svc", features="raw", C=10, gamma=0.001)
GRADIENTS = SupportVectorClassifier(
    kind="svc",
    features=GradientFeatures(deskew=DeskewParams(size=20), gradients=GradientParams(n_cells=6)),
    C=10,
    gamma=0.1,
)
TREE = DecisionTree(kind="tree", features="raw")
FOREST = RandomForest(kind="forest", features="raw", n_estimators=12)


@dataclass
class Cluster:
    """A scheduler with workers that are processes of this machine."""

    address: str
    client: Client
    folder: Path

    @contextmanager
    def worker(self, cores: set[int] | None = None) -> Iterator[subprocess.Popen]:
        """Start a worker with one thread, and wait until the scheduler knows it."""
        known = set(self.workers())
        with started(
            "worker", self.address, "--nthreads", "1", "--no-nanny", "--no-dashboard",
            "--local-directory", str(self.folder), cores=cores,
        ) as process:  # fmt: skip
            wait_until(lambda: set(self.workers()) - known)
            yield process

    def workers(self) -> dict[str, Any]:
        """The workers by address."""
        return self.client.scheduler_info(n_workers=-1)["workers"]

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """Let joblib use it."""
        with parallel_config("cluster", client=self.client, n_jobs=1):
            yield


@contextmanager
def started(*words: str, cores: set[int] | None = None) -> Iterator[subprocess.Popen]:
    """Start a command of Dask, on these cores only; kill it at the end."""
    process = subprocess.Popen(
        [sys.executable, "-m", "dask", *words],
        cwd=PROJECT,
        env={**os.environ, "PYTHONPATH": str(PROJECT)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        preexec_fn=None if cores is None else lambda: os.sched_setaffinity(0, cores),
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def wait_until(condition: Callable[[], Any]) -> None:
    end = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < end, "nothing happened for two minutes"
        time.sleep(0.02)


@contextmanager
def scheduler(folder: Path) -> Iterator[tuple[subprocess.Popen, Cluster]]:
    """Start a scheduler without workers."""
    file = folder / "scheduler.json"
    words = ("--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--scheduler-file", str(file))
    with started("scheduler", *words) as process:
        wait_until(file.exists)
        client = Client(scheduler_file=str(file), set_as_default=False)
        try:
            yield process, Cluster(client.scheduler.address, client, folder)
        finally:
            with suppress(OSError):  # it may be dead
                client.close(timeout=10)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A cluster with two workers, one of them on a single core."""
    core = min(os.sched_getaffinity(0))
    folder = tmp_path_factory.mktemp("cluster")
    with scheduler(folder) as (_, found), found.worker(), found.worker({core}):
        yield found


@pytest.fixture(scope="module")
def train(digits: LabelledImages) -> LabelledImages:
    return digits.take(np.arange(700))


def fitted(model: SVC) -> list[bytes]:
    arrays = (model.support_, model.support_vectors_, model.dual_coef_, model.intercept_)
    return [array.tobytes() for array in arrays]


def build(hyperparameters: Hyperparameters) -> Any:
    return pipeline.build(hyperparameters, FORMAT)


def test_a_fit_of_the_svc_divides_the_pairs_and_has_the_same_bytes(
    running: Cluster, train: LabelledImages, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(SOLVER_VARIABLE, "active_set")
    samples = train.pixels.astype(np.float32)
    expected = fitted(SVC(gamma=0.001).fit(samples, train.labels))
    with running.in_use():
        found = SVC(gamma=0.001).fit(samples, train.labels)
    assert found.solver_ == "active_set"
    assert fitted(found) == expected


def test_a_fit_that_was_stopped_on_the_cluster_continues_on_the_cores(
    running: Cluster, train: LabelledImages, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Solved pairs are kept where the stage runs, whoever has solved them."""
    monkeypatch.setenv(SOLVER_VARIABLE, "active_set")
    monkeypatch.setattr(long_fits, "_MIN_SAMPLES", 1)
    samples = train.pixels.astype(np.float32)
    expected = fitted(SVC(gamma=0.001).fit(samples, train.labels))
    with running.in_use(), suppress(KeyboardInterrupt), long_fits.resumable(tmp_path):
        SVC(gamma=0.001).fit(samples, train.labels)
        raise KeyboardInterrupt
    kept = sorted(tmp_path.rglob("*.npz"))
    assert len(kept) == 45
    for path in kept[20:]:
        path.unlink()
    with long_fits.resumable(tmp_path):
        assert fitted(SVC(gamma=0.001).fit(samples, train.labels)) == expected


def fit_and_decide(samples: np.ndarray, labels: np.ndarray) -> list[bytes]:
    model = SVC(gamma=0.001, decision_function_shape="ovo").fit(samples, labels)
    return [model.solver_, *fitted(model), model.decision_function(samples[:50]).tobytes()]


def test_a_fit_in_a_task_has_the_same_bytes_also_on_a_single_core(
    running: Cluster, train: LabelledImages
) -> None:
    """oneDAL rounds differently with one thread, and BLAS may do so."""
    data = (train.pixels.astype(np.float64), train.labels)
    expected = fit_and_decide(*data)
    with running.in_use():
        found = Parallel(n_jobs=-1)(delayed(fit_and_decide)(*data) for _ in range(8))
    assert found == [expected] * 8


@pytest.mark.parametrize(
    ("hyperparameters", "grid"),
    [
        (SVC_RAW, {"C": [0.001, 10], "gamma": [1e-6, 0.001]}),
        (FOREST, {"max_features": [0.1, 0.5], "n_estimators": [5]}),
    ],
    ids=["svc", "forest"],
)
def test_a_grid_search_finds_the_same(
    running: Cluster, train: LabelledImages, hyperparameters: Hyperparameters, grid: Any
) -> None:
    arguments = (build(hyperparameters), grid, train, make_folds(train, 3))
    expected = grid_search(*arguments)
    with running.in_use():
        assert grid_search(*arguments) == expected


@pytest.mark.parametrize("hyperparameters", [SVC_RAW, TREE], ids=["svc", "tree"])
def test_a_learning_curve_is_the_same(
    running: Cluster, train: LabelledImages, hyperparameters: Hyperparameters
) -> None:
    arguments = (build(hyperparameters), [50, 200, 400], train, make_folds(train, 3), 0)
    expected = learning_curve(*arguments)
    with running.in_use():
        assert learning_curve(*arguments) == expected


def test_features_have_the_same_bytes(running: Cluster, digits: LabelledImages) -> None:
    features = build(GRADIENTS)[:-1]
    expected = features.fit_transform(digits.pixels)
    with running.in_use():
        found = features.fit_transform(digits.pixels)
    np.testing.assert_array_equal(found, expected, strict=True)


@pytest.mark.parametrize("hyperparameters", [TREE, FOREST], ids=["tree", "forest"])
def test_a_model_file_has_the_same_bytes(
    running: Cluster, train: LabelledImages, tmp_path: Path, hyperparameters: Hyperparameters
) -> None:
    def save(name: str) -> bytes:
        model = pipeline.fit(build(hyperparameters), train, make_folds(train, 3))
        persistence.save(model, tmp_path / name)
        return (tmp_path / name).read_bytes()

    expected = save("local")
    with running.in_use():
        assert save("cluster") == expected


def test_claims_are_reproduced_with_the_same_predictions(
    running: Cluster, digits: LabelledImages
) -> None:
    entries = published.parse(CLAIMS, "claims.yaml")
    claims = [entry for entry in entries.claims if entry.dataset == "digits"][:4]
    (expected, _) = protocols.reproduce(claims, [], digits)
    with running.in_use():
        (found, _) = protocols.reproduce(claims, [], digits)
    for one, other in zip(found, expected, strict=True):
        assert (one.accuracy, one.minimum, one.maximum) == (
            other.accuracy, other.minimum, other.maximum,
        )  # fmt: skip
        np.testing.assert_array_equal(one.predicted, other.predicted, strict=True)


def test_a_large_array_is_sent_once_to_each_worker(running: Cluster) -> None:
    array = np.zeros(1_000_000)

    def where(number: int) -> tuple[int, int]:
        time.sleep(0.05)
        return os.getpid(), array.__array_interface__["data"][0]

    with running.in_use():
        found = list(cluster.iterate_tasks(where, range(20)))
    workers = {process for process, _ in found}
    assert os.getpid() not in workers
    assert len(workers) == len(set(found)) == 2
    wait_until(lambda: not any(running.client.has_what().values()))


def test_what_needs_shared_memory_runs_in_threads_of_this_process(running: Cluster) -> None:
    with running.in_use():
        assert effective_n_jobs(-1) == cpu_count()
        found = Parallel(n_jobs=2, require="sharedmem")(delayed(os.getpid)() for _ in range(4))
    assert found == [os.getpid()] * 4


def test_a_faulty_task_raises_its_own_exception(running: Cluster) -> None:
    with running.in_use(), pytest.raises(ZeroDivisionError):
        list(cluster.iterate_tasks(lambda number: 1 / number, [1, 0, 2]))


def test_one_item_is_computed_in_this_process(running: Cluster) -> None:
    with running.in_use():
        assert list(cluster.iterate_tasks(lambda _: os.getpid(), [0])) == [os.getpid()]
        assert list(cluster.iterate_blocks(lambda _: os.getpid(), [0] * 16)) == [os.getpid()] * 16


def test_a_worker_killed_during_a_fit_changes_no_byte(
    running: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(SOLVER_VARIABLE, "active_set")
    random = np.random.default_rng(0)
    labels = np.repeat(np.arange(6), 150)
    samples = (random.normal(size=(900, 100)) + labels[:, None] % 3).astype(np.float32)
    expected = fitted(SVC().fit(samples, labels))
    with running.worker() as third:
        (address,) = [
            name for name, pid in running.client.run(os.getpid).items() if pid == third.pid
        ]
        # It is given tasks and does not finish them.
        third.send_signal(signal.SIGSTOP)

        def kill() -> None:
            wait_until(lambda: running.client.processing().get(address))
            third.send_signal(signal.SIGKILL)

        killer = threading.Thread(target=kill)
        with running.in_use():
            killer.start()
            found = fitted(SVC().fit(samples, labels))
        killer.join()
        assert third.wait(60) == -signal.SIGKILL
    assert found == expected


def test_a_worker_that_dies_with_the_only_copy_of_an_array_costs_no_result(
    running: Cluster, tmp_path: Path
) -> None:
    array = np.arange(100_000)

    def die_once(number: int) -> int:
        try:
            (tmp_path / "died").touch(exist_ok=False)
        except FileExistsError:
            return int(array[number])
        os.kill(os.getpid(), signal.SIGKILL)
        return 0

    with running.worker(), running.in_use():
        assert list(cluster.iterate_tasks(die_once, range(30))) == list(range(30))


@pytest.fixture
def project(train: LabelledImages, tmp_path: Path) -> Path:
    """A folder with what `train@digits-tree` reads."""
    shutil.copy(PROJECT / "params.yaml", tmp_path)
    folder = tmp_path / paths.train("digits")
    folder.parent.mkdir(parents=True)
    images.save(train, folder)
    images.save_format(FORMAT, folder)
    return tmp_path


def run_stage(project: Path, address: str | None) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(PROJECT)}
    environment.pop(VARIABLE, None)
    if address is not None:
        environment[VARIABLE] = address
    command = (sys.executable, "-m", "stages.train", "digits", "tree")
    return subprocess.run(
        command, cwd=project, env=environment, capture_output=True, text=True, timeout=120
    )


def test_a_stage_uses_the_cluster_and_writes_the_same_bytes(
    running: Cluster, project: Path
) -> None:
    model = project / paths.model("digits", "tree")
    contents = []
    for address in (None, running.address):
        done = run_stage(project, address)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
        contents.append(model.read_bytes())
        model.unlink()
    assert contents[0] == contents[1]
    # The second run had other processes to fit in: the scheduler saw its client and its tasks.
    events = [event for _, event in running.client.get_events("all")]
    assert sum(event.get("action") == "add-client" for event in events) >= 2


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("tcp://127.0.0.1:1", "Timed out"),
        ("127.0.0.1", "missing port number"),
        ("http://127.0.0.1:8786", "unknown address scheme"),
        ("tls://127.0.0.1:8786", "no certificates"),
    ],
)
def test_an_unreachable_scheduler_is_one_line(project: Path, address: str, reason: str) -> None:
    done = run_stage(project, address)
    assert done.returncode == 1
    assert done.stderr.startswith(f"error: {VARIABLE}: {address}; no scheduler found there (")
    assert reason in done.stderr
    assert "unset the variable" in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (project / "models").exists()


LOSES_SCHEDULER = """
import os, signal, sys, time
from handwriting.common.stage.command import run
from handwriting.models.svm import cluster, long_fits

def main(pid: str) -> None:
    def work(number):
        os.kill(int(pid), signal.SIGKILL)
        time.sleep(1)
    list(cluster.iterate_tasks(work, [1, 2, 3]))

run(main)
"""


def test_a_scheduler_that_is_lost_is_one_line(tmp_path: Path) -> None:
    with scheduler(tmp_path) as (process, found), found.worker():
        done = subprocess.run(
            [sys.executable, "-c", LOSES_SCHEDULER, str(process.pid)],
            cwd=PROJECT,
            env={**os.environ, VARIABLE: found.address},
            capture_output=True,
            text=True,
            timeout=120,
        )
    assert done.returncode == 1
    assert done.stderr.startswith(f"error: {VARIABLE}: {found.address}; the scheduler was lost")
    assert done.stderr.count("\n") == 1


def test_a_task_that_kills_every_worker_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES", "0")
    with scheduler(tmp_path) as (_, found), found.worker():
        monkeypatch.setenv(VARIABLE, found.address)
        with pytest.raises(InputError, match="1 workers died") as caught, cluster_in_use():
            list(cluster.iterate_tasks(lambda _: os.kill(os.getpid(), signal.SIGKILL), [1, 2]))
    assert "\n" not in str(caught.value)
