"""Writes tests/faults/README.md: what was broken in which stage, and how it ended."""

from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

README = Path(__file__).parent / "README.md"

_INTRODUCTION = """\
# Faults

`make test-faults` writes this page. Each run takes a copy of a small built pipeline and lets \
something go wrong in one stage, or in DVC. After it:

- the failed run has said in one line what was wrong, without a traceback;
- the next `dvc repro` has ended with the same bytes as an undisturbed run, in all results and in \
`dvc.lock`. The copies have no run cache, so a stage whose result is lost runs again. A checkout \
comes before only where a message of the project asks for it;
- `git status` is empty, and no temporary file is left.

How faults are made: an audit hook of Python, which `injection/sitecustomize.py` installs from \
outside, acts when the stage opens or renames its outputs. A full disk is the limit of the system \
for the size of a file (`RLIMIT_FSIZE`); a program gets an error from its write as on a full disk. \
The same limit with its signal kills a process in the middle of a write. A read-only folder is one \
without write permission, for a process without root's permission to ignore that.
"""


_INPUTS = """\
## Faulty inputs

Each is a file of its own that a command of the project reads: a stage, or `handwriting predict`. \
The command has ended with one line that names the file and exit code 1, and no file was changed, \
created or lost. `inputs.py` has the list.
"""

_FUZZERS = """\
## Random inputs

Each case is a sound content with random changes, or random content. A reader has read or refused \
it: no other exception, at most 20 seconds, less than 1 GiB of memory more.
"""

_MACHINES = """\
## Other machines

The stages train, evaluate, compare and suspects of the small pipeline, under settings that other \
machines may have. The columns are what differs from the settings of the machine that ran the \
tests: model files, with the largest difference of their probabilities for random images; \
probabilities in the tables of predictions; other results. The predicted digits, and with them \
accuracy and mistakes, are the same in each row. Metrics of probabilities differ by less than \
.005.
"""


def write(
    outcomes: Iterable[tuple[str, str, str]],
    inputs: Iterable[str],
    fuzzers: Iterable[tuple[str, int, int]],
    machines: Iterable[tuple[str, str, str, str]],
) -> None:
    """Write what was tried and how it ended.

    Parameters
    ----------
    outcomes : iterable of (fault, stage, outcome)
        One for each run with a fault.
    inputs : iterable of str
        The kind of each faulty input.
    fuzzers : iterable of (reader, number of cases, number of refused cases)
        One for each run of a fuzzer; of a reader's runs, the longest counts.
    machines : iterable of (setting, models, probabilities, other results)
        What differs under each setting.
    """
    lines = [_INTRODUCTION, *_faults(sorted(outcomes)), "", _INPUTS, *_kinds(Counter(inputs))]
    lines += ["", _FUZZERS, *_readers(sorted(fuzzers))]
    if settings := sorted(machines):
        lines += ["", _MACHINES, *_settings(settings)]
    README.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _faults(runs: list[tuple[str, str, str]]) -> Iterator[str]:
    """Yield one row per fault and outcome."""
    stages: dict[tuple[str, str], Counter[str]] = {}
    for fault, stage, outcome in runs:
        stages.setdefault((fault, outcome), Counter())[stage] += 1
    yield from (f"{len(runs)} runs, none with a wrong result or a lost file.", "")
    yield from ("| fault | runs | outcome | stages |", "|---|---|---|---|")
    for (fault, outcome), counts in stages.items():
        names = ", ".join(f"{name} ×{n}" if n > 1 else name for name, n in sorted(counts.items()))
        yield f"| {fault} | {counts.total()} | {outcome} | {names} |"


def _kinds(counts: Counter[str]) -> Iterator[str]:
    """Yield one row per kind of input."""
    yield from ("| kind | faulty inputs |", "|---|---|")
    yield from (f"| {kind} | {n} |" for kind, n in sorted(counts.items()))
    yield f"| all | {counts.total()} |"


def _readers(runs: list[tuple[str, int, int]]) -> Iterator[str]:
    """Yield one row per reader."""
    longest = {reader: (n_cases, n_refused) for reader, n_cases, n_refused in runs}
    yield from ("| reader | cases | refused |", "|---|---|---|")
    for reader, (n_cases, n_refused) in longest.items():
        yield f"| {reader} | {n_cases:,} | {n_refused:,} |"


def _settings(machines: Iterable[tuple[str, str, str, str]]) -> Iterator[str]:
    """Yield one row per setting of the machine."""
    yield from ("| setting | models | predictions | other results |", "|---|---|---|---|")
    yield from (f"| {' | '.join(row)} |" for row in machines)
