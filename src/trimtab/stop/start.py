"""What is to start, as a budget sees it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from trimtab.arrays import Floats
from trimtab.ledger.attempts import ONE_CPU, counts_steps
from trimtab.ledger.table import TrialTable


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
        begins = float("nan") if self.begins is None else self.begins
        amount: Floats = amounts(table, np.array([self.fidelity or table.problem.whole]), np.array([begins]))[0]
        return amount

    def end(self, table: TrialTable) -> float:
        """Return where it ends, of the first fidelity."""
        return float((self.fidelity or table.problem.whole)[0])


def amounts(table: TrialTable, fidelity: Floats, begins: Floats) -> Floats:
    """Return [n, F] how much of each fidelity attempts may run.

    Args:
        table: the trials.
        fidelity: [n, F] where they are to end.
        begins: [n] the steps of their checkpoints; nan where there is none.
    """
    ends = np.where(np.isnan(fidelity), np.array(table.problem.whole), fidelity)
    if ends.shape[1] != 1 or not counts_steps(table.problem.fidelities[0]):
        return ends
    is_used = (begins >= 0) & (begins <= ends[:, 0])
    return ends - np.where(is_used, begins, 0.0)[:, None]
