"""The engine at work: an optimiser by its settings, and its state as a fold over the trials that are over."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from trimtab.arrays import Floats, rng_at
from trimtab.errors import PluginError
from trimtab.ledger.table import TrialTable
from trimtab.numerics.arithmetic import quiet
from trimtab.optim.protocol import Optimizer, Proposal, Request
from trimtab.space.problem import Problem
from trimtab.study.plugin import is_made_by, make, shown_settings


class Engine:
    """An optimiser and its state.

    Attributes:
        settings: {"name": ..., **options}, as the log has them.
    """

    @quiet()
    def __init__(self, settings: Mapping[str, Any], problem: Problem, ready: Optimizer[Any] | None = None) -> None:
        self.settings = dict(settings)
        fits = ready is not None and is_made_by(ready, self.settings)
        self._optimizer: Optimizer[Any] = ready if fits and ready is not None else make("optimizers", settings)
        self._problem = problem
        self._state: Any = self._optimizer.init(problem)
        self._told = 0

    def serves(self, settings: Mapping[str, Any], problem: Problem) -> bool:
        """Return True if this is the engine for these settings and this problem."""
        return self.settings == settings and self._problem is problem

    @quiet()
    def propose(self, table: TrialTable, seed: int, fidelity: Sequence[float], given: Floats | None) -> Proposal:
        """Return the row of trial `len(table)`: a function of the log and the seed, which replay repeats."""
        for row in table.order[self._told :].tolist():
            self._state = self._optimizer.tell(self._state, table, row)
        self._told = len(table.order)
        number = len(table)
        end = np.asarray(fidelity, dtype=np.float64) if fidelity else None
        asked = Request(1, rng_at(seed, number), number, given, end, seed=seed)
        proposal = self._optimizer.ask(self._state, table, asked)
        self._check(proposal)
        return proposal

    def _check(self, proposal: Proposal) -> None:
        """Raise PluginError if a proposal is none of this space: on record it would be a log that nobody can read."""
        x = np.atleast_2d(proposal.x)
        misfit = self._problem.space.misfit(x[0].tolist()) if len(x) else None
        if misfit is not None:
            raise PluginError(f"the optimizer {shown_settings(self.settings)} proposed what cannot be: {misfit}")
