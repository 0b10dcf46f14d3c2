"""The budget in force: what a driver was told to spend, unless somebody said otherwise since."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from trimtab.errors import TrimtabError
from trimtab.ledger.attempts import WORKER
from trimtab.ledger.event import Noted
from trimtab.ledger.ledger import Ledger
from trimtab.ledger.table import TrialTable
from trimtab.space.problem import Problem
from trimtab.stop.budget import Budget
from trimtab.stop.protocol import Verdict
from trimtab.stop.reserves import MACHINES, Spent

BUDGET: Final = "trimtab.budget"
"""The note about a study that says what may be spent, since somebody changed it."""

WARNED: Final = "trimtab.budget.warned"
"""The note about a study that says of which limits how much was spent when people were told."""

RESERVED: Final = "trimtab."
"""How the keys of notes begin that are not for people to write."""

WARN_AT: Final = (50, 80, 100)
"""Percent of a limit at which people are told: in time to raise it, when it becomes short, and when it is spent."""


class Purse:
    """The budget of one driver, a stopping rule as any other: a function of the table.

    What somebody sets while the study goes on holds for every driver that runs then, and for later ones that are told
    to spend what was told before; a driver that is told something else has the last word.

    Args:
        asked: what the driver was told to spend.

    Attributes:
        asked: see there.
        since: the head of the log when the driver came.
    """

    def __init__(self, asked: Budget) -> None:
        self.asked = asked
        self.since = 0
        self._read: tuple[int, Budget] | None = None

    def of(self, table: TrialTable) -> Budget:
        """Return the budget in force."""
        at = table.noted_at(BUDGET)
        if not at:
            return self.asked
        if self._read is None or self._read[0] != at:
            said = table.notes[BUDGET]
            is_meant = isinstance(said, Mapping) and (at > self.since or said.get("asked") == self.asked.to_json())
            found = budget_of(said.get("budget")) if is_meant else None
            self._read = at, found or self.asked
        return self._read[1]

    def assess(self, problem: Problem, table: TrialTable) -> Verdict:
        """Return what the budget in force has to say."""
        return self.of(table).assess(problem, table)


def budget_of(said: object) -> Budget | None:
    """Return a budget that is on record; None where there is none that can be read."""
    if not isinstance(said, Mapping):
        return None
    try:
        return Budget(**said)
    except (TrimtabError, TypeError):
        return None  # a stranger wrote it, or a later version that knows more


def asked_last(ledger: Ledger) -> dict[str, Any] | None:
    """Return what the last driver was told to spend, as it is on record; None where none was told."""
    said = _came_last(ledger).get("budget")
    return said if isinstance(said, dict) else None


def worth_last(ledger: Ledger) -> object:
    """Return which gain the last driver was told to count, and what it is worth, as it is on record."""
    return _came_last(ledger).get("worth")


def _came_last(ledger: Ledger) -> Mapping[str, Any]:
    """Return what is on record of the last driver that was told to spend anything; nothing where none was."""
    come = (*reversed(ledger.opened), ledger.created.provenance)
    return next((said for said in come if isinstance(said.get("budget"), dict)), {})


def in_force(ledger: Ledger) -> Budget | None:
    """Return the budget that whoever goes on with a study is held to; None where nobody said any."""
    asked = budget_of(asked_last(ledger))
    if asked is not None:
        return Purse(asked).of(ledger.table)
    said = ledger.table.notes.get(BUDGET)
    return budget_of(said.get("budget")) if isinstance(said, Mapping) else None


def changed(ledger: Ledger, budget: Budget) -> list[Noted]:
    """Return what to put on record so that a study is held to another budget; nothing where it is already."""
    if in_force(ledger) == budget:
        return []
    return [Noted(BUDGET, {"budget": budget.to_json(), "asked": asked_last(ledger)})]


def warnings(budget: Budget, table: TrialTable) -> list[Noted]:
    """Return what to put on record of limits that are half, nearly or wholly spent, of which it is not there yet.

    Trials are left out: every line of progress counts them.
    """
    said = table.notes.get(WARNED)
    before: dict[str, Any] = dict(said) if isinstance(said, Mapping) else {}
    now = dict(before)
    for line in budget.spending(table):
        share = 100 * line.spent / line.limit * (1 + 1e-9)
        due = max((at for at in WARN_AT if share >= at), default=0)
        limit, told = _told(before.get(line.unit))
        if line.unit != "trials" and due > (told if limit == line.limit else 0):
            now[line.unit] = [line.limit, due]
    return [Noted(WARNED, now)] if now != before else []


def warned(spending: Iterable[Spent], table: TrialTable) -> tuple[tuple[Spent, int], ...]:
    """Return the limits of which people were told that they are half spent or more, and at how many percent."""
    said = table.notes.get(WARNED)
    if not isinstance(said, Mapping):
        return ()
    told = [(line, _told(said.get(line.unit))) for line in spending]
    return tuple((line, int(percent)) for line, (limit, percent) in told if percent and limit == line.limit)


def saved_in(spending: Iterable[Spent], table: TrialTable, seconds: float) -> tuple[tuple[str, float], ...]:
    """Return what so many seconds of trial time come to in each limit on machines, (in words, how much).

    They are taken to cost what the trials of the study have cost by the second.
    """
    worked = table.used.get(WORKER, 0.0)
    if not worked or seconds != seconds:
        return ()
    return tuple((line.noun, line.spent / worked * seconds) for line in spending if line.unit in MACHINES)


def _told(said: Any) -> tuple[float, float]:
    if isinstance(said, list) and len(said) == 2 and all(isinstance(one, int | float) for one in said):
        return said[0], said[1]
    return 0.0, 0.0
