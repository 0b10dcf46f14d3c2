"""The heartbeat of a driver: as long as it beats, nobody takes its trials over."""

from __future__ import annotations

import threading
import time

from trimtab import forks
from trimtab.errors import StoreError, StoreUnavailableError
from trimtab.study.dispatch import Dispatch


class Heart:
    """Renews the leases of the trials that this driver runs, from a thread of its own.

    A trial that is over before a third of its lease is, never costs a write: its start is its first lease.
    """

    def __init__(self, dispatch: Dispatch, lease_s: float) -> None:
        self._dispatch = dispatch
        self._session = dispatch.session
        self._lease_s = lease_s
        self._held: dict[int, tuple[int, float]] = {}
        self._renewed: set[tuple[int, int]] = set()
        self.lock = threading.RLock()
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None
        forks.register(self)

    def rest(self) -> None:
        """Nothing needs to be let go of."""

    def begin_anew(self, *, torn: bool) -> None:  # noqa: ARG002 - all is forgotten anyway
        """Hold nothing in a child: the trials are the parent's, and so is the thread."""
        self.lock = threading.RLock()
        self._held, self._renewed = {}, set()
        self._stopped = threading.Event()
        self._thread = None

    def hold(self, number: int, attempt: int) -> None:
        """Keep a trial's lease alive from here on."""
        with self.lock:
            self._held[number] = (attempt, time.monotonic())
            self._dispatch.kept.add((number, attempt))
            if self._thread is None:
                self._thread = threading.Thread(target=self._beat, name="trimtab-heart", daemon=True)
                self._thread.start()

    def take_over(self, number: int, attempt: int) -> None:
        """Keep a lease alive that another had: it may have run out, so it is renewed now."""
        with self.lock:
            self._session.journal.renew(
                self._session.worker, [(number, attempt)], self._session.clock.now() + self._lease_s
            )
            self._renewed.add((number, attempt))
            self.hold(number, attempt)

    def release(self, number: int) -> None:
        """Let a trial's lease go; its row in the store is removed with the next beat."""
        with self.lock:
            attempt, _ = self._held.pop(number, (0, 0.0))
            self._dispatch.kept.discard((number, attempt))

    def stop(self) -> None:
        """Stop beating. Safe to call twice."""
        self._stopped.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        for number in list(self._held):
            self.release(number)
        if self._renewed:
            self._forget(self._renewed)

    def _beat(self) -> None:
        every = self._lease_s / 3
        while not self._stopped.wait(every):
            now = time.monotonic()
            with self.lock:
                held = {(number, attempt) for number, (attempt, since) in self._held.items() if now - since >= every}
                done = self._renewed - {(number, attempt) for number, (attempt, _) in self._held.items()}
            try:
                if held:
                    until = self._session.clock.now() + self._lease_s
                    self._session.journal.renew(self._session.worker, sorted(held), until)
                    self._renewed |= held
            except StoreError:
                continue  # a lease outlives two missed beats
            if done:
                self._forget(done)

    def _forget(self, holds: set[tuple[int, int]]) -> None:
        try:
            self._session.journal.release(sorted(holds))
        except StoreUnavailableError:
            return  # a lease of a trial that is over means nothing
        self._renewed -= set(holds)
