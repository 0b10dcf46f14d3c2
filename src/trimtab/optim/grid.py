"""Grid search: every combination of a few values of each parameter, one after the other, none twice."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from trimtab.arrays import Floats
from trimtab.errors import SpaceError
from trimtab.ledger.table import TrialTable
from trimtab.optim.lattice import Lattice, Taken
from trimtab.optim.protocol import Proposal, Request
from trimtab.plugins import did_you_mean
from trimtab.space.condition import shown
from trimtab.space.parameter import Categorical, Float, Int, Ordinal, Parameter
from trimtab.space.problem import Problem
from trimtab.space.space import Space

RESOLUTION: Final = 5
FINEST: Final = 100_000
"""Values of one parameter: a finer grid is no grid that anybody goes through."""
FEW: Final = 20
"""An Int, or a Float with steps, that has no more values than this is tried at all of them."""


@dataclass(slots=True)
class GridState:
    """The grid of a problem, and which of its points are over."""

    lattice: Lattice
    begin: int
    taken: Taken


class Grid:
    """Grid search.

    Categorical and Ordinal parameters are tried at every choice; an Int or a Float with steps at every value if it has
    at most 20 (or `resolution`); everything else at `resolution` values from end to end, evenly spaced, in the
    logarithm where it says `log`. A parameter that is inactive does not multiply the grid. Points that violate a
    constraint are left out, and so is every point that was tried before, by whomever: a grid goes on where the table
    ends, and ends when it is exhausted.

    The last parameter varies fastest, but those with priority 1 faster than those with priority 2, those faster than
    all without one, and each faster than the parameters that its condition asks about: what matters most is seen first.

    Args:
        resolution: how many values, or how many by name (5 for those not named). 1 stands for the default, else the
            middle.
        shuffle: whether to take the points in random order, so that a part of the grid already tells about all of it.

    Raises:
        SpaceError: a resolution that is no whole number of at least 1.

    Example:
        >>> Grid({"lr": 7}, shuffle=True).to_json()
        {'name': 'grid', 'resolution': {'lr': 7}, 'shuffle': True}
    """

    def __init__(self, resolution: int | Mapping[str, int] = RESOLUTION, *, shuffle: bool = False) -> None:
        if not isinstance(shuffle, bool):
            raise SpaceError(f"Grid expects shuffle= to be True or False, got {shuffle!r}.")
        by_name: Mapping[str, object] = resolution if isinstance(resolution, Mapping) else {"": resolution}
        for name, n in by_name.items():
            if isinstance(n, bool) or not isinstance(n, int) or not 1 <= n <= FINEST:
                where = f" of {name}" if name else ""
                raise SpaceError(
                    f"Grid expects the resolution{where} to be a whole number from 1 to {FINEST:,}, got {shown(n)}."
                )
        self._resolution = dict(resolution) if isinstance(resolution, Mapping) else resolution
        self._shuffle = shuffle

    def init(self, problem: Problem) -> GridState:
        lattice = Lattice(problem.space, self._axes(problem.space))
        return GridState(lattice, lattice.first(0), Taken())

    def tell(self, state: GridState, table: TrialTable, row: int) -> GridState:
        for rank in state.lattice.ranks(table.x[row : row + 1]):
            state.taken.add(rank, state.lattice.next(rank))
        return state

    def ask(self, state: GridState, table: TrialTable, request: Request) -> Proposal:
        lattice, begin, taken = state.lattice, state.begin, state.taken
        if request.given is None:
            pending = [*table.waiting, *table.running]
            busy = set(lattice.ranks(table.x[pending])) if pending else set()
        else:
            lattice = self._sublattice(table.space, request.given)
            begin, taken = lattice.first(0), Taken()
            busy = set(lattice.ranks(table.x))
        if begin >= lattice.size and request.given is None:
            self._say_why_empty(table.space, request)
        found: list[int] = []
        start = begin
        while len(found) < request.n:
            if self._shuffle:
                start = lattice.first(lattice.draw(request.rng.random(len(table.space))))
            rank = _free(lattice, taken, busy, start, lattice.size)
            if rank is None and start > begin:
                rank = _free(lattice, taken, busy, begin, start)
            if rank is None:
                break
            busy.add(rank)
            found.append(rank)
        why = "a point of the grid drawn at random" if self._shuffle else "the next point of the grid"
        return Proposal(lattice.rows(found), "grid", why)

    def to_json(self) -> dict[str, object]:
        return {"name": "grid", "resolution": self._resolution, "shuffle": self._shuffle}

    def _say_why_empty(self, space: Space, request: Request) -> None:
        """Raise why no point of the grid satisfies the constraints.

        Raises:
            SpaceError: some point between them may, or none at all.
        """
        space.sample(request.rng, 1)  # which says what no configuration satisfies
        raise SpaceError(
            f"no point of the grid satisfies {' and '.join(map(repr, space.require))}, but points between them do: "
            "take a higher resolution=, as Grid(resolution=20), or optimizer='random'."
        )

    def _axes(self, space: Space) -> list[Floats]:
        by_name = self._resolution if isinstance(self._resolution, dict) else {}
        for name in by_name:
            if name not in space.names:
                raise SpaceError(
                    f"Grid has a resolution for {name!r}, which is no parameter of this space"
                    f"{did_you_mean(name, space.names)}; there are: {', '.join(space.names)}."
                )
        usual = self._resolution if isinstance(self._resolution, int) else RESOLUTION
        held = space.fixed_row()
        axes = []
        for column, (name, parameter) in enumerate(zip(space.names, space.parameters, strict=True)):
            if held is not None and not np.isnan(held[column]):
                axes.append(held[column : column + 1])
            elif name in by_name:
                axes.append(axis(parameter, by_name[name], name))
            elif parameter.n_values is not None and (
                isinstance(parameter, Categorical) or parameter.n_values <= max(usual, FEW)
            ):
                axes.append(axis(parameter, parameter.n_values, name))
            else:
                axes.append(axis(parameter, usual, name))
        return axes

    def _sublattice(self, space: Space, given: Floats) -> Lattice:
        """Return the grid in which `given` [D] are the only values of the parameters that it names."""
        is_given = ~np.isnan(given)
        axes = [given[c : c + 1] if is_given[c] else axis for c, axis in enumerate(self._axes(space))]
        held = space.fixed_row()
        return Lattice(space, axes, is_given if held is None else is_given & np.isnan(held))


def _free(lattice: Lattice, taken: Taken, busy: set[int], start: int, end: int) -> int | None:
    """Return the first point from `start` on, before `end`, that is neither taken nor busy; None for none."""
    rank = taken.after(start)
    while rank < end:
        if rank not in busy:
            return rank
        rank = taken.after(lattice.next(rank))
    return None


def axis(parameter: Parameter, n: int, name: str) -> Floats:
    """Return up to `n` values of a parameter, ascending, both ends among them, evenly spaced on its scale.

    Raises:
        SpaceError: fewer values than choices that have no order.
    """
    grid = parameter.grid
    if isinstance(parameter, Categorical) and not isinstance(parameter, Ordinal) and n < len(parameter.choices):
        raise SpaceError(
            f"Grid has a resolution of {n} for {name}, but its {len(parameter.choices)} choices have no order to pick "
            "some from: all are tried. Use Ordinal, or a shorter list of choices."
        )
    if grid is not None and n >= grid.n:
        return np.array([grid.value(k) for k in range(grid.n)])
    default = parameter.default_code()
    if n == 1 and default is not None:
        return np.array([default])
    spread = _spread(parameter, n) if n > 1 else _spread(parameter, 3)[1:2]
    return spread if grid is None else np.unique([grid.value(grid.nearest(value)) for value in spread.tolist()])


def _spread(parameter: Parameter, n: int) -> Floats:
    """Return [n] numbers evenly spaced over the scale of a parameter, from end to end."""
    if isinstance(parameter, Float | Int):
        spread = np.geomspace if parameter.log else np.linspace
        return spread(parameter.low, parameter.high, n, dtype=np.float64)
    n_values = parameter.n_values or 1
    return np.linspace(0.0, n_values - 1.0, n)
