"""What an improvement is worth: `0.01 accuracy = 3 gpu_hours`, read and checked.

Only a price in the same dimension as something that is spent can be compared with what going on costs: trials, wall
time, the time of workers, GPUs or CPUs, the cost metric, or money, into which a price table turns resources' time.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from trimtab.errors import ProblemError
from trimtab.space.condition import shown
from trimtab.space.problem import Metric, Problem

TRIALS, WALL, WORKER, GPU, CPU = "trials", "hours", "worker_hours", "gpu_hours", "cpu_hours"
COST, MONEY = "cost", "money"

_HOURS: Final = {
    **dict.fromkeys(("s", "sec", "secs", "second", "seconds"), 1 / 3600),
    **dict.fromkeys(("min", "mins", "minute", "minutes"), 1 / 60),
    **dict.fromkeys(("h", "hr", "hrs", "hour", "hours"), 1.0),
    **dict.fromkeys(("d", "day", "days"), 24.0),
}
"""What a unit of time is in hours. A lone m may be minutes or months, and is neither."""

_OF: Final = {"": WALL, "wall": WALL, "worker": WORKER, "gpu": GPU, "cpu": CPU, "core": CPU}

_TRIALS: Final = frozenset({"trial", "trials", "configuration", "configurations"})

_MONEY: Final = frozenset(
    {"money", "$", "usd", "dollar", "dollars", "€", "eur", "euro", "euros", "£", "gbp", "¥", "yen", "chf"}
)

_NUMBER: Final = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?")

HOW: Final = 'say it as "0.01 accuracy = 3 gpu_hours": an improvement of the objective, and what it may cost'


@dataclass(frozen=True, slots=True)
class Exchange:
    """A rate of exchange between the objective and what is spent.

    Attributes:
        gain: an improvement of the objective, in its own unit, above 0.
        price: what it is worth, above 0, in `unit`.
        unit: "trials", "hours" (wall time), "worker_hours", "gpu_hours", "cpu_hours", "cost" (the cost metric) or
            "money".
        text: as it was said.
    """

    gain: float
    price: float
    unit: str
    text: str

    def worth(self, gain: float) -> float:
        """Return what a gain is worth, in `unit`."""
        return gain / self.gain * self.price


def exchange(text: object, problem: Problem, prices: Mapping[str, float] | None = None, gpus: float = 0) -> Exchange:
    """Return the rate of exchange that a text says.

    Args:
        text: `0.01 accuracy = 3 gpu_hours`. The objective may be left out where there is one.
        problem: whose objective and cost metric it names.
        prices: what an hour of a resource costs, {"gpu": 2.5, "cpu": 0.04}; for prices in money.
        gpus: that a trial needs.

    Raises:
        ProblemError: it cannot be read, or its two sides cannot be compared in this problem.
    """
    if not isinstance(text, str):
        raise ProblemError(f"worth is a text, got {shown(text)}; {HOW}.")
    if len(problem.objectives) != 1:
        raise ProblemError(
            f"worth={text!r}: what an improvement is worth can be said of one objective; there are "
            f"{len(problem.objectives)}."
        )
    sides = text.split("=")
    if len(sides) != 2 or not all(side.strip() for side in sides):
        raise ProblemError(f"worth={text!r} has not two sides; {HOW}.")
    gain, metric = _amount(sides[0], text)
    price, unit = _amount(sides[1], text)
    _is_objective(metric, problem.objectives[0], text, problem)
    if not unit:
        raise ProblemError(f"worth={text!r}: {price:g} of what? Name a unit: trials, hours, gpu_hours, cost, money.")
    factor, dimension = _unit(unit, text, problem)
    if dimension == GPU and not gpus:
        raise ProblemError(
            f"worth={text!r}: trials use no GPU, so that none of its hours would ever be spent; say how many one "
            "needs, resources=tt.Resources(gpus=1), or name worker_hours."
        )
    if dimension == MONEY and not prices:
        raise ProblemError(
            f'worth={text!r}: money needs a price table, as prices={{"gpu": 2.5, "cpu": 0.04}} for an hour of each.'
        )
    if dimension == COST and problem.cost is None:
        raise ProblemError(f'worth={text!r}: no metric is declared as cost; declare it, as cost="dollars".')
    return Exchange(gain, price * factor, dimension, text)


def _amount(side: str, text: str) -> tuple[float, str]:
    """Return the number of a side, and what it counts, "" where that is left out."""
    said = side.strip()
    found = _NUMBER.search(said)
    if found is None:
        raise ProblemError(f"worth={text!r}: {said!r} has no number; {HOW}.")
    before, after = said[: found.start()].strip(), said[found.end() :].strip()
    if before and (after or before not in {"$", "€", "£", "¥"}):
        raise ProblemError(f"worth={text!r}: {said!r} is not a number and what it counts, in this order; {HOW}.")
    if after[:1] in {",", "_"} and after[1:2].isdigit():
        raise ProblemError(f"worth={text!r}: write {said!r} with a decimal point, and with no other separator.")
    if after.startswith("%"):
        raise ProblemError(
            f"worth={text!r}: a percentage may be of the value or of its scale; say it in the unit of the objective."
        )
    value = float(found.group())
    if not value > 0 or not math.isfinite(value):
        raise ProblemError(f"worth={text!r}: {found.group()} is not a finite number above 0.")
    return value, before or after


def _is_objective(name: str, objective: Metric, text: str, problem: Problem) -> None:
    if name in ("", objective.name):
        return
    if _known(name, problem):
        raise ProblemError(
            f"worth={text!r}: {name!r} is something spent; on the left stands an improvement of {objective.name!r}."
        )
    raise ProblemError(f"worth={text!r}: {name!r} is not the objective, which is {objective.name!r}.")


def _unit(unit: str, text: str, problem: Problem) -> tuple[float, str]:
    """Return what a unit is in the unit of its dimension, and the dimension."""
    found = _known(unit, problem)
    if found is not None:
        return found
    if unit in problem.metric_names:
        raise ProblemError(
            f"worth={text!r}: {unit!r} is not spent; on the right stands a cost: trials, hours, gpu_hours, cost, money."
        )
    if unit == "m" or re.fullmatch(r"(wall|worker|gpu|cpu)[-_ ]?m", unit.lower()):
        raise ProblemError(f"worth={text!r}: {unit!r} may be minutes or months; write min.")
    raise ProblemError(
        f"worth={text!r}: {unit!r} is no unit; known are trials, hours, worker_hours, gpu_hours, cpu_hours, cost and "
        "money."
    )


def _known(unit: str, problem: Problem) -> tuple[float, str] | None:
    if unit in ("cost", problem.cost):
        return 1.0, COST
    word = unit.lower()
    if word in _TRIALS:
        return 1.0, TRIALS
    if word in _MONEY:
        return 1.0, MONEY
    for name, dimension in _OF.items():
        if word.startswith(name):
            rest = word[len(name) :]
            hours = _HOURS.get(re.sub(r"^[-_ ]", "", rest) if name else rest)
            if hours is not None and (not name or rest != "s"):  # gpus are no seconds of a GPU
                return hours, dimension
    return None
