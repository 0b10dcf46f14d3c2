"""Which trial of a front to take: the one that a preference, told afterwards or on record, prefers."""

from __future__ import annotations

from trimtab.errors import NoBestError
from trimtab.ledger.table import TrialTable
from trimtab.space.preference import Preference
from trimtab.study import best


def chosen_row(table: TrialTable, preference: Preference, fidelity: best.Fidelity | None = None) -> int:
    """Return the row of the front that a preference takes.

    Raises:
        NoBestError: no trial is complete and meets every constraint; the message says why.
        ProblemError: the preference names other objectives.
    """
    preference.check([metric.name for metric in table.problem.objectives])
    row = best.preferred_row(table, preference, fidelity)
    if row is None:
        raise NoBestError(best.why_none(table, fidelity))
    return row
