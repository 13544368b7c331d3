"""Makes something go wrong in one process at a chosen moment; Python imports it at its start.

The tests put this folder on PYTHONPATH. The code of the project is not changed: an audit hook of
Python is called just before a file is opened or renamed, and the system does the rest. Environment:

FAULT_IN
    The fault is in processes whose command line has this text.
FAULT_AT
    The moment: `open` (before the first output is written), `second file` (before the second file
    of an output that is a folder is written), `replace` (an output is written, and before it gets
    its name), `after output N` (N outputs have their names, and before the next one is written),
    `exit` (all outputs have their names), or for DVC `in NAME` (while a file of this name is
    written, for example ``dvc.lock``) and `cache` (before an output is stored in the cache).
FAULT
    What happens then: `kill` (SIGKILL); `limit N` (no file can be larger than N bytes from now on,
    which for a program is like a full disk); `kill at N` (the same, and the system kills the
    process in the middle of the write that would exceed it); `params` (somebody edits params.yaml);
    `fill FILE` (somebody writes a file until the disk has no space left).
"""

import atexit
import os
import resource
import signal
import sys
from contextlib import suppress
from pathlib import Path

_WRITING = os.O_WRONLY | os.O_RDWR


class _Fault:
    def __init__(self, moment: str, action: str) -> None:
        self.moment, self.action = moment, action
        self.is_done = False
        self.written: set[str] = set()  # temporary files
        self.n_named = 0  # outputs that have got their names

    def audit(self, event: str, args: tuple) -> None:
        """Act once at the chosen moment."""
        if self.is_done:
            return
        if self._is_moment(event, args):
            if self.moment.startswith("in "):
                self.moment = "now"  # at the next event: the file is open and empty then
            else:
                self.is_done = True
                self.act()

    def _is_moment(self, event: str, args: tuple) -> bool:
        is_write = event == "open" and isinstance(args[2], int) and bool(args[2] & _WRITING)
        paths = [os.fsdecode(arg) for arg in args[:2] if isinstance(arg, str | bytes)]
        is_temporary = paths[:1] != [] and ".tmp-" in paths[0]
        if is_write and is_temporary:
            self.written.add(paths[0])
        match self.moment.split():
            case ["open"]:
                return is_write and is_temporary
            case ["second", "file"]:
                return len(self.written) == 2
            case ["replace"]:
                return event == "os.rename" and is_temporary
            case ["after", "output", n_outputs]:
                if event == "os.rename" and is_temporary:
                    self.n_named += 1
                return is_write and is_temporary and self.n_named == int(n_outputs)
            case ["in", name]:
                return is_write and paths[:1] != [] and Path(paths[0]).name == name
            case ["now"]:
                return True
            case ["cache"]:
                moves = ("os.rename", "os.link", "os.symlink", "shutil.copyfile")
                return (is_write or event in moves) and any("files/md5" in path for path in paths)
        return False

    def act(self) -> None:
        """Do what FAULT says."""
        match self.action.split():
            case ["kill"]:
                os.kill(os.getpid(), signal.SIGKILL)
            case ["kill", "at", n_bytes]:
                signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
                resource.setrlimit(resource.RLIMIT_FSIZE, (int(n_bytes), int(n_bytes)))
            case ["limit", n_bytes]:
                resource.setrlimit(resource.RLIMIT_FSIZE, (int(n_bytes), int(n_bytes)))
            case ["params"]:
                file = Path("params.yaml")
                file.write_text(file.read_text().replace("\nseed: 0\n", "\nseed: 1\n"))
            case ["fill", path]:
                with suppress(OSError), Path(path).open("wb", buffering=0) as file:
                    while file.tell() < 2**26:  # if it is not the small disk of a test
                        file.write(bytes(4096))


if os.environ.get("FAULT_IN", "\0") in " ".join(sys.orig_argv):
    _fault = _Fault(os.environ["FAULT_AT"], os.environ["FAULT"])
    if _fault.moment == "exit":
        atexit.register(_fault.act)
    else:
        sys.addaudithook(_fault.audit)
