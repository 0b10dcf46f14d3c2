"""The outlook of a study in a sentence, and why it ended: what is on record, on the screen and in the API alike."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np

from trimtab.stop.outlook import Outlook
from trimtab.stop.path import Path

ANSWERS: Final = ((0.5, "yes"), (0.2, "perhaps"), (0.1, "hardly"), (0.0, "no"))
"""The answer to whether to go on, by the least chance of a gain that counts; below the last the odds end a study."""

ALIKE: Final = 1.2
"""Results of different configurations that differ by no more than so many times what repeats of one do are alike."""


def told(known: Outlook) -> Outlook:
    """Return an outlook with its sentence."""
    return replace(known, sentence=_unknown(known) if known.unknown else _sentence(known))


def why(found: Outlook, seen: Path, rate: str | None) -> str:
    """Return why a study ends of which more is not worth it: with the odds, and what going on would buy."""
    if seen.is_flat:
        odds = _percent(1.0 / (seen.n_results + 2.0))
        return (
            f"nothing that was tried makes a difference: all {seen.n_results:,} results are {_number(found.best)}, and "
            f"by that count the next one differs with a chance of {odds}; {_left(found)}"
        )
    if seen.room <= 0.0:
        return f"the best has been found: {found.metric} cannot be better than {_number(found.best)}"
    if rate is not None:
        return (
            f"more tuning is not worth its price ({rate}): {_left(found)} would bring {_gain(found.expected_gain)} "
            f"{found.metric} on average{_bought(found)}"
        )
    odds = (
        f"{_left(found)} would bring more than {_gain(found.epsilon)} {found.metric} ({found.reason}) with a chance "
        f"of {_percent(found.chance)}, {_gain(found.expected_gain)} on average"
    )
    if _is_noise(seen):
        return (
            f"results of different configurations differ no more than repeats of one do (by {_number(seen.noise)}), so "
            f"that more tuning picks luck: {odds}"
        )
    return f"more tuning is hardly worth it: {odds}"


def _is_noise(seen: Path) -> bool:
    known = seen.losses[np.isfinite(seen.losses)]
    return seen.noise > 0.0 and float(np.std(known)) < ALIKE * seen.noise


def answer(found: Outlook) -> str:
    """Return "yes", "perhaps", "hardly" or "no" to whether to go on; empty while nothing is known."""
    if found.pays is not None:
        return "yes" if found.pays else "no"
    if found.chance is None:
        return ""
    return next(word for least, word in ANSWERS if found.chance >= least)


def _sentence(found: Outlook) -> str:
    if found.chance == found.expected_gain == 0.0:
        return f"worth going on? no: {found.metric} cannot be better than {_number(found.best)}, the best result so far"
    low, high = found.best_interval or (0.0, 0.0)
    would = "bring" if found.is_left else "would bring"
    begin = f"after {found.n_results} results little is known" if found.is_early else answer(found)
    parts = [
        f"worth going on? {begin}: {_left(found)} {would} more than {_gain(found.epsilon)} {found.metric} "
        f"with a chance of {_percent(found.chance)}, {_gain(found.expected_gain)} on average",
        f"best result {_number(found.best)} now, then {_number(low)} to {_number(high)} (90%)"
        if low != high
        else f"best result {_number(found.best)} now, and then most likely too (90%)",
    ]
    if found.chance_of_target is not None and found.chance_of_target < 1.0:
        parts.append(f"the target {_number(found.target)} with a chance of {_percent(found.chance_of_target)}")
    return "; ".join(parts)


def _unknown(found: Outlook) -> str:
    return f"nothing can be said of going on: {found.unknown}"


def _left(found: Outlook) -> str:
    """Return `the 38 trials left (about 12 min)`, or `60 more trials`."""
    n = f"{found.within:,}"
    trials = "trial" if found.within == 1 else "trials"
    text = f"the {n} {trials} left" if found.is_left else f"{n} more {trials}"
    told = [about(found.seconds)] if found.seconds is not None else []
    if found.cost is not None and found.cost_unit not in ("", "s"):
        told.append(f"{_number(found.cost)} {found.cost_unit}")
    return f"{text} ({', '.join(told)})" if told else text


def _bought(found: Outlook) -> str:
    if found.best_interval is None:
        return ""
    low, high = found.best_interval
    return f", best result {_number(found.best)} now, then {_number(low)} to {_number(high)} (90%)"


def _number(value: float | None) -> str:
    return "nothing" if value is None else f"{value:.4g}"


def _gain(value: float | None) -> str:
    """Return a gain: two digits are more than anybody foresees."""
    return "nothing" if value is None else f"{value:.2g}"


def _percent(chance: float | None) -> str:
    """Return a chance in per cent; what may happen is never 0, and what may fail never 100."""
    if chance is None:
        return "?"
    if chance < 0.01:
        return "less than 1%"
    return f"{int(100 * chance)}%" if chance < 1.0 else "100%"


def about(seconds: float) -> str:
    """Return `about 12 min`: one unit, as exactly as anybody knows."""
    for unit, length in (("d", 86400.0), ("h", 3600.0), ("min", 60.0)):
        if seconds >= 1.5 * length:
            return f"about {seconds / length:.2g} {unit}"
    return f"about {max(1, round(seconds))} s"
