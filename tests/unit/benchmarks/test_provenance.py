import re

import numpy as np

from benchmarks import provenance


def test_dates_are_a_day_or_a_period() -> None:
    assert provenance.describe_dates(["2026-02-01", "2026-02-01"]) == "on 2026-02-01"
    found = provenance.describe_dates(["2026-02-01", "2025-12-31", "2026-01-07"])
    assert found == "from 2025-12-31 to 2026-02-01"


def test_each_machine_is_named_once() -> None:
    assert provenance.describe_machines(["b", "a", "b"]) == "a / b"
    assert " cores; Python 3." in provenance.machine()


def test_the_kernels_of_blas_are_named() -> None:
    np.ones((2, 2)) @ np.ones((2, 2))
    assert re.search(r"openblas [\d.]+\S*, kernels for \w+", provenance.blas())
