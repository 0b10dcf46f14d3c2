"""What executors of this machine share: a thread that watches processes, and a queue of what they say.

And who helps whom with its folds (`shared.Shared`), while there is nothing else to do.
"""

from __future__ import annotations

import contextlib
import os
import queue
import selectors
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from math import inf

from trimtab.errors import ExecutorError
from trimtab.execute.keeping import Guardian
from trimtab.execute.protocol import Exited, Lost, Message, Noted, Reported, Task
from trimtab.execute.shared import Shared
from trimtab.execute.supervise import Watch


class LocalExecutor(ABC):
    """Runs at most `n_slots` attempts at once, each in processes of its own that the guardian started.

    A thread waits for what the processes say and for what the clock brings, so that limits hold while the driver is
    busy with something else. It and the driver's calls take turns by one lock.

    Subclasses start processes (`_start`), pass on the wish to halt (`_halt`) and end everything (`_end_all`); they
    register files with `_listen`, and pass on what an attempt says with `_pass_on` and how it ended with `_over`; what
    is neither goes into `_messages` with `_emit`. Of attempts in `_shared` folds are asked for with `_ask`.
    """

    traits: frozenset[str] = frozenset()
    name = ""

    def __init__(self, n_slots: int) -> None:
        self._n_slots = n_slots
        self._n_out = 0  # attempts whose end `poll` has not told: a slot is free once what came of it is known
        self._watches: dict[str, Watch] = {}
        self._shared: dict[tuple[int, int], Shared] = {}
        self._n_helpers = 0
        self._is_apart: bool | None = None  # whether folds can be run apart; None until that was seen
        self._lock = threading.RLock()
        self._messages: queue.SimpleQueue[Message | Exception] = queue.SimpleQueue()
        self._broken: Exception | None = None
        self._guardian = Guardian()
        self._selector = selectors.DefaultSelector()
        self._woken, self._wake_up = os.pipe()
        os.set_blocking(self._wake_up, False)
        os.set_blocking(self._woken, False)
        self._selector.register(self._woken, selectors.EVENT_READ, self._wake)
        self._is_closed = False
        self._thread = threading.Thread(target=self._supervise, name=f"trimtab-{self.name}", daemon=True)
        self._thread.start()

    # What the study calls

    def free(self) -> int:
        with self._lock:
            return 0 if self._is_closed else self._n_slots - self._n_out - self._n_helpers

    def submit(self, task: Task) -> str:
        with self._lock:
            if self._is_closed:
                raise ExecutorError(f"the executor {self.name!r} is closed and takes no trial.")
            if not self.free():
                raise ExecutorError(f"all {self._n_slots} workers are busy; submit when free() says so.")
            self._start(task)
            self._n_out += 1
            self._nudge()
        return task.handle

    def poll(self, timeout: float) -> Sequence[Message]:
        messages = self._received(timeout)
        with self._lock:
            self._n_out -= sum(isinstance(message, (Exited, Lost)) for message in messages)
        return messages

    def _received(self, timeout: float) -> list[Message]:
        messages: list[Message] = []
        if self._broken is not None:
            raise self._broken
        try:
            item = self._messages.get(timeout=max(0.0, timeout))
            while True:
                if isinstance(item, Exception):
                    self._broken = item
                    if not messages:
                        raise item
                    return messages
                messages.append(item)
                item = self._messages.get_nowait()
        except queue.Empty:
            return messages

    def share(self) -> None:
        with self._lock:
            while self._is_apart and self.free():
                shared = max(self._shared.values(), key=lambda each: each.n_spare, default=None)
                if shared is None or not shared.n_spare:
                    return
                self._n_helpers += 1
                self._start(shared.helper())
                self._nudge()

    def halt(self, handle: str, reason: str) -> None:
        with self._lock:
            shared = self._shared_by(handle)
            for each in (handle, *(shared.helpers if shared is not None else ())):
                watch = self._watches.get(each)
                if watch is not None and watch.halted is None:
                    watch.halted = reason
                    self._halt(each, reason)
            if shared is not None and handle not in self._watches:  # its own worker is through, or waits without one
                shared.stop(reason)
                self._settle(shared)
            self._nudge()

    def cancel(self, handle: str, grace: float) -> None:
        with self._lock:
            shared = self._shared_by(handle)
            for each in (handle, *(shared.helpers if shared is not None else ())):
                watch = self._watches.get(each)
                if watch is not None:
                    watch.cancel(grace)
            if shared is not None and shared.watch is not None:
                shared.watch.cancel(grace)  # where it waits without a process: its next fold goes on from here
            self._nudge()

    def attach(self, handles: Iterable[str]) -> None:
        raise ExecutorError(f"executor={self.name!r} cannot take up trials of another driver: {', '.join(handles)}.")

    def close(self) -> None:
        with self._lock:
            if self._is_closed:
                return
            self._is_closed = True
            self._nudge()
        self._thread.join()
        self._watches.clear()
        self._guardian.close()
        self._selector.close()
        os.close(self._woken)
        os.close(self._wake_up)

    # What subclasses do

    @abstractmethod
    def _start(self, task: Task) -> None:
        """Start an attempt; there is a free slot."""

    @abstractmethod
    def _halt(self, handle: str, reason: str) -> None:
        """Tell a running attempt to end."""

    @abstractmethod
    def _end_all(self) -> None:
        """End all processes and close all files; the last thing that the thread does."""

    def _go_on(self, shared: Shared, fold: int | None) -> None:  # noqa: B027 - not all run folds apart
        """Have whoever was given an attempt, and waits, run this fold; none is left where it is None."""

    def _begin(self) -> None:  # noqa: B027 - not all have something to prepare
        """Do what is to be done first, in the thread that watches."""

    def _look(self, now: float) -> float:
        """Do what is due, and return when to look again."""
        due = inf
        for watch in list(self._watches.values()):
            watch.look(now)
            due = min(due, watch.next_look())
        return due

    # What subclasses use

    def _pass_on(self, task: Task, message: Reported | Noted) -> None:
        """Pass on what whoever runs a task says, in the name of its attempt."""
        shared = self._shared.get((task.number, task.attempt))
        if shared is None and task.helper:
            return  # that is over
        if shared is not None and isinstance(message, Reported) and not shared.hear(task.handle, message):
            return
        self._emit(message)

    def _ask(self, task: Task) -> tuple[bool, int | None]:
        """Return (whether there is an answer yet, the next fold of a task), None where it is through.

        Without an answer one comes by `_go_on`: folds that helpers have may come back.
        """
        shared = self._shared.get((task.number, task.attempt))
        if shared is None:
            return True, None
        fold = shared.take(task.handle)
        if fold is None and not task.helper and shared.is_helped:
            shared.wait()
            return False, None
        self._settle(shared)
        return True, fold

    def _over(self, task: Task, message: Exited | Lost) -> None:
        """Take in how a task ended; of a helper that is no news, but that its fold may be open again."""
        shared = self._shared.get((task.number, task.attempt))
        is_well = isinstance(message, Exited) and message.failure is None and message.stopped is None
        if task.helper:
            self._n_helpers -= 1
            if shared is not None:
                shared.leave(task.handle, is_well=is_well)
                self._settle(shared)
        elif shared is None:
            self._emit(message)
        else:
            shared.over(message)
            if isinstance(message, Exited) and message.failure is not None:
                self._tell(shared)
            else:
                self._settle(shared)

    def _learn(self, *, is_apart: bool) -> None:
        """Take note of whether folds can be run apart: once one cannot, none is."""
        self._is_apart = is_apart and self._is_apart is not False

    def _settle(self, shared: Shared) -> None:
        """Go on where whoever was given an attempt waits for what helpers have, or is through before they are."""
        if shared.end is not None:
            if not shared.is_helped:
                self._tell(shared)
        elif shared.waits_since is not None and (shared.is_open or not shared.is_helped):
            self._go_on(shared, shared.go_on())

    def _tell(self, shared: Shared) -> None:
        """Tell how an attempt ended. Where it failed, what helpers do is of no use; others are about to end."""
        del self._shared[shared.task.number, shared.task.attempt]
        end = shared.ended()
        self._emit(end)
        if isinstance(end, Exited) and end.failure is not None:
            for handle in shared.helpers:
                if handle in self._watches:
                    self._watches[handle].cancel(0.0)

    def _shared_by(self, handle: str) -> Shared | None:
        return next((shared for shared in self._shared.values() if shared.task.handle == handle), None)

    def _emit(self, message: Message | Exception) -> None:
        self._messages.put(message)

    def _listen(self, fd: int, callback: Callable[[], None]) -> None:
        self._selector.register(fd, selectors.EVENT_READ, callback)

    def _ignore(self, fd: int) -> None:
        with contextlib.suppress(KeyError):
            self._selector.unregister(fd)

    def _nudge(self) -> None:
        """Make the thread look at the clock again."""
        with contextlib.suppress(BlockingIOError):  # it has been woken many times already
            os.write(self._wake_up, b"\0")

    # The thread

    def _wake(self) -> None:
        with contextlib.suppress(BlockingIOError):
            os.read(self._woken, 4096)

    def _supervise(self) -> None:
        try:
            with self._lock:
                self._begin()
            while not self._is_closed:
                with self._lock:
                    due = self._look(time.monotonic())
                ready = self._selector.select(None if due == inf else max(0.0, due - time.monotonic()))
                with self._lock:
                    for key, _ in ready:
                        if self._selector.get_map().get(key.fd) is key:  # an earlier callback may have closed it
                            key.data()
        except Exception as error:  # a fault here must end the study, not leave it waiting for ever
            self._emit(error)
        finally:
            self._end_all()
