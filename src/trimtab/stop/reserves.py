"""What is spent of a budget, and what is reserved for what runs: all but trials and the cost metric."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import numpy as np

from trimtab.ledger.attempts import WORKER
from trimtab.ledger.table import TrialTable
from trimtab.stop.duration import expected_seconds
from trimtab.stop.start import Start, amounts, works

ROUNDING: Final = 1e-9
"""By what share more is no more: three trials of 0.1 are covered by 0.3, whatever floats say."""

WORDS: Final = frozenset({"epoch", "step", "iteration", "round", "tree", "sample", "row", "seed", "fold"})
"""Names of fidelities that are words with a plural in s; of others, as `data_fraction`, the name stands alone."""


def plural(name: str) -> str:
    """Return the name of a fidelity in the plural, where that is sure to be a word; else an empty text.

    Example:
        >>> plural("epoch"), plural("rows"), plural("data_fraction")
        ('epochs', 'rows', '')
    """
    if name in WORDS:
        return f"{name}s"
    return name if name.removesuffix("s") in WORDS else ""


MACHINES: Final = {
    "worker_hours": "worker-hours",
    "gpu_hours": "GPU-hours",
    "cpu_hours": "CPU-hours",
    "money": "in money",
}
"""Limits on what machines take, and how people say them."""


@dataclass(frozen=True, slots=True)
class Spent:
    """What is spent of one limit.

    Attributes:
        unit: "trials", "hours", "cost", the name of a fidelity, "worker_hours", "gpu_hours", "cpu_hours" or "money".
        limit: how much there is in all.
        spent: how much is spent.
        reserved: what those that run may take besides.
        is_fidelity: whether the unit is that of a fidelity.
    """

    unit: str
    limit: float
    spent: float
    reserved: float = 0.0
    is_fidelity: bool = False

    @property
    def left(self) -> float:
        """What neither is spent nor reserved."""
        return self.limit - self.spent - self.reserved

    @property
    def is_used_up(self) -> bool:
        """Whether nothing is left, but for rounding."""
        return self.left <= self.limit * ROUNDING

    @property
    def named(self) -> str:
        """The limit in words: `500 epochs`, `40 worker-hours`."""
        return f"{self.limit:g} {self.noun}"

    @property
    def noun(self) -> str:
        """The unit in words, in the plural."""
        if self.is_fidelity:
            return plural(self.unit) or f"of {self.unit}"
        return MACHINES.get(self.unit, self.unit)

    def lack(self, amount: float) -> str:
        """Return that so much more is not covered, as a clause; empty if it is."""
        if amount <= self.left + self.limit * ROUNDING:
            return ""
        held = f" besides {self.reserved:.4g} reserved for what runs" if self.reserved else ""
        are = "is" if self.unit == "money" else "are"
        return (
            f"{max(0.0, self.left):.4g} of {self.named} {are} left{held}, too little for the next trial, which takes "
            f"{'' if self.is_fidelity else 'about '}{amount:.4g}"
        )


def of_fidelities(limits: Mapping[str, float], table: TrialTable) -> Iterator[Spent]:
    """Yield what is spent of each fidelity that is limited.

    What runs is reserved to its end, so that whatever starts besides cannot make the sum more than the limit.

    Args:
        limits: by the names of fidelities.
        table: all that is on record.
    """
    if not limits:
        return
    rows = table.running
    reserved = amounts(table, table.fidelity[rows], table.begins[rows]).sum(axis=0)
    spent = table.ran.sum(axis=0)
    if not table.is_gradual:  # nobody reports on the way, so an attempt that failed may have come to its very end
        spent = spent + table.unseen.sum(axis=0)
    for i, fidelity in enumerate(table.problem.fidelities):
        if fidelity.name in limits:
            yield Spent(fidelity.name, limits[fidelity.name], float(spent[i]), float(reserved[i]), is_fidelity=True)


def amount_of(name: str, table: TrialTable, start: Start) -> float:
    """Return how much of a fidelity a trial may run that is to start."""
    names = [fidelity.name for fidelity in table.problem.fidelities]
    return float(start.amount(table)[names.index(name)])


def rate(unit: str, prices: Mapping[str, float], resources: Mapping[str, float]) -> float:
    """Return what resources come to in a unit of `MACHINES`, if each is taken for an hour.

    Args:
        unit: the limit.
        prices: of an hour of each resource.
        resources: how much of each there is; an attempt's own is one worker.
    """
    if unit == "worker_hours":
        return resources.get(WORKER, 1.0)
    if unit == "money":
        priced = {WORKER: 1.0, **resources}
        return math.fsum(price * priced.get(name, 0.0) for name, price in prices.items())
    return resources.get(unit.removesuffix("_hours"), 0.0)


def of_machines(limits: Mapping[str, float], prices: Mapping[str, float], table: TrialTable) -> Iterator[Spent]:
    """Yield what is spent of worker-hours, GPU-hours, CPU-hours and money: what runs is counted as far as it has come.

    What it is expected to take besides is reserved.

    Args:
        limits: by unit, as in `MACHINES`.
        prices: see `rate`.
        table: all that is on record.
    """
    if not limits:
        return
    used, rows = table.used, table.running
    so_far = np.maximum(table.elapsed - table.begun_at[rows], 0.0)
    left = works(table, table.fidelity[rows], table.begins[rows])
    more = [
        max(0.0, (expected_seconds(table, one, table.x[row]) or 0.0) - past)
        for row, one, past in zip(rows, left.tolist(), so_far.tolist(), strict=True)
    ]
    taken = [table.resources(row) for row in rows]
    for unit, limit in limits.items():
        by_hour = [rate(unit, prices, one) for one in taken]
        spent = rate(unit, prices, {WORKER: 0.0, **used}) + float(np.dot(by_hour, so_far))
        yield Spent(unit, limit, spent / 3600, float(np.dot(by_hour, more)) / 3600)


def lack_of_time(ends: Mapping[str, float], seconds: float) -> str:
    """Return that a trial cannot end before time does, as a clause; empty where it can.

    Args:
        ends: how many seconds are left, by what they are left of, in words.
        seconds: how long it takes.
    """
    for what, left in ends.items():
        if seconds > left * (1 + ROUNDING):
            return (
                f"{seconds_text(max(0.0, left))} are left {what}, too little for the next trial, which takes about "
                f"{seconds_text(seconds)}"
            )
    return ""


def seconds_text(seconds: float) -> str:
    """Return `5.2 s`, `12 min` or `3.1 h`."""
    if seconds < 120:
        return f"{seconds:.3g} s"
    return f"{seconds / 60:.3g} min" if seconds < 7200 else f"{seconds / 3600:.3g} h"


def clock_text(at: float) -> str:
    """Return `2026-12-01 07:00`, in local time."""
    return datetime.fromtimestamp(at).astimezone().strftime("%Y-%m-%d %H:%M")
