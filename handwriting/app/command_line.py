"""The command `handwriting`, with one module of this package for each of its subcommands."""

import argparse
import importlib
import os
import sys
from collections.abc import Sequence

from handwriting.common.errors import InputError

# Each module has `add_arguments(parser)`, which declares the arguments of its subcommand, and
# `main(arguments)`, which runs it. Slow libraries are imported in `main`.
SUBCOMMANDS = {
    "add": "add a table or a folder of images to params.yaml as a dataset",
    "remove": "remove a dataset from params.yaml",
    "predict": "read the digits in images",
    "serve": "open a local web page that reads digits while they are drawn",
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a subcommand; faulty input ends it with one line on standard error and exit code 1."""
    parser = argparse.ArgumentParser(prog="handwriting", description="Handwritten digits.")
    subparsers = parser.add_subparsers(dest="subcommand", required=True, metavar="COMMAND")
    for name, text in SUBCOMMANDS.items():
        module = importlib.import_module(f"handwriting.app.{name}")
        subparser = subparsers.add_parser(name, help=text, description=module.__doc__)
        module.add_arguments(subparser)
        subparser.set_defaults(main=module.main)
    parsed = parser.parse_args(arguments)
    try:
        parsed.main(parsed)
    except InputError as error:
        sys.exit(f"error: {error}")
    except BrokenPipeError:
        # The reader of the output, for example `head`, has exited.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except KeyboardInterrupt:
        print("error: interrupted", file=sys.stderr, flush=True)
        os._exit(130)  # a normal exit would wait for running threads


if __name__ == "__main__":
    main()
