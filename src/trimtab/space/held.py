"""Values given beforehand: those at which a space holds parameters, and what a caller may give besides.

A held value applies where its parameter is active. What is given must be one that the parameter can have, must not
contradict what is held, and must be able to be active with the others.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from trimtab.arrays import Floats
from trimtab.errors import ParamsError, SpaceError
from trimtab.space.activity import Activity
from trimtab.space.codec import Codec
from trimtab.space.columns import Columns
from trimtab.space.condition import shown
from trimtab.space.parameter import Params
from trimtab.space.record import where


class Held:
    """The values at which a space holds parameters.

    Args:
        columns: the parameters.
        activity: when each is active.
        fixed: values by name, beside the defaults of parameters with the role "fixed".

    Attributes:
        row: [D] the values, nan where free; None where nothing is held.
        is_held: [D] whether a parameter is; None likewise.
        explicit: the values of `fixed`, as their parameters have them.

    Raises:
        SpaceError: no such parameter, a value that it cannot take, or one that can never be active.
    """

    def __init__(self, columns: Columns, activity: Activity, fixed: Mapping[str, Any] | None) -> None:
        self._columns = columns
        self._activity = activity
        self.row, explicit = self._read(fixed)
        self.is_held = None if self.row is None else ~np.isnan(self.row)
        self.explicit: Params = {}
        if self.row is not None:
            self.explicit = {columns.names[i]: columns.parameters[i].value(float(self.row[i])) for i in explicit}

    def _read(self, fixed: Mapping[str, Any] | None) -> tuple[Floats | None, list[int]]:
        """Return [D] the values at which parameters are held, nan where free, and the columns named in `fixed`."""
        if fixed is not None and not isinstance(fixed, Mapping):
            raise SpaceError(f"fixed= expects values by name, such as {{'lr': 0.1}}, got {shown(fixed)}.")
        held = np.full(len(self._columns), np.nan)
        for column, parameter in enumerate(self._columns.parameters):
            code = parameter.default_code() if parameter.role == "fixed" else None
            if code is not None:
                held[column] = code
        explicit = []
        for name, value in (fixed or {}).items():
            try:
                column = self._columns.of(name)
                held[column] = self._columns.code(column, value, "")
            except ParamsError as error:
                raise SpaceError(f"fixed: {error}") from None
            explicit.append(column)
        possible = self._activity.possible(held)
        for column in explicit:
            if not possible[column]:
                raise SpaceError(f"fixed: {self._never(column, held)}")
        return None if np.isnan(held).all() else held, explicit

    def settle(self, x: Floats) -> Floats:
        """Put held values in place and nan where a parameter is inactive, in `x` itself."""
        if self.row is not None:
            np.copyto(x, self.row, where=self.is_held)
        if self._activity.conditional:
            x[~self._activity.of(x)] = np.nan
        return x

    def read_given(self, given: Floats, codec: Codec) -> Floats | None:
        """Return a given row without what the space holds anyway; None when nothing is left.

        Raises:
            ParamsError: a value that its parameter cannot have, or as `check_partial`.
        """
        given = self._columns.shaped(given)
        if given.ndim != 1:
            raise ParamsError(
                f"the given values are one row of {len(self._columns)} numbers, got an array of shape {given.shape}."
            )
        given = given.copy()
        snapped = codec.snap(given)
        for column in np.flatnonzero(~np.isnan(given)).tolist():
            if snapped[column] != given[column]:
                name, parameter = self._columns.names[column], self._columns.parameters[column]
                raise ParamsError(f"{name} is {parameter!r}, which has no value of code {float(given[column])!r}.")
        self.check_partial(given)
        if self.row is not None:
            given[self.is_held] = np.nan
        return None if np.isnan(given).all() else given

    def implied(self, given: Floats) -> tuple[list[int], dict[int, tuple[float, ...]]]:
        """Return `Activity.implied` by given values, those apart that the space holds and applies where it can."""
        free = np.isnan(given)
        known = given if self.row is None else np.where(free, self.row, given)
        wanted = np.flatnonzero(~free if self.is_held is None else ~free & ~self.is_held).tolist()
        must, remaining = self._activity.implied(wanted, known)
        for column, codes in remaining.items():
            if not codes:
                children = ", ".join(
                    f"{self._columns.names[c]} (when {self._columns.parameters[c].when!r})" for c in must
                )
                raise ParamsError(f"no value of {self._columns.names[column]} makes all of these active: {children}.")
        return must, remaining

    def check_partial(self, row: Floats) -> None:
        """Refuse given values that contradict those held, or that can never be active with the others."""
        self._refuse_moved(row, "")
        known = row if self.row is None else np.where(np.isnan(row), self.row, row)
        possible = self._activity.possible(known)
        for column in self._activity.conditional:
            if not possible[column] and not np.isnan(row[column]):
                if self.row is not None and not np.isnan(self.row[column]):
                    continue  # a held value applies where it can
                raise ParamsError(self._never(column, known))

    def check_rows(self, x: Floats) -> None:
        """Refuse rows in which an active parameter is missing, an inactive one given, or a held one moved."""
        given = ~np.isnan(x)
        wrong = given != self._activity.of(x)
        if self.is_held is not None:
            wrong |= given & self.is_held & (x != self.row)
        for i in np.flatnonzero(wrong.any(axis=1))[:1].tolist():
            at = where(i, len(x))
            self._refuse_moved(x[i], at)
            # The first in the order of dependence is the cause; the others follow from it.
            column = next(column for column in self._activity.order if wrong[i, column])
            name, when = self._columns.names[column], self._columns.parameters[column].when
            if not given[i, column]:
                because = "" if when is None else f"; it is active because {when!r}"
                raise ParamsError(f"{at}{name} is missing{because}.")
            raise ParamsError(
                f"{at}{name} is given, but it is active only when {when!r}{self._parents_text(column, x[i])}."
            )

    def _refuse_moved(self, row: Floats, where: str) -> None:
        if self.row is None:
            return
        for column in np.flatnonzero(self.is_held & ~np.isnan(row) & (row != self.row)).tolist():
            held, value = (self._columns.parameters[column].value(codes[column]) for codes in (self.row, row))
            raise ParamsError(f"{where}{self._columns.names[column]} is held at {held!r} by the space, got {value!r}.")

    def _never(self, column: int, row: Floats) -> str:
        needs = f"{self._columns.parameters[column].when!r}{self._parents_text(column, row)}"
        return f"{self._columns.names[column]} is given a value, but can never be active: it needs {needs}."

    def _parents_text(self, column: int, row: Floats) -> str:
        """Return " (here a=1, b is inactive)" for the parameters that the condition of `column` asks about."""
        when = self._columns.parameters[column].when
        parts = []
        for name in dict.fromkeys(when.names() if when is not None else ()):
            column = self._columns.of(name)
            code, parameter = row[column], self._columns.parameters[column]
            parts.append(f"{name} is not given" if np.isnan(code) else f"{name}={parameter.value(code)!r}")
        return f" (here {', '.join(parts)})"
