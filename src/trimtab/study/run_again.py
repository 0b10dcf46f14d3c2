"""`study.finalize`: the last runs of a study by themselves, for one that was searched otherwise."""

from __future__ import annotations

from typing import Any

from trimtab.analysis.final import Final
from trimtab.analysis.halving import LEAST_RUNS
from trimtab.checks import is_whole
from trimtab.errors import NoBestError, ProblemError
from trimtab.space.condition import shown
from trimtab.stop.budget import Budget
from trimtab.study import best
from trimtab.study.finale import SearchOver, check_finalize, finalists
from trimtab.study.plugin import make
from trimtab.study.study import Study
from trimtab.study.tune import tune


def run_again(begun: Study, objective: Any, *, trials: int, **how: Any) -> Final | None:
    """Run the finalists of a study again, and return what came of it; see `Study.finalize`."""
    problem, session = begun.problem, begun.session
    if not is_whole(trials) or trials < LEAST_RUNS:
        raise ProblemError(f"trials is a whole number of at least {LEAST_RUNS}, got {shown(trials)}.")
    session.sync()
    check_finalize(finalize=True, problem=problem, trials=None)
    if not finalists(session.table, 1):
        raise NoBestError(best.why_no_best(session.table))
    created = session.ledger.created
    tuned = tune(
        objective,
        begun.space,
        objectives=problem.objectives,
        constraints=problem.constraints,
        fidelity=problem.fidelities,
        folds=problem.folds,
        cost=problem.cost,
        budget=Budget(trials=begun.table.n_begun + trials),
        stop=[SearchOver()],
        optimizer=session.optimizer or make("optimizers", session.ledger.optimizer),
        scheduler=session.scheduler or make("schedulers", created.scheduler),
        store=begun,
        finalize=True,
        **how,
    )
    session.sync()
    return tuned.final
