"""Schedulers as a stranger would write them, from the protocol's docstrings."""

from __future__ import annotations

import numpy as np

from trimtab.arrays import Bools, Floats, Rng
from trimtab.ledger.table import COMPLETE, FAILED, STOPPED, TrialTable
from trimtab.schedule.pbt import Pbt
from trimtab.schedule.protocol import Continue, Fresh, Halt, Request, Wait
from trimtab.space.problem import Problem


class Asha:
    """Asynchronous successive halving by promotion (Li et al., 2020)."""

    def __init__(self, eta: int = 3) -> None:
        self.eta = eta

    def assign(self, table: TrialTable, request: Request) -> Fresh | Continue:
        rungs = _rungs(table, self.eta)
        for rung, above in zip(rungs[-2::-1], rungs[:0:-1], strict=True):
            done = np.flatnonzero((table.fidelity[:, 0] == rung) & (table.state == COMPLETE))
            best = done[np.argsort(table.losses()[done, 0], kind="stable")[: len(done) // self.eta]]
            for row in best.tolist():
                if row not in table.parent:
                    return Continue(row, (above,), why=f"among the best of {len(done)} at {rung:g}")
        return Fresh((rungs[0],))

    def judge(self, table: TrialTable, row: int) -> None:
        return None

    def may_continue(self, table: TrialTable) -> np.ndarray:
        open_ = (table.state != FAILED) & (table.fidelity[:, 0] < table.problem.fidelities[0].high)
        open_[table.parent[table.parent >= 0]] = False
        return open_

    def refuses(self, problem: Problem) -> str:
        n = len(problem.fidelities)
        return "" if n == 1 else f"rungs are of one fidelity, and {n} are declared; give fidelity=tt.Fidelity(...)."

    def to_json(self) -> dict[str, object]:
        return {"eta": self.eta}


class Hyperband:
    """Synchronous successive halving, one bracket after the other (Li et al., 2018); ends after the last."""

    def __init__(self, eta: int = 3, rounds: int = 1) -> None:
        self.eta = eta
        self.rounds = rounds

    def assign(self, table: TrialTable, request: Request) -> Fresh | Continue | Wait:
        rungs = _rungs(table, self.eta)
        fresh = [row for row in range(len(table)) if table.parent[row] < 0 and not table.is_enqueued(row)]
        for bracket in [*range(len(rungs) - 1, -1, -1)] * self.rounds:
            n = int(np.ceil(len(rungs) / (bracket + 1) * self.eta**bracket))
            members, fresh = fresh[:n], fresh[n:]
            if len(members) < n:
                return Fresh((rungs[len(rungs) - 1 - bracket],))
            for above in rungs[len(rungs) - bracket :]:
                if not np.isin(table.state[members], (COMPLETE, FAILED)).all():
                    return Wait(f"for the rung below {above:g}")
                done = [row for row in members if table.state[row] == COMPLETE]
                best = sorted(done, key=lambda row: (table.losses()[row, 0], row))[: max(1, len(members) // self.eta)]
                for row in best:
                    if row not in table.parent:
                        return Continue(row, (above,))
                members = [row for row in range(len(table)) if table.parent[row] in best]
                if not members:
                    break
        return Wait("all brackets are through")

    def judge(self, table: TrialTable, row: int) -> None:
        return None

    def to_json(self) -> dict[str, object]:
        return {"eta": self.eta, "rounds": self.rounds}


class Population:
    """Population-based training (Jaderberg et al., 2017), a generation at a time."""

    def __init__(self, members: int = 4, every: int = 3) -> None:
        self.members = members
        self.every = every

    def assign(self, table: TrialTable, request: Request) -> Fresh | Continue | Wait:
        [fidelity] = table.problem.fidelities
        end = float(self.every)
        ours = np.array([not table.is_enqueued(row) for row in range(len(table))], dtype=bool)
        while end <= fidelity.high:
            now = np.flatnonzero(ours & (table.fidelity[:, 0] == end))
            if len(now) < self.members:
                return self._next(table, request, end, len(now))
            if not np.isin(table.state[now], (COMPLETE, FAILED)).all():
                return Wait(f"for the generation at {end:g}")
            end += self.every
        return Wait("the population is grown")

    def _next(self, table: TrialTable, request: Request, end: float, member: int) -> Fresh | Continue | Wait:
        if end == self.every:
            return Fresh((end,))
        before = np.flatnonzero(table.fidelity[:, 0] == end - self.every)
        before = [row for row in before.tolist() if not table.is_enqueued(row)]
        losses = np.where(table.state[before] == COMPLETE, table.losses()[before, 0], np.inf)
        if np.isinf(losses).all():
            return Wait("the population died out")
        order = np.argsort(losses, kind="stable")
        if member != order[-1] and np.isfinite(losses[member]):
            return Continue(before[member], (end,))
        best = before[int(order[0])]
        u = table.space.to_unit(table.x[best])
        x = table.space.from_unit(np.clip(u + request.rng.normal(0.0, 0.1, len(u)), 0.0, 1.0))
        return Continue(best, (end,), tuple(x.tolist()), why=f"takes over from trial {best}, changed")

    def judge(self, table: TrialTable, row: int) -> None:
        return None

    def may_continue(self, table: TrialTable) -> np.ndarray:
        ours = np.array([not table.is_enqueued(row) for row in range(len(table))], dtype=bool)
        ends = table.fidelity[:, 0]
        full = [end for end in np.unique(ends) if (ours & (ends == end)).sum() >= self.members]
        return ours & (ends >= max(full, default=0.0))

    def to_json(self) -> dict[str, object]:
        return {"members": self.members, "every": self.every}


class Annealed(Pbt):
    """Population-based training whose changes halve the first parameter: what `Pbt.changed` is there for."""

    def __init__(self) -> None:
        super().__init__(population=4, every=3)

    def changed(self, table: TrialTable, donor: int, rng: Rng, held: Bools) -> Floats:
        u = table.space.to_unit(table.x[donor])
        u[~held] *= np.where(np.arange(len(u)) == 0, 0.5, rng.uniform(0.9, 1.0, len(u)))[~held]
        return table.space.canonical(table.space.from_unit(u))

    def to_json(self) -> dict[str, object]:
        return {}


class Median:
    """Ends what reports worse than the median of what others reported at the same step (Golovin et al., 2017)."""

    def __init__(self) -> None:
        self.judged: list[tuple[int, int]] = []

    def assign(self, table: TrialTable, request: Request) -> Fresh:
        return Fresh(table.problem.whole)

    def judge(self, table: TrialTable, row: int) -> Halt | None:
        curves = table.curves
        self.judged.append((row, len(curves.row)))
        assert curves.row[-1] == row, "asked right after that report"
        step, sign = curves.step[-1], table.problem.signs[0]
        others = (curves.step == step) & (curves.row != row)
        if others.sum() < 3:
            return None
        median = np.median(curves.y[others, 0]) * sign
        mine = curves.y[-1, 0] * sign
        return Halt(f"{mine:.3g} at step {step:g} is above the median {median:.3g}") if mine > median else None

    def to_json(self) -> dict[str, object]:
        return {}


def _rungs(table: TrialTable, eta: int) -> list[float]:
    [fidelity] = table.problem.fidelities
    rungs = [float(fidelity.low)]
    while rungs[-1] * eta <= fidelity.high:
        rungs.append(rungs[-1] * eta)
    return rungs


OVER = (COMPLETE, STOPPED, FAILED)
