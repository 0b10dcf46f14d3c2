"""Random search: every trial is drawn for itself, uniform in the unit cube.

Bergstra and Bengio, "Random search for hyper-parameter optimization", JMLR 13 (2012). The baseline of every comparison,
and hard to beat when very many trials run at once.
"""

from __future__ import annotations

from typing import Final

from trimtab.ledger.table import TrialTable
from trimtab.optim.protocol import Proposal, Request
from trimtab.space.problem import Problem

_WHY: Final = "drawn at random"


class Random:
    """Random search.

    Draws each parameter uniformly over its scale (log-uniformly where it says `log`, every choice as likely), refuses
    what violates a constraint, and forgets what it drew: in a finite space it repeats itself.

    Example:
        >>> Random().to_json()
        {'name': 'random'}
    """

    def init(self, problem: Problem) -> None: ...

    def tell(self, state: None, table: TrialTable, row: int) -> None: ...

    def ask(self, state: None, table: TrialTable, request: Request) -> Proposal:  # noqa: ARG002 - it has no state
        return Proposal(table.space.sample(request.rng, request.n, request.given), "random", _WHY)

    def to_json(self) -> dict[str, object]:
        return {"name": "random"}
