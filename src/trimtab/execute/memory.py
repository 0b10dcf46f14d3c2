"""How much memory a process and what it started hold; read from /proc."""

from __future__ import annotations

import os
from collections.abc import Sequence
from math import inf

from trimtab.execute.guardian import read, tree

_PAGE = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096


def memory_of(pid: int, most: float = inf) -> int:
    """Return the bytes of memory that a process and its descendants hold, as `held_by` does."""
    return held_by(tree(pid), most)


def held_by(pids: Sequence[int], most: float = inf) -> int:
    """Return the bytes of memory that processes hold.

    The sum of resident sets counts shared pages once per process (forked data loaders share their data set): it is
    quick, and an upper bound. Only where it exceeds `most` are the pages split among those who share them.
    """
    bound = sum(resident(p) for p in pids)
    return bound if bound <= most or len(pids) == 1 else sum(_proportional(p) for p in pids)


def settled(pids: Sequence[int]) -> int:
    """Return what processes hold with shared pages split among them: slower, and to be compared with itself."""
    return resident(pids[0]) if len(pids) == 1 else held_by(pids, 0)


def resident(pid: int) -> int:
    """Return the bytes that one process holds, those that it shares included; 0 where that is not known."""
    fields = read(f"/proc/{pid}/statm").split()
    return int(fields[1]) * _PAGE if len(fields) > 1 else 0


def _proportional(pid: int) -> int:
    for line in read(f"/proc/{pid}/smaps_rollup").splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    return resident(pid)


def as_text(n: float) -> str:
    """Return a number of bytes for a person: "300 MB"."""
    for unit in ("B", "kB", "MB"):
        if n < 1000:
            return f"{n:.3g} {unit}"
        n /= 1000
    return f"{n:.3g} GB"
