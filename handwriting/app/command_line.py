"""The command `handwriting`, with one module of this package for each of its subcommands."""

import argparse
import contextlib
import errno
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


# Without the name of a file, these come from the output, usually standard output.
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a subcommand.

    Faulty input, or a file or an output that the system refuses, ends it with one line on standard
    error and exit code 1.
    """
    try:
        try:
            _run(arguments)
        finally:
            # Python would report what cannot be written at its end in lines of its own.
            sys.stdout.flush()
    except InputError as error:
        sys.exit(f"error: {error}")
    except BrokenPipeError:
        # The reader, for example `head`, has ended; nothing is left to say.
        _drop_output()
    except OSError as error:
        _drop_output()
        sys.exit(f"error: {_describe(error)}")
    except KeyboardInterrupt:
        print("error: interrupted", file=sys.stderr, flush=True)
        os._exit(130)  # a normal exit would wait for threads that still compute


def _run(arguments: Sequence[str] | None) -> None:
    parser = argparse.ArgumentParser(prog="handwriting", description="Handwritten digits.")
    subparsers = parser.add_subparsers(dest="subcommand", required=True, metavar="COMMAND")
    for name, text in SUBCOMMANDS.items():
        module = importlib.import_module(f"handwriting.app.{name}")
        subparser = subparsers.add_parser(name, help=text, description=module.__doc__)
        module.add_arguments(subparser)
        subparser.set_defaults(main=module.main)
    parsed = parser.parse_args(arguments)
    parsed.main(parsed)


def _describe(error: OSError) -> str:
    reason = error.strerror or str(error) or type(error).__name__
    if error.filename is not None:
        return f"{os.fsdecode(error.filename)}: {reason}"
    if error.errno in _FULL:
        return f"the output cannot be written: {reason}"
    return f"reading or writing failed: {reason}"


def _drop_output() -> None:
    """Discard what is still in the buffer of standard output."""
    with contextlib.suppress(OSError):  # it may not be a file
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    main()
