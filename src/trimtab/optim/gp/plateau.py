"""What to try where a model has nothing to go by: all results are equal, or it foresees none of them.

A Gaussian process would look at the corners one after the other, the farthest from what it knows. But what matters then
is to meet the part of the space that is not at chance level, or not at the penalty for what diverged: points are spread
evenly, and where trials fail, over what is likely to work.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from trimtab.ledger.table import TrialTable
from trimtab.model.failures import Failures
from trimtab.optim import start
from trimtab.optim.gp.settings import Settings
from trimtab.optim.protocol import Proposal, Request


def spread(
    table: TrialTable, request: Request, failures: Failures | None, settings: Settings, because: str
) -> Proposal:
    """Return points of the Sobol sequence; for those that are likely to fail, random ones that are not.

    `because` says why no model is asked.
    """
    found = start.start(table, request)
    whys = [f"{because}: {found.reason(i)}" for i in range(len(found.x))]
    if failures is None:
        return replace(found, why=tuple(whys))
    x = found.x.copy()
    for i in range(len(x)):
        drawn = np.concatenate([x[i : i + 1], table.space.sample(request.rng, settings.n_spread, request.given)])
        works = failures.log_works(drawn)
        chosen = int(np.argmax(np.minimum(works, np.log(settings.likely))))  # of equals the first
        if chosen:
            x[i], whys[i] = drawn[chosen], f"{because}: a random point that is likelier to work"
    return replace(found, x=x, why=tuple(whys))
