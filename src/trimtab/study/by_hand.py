"""Asking and telling by hand: what somebody does who runs the trials of a study without its driver.

Of each trial one attempt speaks at a time; what an attempt says that was superseded is refused.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import cast

import numpy as np

from trimtab.checks import as_whole, is_number, is_whole
from trimtab.errors import ObjectiveError, ProblemError, TrialError, WaitsError
from trimtab.execute import protocol as execute
from trimtab.execute.plain import as_number, show
from trimtab.execute.trial import Trial
from trimtab.ledger.event import FAILURE_KINDS, LOST, Event, Failed, Noted, Returned, Stopped, Told
from trimtab.ledger.table import TrialTable, TrialView, no_such_trial
from trimtab.schedule.protocol import Halt, Wait
from trimtab.space.problem import Problem
from trimtab.study import values
from trimtab.study.cells import COST, Cells
from trimtab.study.dispatch import Dispatch, Uncovered
from trimtab.study.lost import require_running, why_lost
from trimtab.study.purse import RESERVED
from trimtab.study.reported import put_on_record
from trimtab.study.session import Session


class ByHand:
    """Hands trials out to whoever asks, and takes in what they say of them.

    `Study` has the same methods, and says what each takes, returns and raises.

    Args:
        session: the hold on the log.
        dispatch: hands out trials.
    """

    def __init__(self, session: Session, dispatch: Dispatch) -> None:
        self._session = session
        self._dispatch = dispatch

    @property
    def _table(self) -> TrialTable:
        return self._session.table

    def ask(self, *, lease_s: float | None = None) -> Trial:
        """See `Study.ask`."""
        session = self._session
        if lease_s is not None and not (is_number(lease_s) and lease_s >= 0):
            raise ProblemError(f"lease_s is a number of seconds, 0 or more, or None, got {lease_s!r}.")
        session.sync()  # what others had begun before they died, too
        self._dispatch.reap()
        number = self._dispatch.claim(lease_s=lease_s)
        if isinstance(number, Wait):
            raise WaitsError(f"nothing can be asked now, since the scheduler waits: {number.reason}.")
        if isinstance(number, Uncovered):  # while a driver of this very study runs
            raise WaitsError(f"nothing can be asked now, since the budget does not cover it: {number.reason}.")
        if number is None:
            raise TrialError(f"nothing is left to try: all {len(self._table)} configurations were handed out.")
        with session.lock:
            return Trial(self._dispatch.task(number), Line(self, number, int(self._table.attempt[number])))

    def tell(
        self,
        trial: int | Trial,
        result: object,
        *,
        failed: str | None,
        error: str,
        attempt: int | None,
        cost: float | None,
    ) -> None:
        """See `Study.tell`."""
        session = self._session
        number, attempt = self._spoken_for(trial, attempt)
        if result is None and failed is None and self._table.problem.folds is not None and is_whole(number):
            cells, reason = self._of_folds(number, attempt)
            if reason:
                self._stop(number, attempt, reason, cells)
                return
            result = cells.result() if cells.folds else None
        outcome = _outcome(self._table.problem, number, result, failed, error, cost)

        def build() -> Sequence[Event]:
            row = require_running(self._table, number, attempt)
            tried = int(self._table.attempt[row])
            seconds = self._dispatch.seconds(row)
            if isinstance(outcome, tuple):
                kind, message = outcome
                message = why_lost(self._table, row, message) if kind == LOST else message
                return [Failed(row, kind, message, tried, again=kind == LOST, seconds=seconds, cost=cost)]
            told = Told(row, outcome.values, tried, seconds, outcome.cost)
            return [*(Noted(key, value, row) for key, value in outcome.notes.items()), told]

        with session.lock:
            session.commit(build)
            self._dispatch.forget(number)

    def peek(self) -> TrialView:
        """See `Study.peek`."""
        session = self._session
        with self._dispatch.lock, session.lock:
            session.sync()
            table = self._table
            number = table.first_again
            if number is None:
                number = next(iter(self._dispatch.overdue()), table.first_waiting if table.n_waiting else None)
            if number is not None:
                return replace(table.trial(number), state="waiting")
            asked = self._dispatch.propose()
            if isinstance(asked, Wait):
                raise WaitsError(f"nothing can be asked now, since the scheduler waits: {asked.reason}.")
            if asked is None:
                raise TrialError(f"nothing is left to try: all {len(table)} configurations were handed out.")
            [params] = self._table.space.decode(np.array([asked.x], dtype=np.float64))
            ends = zip((f.name for f in self._table.problem.fidelities), asked.fidelity, strict=True)
            return TrialView(
                asked.number,
                params,
                {},
                "proposed",
                asked.origin.by,
                asked.origin.why,
                fidelity=dict(ends),
                parent=asked.parent,
            )

    def give_back(self, trial: int | Trial, reason: str = "", *, attempt: int | None = None) -> None:
        """See `Study.give_back`."""
        session = self._session
        number, attempt = self._spoken_for(trial, attempt)

        def build() -> Sequence[Event]:
            row = require_running(self._table, number, attempt)
            return [Returned(row, reason, int(self._table.attempt[row]))]

        with session.lock:
            session.commit(build)
            self._dispatch.forget(number)

    def report(self, number: int, step: object, reported: object, *, attempt: int, fold: object = None) -> Halt | None:
        """See `Study.report`, of a trial."""
        at = as_number(step)
        if at is None:
            raise ObjectiveError(f"report's step is a finite number, got {show(step)}.")
        if not isinstance(reported, Mapping):
            raise ObjectiveError(f"report takes {{metric: value}}, as {{'loss': 0.3}}, got {show(reported)}.")
        return put_on_record(self._session, number, attempt, [(at, reported, fold)])

    def note(self, key: str, value: object, trial: int | None = None) -> None:
        """See `Study.note`."""
        noted, number = values.plain(value), cast("int | None", as_whole(trial))
        if number is None and str(key).startswith(RESERVED):
            raise ProblemError(f"notes whose keys begin with {RESERVED!r} are Trimtab's own; got {key!r}.")

        def build() -> Sequence[Event]:
            if number is not None and (not is_whole(number) or not 0 <= number < len(self._table)):
                raise TrialError(no_such_trial(number, len(self._table)))
            return [Noted(key, noted, number)]

        with self._session.lock:
            self._session.sync()
            self._session.commit(build)

    def _of_folds(self, number: int, attempt: int | None) -> tuple[Cells, str]:
        """Return what a running trial reported of its folds, and why it is to end; empty while it goes on."""
        with self._session.lock:
            self._session.sync()
            require_running(self._table, number, attempt)
            return Cells(self._table, number), self._table.halted(number)

    def _stop(self, number: int, attempt: int | None, reason: str, cells: Cells) -> None:
        """Put on record that a trial ended as the scheduler wanted, with the mean over the folds that it has."""
        means = cells.means()

        def build() -> Sequence[Event]:
            row = require_running(self._table, number, attempt)
            cost = means.get(self._table.problem.cost or COST)
            return [Stopped(row, reason, int(self._table.attempt[row]), means, self._dispatch.seconds(row), cost)]

        with self._session.lock:
            self._session.commit(build)
            self._dispatch.forget(number)

    def _spoken_for(self, trial: int | Trial, attempt: int | None) -> tuple[int, int | None]:
        """Return the number and the attempt that a caller speaks for.

        Raises:
            TrialError: the trial is another study's.
        """
        if not isinstance(trial, Trial):
            return trial, attempt
        if trial.token != self._dispatch.token(trial.number, trial.attempt):
            raise TrialError(
                f"trial {trial.number} was asked of another study, {trial.study!r}, and this is "
                f"{self._session.journal.name!r}: tell the study that it was asked of."
            )
        return trial.number, trial.attempt if attempt is None else attempt


def _outcome(
    problem: Problem, number: int, result: object, failed: str | None, error: str, cost: float | None
) -> values.Result | tuple[str, str]:
    """Return a checked result, or (failure kind, message)."""
    if failed is None:
        try:
            return values.check(problem, result, cost=cost)
        except values.NotFiniteError as unusable:
            return "nan", error or str(unusable)
    if result is not None:
        raise TrialError(f"trial {number} was told both a result and failed={failed!r}; give one of them.")
    if failed not in FAILURE_KINDS:
        raise TrialError(f"failed is one of {', '.join(FAILURE_KINDS)}; got {failed!r}.")
    return failed, values.error_text(error)


class Line:
    """How a trial that was asked for by hand speaks to its study."""

    def __init__(self, by_hand: ByHand, number: int, attempt: int) -> None:
        self._by_hand = by_hand
        self._number = number
        self._attempt = attempt
        self._halt: str | None = None

    def send(self, message: execute.Message) -> None:
        if isinstance(message, execute.Reported):
            halt = self._by_hand.report(
                self._number, message.step, message.values, attempt=self._attempt, fold=message.fold
            )
            self._halt = None if halt is None else halt.reason
        elif isinstance(message, execute.Noted):
            self._by_hand.note(message.key, message.value, self._number)

    def halted(self) -> str | None:
        return self._halt
