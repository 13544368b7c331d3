"""Remove a dataset or a submission from params.yaml, and its models from dvc.yaml."""

import argparse
from typing import TYPE_CHECKING

from handwriting.common.errors import InputError

if TYPE_CHECKING:
    from handwriting.common.params.schema import Params


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("name", metavar="NAME", help="its name in params.yaml")


def main(arguments: argparse.Namespace) -> None:
    """Remove the block from params.yaml and delete the copy of the data that `add` stored.

    Raises
    ------
    InputError
        If the dataset or submission does not exist, or if another entry needs it. Nothing is
        changed in that case.
    """
    from handwriting.app import artifacts, params_file, sources
    from handwriting.common.params import schema
    from handwriting.common.params.yaml_reader import parse_yaml, read_yaml

    name = arguments.name
    params = schema.parse(read_yaml(params_file.PATH), str(params_file.PATH))
    if name in params.submissions:
        section = "submissions"
    elif name in params.datasets:
        section = "datasets"
        _check_unused(name, params)
    else:
        allowed = ", ".join([*params.datasets, *params.submissions])
        raise InputError(f"{name!r} is not in params.yaml; allowed: {allowed}")
    text = params_file.remove(params_file.read(), section, name)
    schema.parse(parse_yaml(text), str(params_file.PATH))
    if section == "datasets":
        named = artifacts.remove(params_file.read(artifacts.PATH), name)
        params_file.write(named, artifacts.PATH)
    params_file.write(text)
    print(f"Removed {section}.{name} from {params_file.PATH}")
    if sources.discard(name):
        print(f"Deleted {sources.folder(name)}; DVC's cache still has the data")
    elif sources.folder(name).exists():
        print(f"Kept {sources.folder(name)}, because DVC does not have its current content")
    print("Next: make run (it deletes the results)")


def _check_unused(name: str, params: "Params") -> None:
    users = [key for key, item in params.submissions.items() if item.dataset == name]
    if users:
        raise InputError(
            f"{name!r}: the submission {users[0]!r} needs its models; first run handwriting remove "
            f"{users[0]}"
        )
    if len(params.datasets) == 1:
        raise InputError(f"{name!r} is the only dataset; params.yaml must have at least one")
