"""Runs a stage as a command: arguments in, one clear line out when the input is at fault."""

import argparse
import inspect
import sys
from collections.abc import Callable

from handwriting.errors import InputError


def run(main: Callable[..., None]) -> None:
    """Call a stage's `main` with the command line's words, one for each of its parameters.

    An `InputError` ends the process with exit code 1 and its message; any other exception is a bug
    and shows its traceback.
    """
    names = list(inspect.signature(main).parameters)
    parser = argparse.ArgumentParser(description=inspect.getdoc(main))
    for name in names:
        parser.add_argument(name)
    arguments = vars(parser.parse_args())
    try:
        main(*(arguments[name] for name in names))
    except InputError as error:
        sys.exit(f"error: {error}")
