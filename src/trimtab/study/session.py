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
from functools import cached_property
from typing import Any, cast

import numpy as np

from trimtab import forks
from trimtab.arrays import MASK64, Floats
from trimtab.checks import as_whole, is_whole
from trimtab.clock import LogClock
from trimtab.errors import (
    ConflictError,
    LateResultError,
    StoreCorruptError,
    StoreError,
    StoreRewoundError,
    TrialError,
)
from trimtab.execute.protocol import Resources, Task
from trimtab.ledger import snapshot
from trimtab.ledger.event import Asked, Event, Opened, Origin, Record, Started
from trimtab.ledger.table import RUNNING, STATES, TrialTable, no_such_trial
from trimtab.numerics.arithmetic import quiet
from trimtab.optim.protocol import Optimizer
from trimtab.schedule.protocol import Continue, Fresh, Halt, Scheduler
from trimtab.storage.protocol import Store, StudyStore
from trimtab.study import ahead, fold, lost, owner, provenance, rewound
from trimtab.study.ahead import Ahead
from trimtab.study.engine import Engine
from trimtab.study.files import Files
from trimtab.study.line import Line
from trimtab.study.plugin import is_made_by, make, settings_of

SNAPSHOT_EVERY = 4096
"""Records after which the first snapshot is due; from there on, one whenever the log has grown by half."""


class Session:
    """One process's hold on a study.

    Attributes:
        ledger: what was read so far; `sync` reads on.
        files: where logs and checkpoints of the trials lie.
        worker: this process's name in the log.
        clock: the time in the log.
        kept: (trial number, attempt) of what a driver here runs and vouches for, whatever the leases say.
        line: what users put in line.
    """

    def __init__(
        self,
        store: Store,
        journal: StudyStore,
        optimizer: Optimizer[Any] | None = None,
        scheduler: Scheduler | None = None,
        objective: Mapping[str, Any] | None = None,
    ) -> None:
        self.store = store
        self.journal = journal
        self.ledger, self._snapshot_head = fold.folded(journal)
        self.files = Files(store.url, self.ledger.created.name, self.ledger.created.id)
        self.worker = owner.myself()
        self.clock = LogClock(store.now)
        self.clock.hear(self.ledger.table.now)
        self.kept: set[tuple[int, int]] = set()
        self.line = Line()
        self.lock = threading.RLock()
        self._begun: dict[int, tuple[int, float]] = {}
        self._is_torn = False
        self._wanted = optimizer
        self._plan = scheduler
        self._objective = objective  # the fingerprint of what this process runs, if it runs trials
        self._engine: Engine | None = None
        self._propose_s = 0.0
        self._ahead: Ahead | None = None
        self._is_open = self._is_closed = False
        forks.register(self)

    @property
    def table(self) -> TrialTable:
        if self._is_torn:
            self._mend()
        return self.ledger.table

    @cached_property
    def scheduler(self) -> Scheduler:
        """What says how far trials run; made when it is first asked, since readers need none.

        Raises:
            PluginError: the one on record is not registered here, and was not passed.
        """
        settings, plan = self.ledger.created.scheduler, self._plan
        return plan if plan is not None and is_made_by(plan, settings) else make("schedulers", settings)

    # Forks

    def rest(self) -> None:
        """Nothing needs to be let go of: the store does that."""

    def begin_anew(self, *, torn: bool) -> None:
        """Go on as a process of its own, in a child."""
        self.lock = threading.RLock()
        self.worker = owner.myself()
        self.kept = set()
        self._ahead = None
        self._is_open = False  # so that the child is put on record, too
        self._is_torn |= torn

    def _mend(self) -> None:
        """Read the log again, since a thread of the parent was in the middle of that when this child was forked."""
        with self.lock:
            if self._is_torn:
                self.ledger, self._snapshot_head = fold.folded(self.journal)
                self._engine = None
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
            conflicts = 0
            while True:
                events = self._built(build)
                if not events:
                    return events
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
                for event in events:
                    ledger.apply(Record(ledger.head + 1, at, event))
                ledger.link = head.link
                if ledger.head - self._snapshot_head > max(SNAPSHOT_EVERY, self._snapshot_head >> 1):
                    self._try_snapshot()
                return events

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
        wanted = self._wanted
        changed = None if wanted is None or is_made_by(wanted, self.ledger.optimizer) else settings_of(wanted)
        just_created = self.ledger.head == 1 and self.ledger.created.provenance.get("pid") == os.getpid()
        if changed is not None or not just_created:
            come = Opened(provenance.gather(self._objective), changed)
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

    # Handing out trials

    def claim(self, *, lease_s: float | None, admit: Callable[[], bool] = lambda: True) -> int | None:
        """Take a trial and return its number: one that was begun and lost, else, if `admit` says so at that very
        moment, one in line, else a new one.

        None when nothing waits and nothing new is admitted or left to try. Read what others wrote before: a proposal
        that does not know it is made in vain.
        """  # noqa: D205 - the order is one sentence
        proposed: Asked | None = None
        about = self.table.problem

        def build() -> Sequence[Event]:
            nonlocal proposed, about
            table = self.table
            number = table.first_again
            if number is None:
                if not admit():
                    return []
                number = table.first_waiting if table.n_waiting else None
            if number is not None:
                return [Started(number, self.worker, int(table.attempt[number]) + 1, lease_s)]
            # Reports of others do not invalidate a proposal; another trial does, and so does a space that has grown.
            if proposed is None or proposed.number != len(table) or about is not table.problem:
                proposed, about = self._take_ahead() or self.propose(), table.problem
            return [] if proposed is None else [proposed, Started(proposed.number, self.worker, 1, lease_s)]

        with self.lock:
            events = self.commit(build)
            if not events or not isinstance(events[-1], Started):
                return None
            started = events[-1]
            self._begun[started.number] = (started.attempt, time.monotonic())
            return started.number

    def seconds(self, number: int) -> float:
        """Return for how long the present attempt at a trial has run; the log's word counts if it began elsewhere."""
        table = self.table
        attempt, since = self._begun.get(number, (0, 0.0))
        if attempt == table.attempt[number]:
            return time.monotonic() - since
        return max(0.0, self.clock.now() - float(table.started_at[number]))

    def forget(self, number: int) -> None:
        """Keep no longer when a trial began that is over."""
        self._begun.pop(number, None)

    def prepare(self) -> None:
        """Make the proposal of the next trial ahead, where that is worth it: see `study.ahead`."""
        with self.lock:
            ledger, table = self.ledger, self.table
            most = ahead.n_missing(table)
            if not most or table.n_waiting or not ahead.pays(table, self._propose_s):
                return
            if self._ahead is not None and self._ahead.is_for(table, ledger.optimizer, 0):
                return
            if isinstance(self.assign(), Continue):
                return
            self._ahead = Ahead(self.propose(), len(table), table.problem, ledger.optimizer, len(table.order), most)

    def _take_ahead(self) -> Asked | None:
        """Return the proposal that was made ahead, if it may be used; it is used or forgotten."""
        made, self._ahead = self._ahead, None
        if made is None or made.asked is None or not made.is_for(self.table, self.ledger.optimizer, made.most):
            return None
        assigned = self.assign()
        fits = not isinstance(assigned, Continue) and assigned.fidelity == made.asked.fidelity
        return made.asked if fits else None

    @quiet()
    def assign(self) -> Fresh | Continue:
        """Return what the scheduler wants to be run next."""
        return self.scheduler.assign(self.table)

    @quiet()
    def judge(self, number: int) -> Halt | None:
        """Return the scheduler's verdict on a running trial."""
        return self.scheduler.judge(self.table, number)

    def propose(self, given: Floats | None = None) -> Asked | None:
        """Return the event of a new trial, proposed from everything read so far; None when nothing is left to try."""
        ledger, table = self.ledger, self.table
        assigned = self.assign()
        if isinstance(assigned, Continue):
            return Asked(
                number=len(table),
                x=tuple(table.x[assigned.parent].tolist()),
                head=ledger.head,
                origin=Origin("scheduler", f"goes on with trial {assigned.parent}"),
                fidelity=assigned.fidelity,
                parent=assigned.parent,
            )
        if self._engine is None or not self._engine.serves(ledger.optimizer, table.problem):
            self._engine = Engine(ledger.optimizer, table.problem, self._wanted)
        began_at = time.perf_counter()
        proposal = self._engine.propose(table, ledger.created.seed, assigned.fidelity, given)
        self._propose_s = time.perf_counter() - began_at
        if not len(proposal.x):
            return None
        why = proposal.reason(0)
        if given is not None:
            names = [table.space.names[column] for column in np.flatnonzero(~np.isnan(given))]
            why = f"{why}; {', '.join(names)} as enqueued"
        return Asked(
            number=len(table),
            x=tuple(proposal.x[0].tolist()),
            head=ledger.head,
            origin=Origin(proposal.by, why),
            fidelity=assigned.fidelity,
            given=None if given is None else tuple(given.tolist()),
        )

    def require_running(self, number: int, attempt: int | None = None) -> int:
        """Return `number` if that trial runs, in that attempt.

        Raises:
            TrialError: it does not run.
            LateResultError: another attempt took over.
        """
        table, number = self.table, cast("int", as_whole(number))
        if not is_whole(number) or not 0 <= number < len(table):
            raise TrialError(no_such_trial(number, len(table)))
        state, tried = int(table.state[number]), int(table.attempt[number])
        if attempt is not None and attempt != tried:
            raise LateResultError(
                f"attempt {attempt} at trial {number} was given up for lost and attempt {tried} took over; "
                "its result is not taken."
            )
        if state != RUNNING:
            hint = "a trial is told once." if state > RUNNING else "ask() hands it out first."
            raise TrialError(f"trial {number} is {STATES[state]}; {hint}")
        return number

    def token(self, number: int, attempt: int) -> str:
        """Return what names an attempt among those of all studies: of one name, they differ in `id`.

        The name is the first that the study had, which no renaming changes.
        """
        created = self.ledger.created
        return "/".join((created.name, *([created.id] if created.id else ()), str(number), str(attempt)))

    def task(self, number: int, resources: Resources | None = None) -> Task:
        """Return what an executor needs to know to run the present attempt at a trial."""
        table, problem = self.table, self.table.problem
        attempt, parent = int(table.attempt[number]), int(table.parent[number])
        ends = table.fidelity[number].tolist()
        return Task(
            number=number,
            attempt=attempt,
            token=self.token(number, attempt),
            params=table.space.decode(table.x[number : number + 1])[0],
            fidelity={f.name: end for f, end in zip(problem.fidelities, ends, strict=True)},
            start={f.name: f.low for f in problem.fidelities},
            parent=None if parent < 0 else parent,
            metrics=problem.metric_names,
            checkpoint_dir=self.files.line(table.root(number)),
            log_dir=self.files.attempt(number, attempt),
            study=self.journal.name,
            resources=resources or _ONE_CPU,
            seed=_trial_seed(self.ledger.created.seed, number),
            names=tuple(table.space.names),
        )

    # Trials whose worker is gone

    def overdue(self) -> dict[int, str]:
        """Return the trials whose worker is gone or was silent past its lease, each with the reason."""
        return lost.overdue(self.table, self.worker, self.kept, self.clock, self.journal.leases)

    def reap(self, retries: int | None = None) -> list[int]:
        """Put the `overdue` trials back in line; return their numbers.

        Args:
            retries: how often a trial is run again that may be to blame; without end if None.
        """
        with self.lock:
            table, found = self.table, self.overdue()
            if found:
                attempts = {row: int(table.attempt[row]) for row in found}
                self.commit(
                    lambda: [
                        lost.lose(table, row, why, blame="driver", retries=retries)
                        for row, why in found.items()
                        if lost.is_running(table, row, attempts[row])
                    ]
                )
            return list(found)


_ONE_CPU = Resources()


def _trial_seed(seed: int, number: int) -> int:
    """Return a seed in [0, 2**31) for the trial's own randomness: SplitMix64 (Steele et al., 2014) of both."""
    z = (seed + (number + 1) * 0x9E3779B97F4A7C15) & MASK64
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK64
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK64
    return (z ^ (z >> 31)) >> 33


def _yield(conflicts: int) -> None:
    time.sleep(random.uniform(0.0, 0.001 * min(conflicts, 20)))  # noqa: S311, RUF100 - not for a study's randomness
