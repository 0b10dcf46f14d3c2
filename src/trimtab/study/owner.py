"""Who runs a trial, and whether that process is still there.

A driver names itself by machine, process-id namespace, process id and start time, so that on its own machine a dead
driver's trials are taken over at once; on another machine the lease has to run out.
"""

from __future__ import annotations

import os
import re
import socket
import time
from pathlib import Path

from trimtab.execute.guardian import born


def myself() -> str:
    """Return this process's name as a worker."""
    pid = os.getpid()
    return f"{_machine()}/{pid}/{born(pid) or int(time.time())}"


def is_gone(worker: str) -> bool:
    """Return True if `worker` is known to have ended: it ran on this machine, and does not any more."""
    machine, _, rest = worker.rpartition("/")
    machine, _, pid = machine.rpartition("/")
    if machine != _machine() or not re.fullmatch(r"[0-9]{1,9}", pid):  # more digits than a process id has
        return False
    if Path("/proc/self/stat").exists():
        return born(int(pid)) != rest
    return not _exists(int(pid))


def _machine() -> str:
    try:
        namespace = os.readlink("/proc/self/ns/pid").strip("pid:[]")
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()[:8]
    except OSError:
        return socket.gethostname()
    return f"{socket.gethostname()}-{boot}-{namespace}"


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
