"""What a trial reported on the way, checked, as events."""

from __future__ import annotations

from collections.abc import Mapping

from trimtab.execute.fold import check_fold, take_fold
from trimtab.execute.plain import show
from trimtab.ledger.curves import MOST_UNDECLARED
from trimtab.ledger.event import Event, Noted, Reported
from trimtab.ledger.table import TrialTable
from trimtab.study.values import check_report

LEFT_OUT = "metrics left out"
"""The note about the study that says that there are too many metrics to keep."""


def events_of(
    table: TrialTable, number: int, attempt: int, step: float, said: Mapping[str, object], fold: object = None
) -> tuple[Reported, list[Event]]:
    """Return the event of a report, and what is to be put on record beside it.

    Args:
        table: what is known.
        number: the trial.
        attempt: which of its attempts speaks.
        step: how far it is.
        said: what it said, the fold perhaps among it.
        fold: the fold, unchecked.

    Raises:
        ObjectiveError: a declared metric is no number, a standard error is none, or a fold is none.
    """
    problem = table.problem
    values = dict(said)
    if fold is None:
        fold = take_fold(values, problem.metric_names)
    about = check_fold(fold, problem.folds)
    checked = check_report(problem, values)
    beyond = table.curves_beyond(checked)
    notes: list[Event] = []
    if beyond:
        checked = {name: checked[name] for name in checked.keys() - set(beyond)}
        if LEFT_OUT not in table.notes:
            notes.append(Noted(LEFT_OUT, _too_many(beyond[0], number, step)))
    return Reported(number, step, checked, attempt, about), notes


def _too_many(name: str, number: int, step: float) -> str:
    return (
        f"from trial {number}, step {step:g} on, values of {show(name)} and of other new metrics are left out: "
        f"{MOST_UNDECLARED:,} metrics that are not declared are kept. Give a metric the same name at every step, or "
        "declare it."
    )
