"""Before the first trial: what a budget buys, what a space needs, and what to leave out where that does not fit."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np

from trimtab.arrays import rng_at
from trimtab.ledger.table import TrialTable
from trimtab.numerics.arithmetic import quiet
from trimtab.space.problem import Problem
from trimtab.space.space import Space
from trimtab.stop.budget import Budget
from trimtab.stop.spend import Price, n_over, pace, price
from trimtab.stop.worth import Worth

EACH: Final = 8
"""Trials that a parameter needs: with fewer, those that matter most are better tuned alone. Google's tuning playbook
tunes one with less than ten trials, and two or three with 25 or more."""

N_SAMPLED: Final = 256
"""Random configurations that tell how many parameters are active at once."""

MOST: Final = 1e9
"""So many trials or more are no bound on how many a budget buys: few trials on record leave it open."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is known of a study before it begins.

    Attributes:
        bought: trials that the budget covers; None where nobody knows what one costs.
        low, high: between which that lies with 90 %; None likewise, and where trials alone are counted. `high` is None
            as well where too few trials are on record to say.
        limit: which limit is the first to be reached: "trials", "hours", "cost", ...; "" where nobody knows. A
            deadline is not looked at: nobody knows when the study begins.
        rests_on: trials whose cost is known, of this study or of earlier ones like it.
        needed: trials that the space needs.
        n_active: parameters that are active at once, on average.
        left_out: names of parameters to hold at a value where the budget buys fewer: the last by priority first.
        must_gain: the improvement for which the whole budget is worth what it costs, in the objective's unit; None
            without an exchange rate, and where nobody knows what a trial costs.
        sentence: all of it for a person.
    """

    bought: int | None
    low: int | None
    high: int | None
    limit: str
    rests_on: int
    needed: int
    n_active: float
    left_out: tuple[str, ...]
    must_gain: float | None
    sentence: str


@dataclass(frozen=True, slots=True)
class Priced:
    """What an improvement is worth.

    Attributes:
        problem: whose objective it is of.
        rule: which has the exchange rate.
    """

    problem: Problem
    rule: Worth


@quiet()
def plan(
    space: Space, budget: Budget, tables: Iterable[TrialTable], workers: int = 1, priced: Priced | None = None
) -> Plan:
    """Return what a budget buys in a space.

    Args:
        space: what may be tried.
        budget: what may be spent in all.
        tables: trials of a pilot, or of earlier studies, that cost what trials will cost.
        workers: how many run at once.
        priced: what an improvement is worth, where that is known.
    """
    known = [table for table in tables if len(table.order)]
    best = max(known, key=lambda table: len(table.order), default=None)
    bought, low, high, limit = _bought(budget, best, workers)
    needed, n_active = needs(space)
    left_out = _left_out(space, bought) if bought is not None and bought < needed else ()
    rests_on = 0 if best is None else len(best.order)
    said = _sentence(bought, low, high, limit, rests_on, needed, n_active, left_out)
    must_gain = None if priced is None or bought is None else priced.rule.must_bring(priced.problem, best, bought)
    if must_gain is not None and not math.isfinite(must_gain):
        must_gain = None
    if priced is not None:
        said = f"{said}; {_worth(priced, must_gain)}"
    return Plan(bought, low, high, limit, rests_on, needed, n_active, left_out, must_gain, said)


def _worth(priced: Priced, must_gain: float | None) -> str:
    """Return what has to come of the budget, in words."""
    rate, name = priced.rule.rate, priced.problem.objectives[0].name
    if must_gain is None:
        return f"what has to come of it ({rate}) is known once a trial's cost is"
    return f"all of it is worth its price ({rate}) if it betters {name} by {must_gain:.2g}"


def needs(space: Space) -> tuple[int, float]:
    """Return how many trials a space needs, and how many of its parameters are active at once, on average."""
    free = _free(space)
    x = space.sample(rng_at(0, 0), N_SAMPLED)
    n_active = float((~np.isnan(x[:, free])).sum(axis=1).mean()) if len(free) else 0.0
    needed = max(1, math.ceil(EACH * n_active))
    count = space.n_configurations
    return (needed if count is None else min(needed, count)), n_active


def _free(space: Space) -> list[int]:
    held = space.fixed_row()
    return [i for i, p in enumerate(space.parameters) if p.n_values != 1 and (held is None or bool(np.isnan(held[i])))]


def _bought(budget: Budget, table: TrialTable | None, workers: int) -> tuple[int | None, int | None, int | None, str]:
    """Return how many trials a budget covers, between which numbers that lies, and which limit is first."""
    found: list[tuple[float, float, float, str]] = []
    if budget.trials is not None:
        found.append((float(budget.trials), float(budget.trials), float(budget.trials), "trials"))
    for limit, name, per in _limits(budget, table, workers):
        if not per.is_known or per.mean <= 0.0:
            found.append((math.nan, math.nan, math.nan, name))
            continue
        n = limit / per.mean
        _, low, high = per.of(max(1.0, n))
        wide = max(1.0, n) * per.mean
        found.append((n, n * wide / high, n * wide / low if low > 0.0 else math.inf, name))
    known = [one for one in found if one[0] == one[0]]
    if not known or len(known) < len(found):
        return None, None, None, ""
    n, low_n, high_n, name = min(known)
    if name == "trials":
        return int(n), None, None, name
    return int(n), int(low_n), int(high_n) if high_n < MOST else None, name


def _limits(budget: Budget, table: TrialTable | None, workers: int) -> Iterable[tuple[float, str, Price]]:
    """Yield the limits that are not in trials, with what a trial takes of each."""
    if table is None:
        told = {name: value for name, value in budget.to_json().items() if name not in ("trials", "prices", "deadline")}
        yield from ((math.nan, name, Price()) for name in told)
        return
    n = max(1, n_over(table))
    for line in budget.spending(table):
        if line.unit == "hours":
            yield line.limit * 3600.0, line.unit, _wall(table, workers)
        elif line.unit == "cost":
            yield line.limit, line.unit, price(table, "cost")
        elif line.unit != "trials":
            yield line.limit, line.unit, Price(line.spent / n)


def _wall(table: TrialTable, workers: int) -> Price:
    """Return the seconds from one trial that is over to the next: what trials take, shared by the workers."""
    each = price(table, "seconds")
    if not each.is_known:
        return Price(pace(table))
    return Price(each.mean / workers, each.deviation / workers, each.doubt / workers)


def _left_out(space: Space, bought: int) -> tuple[str, ...]:
    """Return the parameters that are too many, the last by priority first; one without a condition stays."""
    free = _free(space)
    kept = max(1, bought // EACH)
    told = {i: space.parameters[i].priority for i in free}
    ranked = sorted(free, key=lambda i: (told[i] is None, told[i] or 0, space.parameters[i].when is not None, i))
    return tuple(space.names[i] for i in reversed(ranked[kept:]))


def _sentence(
    bought: int | None,
    low: int | None,
    high: int | None,
    limit: str,
    rests_on: int,
    needed: int,
    n_active: float,
    left_out: tuple[str, ...],
) -> str:
    active = "parameter that is active" if f"{n_active:.3g}" == "1" else "parameters that are active at once"
    space = f"the space needs about {needed:,} ({EACH} for each of {n_active:.3g} {active})"
    if bought is None:
        return f"nobody knows what a trial costs: --pilot 3 runs three and tells; {space}"
    span = "" if low is None else f"{low:,} or more" if high is None else f"{low:,} to {high:,}"
    between = f" ({span} with 90%, by {rests_on:,} on record)" if span else ""
    buy = "buy" if limit.endswith("s") else "buys"
    text = f"the {limit} of the budget {buy} {bought:,} {'trial' if bought == 1 else 'trials'}{between}; {space}"
    if bought >= needed:
        return f"{text}: they fit"
    if not left_out:
        return f"{text}: they do not fit; raise the budget to {needed:,} trials"
    return f"{text}: hold {', '.join(left_out)} at a value (fixed:), or raise the budget to {needed:,} trials"
