"""Starts the commands `dvc` and `python -m stages.NAME` faster: as forks of one warm process.

Most of the time of a stage on small data is the import of its libraries, and a test of DVC runs
dozens of stages. Here one process imports the libraries, but nothing of the project, and then forks
for each command. The fork has the working directory, the environment and the open files of the
command, imports the project's modules from where the command runs, and ends with its exit code or
signal. So each command still is a process of its own, on the code and the files of its own clone.

What differs from a normal start is what Python and the libraries do before the first line of a
command: all forks have the same seed of hashes, and libraries are there before they are imported.
Tests of that, and those that kill, interrupt or restrict a process, start normal ones; so do the
build on all of the real data and the build with which a forked one is compared byte by byte.
"""

import atexit
import gc
import importlib
import json
import os
import runpy
import selectors
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from contextlib import suppress
from functools import cache
from pathlib import Path

# What stages and the usual DVC commands import. A module that another version does not have is left
# out; the fork then imports what it needs by itself.
_LIBRARIES = (
    "encodings.ascii", "encodings.cp437", "multiprocessing.dummy", "sqlite3", "jinja2",
    "matplotlib.backends.backend_agg", "matplotlib.figure", "matplotlib.patheffects", "numpy",
    "pandas", "PIL.Image", "PIL.JpegImagePlugin", "pooch", "requests", "ruamel.yaml", "yaml",
    "pydantic.functional_validators", "pydantic.main", "pydantic.types", "scipy.ndimage",
    "scipy.special", "scipy.stats", "skops.io", "sklearn.datasets", "sklearn.ensemble",
    "sklearn.model_selection", "sklearn.pipeline", "sklearn.svm", "sklearn.tree",
    "sklearnex.svm", "configobj", "dulwich.worktree", "flufl.lock",
    "fsspec.implementations.memory", "networkx", "zc.lockfile", "dvc.cachemgr",
    "dvc.cli.parser", "dvc.data_cloud", "dvc.lock", "dvc.rwlock", "dvc.scm",
    "dvc.utils.strictyaml", "dvc.repo.datasets", "dvc.repo.graph", "dvc.repo.index",
    "dvc.repo.metrics", "dvc.repo.open_repo", "dvc.repo.plots", "dvc.repo.stage",
    "dvc_data.hashfile.db.local", "dvc_data.index.checkout",
)  # fmt: skip
# The modules of the project that a command may name; all others start normally.
_FORKED = ("stages.", "tools.")
# Python and the libraries read these variables when they start.
_READ_AT_START = (
    "DAAL", "KMP", "LANG", "LC_", "LD_", "MKL", "MPL", "NPY", "OMP", "OPENBLAS", "PYTHON",
    "SKLEARN",
)  # fmt: skip

# Takes the place of `dvc` and `python`. It runs without site-packages, and so starts at once.
_CLIENT = """\
#!{python} -IS
import array, json, os, signal, socket, sys
command, real, settings = {command!r}, {real!r}, {settings!r}
words, here = sys.argv[1:], dict(os.environ)
is_known = command == "dvc" or words[:1] == ["-m"] and "".join(words[1:2]).startswith({forked!r})
found = {{name: value for name, value in here.items() if name.startswith({read_at_start!r})}}
if not is_known or found != settings:
    os.execv(real, [real, *words])
connection = socket.socket(socket.AF_UNIX)
connection.connect({address!r})
request = json.dumps([command, real, words, os.getcwd(), here]).encode()
files = array.array("i", [0, 1, 2]).tobytes()
start = len(request).to_bytes(8, "big")
connection.sendmsg([start], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, files)])
connection.sendall(request)
answer = connection.recv(100)
status = os.waitstatus_to_exitcode(int(answer)) if answer else -signal.SIGKILL
if status < 0:
    signal.signal(-status, signal.SIG_DFL) if -status != signal.SIGKILL else None
    os.kill(os.getpid(), -status)
os._exit(status)
"""


# Other systems cannot fork a process with threads, or watch its end like this.
CAN_FORK = sys.platform == "linux" and hasattr(os, "pidfd_open")


@cache
def commands() -> Path:
    """Start the warm process of this test process; return a folder for PATH."""
    folder = Path(tempfile.mkdtemp(prefix="forks-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    scripts = Path(sys.executable).parent
    settings = {
        name: value for name, value in os.environ.items() if name.startswith(_READ_AT_START)
    }
    for command in ("dvc", "python"):
        client = folder / command
        client.write_text(
            _CLIENT.format(
                python=sys.executable,
                command=command,
                real=str(scripts / command),
                settings=settings,
                forked=_FORKED,
                read_at_start=_READ_AT_START,
                address=str(folder / "socket"),
            )
        )
        client.chmod(0o755)
    # It ends when this process does, which closes its input. `-P` keeps this folder off its path.
    server = subprocess.Popen(
        [sys.executable, "-P", __file__, str(folder / "socket")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=folder,
        start_new_session=True,
    )
    assert server.stdout is not None
    assert server.stdout.read(5) == b"ready"
    return folder


class _Server:
    """Accepts commands and forks for each one."""

    def __init__(self, address: str) -> None:
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(address)
        self.listener.listen(100)
        self.selector = selectors.DefaultSelector()
        self.selector.register(self.listener, selectors.EVENT_READ, self.accept)
        self.selector.register(0, selectors.EVENT_READ, self.stop)
        self.running: dict[int, socket.socket] = {}

    def serve(self) -> list:
        """Return a request, in the process that has been forked for it."""
        while True:
            for key, _ in self.selector.select():
                request = key.data(key.fileobj)
                if request:
                    return request

    def stop(self, _: int) -> None:
        """Kill what still runs, and end: the tests have ended."""
        for process in self.running:
            os.kill(process, signal.SIGKILL)
        os._exit(0)

    def accept(self, listener: socket.socket) -> list | None:
        connection, _ = listener.accept()
        data, files, _, _ = socket.recv_fds(connection, 8, 3)
        request = b""
        while len(request) < int.from_bytes(data, "big"):
            request += connection.recv(2**20)
        process = os.fork()
        if process == 0:
            for number, file in enumerate(files):
                os.dup2(file, number)
            for opened in (*files, self.selector.fileno()):
                os.close(opened)
            for other in (listener, connection, *self.running.values()):
                other.close()
            return json.loads(request)
        for file in files:
            os.close(file)
        self.running[process] = connection
        ended = os.pidfd_open(process)
        self.selector.register(ended, selectors.EVENT_READ, lambda _: self.report(process, ended))
        self.selector.register(
            connection, selectors.EVENT_READ, lambda _: os.kill(process, signal.SIGKILL)
        )
        return None

    def report(self, process: int, ended: int) -> None:
        """Tell the client how its process has ended."""
        _, status = os.waitpid(process, 0)
        connection = self.running.pop(process)
        for registered in (ended, connection):
            self.selector.unregister(registered)
        os.close(ended)
        with suppress(OSError):  # the client may have been killed
            connection.sendall(str(status).encode())
        connection.close()


def _run(command: str, real: str, words: list[str], folder: str, environment: dict) -> None:
    """Do what the command does, in a process that has been forked for it."""
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    numpy = importlib.import_module("numpy")
    numpy.random.seed()  # each process has another one
    sys.dont_write_bytecode = bool(environment.get("PYTHONDONTWRITEBYTECODE"))
    if command == "dvc":
        sys.argv = [real, *words]
        sys.path.insert(0, str(Path(real).parent))
        sys.exit(importlib.import_module("dvc.cli").main())
    sys.argv = words[1:]
    sys.path.insert(0, folder)
    runpy.run_module(words[1], run_name="__main__", alter_sys=True)


def _run_to_its_end(request: list) -> None:
    """Do what the command does, and end as a process does after it."""
    status, is_interrupted = 0, False
    try:
        _run(*request)
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
    except BaseException as error:
        sys.excepthook(type(error), error, error.__traceback__)
        status, is_interrupted = 1, isinstance(error, KeyboardInterrupt)
    # What a normal end does, except for taking all objects of the libraries apart.
    threading._shutdown()
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    if is_interrupted:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGINT)
    os._exit(status)


if __name__ == "__main__":
    for _name in _LIBRARIES:
        with suppress(ImportError):
            importlib.import_module(_name)
    # The collector would write to all objects of the libraries, and so copy them into each fork.
    gc.collect()
    gc.freeze()
    _server = _Server(sys.argv[1])
    os.write(1, b"ready")
    _run_to_its_end(_server.serve())
