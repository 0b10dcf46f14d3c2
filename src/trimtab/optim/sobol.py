"""Sobol search: trial i is point i of a scrambled Sobol sequence, which covers the space more evenly than chance.

Recommended for exploration by Bousquet et al., "Critical hyper-parameters: no random, no cry" (2017). The sequence
itself is in `numerics.qmc`.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from trimtab.ledger.table import TrialTable
from trimtab.numerics.qmc import sobol
from trimtab.optim.place import place
from trimtab.optim.protocol import Proposal, Request
from trimtab.space.problem import Problem

_WHY: Final = "point of a scrambled Sobol sequence"


class Sobol:
    """Quasi-random search.

    The sequence is scrambled by the study's seed and indexed by the trial's number, so that enqueued trials leave gaps
    and nothing else. Where a point violates a constraint, a random one that does not stands in: so the whole is spread
    over what the constraints allow as uniformly as random points are, and more evenly the less they refuse.

    Example:
        >>> Sobol().to_json()
        {'name': 'sobol'}
    """

    def init(self, problem: Problem) -> None: ...

    def tell(self, state: None, table: TrialTable, row: int) -> None: ...

    def ask(self, state: None, table: TrialTable, request: Request) -> Proposal:  # noqa: ARG002 - it has no state
        space, n, number = table.space, request.n, request.number
        sequence = sobol(len(space), request.seed)
        u = sequence.point(number)[np.newaxis] if n == 1 else sequence.at(range(number, number + n))
        x, fits = place(space, u, request.given)
        for i in np.flatnonzero(~fits).tolist():
            x[i] = space.sample(request.rng, 1, request.given)[0]
        return Proposal(x, "sobol", _WHY)

    def to_json(self) -> dict[str, object]:
        return {"name": "sobol"}
