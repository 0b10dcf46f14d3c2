"""Bayesian optimization with a Gaussian process, for every kind of space.

The surrogate follows Vizier's robust bandit (Song et al., 2024, arXiv 2408.11527): Matérn-5/2 with a lengthscale per
parameter, weak priors, labels warped by rank and logarithm. The acquisition is log expected improvement (Ament et al.,
2023, arXiv 2310.20708) over the largest posterior mean among what was tried, so that a lucky draw does not set the bar.
Trials that run are in the model as if they had given what is expected of them, which keeps parallel proposals apart.
Where trials fail, further processes say how likely a point is to fail, and that counts against it.
"""

from __future__ import annotations

from trimtab.arrays import Ints
from trimtab.ledger.table import TrialTable
from trimtab.optim import start
from trimtab.optim.gp.settings import Settings
from trimtab.optim.gp.state import GpState
from trimtab.optim.gp.turns import Ask, answer
from trimtab.optim.protocol import Proposal, Request
from trimtab.space.problem import Problem


class Gp:
    """Gaussian-process Bayesian optimization.

    Args:
        n_initial: trials before the model speaks: the default configuration, then points of a Sobol sequence, or of
            the user's prior where there is one.
        stages: whether in spaces of more than a dozen parameters those with a priority, or a well-known name, are tuned
            before the rest.

    Attributes:
        settings: the constants, for whoever measures them. They are no options: a log does not hold them.

    Raises:
        SpaceError: a number of trials that is none, or stages that are neither True nor False.
    """

    def __init__(self, n_initial: int | None = None, *, stages: bool = True) -> None:
        start.check_options("Gp", n_initial, stages=stages)
        self._n_initial = n_initial
        self._stages = stages
        self.settings = Settings()

    def to_json(self) -> dict[str, object]:
        options: dict[str, object] = {} if self._n_initial is None else {"n_initial": self._n_initial}
        return {"name": "gp"} | options | ({} if self._stages else {"stages": False})

    def learns(self, problem: Problem) -> bool:  # noqa: ARG002 - of every problem
        return True

    def init(self, problem: Problem) -> GpState:
        return GpState(problem, self.settings, in_stages=self._stages)

    def tell(self, state: GpState, table: TrialTable, row: int) -> GpState:
        state.learn_from(table)
        state.observations.tell(table, row)
        return state

    def grow(self, state: GpState, table: TrialTable, rows: Ints) -> GpState:
        grown = self.init(table.problem)
        for row in rows.tolist():
            grown = self.tell(grown, table, row)
        grown.carry(state)
        return grown

    def ask(self, state: GpState, table: TrialTable, request: Request) -> Proposal:
        state.learn_from(table)  # where there is nothing to tell yet
        return answer(Ask(state, table, request, start.n_initial(len(table.space), self._n_initial)))
