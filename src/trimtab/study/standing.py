"""How a study stands while it runs, for those who watch it."""

from __future__ import annotations

import shlex
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from trimtab.ledger.table import COMPLETE, FAILED, STOPPED, TrialTable, TrialView
from trimtab.numerics.arithmetic import quiet
from trimtab.schedule.found import schedule_remark
from trimtab.space.problem import Problem
from trimtab.space.space import Space
from trimtab.stop.protocol import Looks
from trimtab.stop.reserves import MACHINES, Spent
from trimtab.study import best
from trimtab.study.learned import learning
from trimtab.study.purse import Purse, saved_in, warned
from trimtab.study.reported import EARLY
from trimtab.study.savings import Savings, savings
from trimtab.study.session import Session
from trimtab.study.shortfall import Shortfall, shortfall
from trimtab.study.unheard import unheard

if TYPE_CHECKING:
    from trimtab.stop.outlook import Outlook


LOOK_S = 0.5
"""An outlook is a sentence: it changes no faster than people read."""


@dataclass(frozen=True, slots=True)
class Status:
    """How a study stands, for a progress display.

    Attributes:
        name: the study's.
        objective, direction: of the first objective; "minimize" or "maximize".
        n_trials: configurations begun; n_complete, n_failed, n_stopped, n_running: trials in that state.
        n_continued: those of the trials that are over that went on with another one's configuration.
        budget_trials, budget_s, budget_cost: the limits, None where there is none.
        spent: what is spent of every other limit, and reserved for what runs; deadline: until when it may go on, in
            seconds since the epoch, None where there is none; now: the time, likewise.
        warned: of which limits how much is spent, in percent, once it is half of it or more.
        elapsed_s: wall time that the study was worked on; cost: what it has cost.
        trials_per_s: of this run.
        best: the best trial.
        note: what happened last, for a person.
        reason: why the study stopped; empty while it goes on.
        n_before: trials there were when this run began; above 0 when it resumes.
        failure: the first trial that failed in this run.
        look: what shows that trial in full.
        goal: all objectives and constraints in words; empty for `direction` and `objective`.
        front: with several objectives, what is known of the front in words; empty with one, and while there is none.
        n_feasible: complete trials that met every constraint; None where there is no constraint.
        lack: where no complete trial met every constraint, what comes nearest; empty elsewhere.
        waits_for: what is waited for while nothing of this run goes on; empty otherwise.
        saved: what early stopping saved, once the study has stopped; None before, and where it ended nothing.
        saved_in: what the time that was saved comes to in limits on machines, (in words, how much).
        outlook: what going on would bring and cost; None where nobody looks.
        need: what the study, or the loop that reports, lacks for trials to be ended early; empty where nothing, and
            until trials show it.
        space: what is tuned, for those who look at whether it is likely wrong.
        hints: what is likely wrong with the space, where somebody has looked already; None to look at `space`.
        check: what says all of it.
        finale: what is run again and why, while that is done; empty otherwise.
        learns: what a study that begins learns from earlier ones, a sentence; empty where it does not.
        schedule: once the study has stopped, that the best trial's parameters are the last of several; else empty.
    """

    name: str
    objective: str
    direction: str
    n_trials: int = 0
    n_complete: int = 0
    n_failed: int = 0
    n_stopped: int = 0
    n_running: int = 0
    n_continued: int = 0
    budget_trials: int | None = None
    budget_s: float | None = None
    budget_cost: float | None = None
    spent: tuple[Spent, ...] = ()
    deadline: float | None = None
    now: float = 0.0
    warned: tuple[tuple[Spent, int], ...] = ()
    elapsed_s: float = 0.0
    cost: float = 0.0
    trials_per_s: float = 0.0
    best: TrialView | None = None
    note: str = ""
    reason: str = ""
    n_before: int = 0
    failure: TrialView | None = None
    look: str = ""
    goal: str = ""
    front: str = ""
    n_feasible: int | None = None
    lack: str = ""
    waits_for: str = ""
    saved: Savings | None = None
    saved_in: tuple[tuple[str, float], ...] = ()
    need: str = ""
    outlook: Outlook | None = None
    space: Space | None = None
    hints: tuple[str, ...] | None = None
    check: str = "tt.spaces.check(space)"
    finale: str = ""
    learns: str = ""
    schedule: str = ""


@runtime_checkable
class Progress(Protocol):
    """Shows a study to people while it runs."""

    def update(self, status: Status) -> None: ...

    def close(self, status: Status) -> None: ...


@dataclass(frozen=True, slots=True)
class _Met:
    """What is known of front, constraints and reports once `n_over` trials were over: only such a trial changes it."""

    n_over: int = -1
    front: str = ""
    n_feasible: int | None = None
    lack: str = ""
    unheard: str = ""


def _met(table: TrialTable) -> _Met:
    problem = table.problem
    n = len(best.front_rows(table)) if len(problem.objectives) > 1 else 0
    lack = shortfall(table) if problem.constraints else None
    return _Met(
        len(table.order),
        best.front_text(table, n) if n else "",
        best.feasible(table).count(True) if problem.constraints else None,
        "" if lack is None else _lack_text(table, lack),
        unheard(table),
    )


def _lack_text(table: TrialTable, lack: Shortfall) -> str:
    nearest = lack.nearest_text(table)
    return nearest if len(table.problem.constraints) == 1 else f"{nearest}; {lack.farthest_text()}"


def goal(problem: Problem) -> str:
    """Return `minimize loss and maximize speed at latency_ms <= 30`."""
    objectives = " and ".join(f"{metric.goal} {metric.name}" for metric in problem.objectives)
    return objectives + (f" at {' and '.join(map(str, problem.constraints))}" if problem.constraints else "")


class Standing:
    """Tells how the study stands in one run of it, which begins when this is made.

    Args:
        session: of the study.
        purse: its budget; None where nobody counts.
        worth: says what going on would bring.
    """

    def __init__(self, session: Session, purse: Purse | None, worth: Looks | None = None) -> None:
        self._session = session
        self._purse = purse
        self._began_at = time.monotonic()
        # what is in line before anything was begun came with the first record
        is_new = bool(session.table.portfolio) and not session.table.n_begun
        self._n_before = 0 if is_new else len(session.table)
        self._n_over_before = len(session.table.order)
        self._best: tuple[int, TrialView] | None = None
        self._met = _Met()
        self._worth = worth
        self._outlook: tuple[tuple[int, int], Outlook] | None = None
        self._looked_at = 0.0

    @quiet()
    def status(
        self, *, note: str, reason: str, failure: TrialView | None, waits_for: str = "", finale: str = ""
    ) -> Status:
        """Return how the study stands now.

        Args:
            note: what happened last.
            reason: why it stopped; empty while it goes on.
            failure: the first trial that failed in this run.
            waits_for: what is waited for while nothing of it goes on.
            finale: what is run again and why, while that is done.
        """
        table = self._session.table
        problem = table.problem
        counts = {state: int((table.state == state).sum()) for state in (COMPLETE, FAILED, STOPPED)}
        running = time.monotonic() - self._began_at
        row = best.best_row(table) if len(problem.objectives) == 1 else None
        if row is not None and (self._best is None or self._best[0] != row):
            self._best = (row, table.trial(row))
        if len(table.order) != self._met.n_over:
            self._met = _met(table)
        budget = None if self._purse is None else self._purse.of(table)
        spending = [] if budget is None else budget.spending(table)
        limits = {line.unit: line.limit for line in spending if not line.is_fidelity}
        trials, hours = limits.get("trials"), limits.get("hours")
        saved = savings(table) if reason else None
        known = table.spent[table.spent == table.spent]
        return Status(
            name=self._session.journal.name,
            objective=problem.objectives[0].name,
            direction=problem.objectives[0].goal,
            n_trials=table.n_begun,
            n_complete=counts[COMPLETE],
            n_failed=counts[FAILED],
            n_stopped=counts[STOPPED],
            n_running=table.n_running,
            n_continued=int((table.parent[table.order] >= 0).sum()),
            budget_trials=None if trials is None else int(trials),
            budget_s=None if hours is None else hours * 3600,
            budget_cost=limits.get("cost"),
            spent=tuple(line for line in spending if line.is_fidelity or line.unit in MACHINES),
            deadline=None if budget is None else budget.until,
            now=table.now,
            warned=warned(spending, table),
            elapsed_s=table.elapsed,
            cost=float(known.sum()),
            trials_per_s=(len(table.order) - self._n_over_before) / max(running, 1e-9),
            best=self._best[1] if self._best is not None else None,
            note=note,
            reason=reason,
            n_before=self._n_before,
            failure=failure,
            look="" if failure is None else self._how_to_look(failure.number),
            goal=goal(problem),
            front=self._met.front,
            n_feasible=self._met.n_feasible,
            lack=self._met.lack,
            waits_for=waits_for,
            saved=saved,
            saved_in=() if saved is None else saved_in(spending, table, saved.seconds),
            need=self._need(),
            outlook=self._looked(is_over=bool(reason)),
            space=problem.space,
            finale=finale,
            learns=learning(self._session.ledger, self._session.optimizer),
            schedule="" if row is None or not reason else schedule_remark(table, row),
        )

    def _looked(self, *, is_over: bool) -> Outlook | None:
        """Return what going on would bring.

        It is looked at anew when the trials that are over are a hundredth more, and no more often than `LOOK_S`.
        """
        table = self._session.table
        if self._worth is None:
            return None
        n = len(table.order)
        key = (n if is_over else n // (1 + n // 100)), n // 100
        now = time.monotonic()
        is_due = is_over or now - self._looked_at >= LOOK_S
        if self._outlook is None or (is_due and self._outlook[0] != key):
            self._outlook, self._looked_at = (key, self._worth.outlook(table)), now
        return self._outlook[1]

    def _need(self) -> str:
        """Return what early stopping would need, once trials have shown that it does; none where nothing is missing."""
        table, plan = self._session.table, self._session.plan
        if plan.needs(table.problem):
            return str(table.notes.get(EARLY, ""))
        return self._met.unheard if plan.advises else ""

    def _how_to_look(self, number: int) -> str:
        if not self._session.files.is_kept:
            return f"study.trials[{number}].error"
        name, url = self._session.journal.name, self._session.store.url
        return f"trimtab show {shlex.quote(name)} {number} --store {shlex.quote(url)}"
