"""What an optimiser is: state folded from the log, and an ask that changes nothing."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, TypeVar

from trimtab.arrays import Floats, Rng
from trimtab.ledger.event import Remaining
from trimtab.space.problem import Problem

if TYPE_CHECKING:
    from trimtab.ledger.table import TrialTable

S = TypeVar("S")


@dataclass(frozen=True, slots=True)
class Request:
    """What is wanted of one ask.

    Attributes:
        n: how many rows.
        rng: the generator of the first of the n trials, `rng_at(seed, number)`.
        number: the number of the first of the n trials.
        given: [D] values that are fixed beforehand in the parameters' own units, nan where free; None when all are.
        fidelity: [F] the fidelity at which the rows will be run; None when the problem has none.
        seed: the study's seed, for what belongs to all trials together, such as the scrambling of a sequence.
        remaining: what is left of the budget; None where nobody counts (ask and tell).
    """

    n: int
    rng: Rng
    number: int
    given: Floats | None = None
    fidelity: Floats | None = None
    seed: int = field(kw_only=True)
    remaining: Remaining | None = None


@dataclass(frozen=True, slots=True)
class Proposal:
    """What an ask returns.

    Attributes:
        x: [m, D] rows in the parameters' own units, nan where inactive; m < n means that nothing else is left to try.
        by: the engine that proposed, for the record.
        why: one clause a person can read, one per row or one for all.
    """

    x: Floats
    by: str
    why: str | tuple[str, ...] = ""

    def reason(self, i: int) -> str:
        return self.why if isinstance(self.why, str) else self.why[i]


class Optimizer(Protocol[S]):
    """An algorithm that says what to try next.

    State is a fold over the log: `init`, then `tell` once for every trial that ended, in the order of the log. `tell`
    may change and return the state that it is given; it must read no row of the table but its own. `ask` must change
    neither state nor table, and must depend on nothing but its arguments: the same log gives the same rows to the bit.
    """

    def init(self, problem: Problem) -> S: ...

    def tell(self, state: S, table: TrialTable, row: int) -> S: ...

    def ask(self, state: S, table: TrialTable, request: Request) -> Proposal: ...

    def to_json(self) -> dict[str, object]:
        """Return {"name": the plugin's name, **options}: `plugins.load("optimizers", name)(**options)` is its equal."""
        ...
