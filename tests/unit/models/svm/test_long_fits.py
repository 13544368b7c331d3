"""A fit that is stopped continues where it was and has the same bytes."""

import signal
import subprocess
import sys
from contextlib import suppress

import numpy as np
import pytest

from handwriting.models.svm import long_fits, one_vs_one
from handwriting.models.svm.solvers import SOLVER_VARIABLE
from handwriting.models.svm.svc import SVC

N_CLASSES = 4
N_PAIRS = 6

# Fits the classifier; kills itself in the fourth pair, when the first one has been kept.
KILLED_FIT = """
import os, signal, sys, time
from pathlib import Path
from handwriting.models.svm import long_fits, one_vs_one
from tests.unit.models.svm.test_long_fits import bits_of, make_samples
from handwriting.models.svm.svc import SVC

long_fits._MIN_SAMPLES = 100
solve_pair = one_vs_one.solve_pair
begun = []

def solve_or_die(*arguments):
    begun.append(arguments)
    if len(begun) == 4:
        while not list(Path(sys.argv[1]).rglob("*.npz")):
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGKILL)
    return solve_pair(*arguments)

one_vs_one.solve_pair = solve_or_die
with long_fits.resumable(Path(sys.argv[1])):
    SVC().fit(*make_samples())
"""


def make_samples(seed=0):
    random = np.random.default_rng(seed)
    labels = np.arange(1200) % N_CLASSES
    X = random.normal(size=(1200, 120)) + labels[:, np.newaxis] / 8
    return X.astype(np.float32), labels


def bits_of(model):
    return model.support_.tobytes(), model.dual_coef_.tobytes(), model.intercept_.tobytes()


@pytest.fixture(autouse=True)
def all_fits_are_long(monkeypatch):
    monkeypatch.setattr(long_fits, "_MIN_SAMPLES", 100)
    monkeypatch.setenv(SOLVER_VARIABLE, "active_set")


@pytest.fixture
def solved(monkeypatch):
    """Return the list of pairs that are solved, by their sizes."""
    pairs = []
    solve_pair = one_vs_one.solve_pair

    def record(pair, *arguments):
        pairs.append(len(pair))
        return solve_pair(pair, *arguments)

    monkeypatch.setattr(one_vs_one, "solve_pair", record)
    return pairs


def fit_and_fail(folder, data):
    """Fit a model completely, but stop before it is saved; the solved pairs stay."""
    with suppress(KeyboardInterrupt), long_fits.resumable(folder):
        model = SVC().fit(*data)
        raise KeyboardInterrupt
    return model


def test_a_killed_fit_continues_with_the_same_bytes(tmp_path, solved):
    expected = bits_of(SVC().fit(*make_samples()))
    assert len(solved) == N_PAIRS
    folder = tmp_path / "pairs"
    killed = subprocess.run([sys.executable, "-c", KILLED_FIT, str(folder)], check=False)
    assert killed.returncode == -signal.SIGKILL
    n_kept = len(list(folder.rglob("*.npz")))
    assert 1 <= n_kept <= 3
    solved.clear()
    with long_fits.resumable(folder):
        model = SVC().fit(*make_samples())
        assert len(list(folder.rglob("*.npz"))) == N_PAIRS
    assert bits_of(model) == expected
    assert len(solved) == N_PAIRS - n_kept
    assert not folder.exists()


@pytest.mark.parametrize("n_missing", range(N_PAIRS + 1))
def test_any_number_of_missing_pairs_gives_the_same_bytes(tmp_path, solved, n_missing):
    expected = bits_of(fit_and_fail(tmp_path, make_samples()))
    for path in sorted(tmp_path.rglob("*.npz"))[:n_missing]:
        path.unlink()
    solved.clear()
    with long_fits.resumable(tmp_path):
        assert bits_of(SVC().fit(*make_samples())) == expected
    assert len(solved) == n_missing


@pytest.mark.parametrize(
    "change",
    [{"C": 2.0}, {"gamma": 0.01}, {"tol": 1e-2}, {"cache_size": 100}, {"class_weight": {0: 2.0}}],
    ids=lambda change: next(iter(change)),
)
def test_pairs_of_another_fit_are_not_used(tmp_path, solved, change):
    data = make_samples()
    fit_and_fail(tmp_path, data)
    expected = bits_of(SVC(**change).fit(*data))
    solved.clear()
    with long_fits.resumable(tmp_path):
        assert bits_of(SVC(**change).fit(*data)) == expected
    assert len(solved) == N_PAIRS


def test_pairs_of_other_samples_are_not_used(tmp_path, solved):
    X, labels = make_samples()
    fit_and_fail(tmp_path, (X, labels))
    X[700, 3] += np.float32(1e-6)
    solved.clear()
    with long_fits.resumable(tmp_path):
        SVC().fit(X, labels)
    assert len(solved) == N_PAIRS


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 no zip file", None], ids=str)
def test_a_damaged_file_is_solved_again(tmp_path, solved, content):
    expected = bits_of(fit_and_fail(tmp_path, make_samples()))
    damaged = sorted(tmp_path.rglob("*.npz"))[2]
    good = damaged.read_bytes()
    damaged.write_bytes(good[: len(good) // 2] if content is None else content)
    solved.clear()
    with long_fits.resumable(tmp_path):
        assert bits_of(SVC().fit(*make_samples())) == expected
    assert len(solved) == 1


def test_a_flipped_bit_is_noticed(tmp_path, solved):
    expected = bits_of(fit_and_fail(tmp_path, make_samples()))
    damaged = sorted(tmp_path.rglob("*.npz"))[0]
    content = bytearray(damaged.read_bytes())
    content[len(content) // 3] ^= 1
    damaged.write_bytes(content)
    with long_fits.resumable(tmp_path):
        assert bits_of(SVC().fit(*make_samples())) == expected


def test_a_folder_that_cannot_be_written_does_not_stop_the_fit(tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    with long_fits.resumable(blocked / "pairs"):
        model = SVC().fit(*make_samples())
    assert bits_of(model) == bits_of(SVC().fit(*make_samples()))


def test_nothing_is_kept_outside_the_block_or_of_short_fits(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(long_fits, "_INTERVAL", 0.0)
    SVC().fit(*make_samples())
    monkeypatch.setattr(long_fits, "_MIN_SAMPLES", 1201)
    with long_fits.resumable(tmp_path / "pairs"):
        SVC().fit(*make_samples())
        assert not (tmp_path / "pairs").exists()
    assert capsys.readouterr().err == ""


def test_progress_counts_the_solved_pairs(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(long_fits, "_INTERVAL", 0.0)
    fit_and_fail(tmp_path, make_samples())
    lines = capsys.readouterr().err.splitlines()
    start = "Fit of 1,200 samples: {} of 6 pairs of classes solved, about "
    assert [line.startswith(start.format(n + 1)) for n, line in enumerate(lines)] == [True] * 6
    assert lines[-1].endswith("about 0 s left")
    for path in sorted(tmp_path.rglob("*.npz"))[:2]:
        path.unlink()
    with long_fits.resumable(tmp_path):
        SVC().fit(*make_samples())
    lines = capsys.readouterr().err.splitlines()
    assert [line.split(":")[1].split(" of")[0] for line in lines] == [" 5", " 6"]


def test_the_remaining_time_is_right_if_pairs_take_equally_long(monkeypatch, capsys):
    """Two threads solve 46 pairs in 10 s each; the second thread is half a pair behind."""
    now = 0.0
    monkeypatch.setattr(long_fits.time, "monotonic", lambda: now)
    progress = long_fits._Progress(n_samples=1_000_000, n_pairs=46, n_threads=2)
    for step in range(2, 48):
        now = 5.0 * step
        progress.end()
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].endswith("about 5 min left")  # 10 s for 1.5 pairs, and 44.5 pairs are left
    assert lines[10].endswith("about 2 min left")  # at 110 s of 235 s
    assert lines[-2].endswith("about 13 s left")  # at 220 s
    assert lines[-1].endswith("about 3 s left")  # at 230 s; the last pair is half done


def test_a_fit_has_a_folder_of_its_own_without_temporary_files(tmp_path):
    fit_and_fail(tmp_path, make_samples())
    (folder,) = tmp_path.iterdir()
    names = sorted(path.name for path in folder.iterdir())
    assert names == [f"{a}-{b}.npz" for a in range(N_CLASSES) for b in range(a + 1, N_CLASSES)]
