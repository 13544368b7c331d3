"""When and on which machine something was measured, for the reports."""

import os
import platform
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from threadpoolctl import threadpool_info


def processor_name() -> str:
    """Return the processor's name as reported by the operating system."""
    information = Path("/proc/cpuinfo")
    if information.exists():
        for line in information.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def machine() -> str:
    """Return the processor, the number of cores and the version of Python."""
    return f"{processor_name()}, {os.cpu_count()} cores; Python {platform.python_version()}"


def blas() -> str:
    """Return the BLAS libraries of NumPy and SciPy, and for which processors their kernels are.

    A library may use kernels for older processors than this one.
    """
    found = set()
    for library in threadpool_info():
        if library["user_api"] == "blas":
            kernels = library.get("architecture", "unknown processors")
            found.add(f"{library['internal_api']} {library['version']}, kernels for {kernels}")
    return "; ".join(sorted(found))


def today() -> str:
    """Return the date, YYYY-MM-DD, UTC."""
    return datetime.now(UTC).date().isoformat()


def describe_dates(dates: Iterable[str]) -> str:
    """Return the day or the days between which something was measured, as a part of a sentence."""
    ordered = sorted(dates)
    if ordered[0] == ordered[-1]:
        return f"on {ordered[0]}"
    return f"from {ordered[0]} to {ordered[-1]}"


def describe_machines(machines: Iterable[str]) -> str:
    """Return the different machines on which something was measured."""
    return " / ".join(sorted(set(machines)))
