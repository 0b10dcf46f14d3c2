"""An order for a proposal, and what was made of it: so that an engine can compute while the log goes on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from trimtab.arrays import Floats
from trimtab.ledger.event import Asked, Remaining
from trimtab.ledger.table import TrialTable
from trimtab.space.problem import Problem


@dataclass(frozen=True, slots=True)
class Order:
    """What a proposal is made from.

    Attributes:
        table: the trials, up to record `head`; a frozen one where others may write on meanwhile.
        head: see there.
        seed: the study's.
        optimizer: the settings of the engine.
        fidelity: [F] at which the trial will be run.
        remaining: what is left of the budget.
        given: [D] values that are fixed beforehand, nan where free; None when all are.
        in_arms: whether the values of scientific parameters take turns.
        extends: the running trial that is to gain values; None for a new one.
    """

    table: TrialTable
    head: int
    seed: int
    optimizer: dict[str, Any]
    fidelity: tuple[float, ...]
    remaining: Remaining | None
    given: Floats | None = None
    extends: int | None = None
    in_arms: bool = False


@dataclass(frozen=True, slots=True)
class Made:
    """What was made of an order.

    Attributes:
        asked: the proposal; None where nothing was left to try.
        number: the trial that it is for.
        problem: what it was made for.
        fidelity: [F] at which the trial will be run.
    """

    asked: Asked | None
    number: int
    problem: Problem
    fidelity: tuple[float, ...]

    def fits(self, table: TrialTable, fidelity: tuple[float, ...]) -> bool:
        """Return whether it is the next trial's."""
        return self.number == len(table) and self.problem is table.problem and self.fidelity == fidelity
