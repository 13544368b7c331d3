"""Open a local web page that reads digits while they are drawn, and the API behind it."""

import argparse
import contextlib
import errno
import socket
import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from handwriting.common.errors import InputError

if TYPE_CHECKING:
    from handwriting.recognizer import Recognizer

# Not configurable, because the server has neither authentication nor encryption.
HOST = "127.0.0.1"
MAX_MODELS = 8
_FIRST_CHOICE = "svc"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "--port",
        type=_port,
        default=8000,
        help="port of the page on 127.0.0.1; 0 selects a free one (default: 8000)",
    )
    parser.add_argument(
        "--models",
        type=Path,
        default=Path("models/mnist"),
        metavar="FOLDER",
        help="folder of model files, *.skops (default: models/mnist)",
    )


def main(arguments: argparse.Namespace) -> None:
    """Serve the page until Ctrl-C."""
    # Open the port before loading the models, which takes several seconds.
    with listen(arguments.port) as listener:
        models = load_models(arguments.models)
        _serve(listener, models)


def listen(port: int) -> socket.socket:
    """Open the port; only programs on this machine can connect to it.

    Raises
    ------
    InputError
        If the port is in use or reserved.
    """
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    if sys.platform != "win32":  # on Windows, the option would let two servers share the port
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
        listener.listen(128)
    except OSError as error:
        listener.close()
        reason = "it is in use" if error.errno == errno.EADDRINUSE else str(error.strerror)
        raise InputError(
            f"--port {port}: cannot be opened: {reason}; select another one, or 0 for a free one"
        ) from None
    return listener


def load_models(folder: Path) -> "dict[str, Recognizer]":
    """Load all model files of a folder.

    Returns
    -------
    dict of str to Recognizer
        Models by file name without suffix: `svc` first, the others in alphabetical order.

    Raises
    ------
    InputError
        If the folder does not exist, has no model file or too many, or a file is damaged.
    """
    from handwriting.recognizer import Recognizer

    if not folder.is_dir():
        raise InputError(f"--models {folder}: no such folder; run `dvc repro`, which creates it")
    paths = sorted(folder.glob("*.skops"), key=lambda path: (path.stem != _FIRST_CHOICE, path.stem))
    if not paths:
        raise InputError(
            f"--models {folder}: has no model file (*.skops); run `dvc repro` or `dvc checkout`"
        )
    if len(paths) > MAX_MODELS:
        raise InputError(
            f"--models {folder}: has {len(paths)} model files; must have at most {MAX_MODELS}"
        )
    return {path.stem: Recognizer.load(path) for path in paths}


def _serve(listener: socket.socket, models: "dict[str, Recognizer]") -> None:
    import uvicorn
    from threadpoolctl import threadpool_limits

    from handwriting.app import server

    # Ignore Pillow's warnings about damaged EXIF data; only the pixels are used.
    warnings.filterwarnings("ignore", module="PIL")
    config = uvicorn.Config(
        server.build(models),
        access_log=False,
        log_level="warning",
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=2,
        ws="none",
    )
    print(f"http://{HOST}:{listener.getsockname()[1]} (Ctrl-C stops the server)", flush=True)
    # Requests run in parallel, so additional BLAS threads would only compete for the cores.
    one_thread = threadpool_limits(1, user_api="blas")
    # Ctrl-C is the normal way to stop; uvicorn then finishes the requests in progress. If a script
    # started the command in the background, `run` returns without an exception.
    with one_thread, contextlib.suppress(KeyboardInterrupt):
        uvicorn.Server(config).run(sockets=[listener])
    print("stopped", flush=True)


def _port(text: str) -> int:
    port = int(text)
    if not 0 <= port <= 65535:
        raise argparse.ArgumentTypeError(f"{port}: must be from 0 to 65535")
    return port
