"""What several objectives are worth beside each other: which part of the front is wanted, and which trial of it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from trimtab.checks import as_real, is_number
from trimtab.errors import ProblemError
from trimtab.explain import explained_class
from trimtab.plugins import did_you_mean
from trimtab.space.condition import shown

WAYS = 'knee=True, weights={"loss": 2}, reference={"loss": 0.1, ...}, order=["loss", ...]'


@explained_class
@dataclass(frozen=True, slots=True, kw_only=True)
class Preference:
    """What decides between the trials of a front, by one of four ways.

    Given to `tune` or `create_study` as `prefer=`, proposals go to the part of the front that is preferred, and
    `study.best` is the trial that it takes. `study.choose` takes one afterwards.

    Args:
        knee: take the knee: the trial farthest from the hyperplane through the ends of the front, on the better side
            (Das, 1999, for two objectives; of more, the plane through the corners of the front's box, which there
            always is). Where it is says the whole front, so proposals go all along that.
        weights: how much each objective counts, those left out 1: the least weighted distance from the best of each,
            by the worst objective (the augmented Chebyshev norm, Steuer & Choo, 1983), which reaches hollow parts of
            a front too.
        reference: a value for each objective to aim at, within reach or not: what falls least short of it in its
            worst objective, or goes farthest beyond it (the achievement function of Wierzbicki, 1980).
        order: the objectives that matter, the most important first: the best in the first, of those the best in the
            second, and so on.
        within: with `order`, how far from the best still counts as best: {"accuracy": "1%"} of the best value, or
            {"accuracy": 0.005} in its own unit. Not of the last one, whose best is what is taken.

    Raises:
        ProblemError: none or several ways of choosing, or a value that is none. That a problem has the objectives is
            looked at by the problem.

    Example:
        >>> print(Preference(order=["accuracy", "size"], within={"accuracy": "1%"}))
        within 1% of the best accuracy, the best in size
    """

    knee: bool = False
    weights: Mapping[str, float] | None = None
    reference: Mapping[str, float] | None = None
    order: Sequence[str] | str | None = None
    within: Mapping[str, float | str] | None = None

    def __post_init__(self) -> None:
        ways = [self.knee is not False, self.weights is not None, self.reference is not None, self.order is not None]
        if sum(ways) != 1:
            got = "none of them" if not any(ways) else "more than one of them"
            raise ProblemError(f"say how to choose from the front, by one of {WAYS}; got {got}.")
        if self.within is not None and self.order is None:
            raise ProblemError("within= goes with order=, which says what it is within.")
        if not isinstance(self.knee, bool):
            raise ProblemError(f"knee is True where the knee is taken, got {shown(self.knee)}.")
        put = object.__setattr__
        if self.weights is not None:
            put(self, "weights", _values("weights", self.weights))
            if any(weight < 0.0 for weight in self.weights.values()):
                raise ProblemError(f"weights are 0 or more, got {shown(dict(self.weights))}.")
        elif self.reference is not None:
            put(self, "reference", _values("reference", self.reference))
        elif self.order is not None:
            given: object = self.order
            if not isinstance(given, Sequence) or isinstance(given, bytes):  # a set has no order
                raise ProblemError(f'order is such as ["loss", "size"], got {shown(given)}.')
            names = [self.order] if isinstance(self.order, str) else list(self.order)
            if not names or len(set(map(str, names))) < len(names):
                raise ProblemError(f"order names objectives, each once, got {shown(names)}.")
            put(self, "order", tuple(names))
            within = _mapping("within", {} if self.within is None else self.within)
            for name in within:
                if name not in names:
                    there = ", ".join(map(str, names))
                    raise ProblemError(f"within has {name!r}, and order does not; it has: {there}.")
            tolerances = {name: _tolerance(name, given) for name, given in within.items()}
            if names[-1] in tolerances:
                raise ProblemError(
                    f"within has {names[-1]!r}, which order names last: of what is left the best in it is taken, so "
                    f"nothing near that is chosen from. Leave it out, or let order name what decides after it."
                )
            put(self, "within", tolerances or None)

    def check(self, names: Sequence[str]) -> None:
        """Raise ProblemError unless objectives of these names are all that is named, and a reference has each."""
        for key in ("weights", "reference", "order"):
            for name in getattr(self, key) or ():
                if name not in names:
                    near = did_you_mean(str(name), names)
                    raise ProblemError(f"{key} names no objective with {name!r}{near}; there are: {', '.join(names)}.")
        if self.weights is not None and not any(self.weights.get(name, 1.0) for name in names):
            raise ProblemError(f"one of the weights is above 0, got {shown(dict(self.weights))}.")
        if self.reference is not None and len(self.reference) < len(names):
            lacking = [name for name in names if name not in self.reference]
            raise ProblemError(f"a reference has a value for every objective; {', '.join(lacking)} is missing.")

    def to_json(self) -> dict[str, Any]:
        """Return the preference as JSON: what was given."""
        data: dict[str, Any] = {"knee": True} if self.knee else {}
        for key in ("weights", "reference", "within"):
            if getattr(self, key) is not None:
                data[key] = dict(getattr(self, key))
        return data if self.order is None else data | {"order": list(self.order)}

    @classmethod
    def from_json(cls, data: object) -> Preference:
        """Read what `to_json` wrote.

        Records from before it was refused may say what is within the last of an order. It counted for nothing, and is
        left out.

        Raises:
            ProblemError: it is something else.
        """
        known = [field.name for field in fields(cls)]
        if not isinstance(data, Mapping) or not set(data) <= set(known):
            raise ProblemError(f"a preference is an object with one of {WAYS}, got {shown(data)}.")
        order, within = data.get("order"), data.get("within")
        if isinstance(order, list) and order and isinstance(within, Mapping):
            data = {**data, "within": {name: near for name, near in within.items() if name != order[-1]}}
        return cls(**data)

    def __str__(self) -> str:
        """In words, as `trial 7 is ...` goes on."""
        if self.order is not None:
            *first, last = self.order
            within = self.within or {}
            parts = [
                f"within {near if isinstance(near, str) else f'{near:g}'} of the best {name}"
                if (near := within.get(name)) is not None
                else f"among the best in {name}"
                for name in first
            ]
            return ", ".join([*parts, f"the best in {last}"])
        if self.weights is not None:
            given = ", ".join(f"{name} {weight:g}" for name, weight in self.weights.items())
            return f"the nearest to the best of each, with the weights {given or '1 for all'}"
        if self.reference is not None:
            return f"the nearest to {', '.join(f'{name} = {aim:g}' for name, aim in self.reference.items())}"
        return "the knee of the front"


def _values(key: str, given: object) -> dict[str, float]:
    found = {}
    for name, value in _mapping(key, given).items():
        real = as_real(value)
        if not is_number(real):
            raise ProblemError(f"{key} has a finite number for {name!r}, got {shown(value)}.")
        found[name] = float(real)  # type: ignore[arg-type]  # it is a number
    return found


def _mapping(key: str, given: object) -> Mapping[str, Any]:
    if not isinstance(given, Mapping):
        raise ProblemError(f"{key} is a mapping of objectives, as {{'loss': 2}}, got {shown(given)}.")
    return given


def _tolerance(name: str, given: object) -> float | str:
    """Return a tolerance: a number, or a share of the best value as text, "1%"."""
    if isinstance(given, str) and given.endswith("%"):
        try:
            share = float(given[:-1])
        except ValueError:
            share = math.nan
        if 0.0 <= share < math.inf:
            return f"{share:g}%"
    elif is_number(real := as_real(given)) and float(real) >= 0.0:  # type: ignore[arg-type]  # it is a number
        return float(real)  # type: ignore[arg-type]
    raise ProblemError(f'within has a number of 0 or more, or a share as "1%", for {name!r}, got {shown(given)}.')
