"""Sobol search: trial i is point i of a scrambled Sobol sequence, which covers the space more evenly than chance.

Recommended for exploration by Bousquet et al., "Critical hyper-parameters: no random, no cry" (2017). The sequence
itself is in `numerics.qmc`.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from trimtab.arrays import Floats, Rng
from trimtab.errors import SpaceError
from trimtab.ledger.table import TrialTable
from trimtab.numerics.qmc import MAX_DIMENSIONS, SobolSequence, sobol
from trimtab.optim.place import place
from trimtab.optim.protocol import Proposal, Request
from trimtab.space.problem import Problem
from trimtab.space.space import Space

PATIENCE: Final = 4096
"""So many points of the sequence are looked at for one trial; then it is drawn at random."""

_COPY: Final = 32
"""Points 2**32 apart: each block of that length is the first one, shifted digit by digit."""

_WHY: Final = "point of a scrambled Sobol sequence"


class Sobol:
    """Quasi-random search.

    The sequence is scrambled by the study's seed and indexed by the trial's number, so that enqueued trials leave gaps
    and nothing else. Where point i violates a constraint, point i of a shifted copy of the sequence stands in, then of
    the next copy: what is left of each copy is spread evenly over what the constraints allow.

    Example:
        >>> Sobol().to_json()
        {'name': 'sobol'}
    """

    def init(self, problem: Problem) -> None:
        if len(problem.space) > MAX_DIMENSIONS:
            raise SpaceError(
                f"Sobol sequences have at most {MAX_DIMENSIONS:,} dimensions, this space has {len(problem.space):,} "
                f"parameters: take optimizer='random'."
            )

    def tell(self, state: None, table: TrialTable, row: int) -> None: ...

    def ask(self, state: None, table: TrialTable, request: Request) -> Proposal:  # noqa: ARG002 - it has no state
        space, n, number = table.space, request.n, request.number
        sequence = sobol(len(space), request.seed)
        u = sequence.point(number)[np.newaxis] if n == 1 else sequence.at(range(number, number + n))
        x, fits = place(space, u, request.given)
        for i in np.flatnonzero(~fits).tolist():
            x[i] = _stand_in(sequence, space, number + i, request.given, request.rng)
        return Proposal(x, "sobol", _WHY)

    def to_json(self) -> dict[str, object]:
        return {"name": "sobol"}


def _stand_in(sequence: SobolSequence, space: Space, index: int, given: Floats | None, rng: Rng) -> Floats:
    """Return [D] the first of points index + k * 2**32, k = 1, 2, ... that may be tried; after many, a random one.

    Raises:
        StarvedError: none was found; the message names the constraint that refuses most.
    """
    first, last = 1, 16
    while first < PATIENCE:
        x, fits = place(space, sequence.at([index + (copy << _COPY) for copy in range(first, last)]), given)
        if fits.any():
            return x[fits.argmax()]  # type: ignore[no-any-return]  # a row of the array
        first, last = last, 4 * last
    return space.sample(rng, 1, given)[0]  # type: ignore[no-any-return]  # a row of the array
