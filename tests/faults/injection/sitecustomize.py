"""Makes something go wrong in one process at a chosen moment; Python imports it at its start.

The tests put this folder on PYTHONPATH. The code of the project is not changed: an audit hook of
Python is called just before a file is opened or renamed, and the system does the rest. Environment:

FAULT_IN
    The fault is in processes whose command line has this text.
FAULT_AT
    The moment: `open` (before the first output is written), `replace` (an output is written, and
    before it gets its name), `exit` (all outputs have their names), or for DVC `lock` (before
    ``dvc.lock`` is written), `in lock` (while it is written) and `cache` (before an output is
    stored in the cache).
FAULT
    What happens then: `kill` (SIGKILL); `limit N` (no file can be larger than N bytes from now on,
    which for a program is like a full disk); `kill at N` (the same, and the system kills the
    process in the middle of the write that would exceed it); `params` (somebody edits params.yaml).
"""

import atexit
import os
import resource
import signal
import sys
from pathlib import Path

_WRITING = os.O_WRONLY | os.O_RDWR


class _Fault:
    def __init__(self, moment: str, action: str) -> None:
        self.moment, self.action = moment, action
        self.is_done = False

    def audit(self, event: str, args: tuple) -> None:
        """Act once at the chosen moment."""
        if not self.is_done and self._is_moment(event, args):
            self.is_done = self.moment != "in lock" or self.action == "now"
            self.act()

    def _is_moment(self, event: str, args: tuple) -> bool:
        is_write = event == "open" and isinstance(args[2], int) and bool(args[2] & _WRITING)
        paths = [os.fsdecode(arg) for arg in args[:2] if isinstance(arg, str | bytes)]
        match self.moment:
            case "open":
                return is_write and ".tmp-" in paths[0]
            case "replace":
                return event == "os.rename" and ".tmp-" in paths[0]
            case "lock" | "in lock" if self.action != "now":
                return is_write and paths[:1] != [] and paths[0].endswith("dvc.lock")
            case "in lock":
                return True
            case "cache":
                moves = ("os.rename", "os.link", "os.symlink", "shutil.copyfile")
                return (is_write or event in moves) and any("files/md5" in path for path in paths)
        return False

    def act(self) -> None:
        """Do what FAULT says."""
        match self.action.split():
            case ["kill"] if self.moment == "in lock":
                self.action = "now"  # at the next event: the file is open and empty then
            case ["kill"] | ["now"]:
                os.kill(os.getpid(), signal.SIGKILL)
            case ["kill", "at", n_bytes]:
                signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
                resource.setrlimit(resource.RLIMIT_FSIZE, (int(n_bytes), int(n_bytes)))
            case ["limit", n_bytes]:
                resource.setrlimit(resource.RLIMIT_FSIZE, (int(n_bytes), int(n_bytes)))
            case ["params"]:
                file = Path("params.yaml")
                file.write_text(file.read_text().replace("\nseed: 0\n", "\nseed: 1\n"))


if os.environ.get("FAULT_IN", "\0") in " ".join(sys.orig_argv):
    _fault = _Fault(os.environ["FAULT_AT"], os.environ["FAULT"])
    if _fault.moment == "exit":
        atexit.register(_fault.act)
    else:
        sys.addaudithook(_fault.audit)
