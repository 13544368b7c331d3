"""Checks params.yaml and claims.yaml without running a stage: ``python -m tools.check_params``."""

from handwriting.common.stage.command import run

from handwriting.claims import published
from handwriting.common.params.schema import Params
from handwriting.common.params.yaml_reader import read_yaml
from handwriting.common.stage import paths, read_params


def check() -> Params:
    """Return the parameters if both files are correct.

    Raises
    ------
    InputError
        One line per fault.
    """
    params = read_params.read()
    published.parse(read_yaml(paths.PUBLISHED_CLAIMS), str(paths.PUBLISHED_CLAIMS))
    return params


def main() -> None:
    """Check both files; print nothing if they are correct."""
    check()


if __name__ == "__main__":
    run(main)
