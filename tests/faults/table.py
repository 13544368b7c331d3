"""Writes tests/faults/README.md: what was broken in which stage, and how it ended."""

from collections import Counter
from collections.abc import Iterable
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


def write(outcomes: Iterable[tuple[str, str, str]]) -> None:
    """Write one row per fault and outcome.

    Parameters
    ----------
    outcomes : iterable of (fault, stage, outcome)
        One for each run.
    """
    runs = sorted(outcomes)
    stages: dict[tuple[str, str], Counter[str]] = {}
    for fault, stage, outcome in runs:
        stages.setdefault((fault, outcome), Counter())[stage] += 1
    lines = [_INTRODUCTION, f"{len(runs)} runs, none with a wrong result or a lost file.", ""]
    lines += ["| fault | runs | outcome | stages |", "|---|---|---|---|"]
    for (fault, outcome), counts in stages.items():
        names = ", ".join(f"{name} ×{n}" if n > 1 else name for name, n in sorted(counts.items()))
        lines.append(f"| {fault} | {counts.total()} | {outcome} | {names} |")
    README.write_text("\n".join(lines) + "\n", encoding="utf-8")
