"""How a study begins before a model can speak: the default configuration, then points of a scrambled Sobol sequence."""

from __future__ import annotations

from typing import Final

from trimtab.ledger.table import TrialTable
from trimtab.optim.protocol import Proposal, Request
from trimtab.optim.sobol import Sobol
from trimtab.space.problem import Problem

_SOBOL: Final = Sobol()


def check(problem: Problem) -> None:
    """Raise SpaceError if the space has more parameters than the sequence has dimensions."""
    _SOBOL.init(problem)


def n_initial(n_parameters: int) -> int:
    """Return how many trials come before a model by default, the default configuration included."""
    return 1 + max(4, min(n_parameters // 2 + 1, 6))


def default(table: TrialTable, request: Request) -> Proposal | None:
    """Return the default configuration if this is the first trial and it may be tried."""
    if len(table) or request.n != 1 or request.given is not None:
        return None
    row = table.space.default_row()
    return (
        Proposal(row[None], "default", "the default configuration comes first") if table.space.satisfied(row) else None
    )


def start(table: TrialTable, request: Request) -> Proposal:
    """Return the default configuration, if it is the first and may be tried, else points of the sequence."""
    return default(table, request) or _SOBOL.ask(None, table, request)
