"""What there is to say of a budget: what is spent of each limit, and what is left."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from trimtab.ledger.table import TrialTable
from trimtab.stop.budget import Budget
from trimtab.stop.reserves import Spent
from trimtab.surfaces.render.numbers import duration, number
from trimtab.surfaces.render.text import clean


def spent_text(line: Spent) -> str:
    """Return `412 of 500 epochs`, `3.1 of 40 worker-hours`, `12.3 of 100 in money`."""
    if line.unit == "hours":
        return f"{duration(line.spent * 3600)} of {duration(line.limit * 3600)}"
    return clean(f"{number(line.spent)} of {number(line.limit)} {line.noun}")


def until_text(deadline: float, now: float) -> str:
    """Return `until 07:00`, with the date where that is another day."""
    due, day = datetime.fromtimestamp(deadline).astimezone(), datetime.fromtimestamp(now).astimezone().date()
    return f"until {due:%H:%M}" if due.date() == day else f"until {due:%Y-%m-%d %H:%M}"


def limit_lines(budget: Budget | None, table: TrialTable) -> Iterator[tuple[str, str]]:
    """Yield (limit, what is spent, reserved and left of it) for a person."""
    if budget is None:
        return
    for line in budget.spending(table):
        held = f", {number(line.reserved)} reserved for what runs" if line.reserved else ""
        left = f"{number(max(0.0, line.left))} left"
        yield (
            clean(line.unit.replace("_", "-") if not line.is_fidelity else line.unit),
            f"{number(line.spent)} of {number(line.limit)} spent ({_percent(line)}){held}, {left}",
        )
    if budget.until is not None:
        left_s = budget.until - table.now
        left = f"{duration(left_s)} left" if left_s > 0 else "it has come"
        yield "deadline", f"{until_text(budget.until, table.now)}, {left}"


def limit_facts(budget: Budget | None, table: TrialTable) -> dict[str, Any] | None:
    """Return the same as plain values."""
    if budget is None:
        return None
    facts: dict[str, Any] = {
        line.unit: {
            "limit": line.limit,
            "spent": line.spent,
            "reserved": line.reserved,
            "left": max(0.0, line.left),
        }
        for line in budget.spending(table)
    }
    if budget.until is not None:
        facts["deadline"] = {"until": budget.until, "seconds_left": max(0.0, budget.until - table.now)}
    return facts


def warning(line: Spent, percent: int) -> str:
    """Return `half of the budget is spent: 250 of 500 epochs`."""
    share = {50: "half of the budget", 80: "80% of the budget"}.get(percent, "the budget")
    return f"{share} is spent: {spent_text(line)}"


def _percent(line: Spent) -> str:
    return f"{math.floor(100 * line.spent / line.limit * (1 + 1e-9))}%"
