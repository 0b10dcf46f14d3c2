"""Brackets: batches of new configurations that are halved together, rung by rung (Jamieson and Talwalkar, 2016).

A bracket begins with `size` new configurations at its lowest rung. Once all of them are over, the best 1/eta go on to
the next rung, and so on up to the highest fidelity. Which trials are in which bracket follows from the order in which
they were begun: the first `size` belong to the first bracket, and so on. Trials that users put in line belong to none.

A worker for which the bracket has nothing to do begins the next one, so that none is idle while another trains on (as
BOHB does; Falkner et al., 2018, section 4.2).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from trimtab.arrays import Ints
from trimtab.ledger.columns import Column
from trimtab.ledger.table import COMPLETE, FAILED, TrialTable
from trimtab.model.feasibility import split
from trimtab.schedule.protocol import Continue, Fresh, Request, Wait
from trimtab.schedule.rungs import At, at_text, ranked
from trimtab.space.problem import Problem


@dataclass(frozen=True, slots=True)
class Bracket:
    """One kind of bracket.

    Attributes:
        size: how many configurations it begins with.
        rungs: ascending, the last the highest fidelity.
    """

    size: int
    rungs: tuple[At, ...]


class Brackets:
    """Brackets of several kinds, by turns; it is brought up to date with each table that goes on from the one before.

    Args:
        kinds: at least one.
        eta: of how many trials one goes on.
        rounds: how often all kinds are run; without end if None.
    """

    def __init__(self, kinds: Sequence[Bracket], eta: int, rounds: int | None) -> None:
        self._kinds, self._eta, self._rounds = kinds, eta, rounds
        self._problem: Problem | None = None
        self._begin()

    def _begin(self) -> None:
        self._head = self._n = self._n_through = 0
        self._fresh = Column(np.int64)
        self._is_through: set[int] = set()

    def next(self, table: TrialTable, request: Request) -> Fresh | Continue | Wait:
        """Return what the first bracket wants that has something to do."""
        self._follow(table)
        is_last = request.remaining is not None and request.remaining.trials == 0
        child = np.full(len(table), -1, dtype=np.int64)
        rows = np.flatnonzero(table.parent >= 0)
        child[table.parent[rows]] = rows
        waits = ""
        bracket = self._n_through
        while self._rounds is None or bracket < self._rounds * len(self._kinds):
            begin, kind = self._place(bracket)
            members = self._fresh.view[begin : begin + kind.size]
            if len(members) < kind.size and not is_last:
                return Fresh(kind.rungs[0])
            if not len(members):
                break
            if bracket not in self._is_through:
                wanted = self._within(table, members, kind, child)
                if isinstance(wanted, Continue):
                    return wanted
                waits = waits or wanted
                if not wanted and len(members) == kind.size:
                    self._pass(bracket)
            bracket += 1
        return Wait(f"for {waits}" if waits else "all brackets are through")

    def _follow(self, table: TrialTable) -> None:
        if self._problem is not table.problem or table.head < self._head:
            self._problem = table.problem
            self._begin()
        for row in range(self._n, len(table)):
            if table.parent[row] < 0 and not (table.is_enqueued(row) or table.is_replicate(row)):
                self._fresh.add(row)
        self._n, self._head = len(table), table.head

    def _place(self, bracket: int) -> tuple[int, Bracket]:
        """Return where among the new configurations a bracket begins, and its kind."""
        turn, kind = divmod(bracket, len(self._kinds))
        sizes = [each.size for each in self._kinds]
        return turn * sum(sizes) + sum(sizes[:kind]), self._kinds[kind]

    def _pass(self, bracket: int) -> None:
        """Remember that a bracket is through: what is over stays so."""
        self._is_through.add(bracket)
        while self._n_through in self._is_through:
            self._is_through.remove(self._n_through)
            self._n_through += 1

    def _within(self, table: TrialTable, members: Ints, kind: Bracket, child: Ints) -> Continue | str:
        """Return the promotion that is due in a bracket, else what it waits for; nothing if it is through."""
        for rung, above in zip(kind.rungs[:-1], kind.rungs[1:], strict=True):
            if not np.isin(table.state[members], (COMPLETE, FAILED)).all():
                return f"the trials at {at_text(table.problem, rung)}"
            best = _best(table, members, self._eta)
            due = best[child[best] < 0]
            if len(due):
                why = f"among the best {len(best)} of {len(members)} in its bracket at {at_text(table.problem, rung)}"
                return Continue(int(due[0]), above, why=why)
            members = child[best]
        if not np.isin(table.state[members], (COMPLETE, FAILED)).all():
            return f"the trials at {at_text(table.problem, kind.rungs[-1])}"
        return ""


def _best(table: TrialTable, members: Ints, eta: int) -> Ints:
    """Return the best of a rung whose trials are all over: 1/eta of them, those that failed counted, at least one."""
    done = members[table.state[members] == COMPLETE]
    losses, excess = split(table.problem, table.y[done])
    known = ~np.isnan(losses).any(axis=1)
    done, losses, excess = done[known], losses[known], excess[known].sum(axis=1)
    best: Ints = done[ranked(losses, excess)[: max(1, len(members) // eta)]]
    return best
