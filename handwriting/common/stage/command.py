"""Runs a stage as a command: arguments in, one line out if the input is faulty.

Each command imports this module before all others, so that an interrupt is one line while slow
libraries are still being imported, too.
"""

import argparse
import inspect
import os
import sys
from collections.abc import Callable
from types import TracebackType

from handwriting.common.errors import InputError

# The exit code of a process that was interrupted, as shells report it.
INTERRUPTED = 130


def run(main: Callable[..., None]) -> None:
    """Call a stage's `main` with the command-line arguments, one for each of its parameters.

    An `InputError` ends the process with its message and exit code 1, and so does a change of
    ``params.yaml`` since the stage has read it. Any other exception is a bug and shows its
    traceback.
    """
    names = list(inspect.signature(main).parameters)
    parser = argparse.ArgumentParser(description=inspect.getdoc(main))
    for name in names:
        parser.add_argument(name)
    arguments = vars(parser.parse_args())
    try:
        # Imported by now in every stage; at the top it would delay the handler of interrupts.
        from handwriting.common.stage import read_params
        from handwriting.common.stage.cluster import cluster_in_use

        with cluster_in_use():
            main(*(arguments[name] for name in names))
        read_params.check_unchanged()
    except InputError as error:
        sys.exit(f"error: {error}")


def _print_exception(
    kind: type[BaseException], error: BaseException, traceback: TracebackType | None
) -> None:
    """Print an uncaught exception; end the process at once if it is an interrupt (Ctrl-C)."""
    if not issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, traceback)
        return
    print("error: interrupted", file=sys.stderr, flush=True)
    # A normal exit would wait for threads that still compute.
    os._exit(INTERRUPTED)


sys.excepthook = _print_exception
