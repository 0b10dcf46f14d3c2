"""Why what trials report cannot end them early: a reading of the table, for whoever wrote the loop that reports."""

from __future__ import annotations

import numpy as np

from trimtab.ledger.curves import WHOLE
from trimtab.ledger.table import COMPLETE, TrialTable
from trimtab.schedule.rungs import stepped
from trimtab.space.problem import is_counted

ROUNDING = 1e-9
"""By no more than this part a step may be off a fidelity and count as it: ten times 0.1 add up to less than 1."""


def unheard(table: TrialTable) -> str:
    """Return in a sentence why no report of a trial can end it early, and what to do; empty where that is not so.

    The last complete trial stands for all, so that a loop that was mended is not remarked on for long. A study that
    declares no fidelity is another matter: `Advises.needs` says what it lacks.
    """
    fidelity = stepped(table.problem)
    done = table.order[table.state[table.order] == COMPLETE] if fidelity is not None else []
    if fidelity is None or len(done) == 0:
        return ""
    curves, name, objective = table.curves, fidelity.name, table.problem.objectives[0].name
    places = curves.reports(int(done[-1]))
    places = places[(curves.fold[places] == WHOLE) & np.isfinite(curves.step[places])]
    call = f"trial.report({name}, {objective}=...)"
    if len(places) == 0:
        if not is_counted(fidelity) or not (table.fidelity >= np.array(table.problem.whole)).all():
            return ""  # on a share of the data nobody reports on the way, and where trials end at rungs none need to
        return (
            f"trials report nothing on their way, so none is ended on it: in a loop over {name} values, {call} says "
            f"how far one is. Where a lower {name} is a run of its own, as on a part of the data, nothing is missing."
        )
    furthest = float(curves.step[places].max())
    if furthest > fidelity.high * (1.0 + ROUNDING):
        return (
            f"trials report steps up to {furthest:g}, and {name} ends at {fidelity.high:g}: a step says how much of "
            f"the fidelity was run, so trials are compared too early. Report it in that unit, as {call}, or declare "
            f'what the steps count, as fidelity=tt.Fidelity("{name}", 1, {furthest:g}).'
        )
    lacking = [
        metric.name
        for metric in table.problem.objectives
        if np.isnan(curves.y[places, curves.names.index(metric.name)]).all()
    ]
    if lacking:
        others = [each for each in curves.undeclared.of(places)]
        said = f"report {' and '.join(others)}, and never" if others else "never report"
        return (
            f"trials {said} {lacking[0]}, by which they are compared, so none is ended early: report it too, as {call}."
        )
    return ""
