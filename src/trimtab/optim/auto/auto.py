"""The engine for those who do not want to choose one: a composition of the others, and the reasons for each choice."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import cast

import numpy as np

from trimtab.arrays import Floats, Ints
from trimtab.ledger.table import RUNNING, WAITING, TrialTable
from trimtab.model.keys import same
from trimtab.numerics import blas
from trimtab.optim.auto.settings import AutoSettings
from trimtab.optim.auto.turns import REGION, SPREAD, TPE, Turns
from trimtab.optim.gp import Gp, GpState
from trimtab.optim.grid import Grid, GridState
from trimtab.optim.local import LocalSettings
from trimtab.optim.protocol import Proposal, Request
from trimtab.optim.tpe import Tpe, TpeState
from trimtab.optim.tried import Tried
from trimtab.space.problem import Problem


@dataclass(slots=True)
class AutoState:
    """What was tried.

    Attributes:
        default: [D] the default configuration; None once it was tried, or when it violates a constraint.
        grid: the walk through a small space; None for other spaces.
        gp, tpe: what the models learned; None for a small space.
        turns: who proposes in a long study of quick trials; None where that is not decided by progress: for a small
            space, several objectives or fidelities.
    """

    default: Floats | None
    grid: GridState | None
    gp: GpState | None
    tpe: TpeState | None
    turns: Turns | None


class Auto:
    """The recommended engine.

    First the default configuration, which every result is compared with. Then, where the space has at most 64
    configurations, each of them once, in random order; where it has more, a few points of a scrambled Sobol sequence
    and from there on a Gaussian process, which learns from every complete or failed trial. From 300 results on, where a
    trial takes less than half a second, a region about the leader, generations and densities take turns, each while it
    makes progress; with several objectives or fidelities densities propose there, past 500 trials.

    Args:
        stages: see `Gp`.

    Attributes:
        settings, local, gp: the constants of the composition, those of the arms of long studies, and the engine with
            its own, for whoever measures them.

    Example:
        >>> Auto().to_json()
        {'name': 'auto'}
    """

    def __init__(self, *, stages: bool = True) -> None:
        self._stages = stages
        self.settings = AutoSettings()
        self.local = LocalSettings()
        self.gp = Gp(stages=stages)
        self._tpe = Tpe()
        self._grid = Grid(self.settings.small, shuffle=True)

    def learns(self, problem: Problem) -> bool:
        return not self._is_small(problem)

    def _is_small(self, problem: Problem) -> bool:
        n = problem.space.n_configurations
        return n is not None and n <= self.settings.small

    def init(self, problem: Problem) -> AutoState:
        space = problem.space
        default = space.default_row()
        is_small = self._is_small(problem)
        is_plain = len(problem.objectives) == 1 and not problem.fidelities
        return AutoState(
            default=default if space.satisfied(default) else None,
            grid=self._grid.init(problem) if is_small else None,
            gp=None if is_small else self.gp.init(problem),
            tpe=None if is_small else self._tpe.init(problem),
            turns=None if is_small or not is_plain else Turns(problem, self.settings, self.local),
        )

    def tell(self, state: AutoState, table: TrialTable, row: int) -> AutoState:
        if state.default is not None and same(table.x[row], state.default):
            state.default = None
        if state.grid is not None:
            state.grid = self._grid.tell(state.grid, table, row)
        if state.gp is not None and state.tpe is not None:
            state.gp = self.gp.tell(state.gp, table, row)
            state.tpe = self._tpe.tell(state.tpe, table, row)
            if state.turns is not None:
                state.turns.tell(state.gp.observations, table, row)
        return state

    def grow(self, state: AutoState, table: TrialTable, rows: Ints) -> AutoState:
        grown = self.init(table.problem)
        for row in rows.tolist():
            grown = self.tell(grown, table, row)
        is_quick = grown.turns is not None and grown.turns.is_on  # no process is asked
        if state.gp is not None and grown.gp is not None and not is_quick:
            grown.gp.carry(state.gp)
        return grown

    def ask(self, state: AutoState, table: TrialTable, request: Request) -> Proposal:
        default = state.default
        if default is None or request.given is not None or not request.n:
            return self._fill(state, table, request)
        pending = [*table.waiting, *table.running]
        if pending and same(table.x[pending], default).any():
            return self._fill(state, table, request)
        first = Proposal(default[np.newaxis].copy(), "auto", "the default configuration")
        if request.n == 1:
            return first
        rest = self._fill(state, table, replace(request, number=request.number + 1))
        others = rest.x if state.grid is None else rest.x[~same(rest.x, default)]  # a walk has no repeats
        others = others[: request.n - 1]
        why = (first.reason(0), *(rest.reason(i) for i in range(len(others))))
        return Proposal(np.concatenate([first.x, others]), "auto", why)

    def _fill(self, state: AutoState, table: TrialTable, request: Request) -> Proposal:
        if state.gp is None or state.tpe is None:
            found = self._grid.ask(cast("GridState", state.grid), table, request)
            if not len(found.x) and not len(table):
                table.space.sample(request.rng, 1, request.given)  # which says what no configuration satisfies
            return Proposal(found.x, "auto", f"grid: the space has at most {self.settings.small} configurations")
        turns = state.turns
        if turns is not None and turns.is_on:
            return self._turn(state.gp, state.tpe, turns, table, request)
        against = _why_not_gp(table, self.settings)
        found = self._tpe.ask(state.tpe, table, request) if against else self.gp.ask(state.gp, table, request)
        whys = (f"{found.by}: {found.reason(i)}{against}" for i in range(len(found.x)))
        return Proposal(found.x, "auto", tuple(whys))

    def _turn(self, gp: GpState, tpe: TpeState, turns: Turns, table: TrialTable, request: Request) -> Proposal:
        """Let the arm whose turn it is propose; where it has nothing, the densities."""
        observations, given = gp.observations, request.given
        pending = table.x[table.rows(RUNNING, WAITING)]
        tried = Tried(observations.over, pending)
        rows: list[Floats] = []
        whys: list[str] = []
        with blas.one_thread():
            while turns.arm != TPE and len(rows) < request.n:
                if turns.arm == SPREAD:
                    found = turns.spread.ask(request.rng, given)
                else:
                    found = turns.region.ask(observations, pending, tried, request.rng, given)
                if found is None:
                    break
                rows.append(found[0])
                whys.append(f"{'spread' if turns.arm == SPREAD else REGION}: {found[1]} ({turns.reason})")
                tried.add(found[0][None])
                pending = np.concatenate([pending, found[0][None]])
        if len(rows) < request.n:
            rest = self._tpe.ask(tpe, table, replace(request, n=request.n - len(rows)))
            whys += [f"tpe: {rest.reason(i)} ({turns.reason})" for i in range(len(rest.x))]
            rows += list(rest.x)
        return Proposal(np.array(rows).reshape(-1, len(table.space)), "auto", tuple(whys))

    def to_json(self) -> dict[str, object]:
        return {"name": "auto"} | ({} if self._stages else {"stages": False})


def _why_not_gp(table: TrialTable, settings: AutoSettings) -> str:
    """Return why the densities should propose; nothing if the process should."""
    if len(table.order) > settings.many:
        seconds = table.seconds[table.order[-settings.many :]]
        known = seconds[~np.isnan(seconds)]
        if len(known) and float(np.median(known)) < settings.quick_s:
            return f" (there are many trials, and one takes {float(np.median(known)):.2g} s)"
    return ""
