"""Writes tests/faults/README.md: what was broken in which stage, and how it ended."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

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
without write permission, for a process without root's permission to ignore that. A disk without \
space is a small file system in memory that contains the project, DVC's cache and DVC's database; \
there, `make run` is what fails and what continues, and it stops DVC where DVC would not end.

Not all rows must be from one run: `WRITE_FAULTS=selected` replaces only the rows of the tests \
that have been run.
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

The stages train, evaluate and compare of the small pipeline, under settings that other machines \
may have. The columns are what differs from the settings of the machine that ran the \
tests: model files, with the largest difference of their probabilities for random images; \
probabilities in the tables of predictions; other results. The predicted digits, and with them \
accuracy and mistakes, are the same in each row. Metrics of probabilities differ by less than \
.005.
"""


@dataclass
class Record:
    """What was tried, and how it ended.

    Attributes
    ----------
    outcomes : list of (fault, stage, outcome)
        One for each run with a fault.
    inputs : counter
        The number of faulty inputs of each kind.
    fuzzers : dict
        Number of cases and of refused cases by reader.
    machines : dict
        Models, probabilities and other results that differ, by setting.
    """

    outcomes: list[tuple[str, str, str]] = field(default_factory=list)
    inputs: Counter[str] = field(default_factory=Counter)
    fuzzers: dict[str, tuple[int, int]] = field(default_factory=dict)
    machines: dict[str, tuple[str, str, str]] = field(default_factory=dict)

    def add(self, name: str, value: Any) -> None:
        """Add what one test says about its run."""
        match name, value:
            case "outcome", (fault, stage, outcome):
                self.outcomes.append((fault, stage, outcome))
            case "input", kind:
                self.inputs[kind] += 1
            case "fuzzer", (reader, n_cases, n_refused):  # of a reader's runs, the longest counts
                runs = self.fuzzers.get(reader, (0, 0)), (n_cases, n_refused)
                self.fuzzers[reader] = max(runs)
            case "machine", (setting, *differences):
                self.machines[setting] = tuple(differences)

    def update(self, newer: "Record") -> None:
        """Replace what has been tried again."""
        again = {(fault, stage) for fault, stage, _ in newer.outcomes}
        self.outcomes = [run for run in self.outcomes if run[:2] not in again] + newer.outcomes
        self.inputs.update(newer.inputs - self.inputs)  # more of a kind than before
        for reader, runs in newer.fuzzers.items():
            if runs[0] >= self.fuzzers.get(reader, (0, 0))[0]:
                self.fuzzers[reader] = runs
        self.machines.update(newer.machines)


def write(record: Record) -> None:
    """Write the page."""
    lines = [_INTRODUCTION, *_faults(sorted(record.outcomes)), "", _INPUTS, *_kinds(record.inputs)]
    lines += ["", _FUZZERS, *_readers(record.fuzzers)]
    if record.machines:
        lines += ["", _MACHINES, *_settings(record.machines)]
    README.write_text("\n".join(lines) + "\n", encoding="utf-8")


def read() -> Record:
    """Return what the page says."""
    record = Record()
    header = ""
    for line in README.read_text(encoding="utf-8").splitlines():
        cells = line[2:-2].split(" | ")
        if not line.startswith("|"):
            header = ""
        elif line.startswith("|---"):
            continue
        elif not header:
            header = cells[0]
        elif header == "fault":
            fault, _, outcome, stages = cells
            for name in stages.split(", "):
                stage, _, n = name.partition(" ×")
                record.outcomes += [(fault, stage, outcome)] * int(n or 1)
        elif header == "kind" and cells[0] != "all":
            record.inputs[cells[0]] = int(cells[1])
        elif header == "reader":
            n_cases, n_refused = (int(cell.replace(",", "")) for cell in cells[1:])
            record.fuzzers[cells[0]] = n_cases, n_refused
        elif header == "setting":
            record.machines[cells[0]] = (cells[1], cells[2], cells[3].strip())
    return record


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


def _readers(runs: dict[str, tuple[int, int]]) -> Iterator[str]:
    """Yield one row per reader."""
    yield from ("| reader | cases | refused |", "|---|---|---|")
    for reader, (n_cases, n_refused) in sorted(runs.items()):
        yield f"| {reader} | {n_cases:,} | {n_refused:,} |"


def _settings(machines: dict[str, tuple[str, str, str]]) -> Iterator[str]:
    """Yield one row per setting of the machine."""
    yield from ("| setting | models | predictions | other results |", "|---|---|---|---|")
    for setting, differences in sorted(machines.items()):
        yield f"| {' | '.join((setting, *differences))} |"
