"""Distributions that others made: those of scipy, by what they answer, and those of Optuna, by what they hold.

Neither library is imported.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

import trimtab as tt
from trimtab.errors import SpaceError
from trimtab.space.condition import shown

TAIL: Final = 1e-3
"""What is left out of either end of a distribution that has no end there."""

DRAWS: Final = 1000
"""How often a distribution is drawn from that can do nothing else: a thousandth is the `TAIL` of the others."""


@dataclass(frozen=True, slots=True)
class Translated:
    """A parameter, and what the estimator gets for a value of it.

    Attributes:
        parameter: what the study has.
        value: from its value to the estimator's.
        code: from the estimator's value to its own; None where it has none.
    """

    parameter: tt.Float | tt.Int | tt.Categorical
    value: Callable[[Any], Any]
    code: Callable[[Any], Any]


def is_distribution(value: object) -> bool:
    """Return whether this can be drawn from, as RandomizedSearchCV wants it, or is one of Optuna's."""
    return hasattr(value, "rvs") or _is_optunas(value)


def translated(name: str, given: Any, seed: int) -> Translated:
    """Return the parameter of which a uniform draw is a draw from the distribution.

    A uniform one becomes a range, a log-uniform one a range on a logarithmic scale. Any other is searched by its
    quantiles, so that what is likely takes much of the range; the study then has the quantile.

    Args:
        name: what the error calls it.
        given: the distribution.
        seed: for one that can only be drawn from.

    Raises:
        SpaceError: it has no range.
    """
    if _is_optunas(given):
        return _optunas(name, given)
    kind = getattr(getattr(given, "dist", None), "name", None)
    if kind in ("uniform", "randint", "loguniform", "reciprocal") and (kind in _FLAT or _begins_at_zero(given)):
        low, high = (float(end) for end in given.support())
        _check_ends(name, given, low, high)
        if kind == "randint":
            return Translated(tt.Int(int(low), int(high)), _same, _same)
        return Translated(tt.Float(low, high, log=kind not in _FLAT), _same, _same)
    return _by_quantile(name, given) if hasattr(given, "ppf") else _by_drawing(name, given, seed)


_FLAT: Final = ("uniform", "randint")


def _same(value: Any) -> Any:
    return value


def _none(_: Any) -> Any:
    return None


def _begins_at_zero(given: Any) -> bool:
    """Return whether a frozen log-uniform distribution was not shifted: only then it has a logarithmic scale."""
    args: tuple[Any, ...] = getattr(given, "args", ())
    named = getattr(given, "kwds", {})
    return not (args[2] if len(args) > 2 else named.get("loc", 0))


def _by_quantile(name: str, given: Any) -> Translated:
    is_whole = hasattr(given, "pmf")
    low = 0.0 if not is_whole and math.isfinite(float(given.ppf(0.0))) else TAIL
    high = 1.0 if math.isfinite(float(given.ppf(1.0))) else 1.0 - TAIL
    _check_ends(name, given, float(given.ppf(low)), float(given.ppf(high)))

    def value(quantile: float) -> Any:
        found = float(given.ppf(quantile))
        return int(found) if is_whole else found

    return Translated(tt.Float(low, high), value, _none)


def _by_drawing(name: str, given: Any, seed: int) -> Translated:
    rng = np.random.RandomState(seed % 2**32)
    drawn = [given.rvs(random_state=rng) for _ in range(DRAWS)]
    try:
        drawn = sorted(drawn)
    except (TypeError, ValueError):  # they have no order, so that the number of a draw says nothing
        raise SpaceError(
            f"{name}: values drawn from {shown(given)} cannot be sorted; write a list of those to try."
        ) from None
    return Translated(tt.Int(0, DRAWS - 1), drawn.__getitem__, _none)


def _is_optunas(value: object) -> bool:
    return type(value).__module__.partition(".")[0] == "optuna" and type(value).__name__.endswith("Distribution")


def _optunas(name: str, given: Any) -> Translated:
    if hasattr(given, "choices"):
        return Translated(tt.Categorical(tuple(given.choices)), _same, _same)
    low, high, step = given.low, given.high, getattr(given, "step", None)
    _check_ends(name, given, low, high)
    if isinstance(low, int) and isinstance(high, int):
        return Translated(tt.Int(low, high, log=given.log, step=1 if given.log else step or 1), _same, _same)
    return Translated(tt.Float(low, high, log=given.log, step=step), _same, _same)


def _check_ends(name: str, given: Any, low: float, high: float) -> None:
    if not (math.isfinite(low) and math.isfinite(high) and low <= high):
        raise SpaceError(f"{name}: {shown(given)} goes from {low} to {high}; expected finite ends, in order.")
