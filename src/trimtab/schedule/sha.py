"""Successive halving (Jamieson and Talwalkar, 2016, "Non-stochastic Best Arm Identification")."""

from __future__ import annotations

from trimtab.arrays import Bools
from trimtab.ledger.table import TrialTable
from trimtab.schedule.asha import open_ended
from trimtab.schedule.brackets import Bracket, Brackets
from trimtab.schedule.protocol import Continue, Fresh, Halt, Request, Wait
from trimtab.schedule.rungs import check_count, check_eta, check_low, diagonal, undeclared
from trimtab.space.problem import Fidelity, Problem


class Sha:
    """Begins `n` configurations at the lowest rung, and takes the best 1/eta of each rung to the next (figure 1).

    Trials of a rung are compared when all of them are over, so none is promoted by luck of coming early. Batch follows
    on batch until the budget ends; when a budget of trials ends amid a batch, those that are there are halved.

    With several fidelities the rungs lie on the diagonal, on which all rise together. Without any all trials run whole.

    Args:
        eta: of how many trials one goes on.
        n: how many configurations a batch begins with; as many as leave one at the top if None.
        low: the lowest rung; the fidelity's lowest if None.
        rounds: how many batches; without end if None.

    Raises:
        ProblemError: an option that cannot be.

    Example:
        >>> Sha(n=27).to_json()
        {'name': 'sha', 'eta': 3, 'n': 27, 'low': None, 'rounds': None}
    """

    ends_diverged = True

    def __init__(self, eta: int = 3, n: int | None = None, low: float | None = None, rounds: int | None = None) -> None:
        self.eta = check_eta("Sha", eta)
        self.n = None if n is None else check_count("Sha", "n", n)
        self.low = check_low("Sha", low)
        self.rounds = None if rounds is None else check_count("Sha", "rounds", rounds)
        self._brackets: tuple[tuple[Fidelity, ...], Brackets] | None = None

    def assign(self, table: TrialTable, request: Request) -> Fresh | Continue | Wait:
        fidelities = table.problem.fidelities
        if not fidelities:
            return Fresh(table.problem.whole)
        if self._brackets is None or self._brackets[0] != fidelities:
            rungs = diagonal(table.problem, self.eta, self.low)
            size = self.n or self.eta ** (len(rungs) - 1)
            self._brackets = fidelities, Brackets([Bracket(size, rungs)], self.eta, self.rounds)
        return self._brackets[1].next(table, request)

    def judge(self, table: TrialTable, row: int) -> Halt | None:
        """Let it run: trials end at their rungs."""

    def needs(self, problem: Problem) -> str:
        return undeclared(problem)

    def may_continue(self, table: TrialTable) -> Bools:
        return open_ended(table)

    def to_json(self) -> dict[str, object]:
        return {"name": "sha", "eta": self.eta, "n": self.n, "low": self.low, "rounds": self.rounds}
