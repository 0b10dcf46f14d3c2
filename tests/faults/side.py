"""The side log: what each process of a history did, outside of the store, fsynced line by line."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

SIDE = "TRIMTAB_FAULT_SIDE"
"""Names, in the environment, the folder of the side logs; every process of a history inherits it, strays too."""


class SideLog:
    """One process's lines. `time.monotonic` is one clock for all processes of a Linux machine."""

    def __init__(self, path: Path) -> None:
        self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)

    @classmethod
    def mine(cls, role: str) -> SideLog:
        """Return the log of this process."""
        return cls(Path(os.environ[SIDE]) / f"{role}-{os.getpid()}.jsonl")

    def write(self, what: str, **about: Any) -> None:
        """Write one line, and wait until it is on disk."""
        line = json.dumps({"what": what, "at": time.monotonic(), "pid": os.getpid(), **about}) + "\n"
        os.write(self._fd, line.encode())
        os.fsync(self._fd)


def read(folder: Path) -> Iterator[dict[str, Any]]:
    """Yield all lines of all processes, in the order of time; a last line that was cut by a kill is left out."""
    lines = []
    for path in folder.glob("*.jsonl"):
        for line in path.read_text().split("\n")[:-1]:
            lines.append(json.loads(line))
    yield from sorted(lines, key=lambda line: line["at"])


def loss_of(params: dict[str, Any]) -> float:
    """Return the loss: a function of the parameters alone, so that whoever runs a trial finds the same."""
    return float(abs(params["lr"] - 1e-3) + params["layers"] + params.get("momentum", 0.5))
