"""What is to start, as a budget sees it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from trimtab.arrays import Floats
from trimtab.ledger.attempts import ONE_CPU, parts, work
from trimtab.ledger.table import TrialTable
from trimtab.space.problem import counted, is_counted


@dataclass(frozen=True, slots=True)
class Start:
    """An attempt at a trial that is to start.

    Attributes:
        fidelity: [F] where it is to end; nan or empty for a whole run.
        parent: the trial that it goes on with; -1 for none.
        begins: the step of the checkpoint from which it goes on; None where there is none.
        resources: what it takes, by name.
        number: the trial, where it is on record; -1 where it is not yet.
        x: its configuration [D]; None where it was not chosen yet.
        limit_s: seconds after which it is ended; None without a limit.
    """

    fidelity: tuple[float, ...] = ()
    parent: int = -1
    begins: float | None = None
    resources: Mapping[str, float] = field(default_factory=lambda: ONE_CPU)
    number: int = -1
    x: Floats | None = None
    limit_s: float | None = None

    def amount(self, table: TrialTable) -> Floats:
        """Return [F] how much of each fidelity it may run."""
        amount: Floats = amounts(table, self.ends(table), self._begins)[0]
        return amount

    def work(self, table: TrialTable) -> float:
        """Return the same as one number, as `works` has it."""
        return float(works(table, self.ends(table), self._begins)[0])

    def ends(self, table: TrialTable) -> Floats:
        """Return [1, F] where it ends."""
        return np.array([self.fidelity or table.problem.whole])

    @property
    def _begins(self) -> Floats:
        return np.array([np.nan if self.begins is None else self.begins])


def amounts(table: TrialTable, fidelity: Floats, begins: Floats) -> Floats:
    """Return [n, F] how much of each fidelity attempts may run.

    Args:
        table: the trials.
        fidelity: [n, F] where they are to end.
        begins: [n] the steps of their checkpoints; nan where there is none.
    """
    fidelities = table.problem.fidelities
    ends = np.where(np.isnan(fidelity), np.array(table.problem.whole), fidelity)
    place = counted(fidelities)
    if place is None or not is_counted(fidelities[place]):
        return ends
    is_used = (begins >= 0) & (begins <= ends[:, place])
    return parts(fidelities, ends, ends[:, place] - np.where(is_used, begins, 0.0))


def works(table: TrialTable, fidelity: Floats, begins: Floats) -> Floats:
    """Return [n] how much attempts may run as one number: of several fidelities the product, 1 without any.

    Args:
        table: the trials.
        fidelity: [n, F] where they are to end.
        begins: [n] the steps of their checkpoints; nan where there is none.
    """
    if not table.problem.fidelities:
        return np.ones(len(fidelity))
    ends = np.where(np.isnan(fidelity), np.array(table.problem.whole), fidelity)
    return work(table.problem.fidelities, ends, amounts(table, fidelity, begins))
