"""Parameters: what one hyperparameter may be.

A parameter knows its values and their codes. The code of a value is what a row of a space holds: the value itself for
`Float` and `Int`, the index of the choice for `Categorical` and `Ordinal`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field
from typing import Any, ClassVar, Final, TypeAlias

import numpy as np

from trimtab.arrays import Floats
from trimtab.errors import ParamsError, SpaceError
from trimtab.explain import explained_class
from trimtab.plugins import did_you_mean
from trimtab.space.arguments import as_number, check_choices, check_flag, real, short, whole
from trimtab.space.condition import Choice, Condition, condition_from_json, plain, shown
from trimtab.space.grid import Grid, decimal_grid

Params: TypeAlias = dict[str, Any]
"""One configuration: the active parameters by name, as Python values."""

FLOAT: Final = 0
INT: Final = 1
CATEGORICAL: Final = 2
ORDINAL: Final = 3

ROLES: Final = ("scientific", "nuisance", "fixed")


class Parameter:
    """What one hyperparameter may be: `Float`, `Int`, `Categorical` or `Ordinal`.

    Attributes:
        when: the condition under which it is active; None for always.
        default: the value to start from; None to leave that to the space (the middle, or the first choice).
        role: "nuisance" (tuned away, the usual), "scientific" (the question that the study asks) or "fixed" (held at
            its default). The words are those of Godbole et al., Deep Learning Tuning Playbook, 2023.
        priority: 1 for what should be tuned first, 2 for next, ...; None to leave the order to the optimizer.
        prior: how far from the default the best value is believed to lie: a standard deviation on the parameter's own
            scale, the whole range being 1. Of a `Categorical`: how likely any other choice is next to the default, in
            (0, 1]. None for no belief.
    """

    __slots__ = ()

    kind: ClassVar[int]
    when: Condition | None
    default: Choice
    role: str
    priority: int | None
    prior: float | None

    @property
    def grid(self) -> Grid | None:
        """The grid of its codes; None for a continuum."""
        raise NotImplementedError

    @property
    def n_values(self) -> int | None:
        """How many values there are; None for a continuum."""
        return None if self.grid is None else self.grid.n

    def code(self, value: object, name: str) -> float:
        """Return the code of a value.

        Args:
            value: what was given.
            name: what the error calls the parameter.

        Raises:
            ParamsError: the parameter cannot take the value; the message says which it can.
        """
        raise NotImplementedError

    def codes(self, values: Sequence[object]) -> Floats | None:
        """Return the codes of many values at once, or None where they must be looked at one by one."""
        raise NotImplementedError

    def value(self, code: float) -> Any:
        """Return the value of a code that the parameter gave out."""
        raise NotImplementedError

    def values(self, codes: Floats) -> list[Any]:
        """Return the values of a column of codes.

        Raises:
            ParamsError: a code that is none.
        """
        raise NotImplementedError

    def default_code(self) -> float | None:
        """Return the code of the default; None where none was named."""
        return None if self.default is None else self.code(self.default, "default")

    def range_text(self) -> str:
        """Return what the parameter may be, without its condition, default, role, priority and prior."""
        options = {key: value for key, value in _options(self).items() if key not in _COMMON}
        return _call_text(type(self).__name__, self._POSITIONAL, options)

    def to_json(self) -> dict[str, Any]:
        """Return the parameter as JSON; `parameter_from_json` reads it."""
        options = _options(self)
        if self.when is not None:
            options["when"] = self.when.to_json()
        return {"type": type(self).__name__, **options}

    def __repr__(self) -> str:
        options = _options(self)
        if self.when is not None:
            options["when"] = self.when
        return _call_text(type(self).__name__, self._POSITIONAL, options)

    _POSITIONAL: ClassVar[tuple[str, ...]]
    _DEFAULTS: ClassVar[dict[str, Any]]

    def _check_common(self) -> None:
        kind = type(self).__name__
        if self.when is not None and not isinstance(self.when, Condition):
            raise SpaceError(f"{kind} expects when= to be a condition such as given('a') == 1, got {shown(self.when)}.")
        if self.role not in ROLES:
            near = did_you_mean(str(self.role), ROLES)
            raise SpaceError(f"{kind} expects role= to be one of {', '.join(ROLES)}, got {shown(self.role)}{near}.")
        priority = plain(self.priority)
        if priority is not None and (isinstance(priority, bool) or not isinstance(priority, int) or priority < 1):
            raise SpaceError(f"{kind} expects priority= to be 1 (tuned first), 2, 3, ..., got {shown(priority)}.")
        object.__setattr__(self, "priority", priority)
        if self.default is not None:
            try:
                object.__setattr__(self, "default", self.value(self.code(self.default, "default")))
            except ParamsError as error:
                raise SpaceError(f"{self!r}: {error}") from None
        elif self.role == "fixed":
            raise SpaceError(f"{kind} with role='fixed' needs default=, the value at which it is held.")
        if self.prior is not None:
            object.__setattr__(self, "prior", self._checked_prior())

    def _checked_prior(self) -> float:
        kind = type(self).__name__
        prior = real(kind, "prior", self.prior)
        if self.kind == CATEGORICAL and not 0.0 < prior <= 1.0:
            raise SpaceError(
                f"{kind} expects prior= to be above 0 and at most 1, how likely any other choice is next to the "
                f"default, got {short(prior)}."
            )
        if prior <= 0.0:
            raise SpaceError(
                f"{kind} expects prior= to be above 0, the standard deviation of the best value around the default, "
                f"the whole range being 1, got {short(prior)}."
            )
        if self.default is None:
            raise SpaceError(f"{kind} with prior= needs default=, the value that is believed to be best.")
        return prior


@explained_class
@dataclass(frozen=True, slots=True, repr=False)
class Float(Parameter):
    """A real number in [low, high].

    Args:
        low: the least value.
        high: the greatest; equal to `low` for a constant.
        log: whether ratios matter rather than differences; needs low > 0.
        step: only low, low + step, ..., high; not together with `log`.
        when: see `Parameter`; so are `default`, `role`, `priority` and `prior`.

    Raises:
        SpaceError: bounds that are not finite, out of order or no multiple of `step` apart; an impossible option.

    Example:
        >>> Float(1e-5, 1e-1, log=True)
        Float(1e-05, 0.1, log=True)
    """

    low: float
    high: float
    _: KW_ONLY
    log: bool = False
    step: float | None = None
    when: Condition | None = None
    default: float | None = None
    role: str = "nuisance"
    priority: int | None = None
    prior: float | None = None
    _grid: Grid | None = field(init=False, repr=False, compare=False, default=None)

    kind: ClassVar[int] = FLOAT
    _POSITIONAL: ClassVar[tuple[str, ...]] = ("low", "high")
    _DEFAULTS: ClassVar[dict[str, Any]] = {"log": False, "step": None}

    def __post_init__(self) -> None:
        check_flag("Float", "log", self.log)
        low, high = real("Float", "low", self.low), real("Float", "high", self.high)
        object.__setattr__(self, "low", low)
        object.__setattr__(self, "high", high)
        if low > high:
            raise SpaceError(f"Float needs low <= high, got low={short(low)} and high={short(high)}.")
        if math.isinf(high - low):
            raise SpaceError(f"Float from {short(low)} to {short(high)} is wider than floating-point numbers reach.")
        if self.log and low <= 0:
            raise SpaceError(f"Float with log=True needs low > 0, got low={short(low)}.")
        if self.step is not None:
            if self.log:
                raise SpaceError(
                    "Float takes log=True or step=, not both: a step is an equal distance, "
                    "which a logarithmic scale has not; list the values you want with Ordinal([...])."
                )
            step = real("Float", "step", self.step)
            if step <= 0:
                raise SpaceError(f"Float needs step > 0, got step={short(step)}.")
            grid = decimal_grid(low, high, step)
            object.__setattr__(self, "step", step)
            object.__setattr__(self, "_grid", grid)
            object.__setattr__(self, "high", grid.value(grid.n - 1))
        elif low == high:
            object.__setattr__(self, "_grid", Grid(low, 1.0, 1.0, 1))
        self._check_common()

    @property
    def grid(self) -> Grid | None:
        return self._grid

    def code(self, value: object, name: str) -> float:
        number = as_number(value)
        if number is None or not self.low <= number <= self.high:
            raise ParamsError(
                f"{name} must be a number in [{short(self.low)}, {short(self.high)}], got {shown(plain(value))}."
            )
        number = float(number)
        if self._grid is None:
            return number
        near = self._grid.value(self._grid.nearest(number))
        # A sum of steps is allowed its rounding error: 0.1 + 0.2 means 0.3.
        if abs(near - number) > 1e-9 * self._grid.stride / self._grid.scale:
            raise ParamsError(
                f"{name} must be a multiple of {short(self.step)} away from {short(self.low)}, "
                f"got {short(number)}; the nearest is {short(near)}."
            )
        return near

    def codes(self, values: Sequence[object]) -> Floats | None:
        if self._grid is not None or not set(map(type, values)) <= {float}:
            return None
        codes = np.array(values, dtype=np.float64)
        return codes if bool(((codes >= self.low) & (codes <= self.high)).all()) else None

    def value(self, code: float) -> float:
        return float(code)

    def values(self, codes: Floats) -> list[Any]:
        return codes.tolist()  # type: ignore[no-any-return]  # a list of floats, which NumPy's stubs leave open


@explained_class
@dataclass(frozen=True, slots=True, repr=False)
class Int(Parameter):
    """A whole number in [low, high].

    Args:
        low: the least value.
        high: the greatest; equal to `low` for a constant. Neither may exceed 2**53, beyond which floats skip integers.
        log: whether ratios matter rather than differences; needs low >= 1.
        step: only low, low + step, ..., high; not together with `log`.
        when: see `Parameter`; so are `default`, `role`, `priority` and `prior`.

    Raises:
        SpaceError: bounds that are not whole, out of order or no multiple of `step` apart; an impossible option.

    Example:
        >>> Int(2, 12, default=4)
        Int(2, 12, default=4)
    """

    low: int
    high: int
    _: KW_ONLY
    log: bool = False
    step: int = 1
    when: Condition | None = None
    default: int | None = None
    role: str = "nuisance"
    priority: int | None = None
    prior: float | None = None

    kind: ClassVar[int] = INT
    _POSITIONAL: ClassVar[tuple[str, ...]] = ("low", "high")
    _DEFAULTS: ClassVar[dict[str, Any]] = {"log": False, "step": 1}

    def __post_init__(self) -> None:
        check_flag("Int", "log", self.log)
        low, high, step = (whole("Int", key, getattr(self, key)) for key in ("low", "high", "step"))
        for key, value in (("low", low), ("high", high), ("step", step)):
            object.__setattr__(self, key, value)
        if low > high:
            raise SpaceError(f"Int needs low <= high, got low={low} and high={high}.")
        if step < 1:
            raise SpaceError(f"Int needs step >= 1, got step={step}.")
        if self.log and low < 1:
            raise SpaceError(f"Int with log=True needs low >= 1, got low={low}.")
        if self.log and step != 1:
            raise SpaceError(
                f"Int with log=True takes step=1 only, got step={step}: list the values you want with Ordinal([...])."
            )
        if (high - low) % step:
            below = high - (high - low) % step
            raise SpaceError(
                f"Int(low={low}, step={step}) never reaches high={high}; "
                f"the nearest highs are {below} and {below + step}."
            )
        self._check_common()

    @property
    def grid(self) -> Grid:
        return Grid(float(self.low), float(self.step), 1.0, (self.high - self.low) // self.step + 1)

    def code(self, value: object, name: str) -> float:
        number = as_number(value)
        if number is None or not self.low <= number <= self.high or number != int(number):
            raise ParamsError(f"{name} must be a whole number in [{self.low}, {self.high}], got {shown(plain(value))}.")
        whole = int(number)
        if (whole - self.low) % self.step:
            below = whole - (whole - self.low) % self.step
            raise ParamsError(
                f"{name} must be a multiple of {self.step} away from {self.low}, got {whole}; "
                f"the nearest are {below} and {below + self.step}."
            )
        return float(whole)

    def codes(self, values: Sequence[object]) -> Floats | None:
        if not set(map(type, values)) <= {int}:
            return None
        try:
            whole = np.array(values, dtype=np.int64)
        except OverflowError:
            return None
        valid = (whole >= self.low) & (whole <= self.high)
        if self.step > 1:
            valid &= (whole - self.low) % self.step == 0
        return whole.astype(np.float64) if bool(valid.all()) else None

    def value(self, code: float) -> int:
        return int(code)

    def values(self, codes: Floats) -> list[Any]:
        return codes.astype(np.int64).tolist()  # type: ignore[no-any-return]  # a list of ints


@explained_class
@dataclass(frozen=True, slots=True, repr=False)
class Categorical(Parameter):
    """One of several choices, in no order.

    Args:
        choices: str, int, float, bool or None each. `True`, `1` and `1.0` are three choices.
        when: see `Parameter`; so are `default`, `role`, `priority` and `prior`.

    Raises:
        SpaceError: no choices, a choice given twice, or one that a log could not be read back with.

    Example:
        >>> Categorical(["adamw", "sgd"])
        Categorical(['adamw', 'sgd'])
    """

    choices: tuple[Choice, ...]
    _: KW_ONLY
    when: Condition | None = None
    default: Choice = None
    role: str = "nuisance"
    priority: int | None = None
    prior: float | None = None
    _index: dict[tuple[type, Choice], int] = field(init=False, repr=False, compare=False, default_factory=dict)

    kind: ClassVar[int] = CATEGORICAL
    _POSITIONAL: ClassVar[tuple[str, ...]] = ("choices",)
    _DEFAULTS: ClassVar[dict[str, Any]] = {}

    def __post_init__(self) -> None:
        choices = check_choices(type(self).__name__, self.choices)
        object.__setattr__(self, "choices", choices)
        object.__setattr__(self, "_index", {(type(choice), choice): i for i, choice in enumerate(choices)})
        self._check_common()

    @property
    def grid(self) -> Grid:
        return Grid(0.0, 1.0, 1.0, len(self.choices))

    @property
    def is_numeric(self) -> bool:
        """Whether every choice is a number, so that arithmetic with the parameter makes sense."""
        return all(isinstance(choice, int | float) and not isinstance(choice, bool) for choice in self.choices)

    def code(self, value: object, name: str) -> float:
        value = plain(value)
        if value is None or isinstance(value, str | int | float | bool):
            index = self._index.get((type(value), value))
            if index is not None:
                return float(index)
            # 32.0 may stand for 32, but True never for 1.
            if isinstance(value, int | float) and not isinstance(value, bool):
                for other in (int, float):
                    index = self._index.get((other, value))
                    if index is not None:
                        return float(index)
        near = did_you_mean(value, [c for c in self.choices if isinstance(c, str)]) if isinstance(value, str) else ""
        shown_choices = ", ".join(repr(choice) for choice in self.choices[:20]) + (
            ", ..." if len(self.choices) > 20 else ""
        )
        raise ParamsError(f"{name} must be one of {shown_choices}, got {shown(value)}{near}.")

    def codes(self, values: Sequence[object]) -> Floats | None:
        index = self._index
        try:
            return np.array([index[type(value), value] for value in values], dtype=np.float64)  # type: ignore[index]
        except (KeyError, TypeError):  # no choice to the letter, or a value that has no hash
            return None

    def value(self, code: float) -> Choice:
        if not 0 <= code < len(self.choices):
            raise ParamsError(f"an index of a choice lies in 0 .. {len(self.choices) - 1}, got {code!r}.")
        return self.choices[int(code)]

    def values(self, codes: Floats) -> list[Any]:
        indices = codes.astype(np.intp)
        if indices.size and (indices.min() < 0 or indices.max() >= len(self.choices)):
            raise ParamsError(
                f"an index of a choice lies in 0 .. {len(self.choices) - 1}, got {indices.min()} to {indices.max()}."
            )
        choices = self.choices
        return [choices[i] for i in indices.tolist()]


@explained_class
@dataclass(frozen=True, slots=True, repr=False)
class Ordinal(Categorical):
    """One of several choices in the order that they are listed in, equally far apart.

    Conditions and constraints compare numbers by size and other choices by their place in the list.

    Args:
        choices: str, int, float, bool or None each, in order.
        when: see `Parameter`; so are `default`, `role`, `priority` and `prior`.

    Raises:
        SpaceError: no choices, a choice given twice, or one that a log could not be read back with.

    Example:
        >>> Ordinal([32, 64, 128, 256], default=64)
        Ordinal([32, 64, 128, 256], default=64)
    """

    kind: ClassVar[int] = ORDINAL


TYPES: Final[dict[str, type[Float] | type[Int] | type[Categorical] | type[Ordinal]]] = {
    "Float": Float,
    "Int": Int,
    "Categorical": Categorical,
    "Ordinal": Ordinal,
}


def parameter_from_json(data: object, name: str = "the parameter") -> Parameter:
    """Read what `Parameter.to_json` wrote.

    Args:
        data: the parameter as JSON.
        name: what the error calls the parameter.

    Raises:
        SpaceError: not a parameter; the message names it and the key that is wrong.
    """
    if not isinstance(data, Mapping) or not isinstance(data.get("type"), str):
        raise SpaceError(
            f'{name} must be an object such as {{"type": "Float", "low": 0, "high": 1}}, got {shown(data)}.'
        )
    kind = TYPES.get(data["type"])
    if kind is None:
        raise SpaceError(
            f"{name} has the unknown type {data['type']!r}{did_you_mean(data['type'], TYPES)}; "
            f"there are: {', '.join(TYPES)}."
        )
    options = {key: value for key, value in data.items() if key != "type"}
    known = [*kind._POSITIONAL, *kind._DEFAULTS, *_COMMON]
    for key in options:
        if key not in known:
            raise SpaceError(
                f"{name}: {data['type']} has no option {key!r}{did_you_mean(str(key), known)}; "
                f"there are: {', '.join(known)}."
            )
    for key in kind._POSITIONAL:
        if key not in options:
            raise SpaceError(f"{name}: {data['type']} needs {key!r}.")
    try:
        if options.get("when") is not None:
            options["when"] = condition_from_json(options["when"])
        return kind(**options)
    except SpaceError as error:
        raise SpaceError(f"{name}: {error}") from None


_COMMON: Final[dict[str, Any]] = {"when": None, "default": None, "role": "nuisance", "priority": None, "prior": None}


def _options(parameter: Parameter) -> dict[str, Any]:
    """Return the options that differ from their defaults, in the order of the signature, without `when`."""
    options = {key: getattr(parameter, key) for key in parameter._POSITIONAL}
    for key, usual in (parameter._DEFAULTS | _COMMON).items():
        value = getattr(parameter, key)
        if key != "when" and (value is not usual and (value != usual or type(value) is not type(usual))):
            options[key] = value
    return {key: list(value) if isinstance(value, tuple) else value for key, value in options.items()}


def _call_text(kind: str, positional: Sequence[str], options: Mapping[str, Any]) -> str:
    words = [short(value) if key in positional else f"{key}={short(value)}" for key, value in options.items()]
    return f"{kind}({', '.join(words)})"
