"""What stopping rules say of a study while it goes on, as far as it is new."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from trimtab.ledger.event import Assessed
from trimtab.ledger.table import TrialTable
from trimtab.stop.protocol import Stop, Verdict

MATERIAL = 0.1
"""By what share an estimate changes before it is put on record again: below, a person would call it the same."""


def as_event(verdict: Verdict) -> Assessed:
    """Return a verdict as it is put on record."""
    return Assessed(
        verdict.stop, verdict.reason, verdict.rule, verdict.expected_gain, verdict.gain_interval, verdict.next_cost
    )


def news(stops: Sequence[Stop], table: TrialTable) -> list[Assessed]:
    """Return the verdicts of rules that estimate what going on would bring or cost, where they changed materially.

    Rules that only count have nothing to say before the end.
    """
    said = (as_event(stop.assess(table.problem, table)) for stop in stops)
    return [event for event in said if _estimates(event) and _is_new(table.verdict(event.rule), event)]


def _estimates(event: Assessed) -> bool:
    return event.expected_gain is not None or event.next_cost is not None


def _is_new(before: Assessed | None, now: Assessed) -> bool:
    if before is None or before.stop != now.stop:
        return True
    return any(_differ(a, b) for a, b in zip(_figures(before), _figures(now), strict=True))


def _figures(event: Assessed) -> Iterable[float | None]:
    return (event.expected_gain, event.next_cost, *(event.gain_interval or (None, None)))


def _differ(a: float | None, b: float | None) -> bool:
    if a is None or b is None:
        return a is not b
    return abs(a - b) > MATERIAL * max(abs(a), abs(b))
