"""The columns of a space: which parameter each is of, what a name or a value is there, and what numbers it can have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from trimtab.arrays import Bools, Floats
from trimtab.errors import ParamsError
from trimtab.plugins import did_you_mean
from trimtab.space.condition import shown
from trimtab.space.parameter import Categorical, Float, Int, Parameter
from trimtab.space.record import where


class Columns:
    """Parameters in the order of their columns.

    Args:
        by_name: the parameters.

    Attributes:
        names, parameters: [D].
    """

    def __init__(self, by_name: Mapping[str, Parameter]) -> None:
        self.names: tuple[str, ...] = tuple(by_name)
        self.parameters: tuple[Parameter, ...] = tuple(by_name.values())
        self._at = {name: i for i, name in enumerate(self.names)}
        self._ranges = [_range(parameter) for parameter in self.parameters]

    def __len__(self) -> int:
        return len(self.names)

    def __contains__(self, name: object) -> bool:
        return name in self._at

    def of(self, name: str) -> int:
        """Return the column of the parameter `name`.

        Raises:
            ParamsError: there is none.
        """
        if name not in self._at:
            raise ParamsError(self.unknown(name))
        return self._at[name]

    def code(self, column: int, value: object, where: str) -> float:
        """Return a value as a row has it; `where` begins the message if the parameter cannot take it."""
        return self.parameters[column].code(value, f"{where}{self.names[column]}")

    def unknown(self, name: object) -> str:
        """Return in a sentence that there is no parameter of that name, and which there are."""
        near = did_you_mean(name, self.names) if isinstance(name, str) else ""
        return f"{shown(name)} is no parameter of this space{near}; there are: {', '.join(self.names)}."

    def refuse_unknown(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Raise for the first name in configurations that is none.

        Raises:
            ParamsError: it says which, and in which configuration where there are several.
        """
        for i, row in enumerate(rows):
            for name in row:
                if name not in self._at:
                    raise ParamsError(f"{where(i, len(rows))}{self.unknown(name)}")

    def shaped(self, x: Floats) -> Floats:
        """Return rows [..., D] as an array.

        Raises:
            ParamsError: they have another width.
        """
        x = np.asarray(x, dtype=np.float64)
        if x.ndim == 0 or x.shape[-1] != len(self.names):
            raise ParamsError(f"a row of this space has {len(self)} numbers, got an array of shape {x.shape}.")
        return x

    def misfit(self, row: Sequence[float | None]) -> str | None:
        """Return in a sentence why a row on record cannot be one of this space; None if it can.

        Every number must be one that its parameter can have; where nan stands, and the constraints, are not looked at.
        Quick, since it is asked for every trial of every log that is opened.
        """
        if len(row) != len(self._ranges):
            return f"it has {len(row)} values where the space has {len(self._ranges)} parameters."
        for value, (low, high, whole) in zip(row, self._ranges, strict=True):
            if value is None or value != value:
                continue
            if not low <= value <= high or (whole and not float(value).is_integer()):
                column = next(i for i, code in enumerate(row) if code is value)
                return f"{self.names[column]} = {value:g} lies outside of {shown(self.parameters[column])}."
        return None

    def fits(self, x: Floats) -> Bools:
        """Return [...] whether each of the rows [..., D] can be one on record, as `misfit` says of one."""
        x = self.shaped(x)
        low, high, whole = np.array(self._ranges, dtype=np.float64).T
        fits = np.isnan(x) | ((x >= low) & (x <= high) & ((whole == 0) | (x == np.rint(x))))
        return fits.all(axis=-1)  # type: ignore[no-any-return]  # reduces to an array of truths


def _range(parameter: Parameter) -> tuple[float, float, bool]:
    """Return the least and the greatest code of a parameter, and whether its codes are whole."""
    if isinstance(parameter, Categorical):
        return 0.0, float(len(parameter.choices) - 1), True
    if isinstance(parameter, Float | Int):
        return float(parameter.low), float(parameter.high), isinstance(parameter, Int)
    raise TypeError(f"{parameter!r} is no parameter with a range")
