"""Hyperband (Li et al., 2018, "Hyperband: A Novel Bandit-Based Approach to Hyperparameter Optimization")."""

from __future__ import annotations

from collections.abc import Sequence

from trimtab.arrays import Bools
from trimtab.ledger.table import TrialTable
from trimtab.schedule.asha import open_ended
from trimtab.schedule.brackets import Bracket, Brackets
from trimtab.schedule.protocol import Continue, Fresh, Halt, Request, Wait
from trimtab.schedule.rungs import At, check_count, check_eta, check_low, diagonal, undeclared
from trimtab.space.problem import Fidelity, Problem


class Hyperband:
    """Successive halving from each rung by turns, since nobody knows how low one may begin (algorithm 1).

    The first bracket begins at the lowest rung with many configurations, the last at the highest fidelity with few:
    ceil((s_max + 1) / (s + 1) * eta^s) in the bracket with s rungs below the highest. Where early results mislead, it
    costs at most s_max + 1 times what the best of its brackets would (section 3). When a budget of trials ends amid a
    bracket, those that are there are halved.

    With several fidelities the rungs lie on the diagonal, on which all rise together. Without any all trials run whole.

    Args:
        eta: of how many trials one goes on.
        low: the lowest rung; the fidelity's lowest if None.
        rounds: how often all brackets are run; without end if None.

    Raises:
        ProblemError: an option that cannot be.

    Example:
        >>> Hyperband().to_json()
        {'name': 'hyperband', 'eta': 3, 'low': None, 'rounds': None}
    """

    ends_diverged = True

    def __init__(self, eta: int = 3, low: float | None = None, rounds: int | None = None) -> None:
        self.eta = check_eta("Hyperband", eta)
        self.low = check_low("Hyperband", low)
        self.rounds = None if rounds is None else check_count("Hyperband", "rounds", rounds)
        self._brackets: tuple[tuple[Fidelity, ...], Brackets] | None = None

    def assign(self, table: TrialTable, request: Request) -> Fresh | Continue | Wait:
        fidelities = table.problem.fidelities
        if not fidelities:
            return Fresh(table.problem.whole)
        if self._brackets is None or self._brackets[0] != fidelities:
            kinds = kinds_of(diagonal(table.problem, self.eta, self.low), self.eta)
            self._brackets = fidelities, Brackets(kinds, self.eta, self.rounds)
        return self._brackets[1].next(table, request)

    def judge(self, table: TrialTable, row: int) -> Halt | None:
        """Let it run: trials end at their rungs."""

    def needs(self, problem: Problem) -> str:
        return undeclared(problem)

    def may_continue(self, table: TrialTable) -> Bools:
        return open_ended(table)

    def to_json(self) -> dict[str, object]:
        return {"name": "hyperband", "eta": self.eta, "low": self.low, "rounds": self.rounds}


def kinds_of(rungs: Sequence[At], eta: int) -> list[Bracket]:
    """Return the brackets of one round, the one that begins lowest first.

    Example:
        >>> [bracket.size for bracket in kinds_of([(1.0,), (3.0,), (9.0,), (27.0,), (81.0,)], 3)]  # the paper's table 1
        [81, 34, 15, 8, 5]
    """
    s_max = len(rungs) - 1
    sizes = [-(-(s_max + 1) * eta**s // (s + 1)) for s in range(s_max + 1)]  # rounded up, exactly, however large
    return [Bracket(sizes[s], tuple(rungs[s_max - s :])) for s in range(s_max, -1, -1)]
