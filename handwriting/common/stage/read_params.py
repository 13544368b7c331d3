"""Reads ``params.yaml``."""

from collections.abc import Iterator
from contextlib import contextmanager

from handwriting.common.errors import InputError
from handwriting.common.params.schema import Params, parse
from handwriting.common.params.yaml_reader import read_yaml
from handwriting.common.stage import paths

# The parameters that this process works with.
_loaded: list[Params] = []


def read() -> Params:
    """Read and check the whole of ``params.yaml``.

    Raises
    ------
    InputError
        If the file is missing, is not YAML, or contains a value that is not allowed.
    """
    return parse(read_yaml(paths.PARAMS), str(paths.PARAMS))


def load() -> Params:
    """Do the same as `read` for a stage, which must then not end with other parameters."""
    params = read()
    _loaded[:] = [params]
    return params


def check_unchanged() -> None:
    """Stop if ``params.yaml`` has other values than those that `load` returned.

    DVC records the parameters when a stage has ended. If they were changed while it ran, DVC would
    record results of the old values as those of the new ones.

    Raises
    ------
    InputError
        If a value has changed.
    """
    if _loaded and read() != _loaded[0]:
        raise InputError(
            f"{paths.PARAMS}: changed while this stage ran, which had read the old values; run "
            "`dvc repro` again"
        )


@contextmanager
def faults_in(section: str) -> Iterator[None]:
    """Name the file and the section in the message of an `InputError` about a parameter."""
    try:
        yield
    except InputError as error:
        raise InputError(f"{paths.PARAMS}: {section}.{error}") from None
