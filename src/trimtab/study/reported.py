"""What a trial reported on the way, checked, as events."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from trimtab.execute.fold import check_fold, take_fold
from trimtab.execute.plain import show
from trimtab.ledger.curves import MOST_UNDECLARED
from trimtab.ledger.event import Event, Noted, Reported
from trimtab.ledger.table import TrialTable
from trimtab.schedule.protocol import Halt
from trimtab.study.lost import require_running
from trimtab.study.session import Session
from trimtab.study.values import check_report

LEFT_OUT = "metrics left out"
"""The note about the study that says that there are too many metrics to keep."""


EARLY = "early stopping"
"""The note about the study that says what it lacks for trials to be ended early."""


def put_on_record(
    session: Session, number: int, attempt: int, reports: Sequence[tuple[float, Mapping[str, object], object]]
) -> Halt | None:
    """Put reports of one trial on record, all at once, and return the scheduler's verdict.

    Args:
        session: the hold on the study.
        number: the trial.
        attempt: which of its attempts speaks.
        reports: (step, values, fold) of each, in their order.

    Raises:
        TrialError: the trial does not run.
        LateResultError: the attempt was superseded.
        ObjectiveError: a value is no number, or a fold is none.
    """

    def build() -> Sequence[Event]:
        running = require_running(session.table, number, attempt)
        taken = Reports(session.table, session.plan.needs(session.table.problem))
        events: list[Event] = []
        for step, values, fold in reports:
            event, notes = taken.take(running, attempt, step, values, fold)
            events += [event, *notes]
        return events

    with session.lock:
        session.commit(build)
        table = session.table
        lease_s = float(table.lease_s[number])
        if lease_s == lease_s:  # whoever reports is not silent
            session.journal.renew(session.worker, [(number, attempt)], session.clock.now() + lease_s)
        reason = table.halted(number)
        return Halt(reason) if reason else None


class Reports:
    """Reports that are put on record together.

    Args:
        table: what is known before them.
        need: what the study lacks for trials to be ended early, which is noted once they report as they go.
    """

    def __init__(self, table: TrialTable, need: str = "") -> None:
        self._table = table
        self._need = "" if EARLY in table.notes else need
        self._first: dict[int, float] = {}
        self._new: dict[str, None] = {}
        self._is_said = False

    def take(
        self, number: int, attempt: int, step: float, said: Mapping[str, object], fold: object = None
    ) -> tuple[Reported, list[Event]]:
        """Return the event of the next report, and what is to be put on record beside it.

        Args:
            number: the trial.
            attempt: which of its attempts speaks.
            step: how far it is.
            said: what it said, the fold perhaps among it.
            fold: the fold, unchecked.

        Raises:
            ObjectiveError: a declared metric is no number, a standard error is none, or a fold is none.
        """
        problem = self._table.problem
        values = dict(said)
        if fold is None:
            fold = take_fold(values, problem.metric_names)
        about = check_fold(fold, problem.folds)
        checked = check_report(problem, values)
        notes: list[Event] = []
        beyond = self._beyond(checked)
        if beyond:
            checked = {name: value for name, value in checked.items() if name not in beyond}
            if not self._is_said and LEFT_OUT not in self._table.notes:
                self._is_said = True
                notes.append(Noted(LEFT_OUT, _too_many(next(iter(beyond)), number, step)))
        if self._need and about is None and self._goes_on(number, step):
            notes.append(Noted(EARLY, self._need))
            self._need = ""
        return Reported(number, step, checked, attempt, about), notes

    def _goes_on(self, number: int, step: float) -> bool:
        """Return whether a trial reported an earlier step before, perhaps just now."""
        curves = self._table.curves
        first = min(self._first.get(number, step), *curves.step[curves.reports(number)].tolist(), step)
        self._first[number] = first
        return bool(first < step)

    def _beyond(self, names: Iterable[str]) -> dict[str, None]:
        """Return those of `names` that are too many for the curves to keep, beside those of the reports before."""
        new = [name for name in self._table.unknown_metrics(names) if name not in self._new]
        if not new:
            return {}
        room = max(0, MOST_UNDECLARED - len(self._table.curves.undeclared.names) - len(self._new))
        self._new |= dict.fromkeys(new[:room])
        return dict.fromkeys(new[room:])


def _too_many(name: str, number: int, step: float) -> str:
    return (
        f"from trial {number}, step {step:g} on, values of {show(name)} and of other new metrics are left out: "
        f"{MOST_UNDECLARED:,} metrics that are not declared are kept. Give a metric the same name at every step, or "
        "declare it."
    )
