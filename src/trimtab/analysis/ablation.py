"""What made the best better than the default: the way from one to the other, a parameter at a time, by the model.

Fawcett & Hoos, "Analysing differences between algorithm configurations through ablation" (2016): at each step that
parameter is changed whose change gains most. Here the model of the trials says what each change gains.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trimtab.analysis.honest import Z
from trimtab.analysis.response import Response
from trimtab.arrays import Floats
from trimtab.numerics.arithmetic import quiet


@dataclass(frozen=True, slots=True)
class Step:
    """One change on the way.

    Attributes:
        name: of the parameter; was, now: its value before and after, None where it was not active.
        loss: what is expected after the change; gain: by how much less than before.
    """

    name: str
    was: object
    now: object
    loss: float
    gain: float


@dataclass(frozen=True, slots=True)
class Path:
    """The way from the default to the best.

    Attributes:
        begin: the expected loss of the default; deviation: how uncertain that is.
        steps: the changes, in the order in which they gain most.
    """

    begin: float
    deviation: float
    steps: tuple[Step, ...]

    @property
    def gain(self) -> float:
        """By how much the best is better than the default, as far as is expected."""
        return sum(step.gain for step in self.steps)

    @property
    def is_sure(self) -> bool:
        """Whether the gain is more than what is not known of the default."""
        return self.gain > Z * self.deviation


@quiet()
def ablation(response: Response, best: Floats) -> Path:
    """Return the way from the default to the configuration `best` [D]."""
    space = response.space
    start = space.canonical(space.default_row())
    end = space.to_unit(best)
    u = space.to_unit(space.default_row())
    u = np.where(np.isnan(u), end, u)  # what a change brings into play comes with it as the best has it
    u = np.where(np.isnan(u), 0.5, u)
    mean, deviation = response.predict(start[None])
    now, row, steps = float(mean[0]), start, []
    left = [i for i in range(len(space)) if not np.isnan(end[i]) and (np.isnan(row[i]) or row[i] != best[i])]
    while left:
        tries = np.tile(u, (len(left), 1))
        tries[np.arange(len(left)), left] = end[left]
        rows = space.from_unit(tries)
        moves = ~((rows == row) | (np.isnan(rows) & np.isnan(row))).all(axis=1)
        if not moves.any():  # what is left belongs to a branch that the default is not on
            break
        means = np.where(moves, response.mean(rows), np.inf)
        place = int(np.argmin(means))
        column, after = left.pop(place), float(means[place])
        was, [then] = space.decode(row)[0], space.decode(rows[place])
        name = space.names[column]
        steps.append(Step(name, was.get(name), then.get(name), after, now - after))
        u, row, now = tries[place], rows[place], after
    return Path(float(mean[0]), float(deviation[0]), tuple(steps))
