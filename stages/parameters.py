"""Reads ``params.yaml``; run as ``python -m stages.parameters`` it only checks it."""

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from handwriting.errors import InputError
from handwriting.params import Params, parse
from stages import paths
from stages.command import run


def load() -> Params:
    """Read and check the whole of ``params.yaml``, whichever part of it a stage then uses.

    Raises
    ------
    InputError
        When it is missing, is not YAML, or holds what is not allowed.
    """
    try:
        # DVC's own reader, in DVC's own mode, so that both see the same values.
        content = YAML(typ="safe").load(paths.PARAMS)
    except FileNotFoundError:
        raise InputError(f"{paths.PARAMS}: no such file; run this in the project's root") from None
    except YAMLError as error:
        first, *rest = [line.strip() for line in str(error).splitlines() if line.strip()]
        found = next((line for line in rest if line.startswith("found")), "")
        where = next((line for line in reversed(rest) if line.startswith("in ")), "")
        raise InputError(f"{paths.PARAMS}: not YAML: {first} {found} {where}") from None
    except UnicodeDecodeError as error:
        raise InputError(f"{paths.PARAMS}: not text in UTF-8: {error}") from None
    return parse(content, str(paths.PARAMS))


def main() -> None:
    """Check ``params.yaml`` and say nothing when it is sound."""
    load()


if __name__ == "__main__":
    run(main)
