"""Connects a stage to a Dask cluster, if the environment names one."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from handwriting.common.errors import InputError

# Dask's own name for it. It is no parameter: another cluster makes no result stale.
VARIABLE = "DASK_SCHEDULER_ADDRESS"

# Seconds without an answer of the scheduler. It does not answer while it receives large arrays.
_TIMEOUT = 10


@contextmanager
def cluster_in_use() -> Iterator[None]:
    """Let joblib use the cluster whose scheduler ``DASK_SCHEDULER_ADDRESS`` names, if it is set.

    Without it, nothing is done or imported. The same holds for a stage whose work does not fan
    out.

    Raises
    ------
    InputError
        If Dask is not installed, the scheduler cannot be reached or is lost, or a task was lost
        with several workers.
    """
    address = os.environ.get(VARIABLE, "")
    # joblib's backend is registered by the module through which work fans out.
    if not address or "handwriting.models.svm.cluster" not in sys.modules:
        yield
        return
    client = _connect(address)
    from distributed import CancelledError, KilledWorker
    from joblib import parallel_config

    try:
        with parallel_config("cluster", client=client, n_jobs=1):
            yield
    except KilledWorker as error:
        raise InputError(
            f"{VARIABLE}: {address}; {error.allowed_failures + 1} workers died while they ran the "
            "same task: give workers more memory, or unset the variable to use this machine"
        ) from None
    except CancelledError:
        raise InputError(
            f"{VARIABLE}: {address}; the scheduler was lost: start it and run this again, or unset "
            "the variable to use this machine"
        ) from None
    finally:
        # A scheduler that was lost does not answer.
        with suppress(OSError):
            client.close(timeout=_TIMEOUT)


def _connect(address: str) -> Any:
    """Return a client of Dask, connected; say so if its scheduler has no worker yet."""
    try:
        import dask
        from distributed import Client
    except ImportError:
        raise InputError(
            f"{VARIABLE}: {address}; Dask is not installed: run `python -m pip install "
            "'dask[distributed]'`, or unset the variable to use this machine"
        ) from None
    import logging

    # The user gets one line about a lost scheduler, instead of log messages and tracebacks.
    for name in ("distributed", "distributed.client", "tornado", "asyncio"):
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    settings = {
        # Arrays are sent as tasks, so that they survive the workers that have them.
        "distributed.admin.large-graph-warning-threshold": "1TB",
        "distributed.comm.timeouts.connect": _TIMEOUT,
    }
    dask.config.set(settings)
    try:
        _check(address)
        client = Client(address, timeout=_TIMEOUT, set_as_default=False)  # type: ignore[no-untyped-call]
    except (OSError, ValueError) as error:
        raise InputError(
            f"{VARIABLE}: {address}; no scheduler found there ({' '.join(str(error).split())}): "
            "must be like tcp://HOST:8786; start one with `dask scheduler`, or unset the variable "
            "to use this machine"
        ) from None
    if not client.scheduler_info(n_workers=-1)["workers"]:
        print(f"{VARIABLE}: {address}; waiting for a worker", file=sys.stderr, flush=True)
    return client


def _check(address: str) -> None:
    """Raise a ValueError where a client of Dask would hang or show a traceback."""
    from distributed.comm.addressing import get_address_host_port, parse_address
    from distributed.security import Security

    get_address_host_port(address)
    scheme, _ = parse_address(address)
    if scheme not in ("tcp", "tls"):
        raise ValueError(f"{scheme}:// is neither tcp:// nor tls://")
    security: Any = Security  # it has no types
    if scheme == "tls" and security().get_connection_args("client")["ssl_context"] is None:
        raise ValueError("Dask's configuration names no certificates for tls://")
