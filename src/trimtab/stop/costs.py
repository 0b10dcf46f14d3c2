"""Budgets in the unit of a cost metric: what trials have cost, and what the next one is expected to cost."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from trimtab.arrays import Bools, Floats, Ints
from trimtab.ledger.curves import WHOLE
from trimtab.ledger.table import COMPLETE, FAILED, RUNNING, STOPPED, WAITING, TrialTable
from trimtab.model.cost import worked
from trimtab.space.problem import counted
from trimtab.stop.protocol import Verdict
from trimtab.stop.reserves import ROUNDING, Spent
from trimtab.stop.start import Start, works

_ANY: Final = 1 << 30
"""More trials than anybody starts."""


def assess(limit: float, table: TrialTable) -> Verdict:
    """Return whether a budget of cost covers another trial."""
    if table.n_running and reported(table, np.array(table.running), table.attempt[table.running]).any():
        line, step = spent(limit, table), _begun(table)
        if line.spent >= limit:  # what runs says what it costs as it goes
            return Verdict(stop=True, reason=_used_up(line), rule="budget", cancel=True, remaining=0)
        if line.spent + step > limit * (1 + ROUNDING):
            reason = f"{_used_up(line)}, and what runs would go beyond it with its next reports"
            return Verdict(stop=True, reason=reason, rule="budget", cancel=True, remaining=0)
    affordable, reason = _affordable(limit, table)
    if affordable is not None and affordable <= 0:
        wait = price_awaited(table) or (bool(table.problem.fidelities) and bool(table.n_running))
        return Verdict(stop=True, reason=reason, rule="budget", wait=wait, remaining=0)
    return Verdict(stop=False, reason="", rule="budget", remaining=affordable)


def _begun(table: TrialTable) -> float:
    """Return what runs is expected to cost until each trial reports again, by what it has cost from report to report.

    Nothing of a trial that has reported all that it was to run, or has not reported yet; nor where nobody knows how far
    trials run, and so whether one that has just reported is at its end.
    """
    place = counted(table.problem.fidelities)
    if place is None:
        return 0.0
    name, curves, total = table.problem.cost or "cost", table.curves, 0.0
    for row in table.running:
        reports = curves.reports(row)
        reports = reports[(curves.attempt[reports] == table.attempt[row]) & (curves.fold[reports] == WHOLE)]
        if not len(reports):
            continue
        begins, reached = float(np.nan_to_num(table.begins[row])), float(curves.step[reports].max())
        ran, left = max(reached - begins, 0.0), max(float(table.fidelity[row, place]) - reached, 0.0)
        if ran > 0.0:
            total += _last(table, reports, name) * min(1.0 / len(reports), left / ran)
    return total


def _affordable(limit: float, table: TrialTable) -> tuple[int | None, str]:
    line = spent(limit, table)
    if line.spent >= limit:
        return 0, _used_up(line)
    known = ~np.isnan(table.spent)
    if not known.any():  # nobody knows a price yet: let the first few find it out, one at a time
        return (1 if not table.n_running else 0), "the first trial's cost is awaited"
    if table.problem.fidelities:  # each trial has its price, by how far it runs: `lack` asks for it
        is_left = not line.is_used_up or not table.n_running
        return (None if is_left else 0), f"{line.spent:g} of {limit:g} is spent, and what runs may take the rest"
    price = float(table.spent[known].mean())
    if price <= 0:
        return _ANY, ""
    reason = f"{line.spent:g} of {limit:g} is spent, and another trial is expected to cost {price:.4g}"
    return math.floor(min(line.left / price * (1 + ROUNDING), _ANY)), reason


def _used_up(line: Spent) -> str:
    return f"the budget of {line.limit:g} is used up: {line.spent:g} was spent"


def price_awaited(table: TrialTable) -> bool:
    """Return whether nobody knows yet what a trial costs, and the first one runs."""
    return bool(table.n_running) and bool(np.isnan(table.spent).all())


def lack(limit: float, table: TrialTable, start: Start) -> str:
    """Return that a trial is expected to cost more than is left, as a clause; empty where it is not."""
    known = ~np.isnan(table.spent)
    if not known.any() or not table.problem.fidelities:
        return ""
    line = spent(limit, table, but=start.number)
    ran = np.array([start.work(table)])
    price = _prices(table, _begun_at(table, np.array([start.parent])), start.ends(table), ran)[0]
    if price <= line.left + limit * ROUNDING:
        return ""
    return f"{line.spent:g} of {limit:g} is spent, and the next trial is expected to cost {price:.4g}"


def spent(limit: float, table: TrialTable, but: int = -1) -> Spent:
    """Return what trials have cost, and what those are expected to cost besides that run or were begun.

    What runs, or was lost, has cost what it last reported under the name of the cost metric. A trial that was stopped
    and told no cost is counted at the mean price of what it ran.

    Args:
        limit: the budget.
        table: the trials.
        but: a trial that is left out of what is expected; -1 for none.
    """
    known = ~np.isnan(table.spent)
    rows = np.array([row for row in (*table.running, *table.again) if row != but], dtype=np.int64)
    so_far = reported(table, rows, table.attempt[rows])
    so_far[table.state[rows] != RUNNING] = 0.0
    told = float(table.spent[known].sum()) + _lost(table) + float(so_far.sum())
    if not known.any():
        return Spent("cost", limit, told)
    if not table.problem.fidelities:
        prices = np.full(len(rows), float(table.spent[known].mean()))
        return Spent("cost", limit, told, float(np.maximum(prices - so_far, 0.0).sum()))
    ended_early = ~known & np.isin(table.state, (STOPPED, FAILED))
    untold = float(worked(table)[ended_early].sum()) * _pace(table, known)
    ends = table.fidelity[rows]
    prices = _prices(table, _begun_at(table, table.parent[rows]), ends, works(table, ends, table.begins[rows]))
    return Spent("cost", limit, told + untold, float(np.maximum(prices - so_far, 0.0).sum()))


def reported(table: TrialTable, rows: Ints, attempts: NDArray[np.int32]) -> Floats:
    """Return [n] the cost that attempts at trials last reported, 0 where they reported none."""
    name, curves = table.problem.cost or "cost", table.curves
    found = np.zeros(len(rows))
    if name not in curves.names and name not in curves.undeclared.names:
        return found
    for i, (row, attempt) in enumerate(zip(rows.tolist(), attempts.tolist(), strict=True)):
        reports = curves.reports(row)
        found[i] = _last(table, reports[(curves.attempt[reports] == attempt) & (curves.fold[reports] == WHOLE)], name)
    return found


def _last(table: TrialTable, reports: Ints, name: str) -> float:
    """Return the last finite value of a metric among some reports, 0 where there is none."""
    curves = table.curves
    if name in curves.names:
        values = curves.y[reports, curves.names.index(name)]
    else:
        values = curves.undeclared.of(reports).get(name, (None, np.zeros(0)))[1]
    values = values[np.isfinite(values)]
    return float(values[-1]) if len(values) else 0.0


def _lost(table: TrialTable) -> float:
    """Return what attempts had reported that were lost before trials were run again."""
    again = np.flatnonzero((table.attempt > 1) | ((table.state == WAITING) & (table.attempt > 0)))
    lost = 0.0
    for row in again.tolist():
        before = np.arange(1, table.attempt[row] + (table.state[row] == WAITING), dtype=np.int32)
        lost += float(reported(table, np.full(len(before), row), before).sum())
    return lost


def _pace(table: TrialTable, known: Bools) -> float:
    """Return the mean cost of one unit of the fidelity, of several of their product; 0 while none is known."""
    rows = np.flatnonzero(known)
    ran = _paid(table, rows)
    told = ran == ran
    if not told.any():  # all were lost on the way, and then ended early: at least all of what they ran
        ran, told = worked(table)[rows], np.full(len(rows), fill_value=True)
    total = float(ran[told].sum())
    return float(table.spent[rows[told]].sum()) / total if total > 0 else 0.0


def _paid(table: TrialTable, rows: Ints) -> Floats:
    """Return [n] for how much of the fidelity, of several of their product, the costs of trials are.

    The costs are those of last attempts: one that went on from a checkpoint, after one that was lost, ran less than its
    trial. nan where nobody knows: of a trial that was lost, and ended early when it ran again.
    """
    whole = works(table, table.fidelity[rows], table.begins[rows])
    early = np.where(table.attempt[rows] > 1, np.nan, worked(table)[rows])
    paid: Floats = np.where(table.state[rows] == COMPLETE, whole, early)
    return paid


def _begun_at(table: TrialTable, parents: Ints) -> Floats:
    """Return [n, F] where the trials ended that others go on with; nan where there is none."""
    found: Floats = np.where(parents[:, None] >= 0, table.fidelity[parents], np.nan)
    return found


def _prices(table: TrialTable, parents: Floats, ends: Floats, ran: Floats) -> Floats:
    """Return [n] what trials are expected to cost, by the price of a unit among those between the same two fidelities.

    Where there is none, it goes by the mean price of a unit.

    Args:
        table: the trials.
        parents: [n, F] where the trials ended that they go on with; nan where they begin.
        ends: [n, F] where they end.
        ran: [n] how much they may run, as `stop.start.works` has it.
    """
    known = ~np.isnan(table.spent)
    pace = _pace(table, known)
    whole = np.flatnonzero(known & (table.state == COMPLETE))  # what was stopped cost less than it might have
    begun = _begun_at(table, table.parent[whole])
    units, prices = _paid(table, whole), np.empty(len(ends))
    for i, (parent, end) in enumerate(zip(parents, ends, strict=True)):
        same = (table.fidelity[whole] == end) & ((begun == parent) | (np.isnan(begun) & np.isnan(parent)))
        alike = whole[same.all(axis=1)]
        paid = float(units[same.all(axis=1)].sum())
        prices[i] = (float(table.spent[alike].sum()) / paid if paid > 0.0 else pace) * ran[i]
    return prices
