"""What stopping rules say of a study while it goes on, as far as it is new."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from trimtab.checks import as_float, as_real, as_whole, is_number, is_whole
from trimtab.errors import PluginError
from trimtab.ledger.event import Assessed
from trimtab.ledger.table import TrialTable
from trimtab.space.condition import shown
from trimtab.stop.protocol import Rated, Stop, Verdict

MATERIAL = 0.1
"""By what share an estimate changes before it is put on record again: below, a person would call it the same."""


MOST = 2**53
"""The largest count that is put on record: up to where every JSON reader counts exactly."""


SPENT = ("seconds", "cost")
"""What an improvement may have a price in: what every trial is known to have taken."""

_ESTIMATES = ("expected_gain", "gain_interval", "next_cost", "epsilon", "chance", "chance_of_target", "n", "until")


def assessed(stop: Stop, table: TrialTable) -> Verdict:
    """Return what a rule says of a study, fit for its log; an estimate that is not finite is none.

    Raises:
        PluginError: it says what is no verdict.
    """
    said: Any = stop.assess(table.problem, table)
    if not isinstance(said, Verdict):
        raise PluginError(f"{_named(stop)} assesses a study with a Verdict; it said {shown(said)}.")
    if _is_plain(said):
        return said  # what is asked for several times a trial should cost nothing
    flags = {name: getattr(said, name) for name in ("stop", "cancel", "wait", "continues")}
    for name, flag in flags.items():
        if not isinstance(flag, bool | np.bool_):
            raise PluginError(f"{_named(stop)} says whether to {name} with True or False; it said {shown(flag)}.")
    for name in ("reason", "rule"):
        if not isinstance(getattr(said, name), str):
            raise PluginError(f"{_named(stop)} gives its {name} as text; it said {shown(getattr(said, name))}.")
    return replace(
        said, **{name: bool(flag) for name, flag in flags.items()}, reason=str(said.reason), rule=str(said.rule),
        expected_gain=_estimate(stop, "expected_gain", said.expected_gain),
        gain_interval=_interval(stop, said.gain_interval),
        next_cost=_estimate(stop, "next_cost", said.next_cost),
        epsilon=_estimate(stop, "epsilon", said.epsilon),
        chance=_estimate(stop, "chance", said.chance),
        chance_of_target=_estimate(stop, "chance_of_target", said.chance_of_target),
        n=_count(stop, "n", said.n),
        until=_count(stop, "until", said.until),
    )  # fmt: skip


def must_gain(rule: Rated, table: TrialTable) -> dict[str, float]:
    """Return what a rule says an improvement must be, fit for the log; empty where it does not know.

    Raises:
        PluginError: it says what is no gain for each of the "seconds" or the "cost" that is spent.
    """
    said: Any = rule.must_gain(table)
    if not isinstance(said, Mapping):
        raise PluginError(
            f"{_named(rule)} says what must be gained as a dict, empty where nobody knows; it said {shown(said)}."
        )
    found = {}
    for name, gain in said.items():
        number: Any = as_real(gain)
        if name not in SPENT or not is_number(number) or number < 0:
            raise PluginError(
                f"{_named(rule)} says what must be gained for each of the 'seconds' or the 'cost' spent, in numbers of "
                f"0 or more, as {{'cost': 0.01}}; it said {shown(dict(said))}."
            )
        if number > 0:
            found[name] = float(number)
    return found


def _is_plain(said: Verdict) -> bool:
    """Return whether a verdict estimates nothing, and has flags and texts as they are written."""
    return (
        {type(said.stop), type(said.cancel), type(said.wait), type(said.continues)} == {bool}
        and type(said.reason) is str
        and type(said.rule) is str
        and all(getattr(said, name) is None for name in _ESTIMATES)
    )


def _estimate(stop: Stop, name: str, value: object) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float | np.integer | np.floating):
        raise PluginError(f"{_named(stop)} gives its {name} as a number or None; it said {shown(value)}.")
    number = as_float(value)  # type: ignore[arg-type]  # NumPy's convert likewise
    return number if math.isfinite(number) else None


def _count(stop: Stop, name: str, value: Any) -> int | None:
    if value is None:
        return None
    number: Any = as_whole(value)
    if not is_whole(number) or not 0 <= number <= MOST:
        raise PluginError(f"{_named(stop)} gives its {name} as a whole number or None; it said {shown(value)}.")
    return int(number)


def _interval(stop: Stop, value: Any) -> tuple[float, float] | None:
    if value is None:
        return None
    if not isinstance(value, tuple | list | np.ndarray) or len(value) != 2:
        raise PluginError(f"{_named(stop)} gives its gain_interval as two numbers or None; it said {shown(value)}.")
    low, high = (_estimate(stop, "gain_interval", end) for end in value)
    return None if low is None or high is None else (low, high)


def _named(stop: object) -> str:
    return f"the stopping rule {type(stop).__name__}"


def as_event(verdict: Verdict) -> Assessed:
    """Return a verdict as it is put on record."""
    return Assessed(**{name: getattr(verdict, name) for name in Assessed.__struct_fields__})


def news(stops: Sequence[Stop], table: TrialTable) -> list[Assessed]:
    """Return the verdicts of rules that estimate what going on would bring or cost, where they changed materially.

    Rules that only count have nothing to say before the end.
    """
    said = (as_event(assessed(stop, table)) for stop in stops)
    return [event for event in said if _estimates(event) and _is_new(table.verdict(event.rule), event)]


def _estimates(event: Assessed) -> bool:
    return event.expected_gain is not None or event.next_cost is not None


def _is_new(before: Assessed | None, now: Assessed) -> bool:
    if before is None or before.stop != now.stop:
        return True
    return any(_differ(a, b) for a, b in zip(_figures(before), _figures(now), strict=True))


def _figures(event: Assessed) -> Iterable[float | None]:
    return (event.expected_gain, event.next_cost, event.chance, *(event.gain_interval or (None, None)))


def _differ(a: float | None, b: float | None) -> bool:
    if a is None or b is None:
        return a is not b
    return abs(a - b) > MATERIAL * max(abs(a), abs(b))
