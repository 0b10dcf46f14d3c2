"""A session: one process's hold on the log of a study; every reading and every change goes through here.

A child of `fork` that goes on with its parent's session is a process like any other: it has a name of its own, connects
anew, and is put on record before its first change.

Every change is one `commit`: build events from what is known, append them if nobody appended in between, else read on
and build again. Whoever loses the race loses time, never data, so any number of processes on one store stay correct.
"""

from __future__ import annotations

import contextlib
import os
import random
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from enum import Enum, auto
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
    StoreUnavailableError,
    TrialError,
)
from trimtab.execute.protocol import Resources, Task
from trimtab.ledger import snapshot
from trimtab.ledger.chain import Head
from trimtab.ledger.event import Asked, Event, Extended, Judged, Opened, Origin, Record, Remaining, Reported, Started
from trimtab.ledger.table import RUNNING, STATES, TrialTable, no_such_trial
from trimtab.optim.protocol import Optimizer
from trimtab.schedule.protocol import Assignment, Continue, Fresh, Scheduler, Wait
from trimtab.storage.protocol import Store, StudyStore
from trimtab.study import ahead, fold, lost, owner, provenance, rewound
from trimtab.study.ahead import Ahead
from trimtab.study.engine import Engine
from trimtab.study.files import Files
from trimtab.study.line import Line
from trimtab.study.order import Made, Order
from trimtab.study.plan import Plan, continued_row
from trimtab.study.plugin import is_made_by, settings_of

SNAPSHOT_EVERY = 4096
"""Records after which the first snapshot is due; from there on, one whenever the log has grown by half."""


SLOW_S = 0.002
"""Seconds that a proposal takes from which on it is made aside, so that nobody waits for it who reports: a few times
what copying the table's changing columns takes."""


class Admission(Enum):
    """What may start, besides what was begun and lost."""

    NOTHING = auto()
    CONTINUATIONS = auto()
    """What goes on with another trial: it is no configuration more."""
    EVERYTHING = auto()


EVERYTHING = Admission.EVERYTHING


class Turn:
    """Whose turn it is to ask.

    A fork waits for it as for any change: whoever asks may be in the middle of importing a module, which the child
    could then never import, or of a change of the engine's state.
    """

    def __init__(self) -> None:
        self.lock = threading.RLock()

    def rest(self) -> None:
        """Nothing needs to be let go of."""

    def begin_anew(self, *, torn: bool) -> None:  # noqa: ARG002 - the session forgets its engine in any case
        """Nobody asks in a child yet."""
        self.lock = threading.RLock()


class Session:
    """One process's hold on a study.

    Attributes:
        ledger: what was read so far; `sync` reads on.
        files: where logs and checkpoints of the trials lie.
        worker: this process's name in the log.
        clock: the time in the log.
        kept: (trial number, attempt) of what a driver here runs and vouches for, whatever the leases say.
        line: what users put in line.
        propose_s: seconds that the last proposal took.
        remaining: says what is left of the budget; None where nobody counts.
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
        self._unsaid: list[Judged] = []  # verdicts that could not be put on record yet
        self._wanted = optimizer
        self._scheduler = scheduler
        self.remaining: Callable[[], Remaining | None] = lambda: None
        self._objective = objective  # the fingerprint of what this process runs, if it runs trials
        self._engine: Engine | None = None
        self.propose_s = 0.0
        self._ahead: Ahead | None = None
        self._is_open = self._is_closed = False
        self._turn = Turn()
        forks.register(self)
        forks.register(self._turn)  # what is registered later is taken earlier, as whoever asks does

    @property
    def asking(self) -> threading.RLock:
        """Held by whoever asks, one at a time; taken before `lock`, which whoever tells needs."""
        return self._turn.lock

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
        self.kept = set()
        self._unsaid = []
        self._engine = self._ahead = None  # a thread of the parent may have been in the middle of a proposal
        self._is_open = False  # so that the child is put on record, too
        self._is_torn |= torn

    def _mend(self) -> None:
        """Read the log again where reading it was cut short, in this process or in the one that it was forked from."""
        with self.lock:
            if self._is_torn:
                self.ledger, self._snapshot_head = fold.folded(self.journal)
                self._engine = self._ahead = None
                self._is_torn = False

    # Reading and writing

    def sync(self) -> int:
        """Read what others wrote; return the head of the log."""
        with self.lock:
            self._mend()
            try:
                with self._folding():
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

    @contextlib.contextmanager
    def _folding(self) -> Iterator[None]:
        """Read the log again where folding was cut short: by an interrupt, or by what a scheduler raised."""
        try:
            yield
        except StoreError:  # raised before anything was changed
            raise
        except BaseException:
            self._is_torn = True
            raise

    def _folded(self, events: Sequence[Event], at: float, head: Head) -> list[Judged]:
        """Fold in what was just appended; return the scheduler's verdicts, each on the table as its report left it."""
        ledger, verdicts = self.ledger, dict[int, Judged]()
        with self._folding():
            for event in events:
                ledger.apply(Record(ledger.head + 1, at, event))
                if type(event) is Reported and event.number not in verdicts and not ledger.table.halted(event.number):
                    halt = self.plan.judge(ledger.table, event.number, event)
                    if halt is not None:
                        verdicts[event.number] = Judged(event.number, halt.reason, ledger.head, event.attempt)
            ledger.link = head.link
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

    def claim(
        self,
        *,
        lease_s: float | None,
        admit: Callable[[], Admission] = lambda: EVERYTHING,
        worker: str | None = None,
    ) -> int | Wait | None:
        """Take a trial and return its number: what was begun and lost, else what waits in line, else what is proposed.

        `Wait` when the scheduler wants something to end first; None when nothing waits and nothing new is admitted or
        left to try. While an engine computes that takes its time, others report and tell. Read what others wrote
        before: a proposal that does not know it is made in vain.

        Args:
            lease_s: for how long the worker may be silent; for ever if None.
            admit: says at that very moment what may start, besides what was begun and lost.
            worker: who runs it; this process if None. Of another, only its lease tells whether it is still there.
        """
        worker = self.worker if worker is None else worker
        made: Made | None = None
        with self.asking:
            while True:
                with self.lock:
                    if made is not None:
                        self.sync()
                    claimed = self._claimed(worker, lease_s, admit, made)
                if not isinstance(claimed, Order):
                    return claimed
                made = self._make(claimed)

    def _claimed(
        self, worker: str, lease_s: float | None, admit: Callable[[], Admission], made: Made | None
    ) -> int | Wait | Order | None:
        """Take a trial, as `claim` does; an order where its proposal takes its time and `made` is not it."""
        found: Asked | Wait | Order | None = None
        about = self.table.problem

        def build() -> Sequence[Event]:
            nonlocal found, about
            table = self.table
            number = table.first_again
            if number is None:
                admitted = admit()
                if admitted is Admission.NOTHING:
                    found = None
                    return []
                if admitted is Admission.EVERYTHING and table.n_waiting:
                    number = table.first_waiting
            if number is not None:
                return [Started(number, worker, int(table.attempt[number]) + 1, lease_s)]
            # Reports of others do not invalidate a proposal; another trial does, and so does a space that has grown.
            known = found if isinstance(found, Asked) and found.parent is None else None
            fresh = admitted is Admission.EVERYTHING
            if not fresh or known is None or known.number != len(table) or about is not table.problem:
                found, about = self._next(fresh=fresh, made=made), table.problem
            return [found, Started(found.number, worker, 1, lease_s)] if isinstance(found, Asked) else []

        events = self.commit(build)
        if not events or not isinstance(events[-1], Started):
            return None if isinstance(found, Asked) else found
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
        with self.asking:
            with self.lock:
                ledger, table = self.ledger, self.table
                most = ahead.n_missing(table)
                if not most or table.n_waiting or not ahead.pays(table, self.propose_s):
                    return
                if self._ahead is not None and self._ahead.is_for(table, ledger.optimizer, 0):
                    return
                assigned, remaining = self._assigned()
                if not isinstance(assigned, Fresh):
                    return
                order = self._order(assigned.fidelity, remaining)
                made = self._make(order) if order.table is table else None
            made = made or self._make(order)
            over = len(order.table.order)
            self._ahead = Ahead(made.asked, made.number, made.problem, order.optimizer, over, most)

    def _take_ahead(self) -> Made | None:
        """Return the proposal that was made ahead, if it may be used; it is used or forgotten."""
        made, self._ahead = self._ahead, None
        if made is None or made.asked is None or not made.is_for(self.table, self.ledger.optimizer, made.most):
            return None
        return Made(made.asked, made.number, made.problem, made.asked.fidelity)

    def _assigned(self) -> tuple[Assignment, Remaining | None]:
        """Return what the scheduler wants to be run next, and what it was told of the budget."""
        remaining = self.remaining()
        return self.plan.assign(self.table, self.ledger.created.seed, remaining), remaining

    def propose(self) -> Asked | Wait | None:
        """Return the event of the next trial, proposed from everything read so far.

        `Wait` where the scheduler wants to; None when nothing is left to try.
        """
        with self.asking, self.lock:
            found = self._next(fresh=True)
            return self._make(found).asked if isinstance(found, Order) else found

    def _next(self, *, fresh: bool, made: Made | None = None) -> Asked | Wait | Order | None:
        """Return the event of the next trial; an order where an engine is to propose it that takes its time.

        Args:
            fresh: whether a new configuration may be begun; without, only what goes on with another trial is returned.
            made: what was made of an order before.
        """
        ledger, table = self.ledger, self.table
        ahead_of_time = self._take_ahead()
        assigned, remaining = self._assigned()
        if isinstance(assigned, Wait):
            return assigned
        if isinstance(assigned, Continue):
            x = continued_row(table, assigned)
            changed = "" if assigned.x is None else " with another configuration"
            return Asked(
                number=len(table),
                x=tuple(x.tolist()),
                head=ledger.head,
                origin=Origin("scheduler", assigned.why or f"goes on with trial {assigned.parent}{changed}"),
                fidelity=assigned.fidelity,
                parent=assigned.parent,
                remaining=remaining,
            )
        if not fresh:
            return None
        for ready in (made, ahead_of_time):
            if ready is not None and ready.fits(table, assigned.fidelity):
                return ready.asked
        order = self._order(assigned.fidelity, remaining)
        return order if order.table is not table else self._make(order).asked

    def complete(self, given: Floats, fidelity: tuple[float, ...]) -> Asked | None:
        """Return the event of a new trial with the values `given` [D], nan where the optimizer is to choose.

        None when no configuration is left that has them. Whoever calls this holds `asking` and `lock`.
        """
        return self._make(self._order(fidelity, self.remaining(), given)).asked

    def _order(self, fidelity: tuple[float, ...], remaining: Remaining | None, given: Floats | None = None) -> Order:
        """Return what a proposal is made from: a table of its own where making it takes long."""
        ledger, table = self.ledger, self.table
        return Order(
            table.frozen() if self.propose_s > SLOW_S else table,
            ledger.head, ledger.created.seed, ledger.optimizer, fidelity, remaining, given,
        )  # fmt: skip

    def _make(self, order: Order) -> Made:
        """Have the engine propose. Whoever calls this holds `asking`, and `lock` too where the table is the study's."""
        table, given = order.table, order.given
        if self._engine is None or not self._engine.serves(order.optimizer, table.problem):
            self._engine = Engine(order.optimizer, table.problem, self._wanted)
        began_at = time.perf_counter()
        try:
            proposal = self._engine.propose(table, order.seed, order.fidelity, given, order.remaining, order.extends)
        except BaseException:  # it may have been in the middle of learning results, which it must not learn twice
            self._engine = None
            raise
        self.propose_s = time.perf_counter() - began_at
        asked = None
        if len(proposal.x):
            why = proposal.reason(0)
            if given is not None and order.extends is None:
                names = [table.space.names[column] for column in np.flatnonzero(~np.isnan(given))]
                why = f"{why}; {', '.join(names)} as enqueued"
            asked = Asked(
                number=len(table),
                x=tuple(proposal.x[0].tolist()),
                head=order.head,
                origin=Origin(proposal.by, why),
                fidelity=order.fidelity,
                given=None if given is None else tuple(given.tolist()),
                remaining=order.remaining,
            )
        return Made(asked, len(table), table.problem, order.fidelity)

    def extend(self, number: int, attempt: int | None = None) -> None:
        """Give a running trial values of the parameters that are active in its row and not in it: the space has grown.

        Raises:
            TrialError: the trial does not run, or nothing is left to try that has its values.
            LateResultError: another attempt took over.
        """

        def build() -> Sequence[Event]:
            row = self.require_running(number, attempt)
            ledger, table = self.ledger, self.table
            x = table.x[row]
            if not (table.space.active(x) & np.isnan(x)).any():
                return []
            fidelity = tuple(table.fidelity[row].tolist())
            order = Order(table, ledger.head, ledger.created.seed, ledger.optimizer, fidelity, None, x.copy(), row)
            made = self._make(order).asked
            if made is None:
                raise TrialError(f"no configuration is left that has what trial {row} has.")
            return [Extended(row, made.x, ledger.head, made.origin, int(table.attempt[row]))]

        with self.asking, self.lock:
            self.sync()
            self.commit(build)

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
            resume_from=None if parent < 0 else parent,
            resume_dir=None if parent < 0 else self.files.checkpoint(parent),
            metrics=problem.metric_names,
            checkpoint_dir=self.files.checkpoint(number),
            log_dir=self.files.attempt(number, attempt),
            study=self.journal.name,
            resources=resources or _ONE_CPU,
            seed=_trial_seed(self.ledger.created.seed, number),
            names=tuple(table.space.names),
            folds=problem.folds,
        )

    def hold(self, number: int, handle: str, *, lease_s: float) -> bool:
        """Put on record what the executor calls the present attempt at a trial, and that this process looks after it.

        Returns:
            whether it does: False where the attempt is over, or somebody else came first.
        """
        with self.lock:
            attempt, before = int(self.table.attempt[number]), self.table.worker(number)

            def build() -> Sequence[Event]:
                table = self.table
                if not lost.is_running(table, number, attempt) or table.worker(number) != before:
                    return []
                return [Started(number, self.worker, attempt, lease_s, handle)]

            return bool(self.commit(build))

    def abandoned(self) -> list[int]:
        """Return the trials that run under a handle and that nobody looks after any more."""
        with self.lock:
            self.sync()
            found = lost.overdue(self.table, self.worker, self.kept, self.clock, self.journal.leases)
            return [row for row in found if self.table.handle(row)]

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
