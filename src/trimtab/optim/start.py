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
    return 1 + max(4, min(n_parameters + 1, 9))


def start(table: TrialTable, request: Request) -> Proposal:
    """Return the default configuration, if it is the first and may be tried, else points of the sequence."""
    if not len(table) and request.n == 1 and request.given is None:
        default = table.space.default_row()
        if bool(table.space.satisfied(default)):
            return Proposal(default[None], "default", "the default configuration comes first")
    return _SOBOL.ask(None, table, request)
