"""The engine at work: an optimizer by its settings, and its state as a fold over the trials that are over."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from trimtab.arrays import Floats, rng_at
from trimtab.errors import PluginError
from trimtab.ledger.event import Remaining
from trimtab.ledger.table import TrialTable
from trimtab.numerics.arithmetic import quiet
from trimtab.optim.place import has_given
from trimtab.optim.protocol import AnyOptimizer, Grows, Proposal, Request
from trimtab.schedule.protocol import STREAM
from trimtab.space.condition import shown
from trimtab.space.problem import Problem
from trimtab.study.plugin import is_made_by, make, shown_settings

EXTENDS = STREAM + 1
"""The streams of a trial's generator from here on are for values that it gains while it runs: one for each width of the
space, since it may gain some more than once. Those before are the optimiser's (0) and the scheduler's."""


class Engine:
    """An optimizer and its state: told the trials that are over, and each time that the space grew, in their order.

    Args:
        settings: of the optimizer.
        table: of the study that it is for.
        ready: an optimizer that is used if it has these settings.

    Attributes:
        settings: {"name": ..., **options}, as the log has them.
        state: the optimizer's, as of the last proposal.
    """

    @quiet()
    def __init__(self, settings: Mapping[str, Any], table: TrialTable, ready: AnyOptimizer | None = None) -> None:
        self.settings = dict(settings)
        fits = ready is not None and is_made_by(ready, self.settings)
        self._optimizer = ready if fits and ready is not None else make("optimizers", settings)
        self._begin(table)

    def _begin(self, table: TrialTable) -> None:
        self._n_growths = 0 if isinstance(self._optimizer, Grows) else len(table.growths)
        self._problem = _problem_after(table, self._n_growths)
        self.state: Any = self._optimizer.init(self._problem)
        self._told: int | None = 0

    def serves(self, settings: Mapping[str, Any], table: TrialTable) -> bool:
        """Return True if this is the engine for these settings, and can go on from what it learned to this table."""
        if self.settings != settings:
            return False
        may_grow = self._n_growths < len(table.growths) and isinstance(self._optimizer, Grows)
        return self._problem is (_problem_after(table, self._n_growths) if may_grow else table.problem)

    @quiet()
    def propose(
        self,
        table: TrialTable,
        seed: int,
        fidelity: Sequence[float],
        given: Floats | None = None,
        remaining: Remaining | None = None,
        extends: int | None = None,
        n: int = 1,
    ) -> Proposal:
        """Return the row of trial `len(table)`: a function of the arguments, which replay repeats.

        Args:
            table: all that is on record.
            seed: the study's.
            fidelity: [F] at which the trial is run.
            given: [D] values that it must have, nan where free; None when all are.
            remaining: what is left of the budget.
            extends: instead, a trial that runs and is to gain the values that `given` lacks.
            n: for how many trials at once, from that one on; a study asks for one.

        Raises:
            PluginError: the optimizer proposed what cannot be.
        """
        self._learn(table)
        number = len(table) if extends is None else extends
        stream = 0 if extends is None else EXTENDS + len(table.space)
        end = np.asarray(fidelity, dtype=np.float64) if fidelity else None
        asked = Request(n, rng_at(seed, number, stream), number, given, end, seed=seed, remaining=remaining)
        proposal = self._optimizer.ask(self.state, table, asked)
        fault = self._fault(proposal, n, given)
        if fault:
            raise PluginError(f"the optimizer {shown_settings(self.settings)} proposed what cannot be: {fault}")
        return proposal

    def _learn(self, table: TrialTable) -> None:
        """Tell what happened since; all of it anew where that was cut short, for the state may be half changed."""
        if self._told is None:
            self._begin(table)
        told, self._told = self._told or 0, None
        growths = table.growths
        for i in range(self._n_growths, len(growths)):
            n_over = growths[i].n_over
            self._tell(table.narrowed(i), told, n_over)
            told = n_over
            if isinstance(self._optimizer, Grows):  # no other has growths to come
                grown = table.narrowed(i + 1) if i + 1 < len(growths) else table
                self.state = self._optimizer.grow(self.state, grown, table.order[:n_over])
                self._n_growths, self._problem = i + 1, grown.problem
        self._tell(table, told, len(table.order))
        self._told = len(table.order)

    def _tell(self, table: TrialTable, begin: int, end: int) -> None:
        for row in table.order[begin:end].tolist():
            self.state = self._optimizer.tell(self.state, table, row)

    def _fault(self, proposal: object, n: int, given: Floats | None) -> str:
        """Return what is wrong with a proposal: on record it would be a log that nobody can read; empty if nothing."""
        space = self._problem.space
        if not isinstance(proposal, Proposal):
            return f"expected a Proposal, got {shown(proposal)}."
        x: object = proposal.x
        if not isinstance(x, np.ndarray) or x.dtype != np.float64 or x.ndim != 2 or len(x) > n:
            said = f"{x.dtype} {list(x.shape)}" if isinstance(x, np.ndarray) else shown(x)
            most = "0 or 1" if n == 1 else f"0 to {n}"
            return f"expected x as float64 [{most}, {len(space)}], got {said}."
        if not _is_said(proposal):
            return f"by is a name, and why a clause, or one a row; got {shown(proposal.by)} and {shown(proposal.why)}."
        return next(filter(None, (self._fault_of_row(row, given) for row in x)), "")

    def _fault_of_row(self, row: Floats, given: Floats | None) -> str:
        space = self._problem.space
        fault = space.fault(row)
        if not fault and given is not None and not has_given(space, row[None], given)[0]:
            column = int(np.flatnonzero(~np.isnan(given) & (row != given))[0])
            return f"{space.names[column]} was given as {given[column]:g}, and came back as {row[column]:g}."
        return fault


def _problem_after(table: TrialTable, n_growths: int) -> Problem:
    """Return what the problem was after so many growths."""
    growths = table.growths
    return growths[n_growths].problem if n_growths < len(growths) else table.problem


def _is_said(proposal: Proposal) -> bool:
    by: object = proposal.by
    why: object = proposal.why
    clauses = why if isinstance(why, tuple) and len(why) == len(proposal.x) else (why,)
    return isinstance(by, str) and bool(by) and all(isinstance(clause, str) for clause in clauses)
