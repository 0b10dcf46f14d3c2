"""A session: one process's hold on the log of a study; every reading and every change goes through here.

A child of `fork` that goes on with its parent's session is a process like any other: it has a name of its own, connects
anew, and is put on record before its first change.

Every change is one `commit`: build events from what is known, append them if nobody appended in between, else read on
and build again. Whoever loses the race loses time, never data, so any number of processes on one store stay correct.
"""

from __future__ import annotations

import os
import random
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from functools import cached_property
from typing import Any

from trimtab import forks
from trimtab.clock import LogClock
from trimtab.errors import (
    ConflictError,
    StoreCorruptError,
    StoreError,
    StoreRewoundError,
    StoreUnavailableError,
    TrialError,
)
from trimtab.ledger import snapshot
from trimtab.ledger.chain import Head
from trimtab.ledger.event import Event, Judged, Opened, Record, Reported
from trimtab.ledger.table import TrialTable
from trimtab.numerics.arithmetic import quiet
from trimtab.optim.protocol import Optimizer
from trimtab.schedule.protocol import Scheduler
from trimtab.storage.protocol import Store, StudyStore
from trimtab.study import fold, lost, owner, provenance, rewound
from trimtab.study.files import Files
from trimtab.study.plan import Plan
from trimtab.study.plugin import is_made_by, settings_of

SNAPSHOT_EVERY = 4096
"""Records after which the first snapshot is due; from there on, one whenever the log has grown by half."""


class Session:
    """One process's hold on a study.

    Attributes:
        ledger: what was read so far; `sync` reads on.
        files: where logs and checkpoints of the trials lie.
        worker: this process's name in the log.
        clock: the time in the log.
        optimizer: the engine as an object, if it is at hand.
        lock: held by whoever reads or changes.
    """

    def __init__(
        self,
        store: Store,
        journal: StudyStore,
        optimizer: Optimizer[Any] | None = None,
        scheduler: Scheduler | None = None,
        objective: Mapping[str, Any] | None = None,
        budget: Mapping[str, Any] | None = None,
        worth: Mapping[str, Any] | None = None,
    ) -> None:
        self.store = store
        self.journal = journal
        self.ledger, self._snapshot_head = fold.folded(journal)
        self.files = Files(store.url, self.ledger.created.name, self.ledger.created.id)
        self.worker = owner.myself()
        self.clock = LogClock(store.now)
        self.clock.hear(self.ledger.table.now)
        self.optimizer = optimizer
        self.lock = threading.RLock()
        self._is_torn = False
        self._unsaid: list[Judged] = []  # verdicts that could not be put on record yet
        self._scheduler = scheduler
        self._objective = objective  # the fingerprint of what this process runs, if it runs trials
        self._budget = budget  # what it was told to spend, if it runs trials
        self._worth = worth  # and which gain counts
        self._is_open = self._is_closed = False
        forks.register(self)

    @property
    def table(self) -> TrialTable:
        if self._is_torn:
            self._mend()
        return self.ledger.table

    @cached_property
    def plan(self) -> Plan:
        """What says how far trials run; made when it is first asked, since readers need none.

        Raises:
            PluginError: the one on record is not registered here, and was not passed.
        """
        return Plan(self.ledger.created.scheduler, self._scheduler)

    @property
    def scheduler(self) -> Scheduler | None:
        """The scheduler as an object, if it is at hand."""
        return self._scheduler

    def go_by(self, read: Callable[[], float]) -> None:
        """Tell the time by another clock from here on."""
        self.clock = LogClock(read)
        self.clock.hear(self.ledger.table.now)

    # Forks

    def rest(self) -> None:
        """Nothing needs to be let go of: the store does that."""

    def begin_anew(self, *, torn: bool) -> None:
        """Go on as a process of its own, in a child."""
        self.lock = threading.RLock()
        self.worker = owner.myself()
        self._unsaid = []
        self._is_open = False  # so that the child is put on record, too
        self._is_torn |= torn

    def _mend(self) -> None:
        """Read the log again where reading it was cut short, in this process or in the one that it was forked from."""
        with self.lock:
            if self._is_torn:
                self.ledger, self._snapshot_head = fold.folded(self.journal)
                self._is_torn = False

    # Reading and writing

    def sync(self) -> int:
        """Read what others wrote; return the head of the log."""
        with self.lock:
            self._mend()
            try:
                for record in self.journal.read(self.ledger.reached):
                    self.ledger.apply(record)
            except StoreRewoundError as error:
                raise rewound.explained(error, self.ledger, self.journal) from None
            except BaseException as error:
                self._note_torn(error)
                raise
            self.clock.hear(self.ledger.table.now)
            return self.ledger.head

    def commit(self, build: Callable[[], Sequence[Event]]) -> Sequence[Event]:
        """Append the events that `build` makes from what is known, and return them.

        `build` is called again whenever another writer came first. It may return nothing, and then nothing is
        appended; what it raises is passed on, a TrialError once everything on record was read.
        """
        with self.lock:
            if self._is_closed:
                raise StoreError("this study was closed; to go on, open it again: tt.load_study(store, name).")
            self._mend()
            self._open()
            if self._unsaid:
                self._pass([])
            conflicts = 0
            while True:
                events = self._built(build)
                if not events:
                    return events
                if any(type(event) is Reported for event in events):
                    _ = self.plan  # where there is none to judge them, nothing is written
                ledger, at = self.ledger, self.clock.now()
                head_before = ledger.head
                try:
                    head = self.journal.append(events, after=ledger.reached, at=at)
                except StoreRewoundError as error:
                    raise rewound.explained(error, ledger, self.journal, events) from None
                except ConflictError:
                    conflicts += 1
                    if conflicts > 2:  # many writers: step out of each other's way
                        _yield(conflicts)
                    if self.sync() == head_before:
                        raise StoreCorruptError(
                            f"the log of study {ledger.created.name!r} goes on after record {head_before}, and no more "
                            f"of it can be read: the store is damaged; `trimtab doctor` says what can be read."
                        ) from None
                    continue
                verdicts = self._folded(events, at, head)
                if verdicts:
                    self._pass(verdicts)
                if ledger.head - self._snapshot_head > max(SNAPSHOT_EVERY, self._snapshot_head >> 1):
                    self._try_snapshot()
                return events

    def _note_torn(self, error: BaseException) -> None:
        """Read the log again where folding was cut short: by an interrupt, or by what a scheduler raised."""
        if not isinstance(error, StoreError):  # which is raised before anything is changed
            self._is_torn = True

    def _folded(self, events: Sequence[Event], at: float, head: Head) -> list[Judged]:
        """Fold in what was just appended; return the scheduler's verdicts, each on the table as its report left it."""
        ledger, verdicts = self.ledger, dict[int, Judged]()
        try:
            with quiet() if any(type(event) is Reported for event in events) else nullcontext():
                for event in events:
                    ledger.apply(Record(ledger.head + 1, at, event))
                    if type(event) is not Reported or event.number in verdicts or ledger.table.halted(event.number):
                        continue
                    halt = self.plan.judge(ledger.table, event.number, event)
                    if halt is not None:
                        verdicts[event.number] = Judged(event.number, halt.reason, ledger.head, event.attempt)
            ledger.link = head.link
        except BaseException as error:
            self._note_torn(error)
            raise
        return list(verdicts.values())

    def _pass(self, verdicts: Sequence[Judged]) -> None:
        """Put verdicts on record, of trials that still run; before the next change where the store cannot be had now.

        What they follow is on record by now: whoever heard of an error would write it again.
        """
        due = [*self._unsaid, *verdicts]
        self._unsaid = []
        try:
            self.commit(lambda: [judged for judged in due if self._is_due(judged)])
        except StoreUnavailableError:
            self._unsaid = due

    def _is_due(self, judged: Judged) -> bool:
        return lost.is_running(self.table, judged.number, judged.attempt) and not self.table.halted(judged.number)

    def _built(self, build: Callable[[], Sequence[Event]]) -> Sequence[Event]:
        try:
            return build()
        except TrialError:
            known = self.ledger.head
            if self.sync() == known:
                raise
            return build()

    def begin(self) -> None:
        """Put on record that this process works on the study from here on; its first change does so too."""
        with self.lock:
            self._open()

    def _open(self) -> None:
        """Before this process's first change: put on record who comes, and with which engine."""
        if self._is_open:
            return
        self._is_open = True
        try:
            self._put_on_record()
        except BaseException:
            self._is_open = False
            raise

    def _put_on_record(self) -> None:
        wanted = self.optimizer
        changed = None if wanted is None or is_made_by(wanted, self.ledger.optimizer) else settings_of(wanted)
        just_created = self.ledger.head == 1 and self.ledger.created.provenance.get("pid") == os.getpid()
        if changed is not None or not just_created:
            come = Opened(provenance.gather(self._objective, self._budget, self._worth), changed)
            self.commit(lambda: [come])

    def save_snapshot(self) -> None:
        """Store what was folded so far, so that the next opening reads only what comes after."""
        with self.lock:
            if self.ledger.head > self._snapshot_head:
                self.journal.save_snapshot(self.ledger.head, snapshot.save(self.ledger))
                self._snapshot_head = self.ledger.head

    def _try_snapshot(self) -> None:
        """Save a snapshot if that can be done: it saves time, and nothing is lost without it."""
        try:
            self.save_snapshot()
        except StoreError:
            self._snapshot_head = self.ledger.head  # not again at once

    def close(self) -> None:
        """Save a snapshot if much was added, and let go of the store. Safe to call twice."""
        with self.lock:
            if self._is_open and self.ledger.head - self._snapshot_head > SNAPSHOT_EVERY // 4:
                self._try_snapshot()
            self._is_open, self._is_closed = False, True
            self.store.close()


def _yield(conflicts: int) -> None:
    time.sleep(random.uniform(0.0, 0.001 * min(conflicts, 20)))  # noqa: S311, RUF100 - not for a study's randomness
