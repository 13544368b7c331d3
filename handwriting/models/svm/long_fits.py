"""Long fits: solved pairs of classes are kept in a folder, and progress is printed.

A fit that was stopped continues with the pairs that are missing. The solution of a pair does not
depend on the other pairs, so the result has the same bytes.
"""

import hashlib
import shutil
import sys
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np

from handwriting.models.svm.pair import PairSolution, Settings
from handwriting.models.svm.problem import Problem

ClassPair = tuple[int, int]

# Fits with fewer samples take less than a minute.
_MIN_SAMPLES = 100_000

# Seconds between two lines about the progress.
_INTERVAL = 10.0

# Samples are hashed in blocks, because the bytes of a block are a copy of it.
_HASH_ROWS = 10_000

# The folder of the `resumable` block that is active, in any thread.
_folder: Path | None = None


@contextmanager
def resumable(folder: Path) -> Iterator[None]:
    """Keep the solved pairs of long fits until the block ends, and print progress to stderr.

    Parameters
    ----------
    folder : Path
        Deleted at the end of the block, unless the block fails or the process is killed.
    """
    global _folder
    _folder = folder
    try:
        yield
    finally:
        _folder = None
    shutil.rmtree(folder, ignore_errors=True)


class KeptPairs:
    """The solved pairs of a fit, one file for each.

    Parameters
    ----------
    problem : Problem
    settings : Settings
    n_pairs, n_threads : int
        Number of pairs of classes, and of those that are solved at the same time.
    """

    def __init__(self, problem: Problem, settings: Settings, n_pairs: int, n_threads: int) -> None:
        is_long = len(problem.X) >= _MIN_SAMPLES
        self._folder = _folder / _fingerprint(problem, settings) if _folder and is_long else None
        self._progress = _Progress(len(problem.X), n_pairs, n_threads)

    def load(self) -> dict[ClassPair, PairSolution]:
        """Return the kept solutions; files that are damaged are left out."""
        if self._folder is None:
            return {}
        solutions = {}
        for path in self._folder.glob("*.npz"):
            with suppress(OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
                first, second = path.stem.split("-")
                solutions[int(first), int(second)] = _read(path)
        self._progress.skip(len(solutions))
        return solutions

    def save(self, pair: ClassPair, solution: PairSolution) -> None:
        """Keep the solution of a pair. If it cannot be written, it is solved again next time."""
        if self._folder is None:
            return
        with suppress(OSError):
            self._folder.mkdir(parents=True, exist_ok=True)
            _write(solution, self._folder / f"{pair[0]}-{pair[1]}.npz")
        self._progress.end()


def _read(path: Path) -> PairSolution:
    with np.load(path) as arrays:
        return PairSolution(
            support=arrays["support"],
            coefficients=arrays["coefficients"],
            intercept=float(arrays["intercept"]),
            n_iter=int(arrays["n_iter"]),
        )


def _write(solution: PairSolution, path: Path) -> None:
    """Write a solution; a process that is killed meanwhile leaves no file of that name."""
    temporary = path.with_suffix(".tmp")
    with temporary.open("wb") as file:
        np.savez(file, **vars(solution))
    temporary.replace(path)


class _Progress:
    """Prints how many pairs are solved and how long the others will take."""

    def __init__(self, n_samples: int, n_pairs: int, n_threads: int) -> None:
        self._n_samples = n_samples
        self._n_pairs = n_pairs
        self._n_threads = n_threads
        self._n_skipped = 0
        self._n_ended = 0
        self._start = self._last_line = time.monotonic()

    def skip(self, n_pairs: int) -> None:
        """Count pairs that were solved before."""
        self._n_skipped += n_pairs

    def end(self) -> None:
        """Count a pair that has been solved; print a line, but not too often."""
        self._n_ended += 1
        now = time.monotonic()
        if now - self._last_line >= _INTERVAL:
            self._last_line = now
            print(self._line(now - self._start), file=sys.stderr, flush=True)

    def _line(self, elapsed: float) -> str:
        n_left = self._n_pairs - self._n_skipped - self._n_ended
        # On average, half of a pair that another thread solves is done.
        n_half_done = min(self._n_threads - 1, n_left) / 2
        left = elapsed / (self._n_ended + n_half_done) * (n_left - n_half_done)
        return (
            f"Fit of {self._n_samples:,} samples: {self._n_skipped + self._n_ended} of "
            f"{self._n_pairs} pairs of classes solved, about {_duration(left)} left"
        )


def _duration(seconds: float) -> str:
    """Return a duration in seconds below two minutes, in minutes otherwise."""
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"


def _fingerprint(problem: Problem, settings: Settings) -> str:
    """Return a checksum of all that the solution depends on, in 32 hexadecimal digits."""
    checksum = hashlib.blake2b(digest_size=16)
    for start in range(0, len(problem.X), _HASH_ROWS):
        checksum.update(problem.X[start : start + _HASH_ROWS].tobytes())
    for array in (problem.norms, problem.classes, problem.bounds):
        checksum.update(array.tobytes())
    described = (problem.X.dtype, problem.norms.dtype, problem.kernel, settings, np.__version__)
    checksum.update(repr(described).encode())
    for module in sorted(Path(__file__).parent.glob("*.py")):
        checksum.update(module.read_bytes())
    return checksum.hexdigest()
