"""The problem: a space, and what is wanted of its configurations."""

from __future__ import annotations

import math
import numbers
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, cast

import numpy as np

from trimtab.arrays import Floats
from trimtab.checks import as_real, is_number
from trimtab.errors import ProblemError
from trimtab.explain import explained, explained_class
from trimtab.plugins import did_you_mean
from trimtab.space.arguments import is_text
from trimtab.space.condition import plain, shown
from trimtab.space.preference import Preference
from trimtab.space.space import Space

OBJECTIVES: Final = ("minimize", "maximize")
CONSTRAINTS: Final = ("at_most", "at_least")
MAX_PARTS: Final = 100
"""Declared metrics, and fidelities: each is a column, which every trial fills whether it was told or not."""


@explained_class
@dataclass(frozen=True, slots=True)
class Metric:
    """A number that a trial returns, and what is wanted of it. Made by `minimize`, `maximize`, `at_most`, `at_least`.

    Attributes:
        name: the key under which trials return it.
        goal: "minimize" or "maximize" for an objective, "at_most" or "at_least" for a constraint.
        bound: the constraint's bound; None for an objective.
        target: the value at which an objective is good enough; None for as good as can be.
        error: the key under which trials return the standard error of an objective, such as that of a mean over folds
            or seeds; None where they know none. A trial may leave it out.
        confidence: with what probability a constraint is to be kept by what its metric is without noise, above 1/2;
            None where what trials return is taken for that.

    Raises:
        ProblemError: an unknown goal; a bound, target, error or confidence that is missing, misplaced or of the wrong
            kind.
    """

    name: str
    goal: str
    bound: float | None = None
    target: float | None = None
    error: str | None = None
    confidence: float | None = None

    def __post_init__(self) -> None:
        _check_name("metric", self.name)
        if self.goal not in OBJECTIVES + CONSTRAINTS:
            known = OBJECTIVES + CONSTRAINTS
            near = did_you_mean(str(self.goal), known)
            raise ProblemError(
                f"metric {self.name!r} expects goal to be one of {', '.join(known)}, got {shown(self.goal)}{near}."
            )
        if self.is_objective and self.bound is not None:
            raise ProblemError(
                f"metric {self.name!r} is an objective and has no bound; use target=, or at_most or at_least."
            )
        if not self.is_objective and self.target is not None:
            raise ProblemError(
                f"metric {self.name!r} is a constraint and has no target: its bound is what it must keep to."
            )
        if not self.is_objective and self.bound is None:
            raise ProblemError(
                f"metric {self.name!r} is a constraint and needs a bound, such as {self.goal}({self.name!r}, 30)."
            )
        if self.error is not None:
            if not self.is_objective:
                raise ProblemError(f"metric {self.name!r} is a constraint; error= is for objectives.")
            _check_name("standard error", self.error)
        if self.confidence is not None:
            if self.is_objective:
                raise ProblemError(f"metric {self.name!r} is an objective; confidence= is for constraints.")
            confidence = _finite(f"metric {self.name!r}", "confidence", self.confidence)
            if not 0.5 < confidence < 1.0:
                raise ProblemError(
                    f"metric {self.name!r} expects confidence to be a probability between 0.5 and 1, "
                    f"got {shown(self.confidence)}."
                )
            object.__setattr__(self, "confidence", confidence)
        for key in ("bound", "target"):
            value = getattr(self, key)
            if value is not None:
                object.__setattr__(self, key, _finite(f"metric {self.name!r}", key, value))

    @property
    def is_objective(self) -> bool:
        """Whether it is to be as good as can be, and not only within a bound."""
        return self.goal in OBJECTIVES

    @property
    def sign(self) -> float:
        """+1 where smaller is better, -1 where larger is: sign * value is a loss."""
        return 1.0 if self.goal in ("minimize", "at_most") else -1.0

    @property
    def margin(self) -> float:
        """By how many standard deviations of what is believed of it a constraint is to be kept."""
        if self.confidence is None:
            return 0.0
        from statistics import NormalDist  # here: it takes a hundredth of a second to import

        return NormalDist().inv_cdf(self.confidence)

    def to_json(self) -> dict[str, Any]:
        """Return the metric as JSON."""
        data: dict[str, Any] = {"name": self.name, "goal": self.goal}
        keys = ("bound", "target", "error", "confidence")
        data |= {key: value for key in keys if (value := getattr(self, key)) is not None}
        return data

    def __str__(self) -> str:
        if self.bound is not None:
            sure = "" if self.confidence is None else f" with a confidence of {self.confidence:g}"
            return f"{self.name} {'<=' if self.goal == 'at_most' else '>='} {_text(self.bound)}{sure}"
        known = "" if self.error is None else f" ± {self.error}"
        return f"{self.goal} {self.name}{known}" + ("" if self.target is None else f" to {_text(self.target)}")


@explained("minimize")
def minimize(name: str, *, target: float | None = None, error: str | None = None) -> Metric:
    """Return an objective of which less is better.

    Args:
        name: the key under which trials return it.
        target: the value at which it is good enough.
        error: the key under which trials return its standard error, where they know one.
    """
    return Metric(name, "minimize", target=target, error=error)


@explained("maximize")
def maximize(name: str, *, target: float | None = None, error: str | None = None) -> Metric:
    """Return an objective of which more is better; the arguments are those of `minimize`."""
    return Metric(name, "maximize", target=target, error=error)


@explained("at_most")
def at_most(name: str, bound: float, *, confidence: float | None = None) -> Metric:
    """Return the constraint that the metric `name` is at most `bound`, known once a trial has run.

    Args:
        name: the key under which trials return it. A trial that did not measure it returns None there.
        bound: the most it may be.
        confidence: where the metric is noisy, with what probability it is to keep the bound but for the noise: models
            look for configurations of which as much can be said. None: what a trial returns is what counts.
    """
    return Metric(name, "at_most", bound=bound, confidence=confidence)


@explained("at_least")
def at_least(name: str, bound: float, *, confidence: float | None = None) -> Metric:
    """Return the constraint that the metric `name` is at least `bound`; the arguments are those of `at_most`."""
    return Metric(name, "at_least", bound=bound, confidence=confidence)


@explained_class
@dataclass(frozen=True, slots=True)
class Fidelity:
    """How thoroughly a trial is run: epochs, a share of the data, a number of seeds.

    Args:
        name: what it is called.
        low: the least that tells anything.
        high: a whole run.
        log: whether ratios matter rather than differences; needs low > 0.

    Raises:
        ProblemError: bounds that are not finite or out of order.
    """

    name: str
    low: float
    high: float
    log: bool = False

    def __post_init__(self) -> None:
        _check_name("fidelity", self.name)
        label = f"fidelity {self.name!r}"
        object.__setattr__(self, "low", _finite(label, "low", self.low))
        object.__setattr__(self, "high", _finite(label, "high", self.high))
        if not isinstance(self.log, bool):
            raise ProblemError(f"{label} expects log= to be True or False, got {shown(self.log)}.")
        if self.low > self.high:
            raise ProblemError(f"{label} needs low <= high, got low={_text(self.low)} and high={_text(self.high)}.")
        if self.low < 0 or (self.log and self.low == 0):
            raise ProblemError(
                f"{label} needs low {'> 0 with log=True' if self.log else '>= 0'}, got low={_text(self.low)}."
            )

    def to_json(self) -> dict[str, Any]:
        """Return the fidelity as JSON."""
        data: dict[str, Any] = {"name": self.name, "low": self.low, "high": self.high}
        return data | {"log": True} if self.log else data

    def __str__(self) -> str:
        return f"{_text(self.low)} to {_text(self.high)}" + (" on a logarithmic scale" if self.log else "")


def is_counted(fidelity: Fidelity) -> bool:
    """Return whether a fidelity counts: its bounds are whole numbers, and the highest is above 1, all of a share."""
    low, high = fidelity.low, fidelity.high
    return low == int(low) and high == int(high) and high > 1.0


def counted(fidelities: Sequence[Fidelity]) -> int | None:
    """Return the place of the fidelity that reports' steps are of: the only one, of several the first that counts.

    One that counts from 0 or 1 on goes before the others: 100 to 10,000 rows are a size, and no steps.
    """
    if len(fidelities) == 1:
        return 0
    counts = [place for place, each in enumerate(fidelities) if is_counted(each)]
    return next((place for place in counts if fidelities[place].low <= 1.0), counts[0] if counts else None)


@dataclass(frozen=True)
class Problem:
    """What is tuned: a space, and what is wanted of its configurations.

    Attributes:
        space: what may be tried.
        metrics: what trials return, objectives and constraints, in the order of the table's columns.
        fidelities: how thoroughly a trial may be run.
        folds: into how many folds a trial is divided; None for one piece.
        cost: the metric that says what a trial cost; None for its seconds.
        fold_names: what the folds are called; empty where they have numbers alone.
        preference: which part of the front of several objectives is wanted; None for all of it.

    Raises:
        ProblemError: no objective, a name that is used twice, folds below 2, or a part of the wrong type.
    """

    space: Space
    metrics: tuple[Metric, ...]
    fidelities: tuple[Fidelity, ...] = ()
    folds: int | None = None
    cost: str | None = None
    fold_names: tuple[str, ...] = ()
    preference: Preference | None = None

    @property
    def whole(self) -> tuple[float, ...]:
        """The fidelity of a whole run: the highest of each."""
        return tuple(float(fidelity.high) for fidelity in self.fidelities)

    def fidelity_of(self, ends: Mapping[str, float] | None) -> tuple[float, ...]:
        """Return the fidelity that has these values by name, and the highest where none is named.

        Raises:
            ProblemError: there is no such fidelity, or the value lies outside of it.
        """
        ends = {} if ends is None else ends
        known = {fidelity.name: fidelity for fidelity in self.fidelities}
        if not isinstance(ends, Mapping):
            raise ProblemError(f"a fidelity is given by name, as {{'epoch': 9}}, got {shown(ends)}.")
        ends = {name: cast("float", as_real(value)) for name, value in ends.items()}
        for name, value in ends.items():
            if name not in known:
                there = ", ".join(map(repr, known)) or "none"
                raise ProblemError(f"there is no fidelity {shown(name)}; there is: {there}.")
            low, high = known[name].low, known[name].high
            if not is_number(value) or not low <= value <= high:
                raise ProblemError(f"{name!r} goes from {low:g} to {high:g}, got {shown(value)}.")
        return tuple(float(ends.get(name, fidelity.high)) for name, fidelity in known.items())

    def __post_init__(self) -> None:
        if not isinstance(self.space, Space):
            raise ProblemError(f"a problem expects a Space, such as Space(lr=Float(0, 1)), got {shown(self.space)}.")
        object.__setattr__(self, "metrics", _tuple("metrics", self.metrics, Metric, "minimize('loss')"))
        object.__setattr__(
            self, "fidelities", _tuple("fidelities", self.fidelities, Fidelity, "Fidelity('epoch', 1, 81)")
        )
        for kind, parts in (("metrics", self.metrics), ("fidelities", self.fidelities)):
            if len(parts) > MAX_PARTS:
                raise ProblemError(f"a problem has at most {MAX_PARTS} {kind}, got {len(parts):,}.")
        if not self.objectives:
            raise ProblemError("a problem needs an objective: minimize('loss') or maximize('accuracy').")
        _check_unique("metric", self.metric_names)
        _check_unique("standard error", [key for _, key in self.errors])
        for column, key in self.errors:
            if key in self.metric_names or key == self.cost:
                raise ProblemError(
                    f"{key!r} is the standard error of {self.metric_names[column]!r} and something else as well; "
                    "give one of them another name."
                )
        _check_unique("fidelity", [fidelity.name for fidelity in self.fidelities])
        for fidelity in self.fidelities:
            if fidelity.name in self.space:
                raise ProblemError(f"{fidelity.name!r} is a parameter and a fidelity; give one of them another name.")
        folds = plain(self.folds)
        if folds is not None and (isinstance(folds, bool) or not isinstance(folds, int) or folds < 1):
            raise ProblemError(
                f"a problem expects folds to be a whole number of at least 1, or None, got {shown(folds)}."
            )
        object.__setattr__(self, "folds", folds)
        names = tuple(self.fold_names)
        for name in names:
            _check_name("fold", name)
        _check_unique("fold", names)
        if names and len(names) != folds:
            raise ProblemError(f"a problem expects a name for each of its {shown(folds)} folds, got {len(names)}.")
        object.__setattr__(self, "fold_names", names)
        if self.cost is not None:
            _check_name("cost metric", self.cost)
        if self.preference is not None:
            if not isinstance(self.preference, Preference):
                raise ProblemError(
                    f'prefer is such as tt.Preference(order=["accuracy", "size"]), got {shown(self.preference)}.'
                )
            self.preference.check([metric.name for metric in self.objectives])

    @cached_property
    def objectives(self) -> tuple[Metric, ...]:
        """The metrics that are to be as good as can be, in the order of the table's columns."""
        return tuple(metric for metric in self.metrics if metric.is_objective)

    @cached_property
    def constraints(self) -> tuple[Metric, ...]:
        """The metrics that are to keep within a bound, in the order of the table's columns."""
        return tuple(metric for metric in self.metrics if not metric.is_objective)

    @cached_property
    def metric_names(self) -> tuple[str, ...]:
        """[M] the names of objectives and constraints, in the order of the table's columns."""
        return tuple(metric.name for metric in self.metrics)

    @cached_property
    def errors(self) -> tuple[tuple[int, str], ...]:
        """(column of a metric, key of its standard error) for each metric that has one."""
        return tuple((column, metric.error) for column, metric in enumerate(self.metrics) if metric.error is not None)

    @cached_property
    def signs(self) -> Floats:
        """[M] +1 where smaller is better, -1 where larger is: signs * y are losses."""
        signs = np.array([metric.sign for metric in self.metrics])
        signs.flags.writeable = False
        return signs

    def to_json(self) -> dict[str, Any]:
        """Return the problem as JSON; `from_json` reads it."""
        data: dict[str, Any] = {
            "space": self.space.to_json(),
            "metrics": [metric.to_json() for metric in self.metrics],
        }
        if self.fidelities:
            data["fidelities"] = [fidelity.to_json() for fidelity in self.fidelities]
        data |= {key: value for key, value in (("folds", self.folds), ("cost", self.cost)) if value is not None}
        if self.fold_names:
            data["fold_names"] = list(self.fold_names)
        return data if self.preference is None else data | {"preference": self.preference.to_json()}

    @classmethod
    def from_json(cls, data: object) -> Problem:
        """Read what `to_json` wrote.

        Raises:
            ProblemError: not a problem; the message names the key that is wrong.
            SpaceError: its space cannot be read.
        """
        optional = ("fidelities", "folds", "cost", "fold_names", "preference")
        data = _fields("a problem", data, required=("space", "metrics"), optional=optional)
        metrics = metrics_from_json(data["metrics"])
        fidelities = tuple(
            Fidelity(**_fields(f"fidelity {i}", entry, required=("name", "low", "high"), optional=("log",)))
            for i, entry in enumerate(_list("fidelities", data.get("fidelities", [])))
        )
        names = tuple(_list("fold_names", data.get("fold_names", [])))
        wanted = Preference.from_json(data["preference"]) if "preference" in data else None
        space = Space.from_json(data["space"])
        return cls(space, metrics, fidelities, data.get("folds"), data.get("cost"), names, wanted)

    def differences(self, other: Problem) -> list[str]:
        """Return what is different in `other`, the later of two problems, a sentence each."""
        sentences = self.space.differences(other.space)
        sentences += _changes("metric", {m.name: m for m in self.metrics}, {m.name: m for m in other.metrics})
        if set(self.metric_names) == set(other.metric_names) and self.metric_names != other.metric_names:
            sentences.append(
                f"the order of the metrics was {', '.join(self.metric_names)}, is now {', '.join(other.metric_names)}"
            )
        sentences += _changes("fidelity", {f.name: f for f in self.fidelities}, {f.name: f for f in other.fidelities})
        for key in ("folds", "cost", "fold_names"):
            was, now = getattr(self, key), getattr(other, key)
            if was != now:
                sentences.append(f"{key}: was {was!r}, is now {now!r}")
        if self.preference != other.preference:
            said = ["none" if one is None else str(one) for one in (self.preference, other.preference)]
            sentences.append(f"prefer: was {said[0]}, is now {said[1]}")
        return sentences


def metrics_from_json(data: object) -> tuple[Metric, ...]:
    """Read the metrics of a problem, as `Problem.to_json` wrote them.

    Raises:
        ProblemError: not metrics; the message names the key that is wrong.
    """
    return tuple(
        Metric(
            **_fields(
                f"metric {i}", entry, required=("name", "goal"), optional=("bound", "target", "error", "confidence")
            )
        )
        for i, entry in enumerate(_list("metrics", data))
    )


def _changes(kind: str, was: Mapping[str, object], now: Mapping[str, object]) -> list[str]:
    sentences = [
        f"{kind} {name}: was {was[name]}, is now {now[name]}" for name in was if name in now and was[name] != now[name]
    ]
    sentences += [f"{kind} {name}: was {value}, is gone" for name, value in was.items() if name not in now]
    return sentences + [f"{kind} {name}: is new, {value}" for name, value in now.items() if name not in was]


def _check_name(kind: str, name: object) -> None:
    if not isinstance(name, str) or not name or not is_text(name):
        raise ProblemError(f"the name of a {kind} is a text that is not empty, got {shown(name)}.")


def _check_unique(kind: str, names: Sequence[str]) -> None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise ProblemError(f"the {kind} {name!r} is named twice; give each {kind} one role.")
        seen.add(name)


def _finite(label: str, key: str, value: object) -> float:
    value = plain(value)
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise ProblemError(f"{label} expects {key} to be a number, got {shown(value)}.")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise ProblemError(f"{label} expects {key} to be finite, got {shown(value)}.")
    return number


def _text(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else repr(value)


def _tuple(key: str, given: object, kind: type, example: str) -> tuple[Any, ...]:
    parts = tuple(given) if isinstance(given, tuple | list) else (given,)
    for part in parts:
        if not isinstance(part, kind):
            raise ProblemError(f"a problem expects {key} such as {example}, got {shown(part)}.")
    return parts


def _list(key: str, given: object) -> list[Any]:
    if not isinstance(given, list):
        raise ProblemError(f"a problem expects {key} to be a list, got {shown(given)}.")
    return given


def _fields(label: str, data: object, *, required: tuple[str, ...], optional: tuple[str, ...]) -> dict[str, Any]:
    if not isinstance(data, Mapping):
        raise ProblemError(f"{label} is an object with {', '.join(required)}, got {shown(data)}.")
    for key in data:
        if key not in required + optional:
            near = did_you_mean(key, required + optional) if isinstance(key, str) else ""
            raise ProblemError(
                f"{label} has no option {shown(key)}{near}; there are: {', '.join(required + optional)}."
            )
    for key in required:
        if key not in data:
            raise ProblemError(f"{label} needs {key!r}.")
    return dict(data)
