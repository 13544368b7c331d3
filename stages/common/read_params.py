"""Reads ``params.yaml``."""

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
