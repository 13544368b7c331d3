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

# Not an option: the server has no passwords and no encryption.
HOST = "127.0.0.1"
MAX_MODELS = 8
_FIRST_CHOICE = "svc"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "--port",
        type=_port,
        default=8000,
        help="port of the page on 127.0.0.1; 0 takes a free one (default: 8000)",
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
    # Before the models are loaded, which takes seconds.
    with listen(arguments.port) as listener:
        models = load_models(arguments.models)
        _serve(listener, models)


def listen(port: int) -> socket.socket:
    """Open the port; only programs on this machine can connect to it.

    Raises
    ------
    InputError
        If another program uses the port, or it is reserved.
    """
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    if sys.platform != "win32":  # there, two servers could share the port
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
    """Load every model file of a folder, by name.

    Returns
    -------
    dict of str to Recognizer
        `svc` first, the others in alphabetical order.

    Raises
    ------
    InputError
        If the folder is missing, has no model file or too many, or a file is damaged.
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

    # Pillow warns of damaged EXIF data, which do not matter here.
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
    # Requests are computed in parallel; BLAS's own threads would only wait for each other.
    one_thread = threadpool_limits(1, user_api="blas")
    # Ctrl-C is the normal end; uvicorn has finished the requests in progress. Where a script has
    # started the command in the background, `run` only returns.
    with one_thread, contextlib.suppress(KeyboardInterrupt):
        uvicorn.Server(config).run(sockets=[listener])
    print("stopped", flush=True)


def _port(text: str) -> int:
    port = int(text)
    if not 0 <= port <= 65535:
        raise argparse.ArgumentTypeError(f"{port}: must be from 0 to 65535")
    return port
