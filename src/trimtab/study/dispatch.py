"""Handing out trials: what was begun and lost, what waits in line, what goes on with another, what is proposed.

Besides the log, a dispatch has what a log cannot have: the engine at work, and a proposal that was made ahead.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING, Any

import numpy as np

from trimtab import forks
from trimtab.arrays import MASK64, Floats
from trimtab.errors import TrialError
from trimtab.execute.protocol import Resources, Task
from trimtab.ledger.attempts import ONE_CPU
from trimtab.ledger.event import Asked, Event, Extended, Origin, Remaining, Started
from trimtab.ledger.table import TrialTable
from trimtab.schedule.protocol import Assignment, Continue, Fresh, Wait
from trimtab.space.problem import counted
from trimtab.stop.start import Start
from trimtab.study import ahead, arms, lost, starts
from trimtab.study.ahead import Ahead
from trimtab.study.engine import Engine
from trimtab.study.line import Line
from trimtab.study.order import Made, Order
from trimtab.study.plan import continued_row
from trimtab.study.session import Session

if TYPE_CHECKING:
    from trimtab.study.finale import Finale

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


@dataclass(frozen=True, slots=True)
class Uncovered:
    """The next trial is not covered by the budget, though others may be; `reason` is a clause that says why."""

    reason: str


class Dispatch:
    """Hands out the trials of one study, one at a time.

    Attributes:
        session: this process's hold on the log.
        lock: held by whoever asks; taken before the session's, which whoever tells needs. A fork waits for it as for
            any change: whoever asks may be in the middle of importing a module, which the child could then never
            import, or of a change of the engine's state.
        kept: (trial number, attempt) of what a driver here runs and vouches for, whatever the leases say.
        line: what users put in line.
        propose_s: seconds that the last proposal took.
        remaining: says what is left of the budget; None where nobody counts.
        lacks: says why the budget does not cover what is to start; empty where it does, or nobody counts.
        resources: what each trial takes, by name.
        limit_s: the seconds after which each is ended; None without a limit.
        finale: hands out the last runs, while it is time for those; None while the search goes on.
    """

    def __init__(self, session: Session) -> None:
        self.session = session
        self.lock = threading.RLock()
        self.kept: set[tuple[int, int]] = set()
        self.line = Line()
        self.propose_s = 0.0
        self.remaining: Callable[[], Remaining | None] = lambda: None
        self.lacks: Callable[[TrialTable, Start], str] = lambda table, start: ""  # noqa: ARG005 - as it is called
        self.resources: dict[str, float] = dict(ONE_CPU)
        self.limit_s: float | None = None
        self.finale: Finale | None = None
        self._begun: dict[int, tuple[int, float]] = {}
        self._engine: Engine | None = None
        self._ahead: Ahead | None = None
        forks.register(self)  # what is registered later is taken earlier, as whoever asks does

    def rest(self) -> None:
        """Nothing needs to be let go of."""

    def begin_anew(self, *, torn: bool) -> None:  # noqa: ARG002 - all is forgotten anyway
        """Hold nothing in a child, where nobody asks yet; a thread of the parent may have been in the middle of it."""
        self.lock = threading.RLock()
        self.kept = set()
        self._engine = self._ahead = None

    def claim(
        self,
        *,
        lease_s: float | None,
        admit: Callable[[], Admission] = lambda: EVERYTHING,
        worker: str | None = None,
    ) -> int | Wait | Uncovered | None:
        """Take a trial and return its number: what was begun and lost, else what waits in line, else what is proposed.

        `Uncovered` when the budget does not cover that one. `Wait` when the scheduler wants something to end first.
        None when nothing waits and nothing new is admitted or left to try. While an engine computes that takes its
        time, others report and tell. Read what others wrote before: a proposal that does not know it is made in vain.

        Args:
            lease_s: for how long the worker may be silent; for ever if None.
            admit: says at that very moment what may start, besides what was begun and lost.
            worker: who runs it; this process if None. Of another, only its lease tells whether it is still there.
        """
        worker = self.session.worker if worker is None else worker
        made: Made | None = None
        with self.lock:
            while True:
                with self.session.lock:
                    if made is not None:
                        self.session.sync()
                    claimed = self._claimed(worker, lease_s, admit, made)
                if not isinstance(claimed, Order):
                    return claimed
                made = self._make(claimed)

    def _claimed(
        self, worker: str, lease_s: float | None, admit: Callable[[], Admission], made: Made | None
    ) -> int | Wait | Uncovered | Order | None:
        """Take a trial, as `claim` does; an order where its proposal takes its time and `made` is not it."""
        found: Asked | Wait | Uncovered | Order | None = None
        about = self.session.table.problem

        def build() -> Sequence[Event]:
            nonlocal found, about
            table = self.session.table
            number = table.first_again
            if number is None:
                admitted = admit()
                if admitted is Admission.NOTHING:
                    found = None
                    return []
                if admitted is Admission.EVERYTHING and table.n_waiting:
                    number = table.first_waiting
            files = self.session.files
            if number is not None:
                start = starts.of_row(table, files, number, self.resources, self.limit_s)
                lack = self.lacks(table, start)
                if lack:
                    found = Uncovered(lack)
                    return []
                return [self._started(start, number, worker, int(table.attempt[number]) + 1, lease_s)]
            # Reports of others do not invalidate a proposal; another trial does, and so does a space that has grown.
            known = found if isinstance(found, Asked) and found.parent is None else None
            fresh = admitted is Admission.EVERYTHING
            if not fresh or known is None or known.number != len(table) or about is not table.problem:
                found, about = self._next(fresh=fresh, made=made), table.problem
            if not isinstance(found, Asked):
                return []
            start = starts.of_proposal(table, files, found, self.resources, self.limit_s)
            lack = self.lacks(table, start)
            if lack:
                found = Uncovered(lack)
                return []
            return [found, self._started(start, found.number, worker, 1, lease_s)]

        events = self.session.commit(build)
        if not events or not isinstance(events[-1], Started):
            return None if isinstance(found, Asked) else found
        started = events[-1]
        self._begun[started.number] = (started.attempt, time.monotonic())
        return started.number

    def _started(self, start: Start, number: int, worker: str, attempt: int, lease_s: float | None) -> Started:
        taken = {} if self.resources == ONE_CPU else self.resources
        return Started(number, worker, attempt, lease_s, begins=start.begins, resources=taken)

    def seconds(self, number: int) -> float:
        """Return for how long the present attempt at a trial has run; the log's word counts if it began elsewhere."""
        table = self.session.table
        attempt, since = self._begun.get(number, (0, 0.0))
        if attempt == table.attempt[number]:
            return time.monotonic() - since
        return max(0.0, self.session.clock.now() - float(table.started_at[number]))

    def forget(self, number: int) -> None:
        """Keep no longer when a trial began that is over."""
        self._begun.pop(number, None)

    def prepare(self) -> None:
        """Make the proposal of the next trial ahead, where that is worth it: see `study.ahead`."""
        with self.lock:
            with self.session.lock:
                ledger, table = self.session.ledger, self.session.table
                most = ahead.n_missing(table)
                if not most or table.n_waiting or self.finale is not None or not ahead.pays(table, self.propose_s):
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
        ledger, table = self.session.ledger, self.session.table
        if made is None or made.asked is None or not made.is_for(table, ledger.optimizer, made.most):
            return None
        return Made(made.asked, made.number, made.problem, made.asked.fidelity)

    def _assigned(self) -> tuple[Assignment, Remaining | None]:
        """Return what the scheduler wants to be run next, and what it was told of the budget."""
        session, remaining = self.session, self.remaining()
        return session.plan.assign(session.table, session.ledger.created.seed, remaining), remaining

    def propose(self) -> Asked | Wait | None:
        """Return the event of the next trial, proposed from everything read so far.

        `Wait` where the scheduler wants to; None when nothing is left to try, or the budget does not cover it.
        """
        with self.lock, self.session.lock:
            found = self._next(fresh=True)
            if isinstance(found, Uncovered):
                return None
            if isinstance(found, Order):
                return self._make(found).asked or self._without_fresh(found.remaining)
            return found

    def _next(self, *, fresh: bool, made: Made | None = None) -> Asked | Wait | Uncovered | Order | None:
        """Return the event of the next trial; an order where an engine is to propose it that takes its time.

        Args:
            fresh: whether a new configuration may be begun; without, only what goes on with another trial is returned.
            made: what was made of an order before.
        """
        table = self.session.table
        ahead_of_time = self._take_ahead()
        if self.finale is not None:
            return self.finale.next(self.remaining()) if fresh else None
        assigned, remaining = self._assigned()
        if isinstance(assigned, Wait):
            return assigned
        if isinstance(assigned, Continue):
            return self._continued(assigned, remaining)
        if not fresh:
            return None
        for ready in (made, ahead_of_time):
            if ready is not None and ready.fits(table, assigned.fidelity):
                return ready.asked or self._without_fresh(remaining)
        lack = self.lacks(table, Start(assigned.fidelity, resources=self.resources, limit_s=self.limit_s))
        if lack:  # before an engine computes in vain
            return Uncovered(lack)
        order = self._order(assigned.fidelity, remaining)
        if order.table is not table:
            return order
        return self._make(order).asked or self._without_fresh(remaining)

    def _continued(self, assigned: Continue, remaining: Remaining | None) -> Asked:
        """Return the event of a trial that goes on with another."""
        ledger, table = self.session.ledger, self.session.table
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

    def _without_fresh(self, remaining: Remaining | None) -> Asked | Wait | None:
        """Return what the scheduler wants where no configuration is left to try; None if it wants one all the same.

        It is told that no trial is left, as at the end of a budget of trials: a population or a rung that never fills
        would else keep all that was begun from going on.
        """
        left = Remaining() if remaining is None else remaining
        told = Remaining(0, left.seconds, left.cost, left.units, left.must_gain)
        assigned = self.session.plan.assign(self.session.table, self.session.ledger.created.seed, told)
        if isinstance(assigned, Continue):
            return self._continued(assigned, told)
        return assigned if isinstance(assigned, Wait) else None

    def complete(self, given: Floats, fidelity: tuple[float, ...]) -> Asked | None:
        """Return the event of a new trial with the values `given` [D], nan where the optimizer is to choose.

        None when no configuration is left that has them. Whoever calls this holds `lock` and the session's.
        """
        return self._make(self._order(fidelity, self.remaining(), given)).asked

    def _order(self, fidelity: tuple[float, ...], remaining: Remaining | None, given: Floats | None = None) -> Order:
        """Return what a proposal is made from: a table of its own where making it takes long."""
        ledger, table = self.session.ledger, self.session.table
        return Order(
            table.frozen() if self.propose_s > SLOW_S else table,
            ledger.head, ledger.created.seed, ledger.optimizer, fidelity, remaining, given,
            in_arms=ledger.created.in_arms,
        )  # fmt: skip

    @property
    def engine(self) -> Engine:
        """The engine at work. Whoever uses it holds `lock`, and the session's where it reads the study's table."""
        return self._engine_for(self.session.ledger.optimizer, self.session.table)

    def _engine_for(self, optimizer: Mapping[str, Any], table: TrialTable) -> Engine:
        if self._engine is None or not self._engine.serves(optimizer, table):
            self._engine = Engine(optimizer, table, self.session.optimizer)
        return self._engine

    def _make(self, order: Order) -> Made:
        """Have the engine propose. Whoever calls this holds `lock`, and the session's where the table is its own."""
        table, given = order.table, order.given
        engine = self._engine_for(order.optimizer, table)
        began_at = time.perf_counter()
        try:
            arm = None
            if order.in_arms and given is None:
                proposal, arm = arms.propose(engine, table, order.seed, order.fidelity, order.remaining)
            else:
                proposal = engine.propose(table, order.seed, order.fidelity, given, order.remaining, order.extends)
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
            if arm is not None:
                [said] = table.space.decode(arm)
                why = f"{why}; the turn of {', '.join(f'{name}={value}' for name, value in said.items())}"
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
            ledger, table = self.session.ledger, self.session.table
            row = lost.require_running(table, number, attempt)
            x = table.x[row]
            if not (table.space.active(x) & np.isnan(x)).any():
                return []
            fidelity = tuple(table.fidelity[row].tolist())
            order = Order(table, ledger.head, ledger.created.seed, ledger.optimizer, fidelity, None, x.copy(), row)
            made = self._make(order).asked
            if made is None:
                raise TrialError(f"no configuration is left that has what trial {row} has.")
            return [Extended(row, made.x, ledger.head, made.origin, int(table.attempt[row]))]

        with self.lock, self.session.lock:
            self.session.sync()
            self.session.commit(build)

    def token(self, number: int, attempt: int) -> str:
        """Return what names an attempt among those of all studies: of one name, they differ in `id`.

        The name is the first that the study had, which no renaming changes.
        """
        created = self.session.ledger.created
        return "/".join((created.name, *([created.id] if created.id else ()), str(number), str(attempt)))

    def task(self, number: int, resources: Resources | None = None) -> Task:
        """Return what an executor needs to know to run the present attempt at a trial."""
        session, table, problem = self.session, self.session.table, self.session.table.problem
        attempt, parent = int(table.attempt[number]), int(table.parent[number])
        ends = table.fidelity[number].tolist()
        is_anew = lost.must_run_whole(table, number)  # or it would know as little as the one before
        place = counted(problem.fidelities)
        goes_on = starts.goes_on(table, parent, ends)
        return Task(
            number=number,
            attempt=attempt,
            token=self.token(number, attempt),
            params=table.space.decode(table.x[number : number + 1])[0],
            fidelity={f.name: end for f, end in zip(problem.fidelities, ends, strict=True)},
            start={f.name: f.low for f in problem.fidelities},
            counts=None if place is None else problem.fidelities[place].name,
            resume_from=None if parent < 0 else parent,
            resume_dir=session.files.checkpoint(parent) if goes_on else None,
            metrics=problem.metric_names,
            checkpoint_dir=session.files.checkpoint(number),
            log_dir=session.files.attempt(number, attempt),
            study=session.journal.name,
            resources=resources or _ONE_CPU,
            seed=trial_seed(session.ledger.created.seed, number),
            names=tuple(table.space.names),
            folds=problem.folds,
            fold_names=problem.fold_names,
            cells=None
            if problem.folds is None
            else tuple(session.plan.cells(table, number, session.ledger.created.seed, anew=is_anew)),
        )

    def hold(self, number: int, handle: str, *, lease_s: float) -> bool:
        """Put on record what the executor calls the present attempt at a trial, and that this process looks after it.

        Returns:
            whether it does: False where the attempt is over, or somebody else came first.
        """
        session = self.session
        with session.lock:
            attempt, before = int(session.table.attempt[number]), session.table.worker(number)

            def build() -> Sequence[Event]:
                table = session.table
                if not lost.is_running(table, number, attempt) or table.worker(number) != before:
                    return []
                return [Started(number, session.worker, attempt, lease_s, handle)]

            return bool(session.commit(build))

    def abandoned(self) -> list[int]:
        """Return the trials that run under a handle and that nobody looks after any more."""
        with self.session.lock:
            self.session.sync()
            table = self.session.table
            return [row for row in self.overdue() if table.handle(row)]

    def overdue(self) -> dict[int, str]:
        """Return the trials whose worker is gone or was silent past its lease, each with the reason."""
        session = self.session
        return lost.overdue(session.table, session.worker, self.kept, session.clock, session.journal.leases)

    def reap(self, retries: int | None = None) -> list[int]:
        """Put the `overdue` trials back in line; return their numbers.

        Args:
            retries: how often a trial is run again that may be to blame; without end if None.
        """
        with self.session.lock:
            table, found = self.session.table, self.overdue()
            if found:
                attempts = {row: int(table.attempt[row]) for row in found}
                self.session.commit(
                    lambda: [
                        lost.lose(table, row, why, blame="driver", retries=retries)
                        for row, why in found.items()
                        if lost.is_running(table, row, attempts[row])
                    ]
                )
            return list(found)


_ONE_CPU = Resources()


def trial_seed(seed: int, number: int) -> int:
    """Return a seed in [0, 2**31) for the trial's own randomness: SplitMix64 (Steele et al., 2014) of both."""
    z = (seed + (number + 1) * 0x9E3779B97F4A7C15) & MASK64
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK64
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK64
    return (z ^ (z >> 31)) >> 33
