"""Reads ``params.yaml``."""

from collections.abc import Iterator
from contextlib import contextmanager

from handwriting.common.errors import InputError
from handwriting.common.params.schema import Params, parse
from handwriting.common.params.yaml_reader import read_yaml
from stages.common import paths


def load() -> Params:
    """Read and check the whole of ``params.yaml``, whatever a stage uses of it.

    Raises
    ------
    InputError
        If the file is missing, is not YAML, or contains a value that is not allowed.
    """
    return parse(read_yaml(paths.PARAMS), str(paths.PARAMS))


@contextmanager
def faults_in(section: str) -> Iterator[None]:
    """Name the file and the section in the message of an `InputError` about a parameter."""
    try:
        yield
    except InputError as error:
        raise InputError(f"{paths.PARAMS}: {section}.{error}") from None
