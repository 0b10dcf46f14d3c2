"""What a fork must not tear: locks, connections and half-made changes.

A child of `fork` gets a copy of the memory and one thread, the one that forked. A lock that another thread held stays
locked there for ever; what that thread was changing stays half changed; a connection is shared with the parent. So
whoever has such things registers here. Before a fork each of them is brought to rest: its lock is taken, so that no
other thread is in the middle of a change. Then the parent goes on as before, and the child's copies begin anew.

The wait for rest is bounded, since the thread that holds a lock may wait for the one that forks. A copy that was not at
rest is told so, and must make itself again from what is on record.
"""

from __future__ import annotations

import logging  # noqa: F401 - its own hook comes before ours, and not while ours waits
import os
import threading
import time
import weakref
from typing import Protocol

PATIENCE_S = 10.0
"""How long a fork waits in all, in seconds. What holds these locks takes milliseconds (an append) to about a second (a
suggestion by a model on many trials), and on a busy machine several seconds once, when the first suggestion imports
SciPy: a child that is forked within an import can never import that module. Longer waits are for servers that are away,
and no fork should wait for those."""


class Forkable(Protocol):
    """Something that a fork must find at rest.

    Attributes:
        lock: held by whoever changes it.
    """

    lock: threading.RLock

    def rest(self) -> None:
        """Let go of what a child must not inherit. Called before a fork, with the lock held."""
        ...

    def begin_anew(self, *, torn: bool) -> None:
        """Become the child's own: make new locks, and forget what belongs to the parent.

        Args:
            torn: another thread may have been in the middle of a change.
        """
        ...


_known: dict[int, weakref.ref[Forkable]] = {}
_innermost: dict[int, weakref.ref[Forkable]] = {}
_turn = threading.Lock()  # one fork at a time takes the locks
_taken: list[tuple[Forkable, threading.RLock]] = []


def register(item: Forkable, *, innermost: bool = False) -> None:
    """See to `item` at every fork, as long as it lives.

    Locks are taken in the order in which threads take them, or a fork and a thread would wait for each other: the
    latest first, for what uses another registers after it, and last of all those of `innermost` items.
    """
    key = id(item)
    (_innermost if innermost else _known)[key] = weakref.ref(item, lambda _: _forget(key))


def _forget(key: int) -> None:
    _known.pop(key, None)
    _innermost.pop(key, None)


def _alive() -> list[Forkable]:
    """Return what is registered, the outermost first."""
    refs = [*reversed(list(_known.values())), *list(_innermost.values())]
    return [item for ref in refs if (item := ref()) is not None]


def _before() -> None:
    _turn.acquire()
    give_up_at = time.monotonic() + PATIENCE_S
    for item in _alive():
        lock = item.lock
        if lock.acquire(timeout=max(0.0, give_up_at - time.monotonic())):
            _taken.append((item, lock))
            item.rest()


def _in_parent() -> None:
    _release()
    _turn.release()


def _in_child() -> None:
    global _turn  # noqa: PLW0603, RUF100 - another thread of the parent may wait for the old one
    _turn = threading.Lock()
    at_rest = {id(item) for item, _ in _taken}
    _taken.clear()
    for item in _alive():
        # A fork by other means than Python's has not asked for rest: then the lock itself tells.
        whole = id(item) in at_rest or item.lock.acquire(blocking=False)
        item.begin_anew(torn=not whole)


def _release() -> None:
    while _taken:
        _taken.pop()[1].release()


if hasattr(os, "register_at_fork"):  # there are no forks on Windows
    os.register_at_fork(before=_before, after_in_parent=_in_parent, after_in_child=_in_child)
