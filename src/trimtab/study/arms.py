"""Arms: the values of scientific parameters, each with its fair share of the configurations.

A parameter whose role is "scientific" is what the study asks about: which value is best, once the others are tuned for
it. So its values take turns, and each gets as many configurations as the others; what is tuned within an arm learns
from all of them (Godbole et al., Deep Learning Tuning Playbook, 2023). Whose turn it is follows from the table, so
that a replay comes to the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import Final

import numpy as np

from trimtab.arrays import Floats, Ints
from trimtab.ledger.event import Remaining
from trimtab.ledger.table import TrialTable
from trimtab.optim.protocol import Proposal
from trimtab.space.space import Space
from trimtab.study.engine import Engine

MOST_ARMS: Final = 16
"""Beyond so many, each would get too few trials to be tuned in; then no turns are taken."""


def scientific(space: Space) -> Ints:
    """Return the columns of the scientific parameters that make arms: of few values, always active and not held."""
    held = space.fixed_row()
    columns = [
        i
        for i, p in enumerate(space.parameters)
        if p.role == "scientific"
        and p.when is None
        and (held is None or np.isnan(held[i]))
        and p.n_values is not None
        and 1 < p.n_values <= MOST_ARMS
    ]
    return np.array(columns, dtype=np.int64)


def arms(space: Space) -> Floats:
    """Return [K, D] the arms: values of the scientific parameters, nan elsewhere; none where there are too many."""
    columns = scientific(space)
    grids = [space.parameters[i].grid for i in columns.tolist()]
    values = [[grid.value(k) for k in range(grid.n)] for grid in grids if grid is not None]
    n = int(np.prod([len(each) for each in values])) if values else 0
    if not 1 < n <= MOST_ARMS:
        return np.empty((0, len(space)))
    found = np.full((n, len(space)), np.nan)
    found[:, columns] = list(product(*values))
    return found


def turns(table: TrialTable) -> Floats:
    """Return [K, D] the arms in the order of whose turn it is: the one with the fewest configurations first."""
    found = arms(table.space)
    if not len(found):
        return found
    columns = scientific(table.space)
    begun = table.x[table.parent < 0][:, columns]
    counts = [int((begun == arm).all(axis=1).sum()) for arm in found[:, columns]]
    return found[np.argsort(counts, kind="stable")]


def propose(
    engine: Engine, table: TrialTable, seed: int, fidelity: Sequence[float], remaining: Remaining | None
) -> tuple[Proposal, Floats | None]:
    """Return the proposal of a new configuration in the arm whose turn it is, and the arm; None where there are none.

    An arm in which nothing is left to try is passed over.
    """
    due = turns(table)
    if not len(due):
        return engine.propose(table, seed, fidelity, None, remaining), None
    for arm in due:
        proposal = engine.propose(table, seed, fidelity, arm, remaining)
        if len(proposal.x):
            return proposal, arm
    return proposal, None
