"""What an objective may return or report, turned into numbers or into a reason why not."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from trimtab.checks import as_float, is_number
from trimtab.errors import ObjectiveError
from trimtab.execute import plain as execute_plain
from trimtab.space.problem import Problem

MAX_NOTE = 500_000
"""Characters of a note, or of one undeclared entry of a result: the log keeps what describes, not what was made."""
MAX_ERROR = 100_000
"""Characters of an error message: a traceback of a thousand levels."""


@dataclass(frozen=True, slots=True)
class Result:
    """A checked result: every declared metric that was measured, finite, and what else was returned."""

    values: dict[str, float]
    cost: float | None = None
    notes: dict[str, Any] = field(default_factory=dict)


class NotFiniteError(ObjectiveError):
    """A declared metric is nan or infinite."""


def check(problem: Problem, returned: object, *, cost: float | None = None, cost_required: bool = False) -> Result:
    """Return what the objective returned as numbers.

    Accepted are a number (where there is one metric), a mapping of metric names to numbers, and a sequence of as many
    numbers as there are metrics; a number is anything that `float` takes and is not text, so scalars of numpy, torch
    and JAX will do. A constraint may be None, if the trial did not measure it. Undeclared entries are kept: numbers as
    metrics, the rest as notes.

    Raises:
        NotFiniteError: a declared metric is nan or infinite.
        ObjectiveError: a metric is missing or no number, or a standard error is none.
    """
    given = as_mapping(problem, returned)
    values: dict[str, float] = {}
    notes: dict[str, Any] = {}
    optional = {metric.name for metric in problem.constraints}
    for name in problem.metric_names:
        if name not in given:
            there = ", ".join(map(repr, given)) or "nothing"
            unmeasured = " A constraint that a trial did not measure is None." if name in optional else ""
            raise ObjectiveError(f"the objective returned no {name!r}; it returned {there}.{unmeasured}")
        if given[name] is None and name in optional:
            continue
        value = _number(name, given[name])
        if not math.isfinite(value):
            raise NotFiniteError(f"{name} is {value}.")
        values[name] = value
    errors = {key for _, key in problem.errors}
    for name, raw in given.items():
        if name in problem.metric_names:
            continue
        if name in errors:
            if raw is not None:
                values[name] = _standard_error(name, raw)
            continue
        try:
            value = _number(name, raw)
        except ObjectiveError:
            notes[str(name)] = plain(raw)
            continue
        if math.isfinite(value):
            values[str(name)] = value
        else:
            notes[str(name)] = str(value)
    name = problem.cost or "cost"
    if cost is not None and not is_number(cost):
        raise ObjectiveError(f"cost is {execute_plain.show(cost)}; a cost is a finite number.")
    cost = values.get(name) if cost is None else float(cost)
    if cost is None and name in notes:
        raise ObjectiveError(f"{name} is {notes[name]}; a cost is a finite number.")
    if cost is None and (problem.cost is not None or cost_required):
        raise ObjectiveError(f"the objective returned no {name!r}, which the budget's cost is counted in.")
    if cost is not None and cost < 0:
        raise ObjectiveError(f"{name} is {cost:g}; a cost is not negative.")
    return Result(values, cost, notes)


def check_report(problem: Problem, values: Mapping[str, object]) -> dict[str, float | str]:
    """Return what was reported as numbers; nan and infinities are kept as text, as the log keeps them.

    Raises:
        ObjectiveError: a declared metric is no number, or a standard error is none.
    """
    checked: dict[str, float | str] = {}
    errors = {key for _, key in problem.errors}
    for name, raw in values.items():
        if name in errors:
            if raw is not None:
                checked[name] = _standard_error(name, raw)
            continue
        try:
            value = _number(str(name), raw)
        except ObjectiveError:
            if name in problem.metric_names:
                raise
            continue
        checked[str(name)] = value if math.isfinite(value) else str(value)
    return checked


def _standard_error(name: str, raw: object) -> float:
    value = _number(name, raw)
    if not 0.0 <= value < math.inf:
        raise ObjectiveError(
            f"{name} is {value:g}; a standard error is a finite number, 0 or more: leave it out where it is not known."
        )
    return value


def nothing_returned(problem: Problem) -> str:
    """Return what is said of an objective that returned None."""
    return f"the objective returned nothing; return a number or {{{problem.metric_names[0]!r}: number}}."


def as_mapping(problem: Problem, returned: object) -> Mapping[Any, object]:
    """Return what an objective returned by metric.

    Raises:
        ObjectiveError: it is nothing, or not as many values as there are metrics.
    """
    names = problem.metric_names
    if isinstance(returned, Mapping):
        return returned
    if returned is None:
        raise ObjectiveError(nothing_returned(problem))
    if isinstance(returned, Sequence) and not isinstance(returned, (str, bytes)):
        if len(returned) != len(names):
            raise ObjectiveError(
                f"the objective returned {'one value' if len(returned) == 1 else f'{len(returned)} values'} where "
                f"{_due(len(names))} due ({', '.join(names)})."
            )
        return dict(zip(names, returned, strict=True))
    if len(names) > 1:
        raise ObjectiveError(f"the objective returned one value where {len(names)} are due: {', '.join(names)}.")
    return {names[0]: returned}


def _due(n: int) -> str:
    return "one is" if n == 1 else f"{n} are"


def _number(name: str, value: object) -> float:
    if type(value) is float or type(value) is int:
        return as_float(value)
    is_text, is_complex = isinstance(value, (str, bytes)), execute_plain.is_complex(value)
    if is_text or is_complex or execute_plain.is_truth(value) or not hasattr(value, "__float__"):
        shown = execute_plain.show(value)
        because = f" ({value.because})" if isinstance(value, execute_plain.Foreign) and value.because else ""
        raise ObjectiveError(
            f"{name} is {shown if len(shown) <= 60 else shown[:57] + '...'}, a {type(value).__name__}{because}; "
            f"a metric is a {'real ' if is_complex else ''}number."
        )
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError) as error:
        raise ObjectiveError(f"{name} is a {type(value).__name__} that is not one number: {error}.") from None


def plain(value: object) -> Any:
    """Return `value` as the log can say it.

    What is foreign becomes text, nan and infinities "nan", "inf", "-inf", a whole number beyond 64 bits its digits; in
    the place of what is larger than `MAX_NOTE` stands a text that says so.
    """
    spelled = _spelled(execute_plain.plain(value))
    n = _length(spelled)
    return spelled if n <= MAX_NOTE else f"(left out: {n:,} characters, and a note has at most {MAX_NOTE:,})"


def error_text(error: str) -> str:
    """Return an error message with its middle left out where it is longer than `MAX_ERROR`."""
    half = MAX_ERROR // 2
    return error if len(error) <= MAX_ERROR else f"{error[:half]}\n[...]\n{error[-half:]}"


def _length(value: object) -> int:
    """Return about how many characters of JSON a value is."""
    if isinstance(value, dict):
        return sum(len(key) + _length(inner) for key, inner in value.items()) + 2
    if isinstance(value, list):
        return sum(map(_length, value)) + 2
    return len(value) if isinstance(value, str) else 8


def _spelled(value: object) -> Any:
    if isinstance(value, dict):
        return {str(_spelled(key)): _spelled(item) for key, item in value.items()}
    if isinstance(value, int) and value.bit_length() > 63:
        return f"{value:d}" if value.bit_length() < 10_000 else f"{value:#x}"  # Python writes at most 4,300 digits
    if isinstance(value, list):
        return [_spelled(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return repr(value) if isinstance(value, execute_plain.Foreign) else value
