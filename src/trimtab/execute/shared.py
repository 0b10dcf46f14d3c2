"""The folds of one attempt that several workers run at once: which are open, and who has which of the others.

The attempt stays one: one worker was given it, and others help. All of them take folds from here, one at a time. What a
helper brings on itself is not the attempt's: the fold that it had is open again, and whoever was given the attempt runs
it in the end.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence
from dataclasses import replace

from trimtab.execute.protocol import Exited, Lost, Reported, Task
from trimtab.execute.supervise import Watch
from trimtab.ledger.curves import AT_END


class Shared:
    """The folds of one attempt, and who runs them.

    Args:
        task: the attempt.
        folds: those that are still to be run, in this order.

    Attributes:
        task: the attempt.
        watch: what counts the limits of the attempt, where each of its folds is a process of its own.
        is_apart: whether its folds can be run apart, as far as was seen: whoever was given it reports the fold that it
            took last and nothing else, with all that counts, before it takes another.
        is_tried: whether whoever was given the attempt is through with a fold.
        waits_since: since when whoever was given the attempt waits for a fold that may come back, by the monotonic
            clock; None while it does not.
        end: how it ended; told once its helpers are through with the folds that they have.
    """

    def __init__(self, task: Task, folds: Sequence[int]) -> None:
        self.task = task
        self.watch: Watch | None = None
        self.is_apart = True
        self.is_tried = False
        self.waits_since: float | None = None
        self.end: Exited | Lost | None = None
        self._began_at = time.monotonic()
        self._open = deque(folds)
        self._out: dict[str, int] = {}
        self._said: dict[str, set[str]] = {}  # the metrics that were reported of the fold that each has
        self._began: dict[str, float] = {}  # when each helper did
        self._fresh: set[str] = set()  # helpers that have not asked yet
        self._own: list[int] = []  # what whoever was given the attempt took
        self._n_taken = self._n_helpers = 0
        self._is_spoilt = self._is_divided = False
        self._beside_s = 0.0  # what helpers took, less what the first worker waited

    @property
    def helpers(self) -> list[str]:
        """The handles of those that help."""
        return list(self._began)

    @property
    def is_helped(self) -> bool:
        """Whether a helper has a fold."""
        return any(handle != self.task.handle for handle in self._out)

    @property
    def is_open(self) -> bool:
        """Whether there are folds that nobody has begun."""
        return bool(self._open) and self.end is None

    @property
    def n_spare(self) -> int:
        """How many folds are left for further helpers; 0 where the last one failed."""
        is_closed = self._is_spoilt or not self._n_taken or not self.is_apart or self.end is not None
        return 0 if is_closed else max(0, len(self._open) - len(self._fresh))

    def helper(self) -> Task:
        """Return the task of one more helper."""
        self._n_helpers += 1
        folder = self.task.log_dir / f"helper-{self._n_helpers}"
        task = replace(self.task, helper=self._n_helpers, log_dir=folder)
        self._began[task.handle] = time.monotonic()
        self._fresh.add(task.handle)
        return task

    def take(self, handle: str) -> int | None:
        """Return the next fold for whoever asks, who is through with the one before; None where none is open.

        A helper that did not report the one before gets none either: whoever was given the attempt runs that fold.
        """
        self._fresh.discard(handle)
        before, is_helper = self._out.pop(handle, None), handle != self.task.handle
        is_reported = before is None or self._is_reported(handle)
        self._said[handle] = set()
        self._n_taken += 1
        if is_helper and before is not None and not is_reported:
            self._open.appendleft(before)
            self._is_spoilt = True
            return None
        if not is_helper:
            self.is_tried |= before is not None
            self.is_apart &= is_reported
        if self.end is not None or not self._open:
            return None
        fold = self._out[handle] = self._open.popleft()
        if is_helper:
            self._is_divided = True
        else:
            self._own.append(fold)
        return fold

    def hear(self, handle: str, report: Reported) -> bool:
        """Take note of a report; return whether it is to be passed on: of a helper, those of the fold that it has."""
        is_own = report.fold == self._out.get(handle, -1)
        if is_own and report.step == AT_END:
            self._said[handle].update(report.values)
        if handle != self.task.handle:
            return is_own
        self.is_apart &= is_own
        return True

    def leave(self, handle: str, *, is_well: bool) -> None:
        """Take in that a helper is gone; a fold that it had and did not report is open again, and comes first."""
        fold = self._out.pop(handle, None)
        if fold is not None and not self._is_reported(handle):
            self._open.appendleft(fold)
        self._is_spoilt |= not is_well
        self._fresh.discard(handle)
        self._beside_s += time.monotonic() - self._began.pop(handle)

    def _is_reported(self, handle: str) -> bool:
        """Return whether all that counts was reported of the fold that somebody has."""
        return self._said[handle].issuperset(self.task.metrics)

    def wait(self) -> None:
        """Take note that whoever was given the attempt waits."""
        self.waits_since = time.monotonic()

    def go_on(self) -> int | None:
        """Let it wait no longer; return its next fold, None where none is left."""
        self._waited()
        return self.take(self.task.handle)

    def over(self, end: Exited | Lost) -> None:
        """Take in how whoever was given the attempt ended, maybe while it waited."""
        self._waited()
        self.end = end

    def stop(self, reason: str) -> None:
        """Take note that the attempt is to end whose own worker is through, or waits."""
        seconds = self.end.seconds if isinstance(self.end, Exited) else time.monotonic() - self._began_at
        self.over(Exited(self.task.number, self.task.attempt, stopped=reason, seconds=seconds))

    def _waited(self) -> None:
        if self.waits_since is not None:
            self._beside_s -= time.monotonic() - self.waits_since
            self.waits_since = None

    def ended(self) -> Exited | Lost:
        """Return how the attempt ended, with the time of all who were at work on it."""
        if self.end is None:
            raise ValueError("it has not ended.")
        beside = self._beside_s + sum(time.monotonic() - began for began in self._began.values())
        if isinstance(self.end, Lost):
            return self.end
        own = tuple(self._own) if self._is_divided else None
        return replace(self.end, seconds=max(0.0, self.end.seconds + beside), own=own)
