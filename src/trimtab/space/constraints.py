"""The constraints of a space on its rows: what must hold between parameters, known before a trial runs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from trimtab.arrays import Bools, Floats
from trimtab.errors import SpaceError
from trimtab.space.columns import Columns
from trimtab.space.condition import shown
from trimtab.space.expression import parse
from trimtab.space.parameter import Parameter
from trimtab.space.record import bounded


class Constraints:
    """Constraints, parsed.

    Args:
        require: as they are written, such as "layers * batch <= 1024"; see `expression.parse`.
        by_name: the parameters that they may mention.
        columns: the same.

    Attributes:
        parsed: the constraints.

    Raises:
        SpaceError: what cannot be meant.
    """

    def __init__(self, require: Iterable[str], by_name: Mapping[str, Parameter], columns: Columns) -> None:
        texts = [require] if isinstance(require, str) else require
        if not isinstance(texts, Iterable):
            raise SpaceError(
                f"require= expects a list of texts such as ['layers * batch <= 1024'], got {shown(require)}."
            )
        self._columns = columns
        self.parsed = tuple(parse(text, by_name) for text in bounded(texts))

    def __bool__(self) -> bool:
        return bool(self.parsed)

    def __len__(self) -> int:
        return len(self.parsed)

    @property
    def texts(self) -> tuple[str, ...]:
        """The constraints as they were written."""
        return tuple(constraint.text for constraint in self.parsed)

    def judge(self, x: Floats) -> list[Bools]:
        """Return [...] whether each constraint holds in each of the rows [..., D]."""
        if not self.parsed:
            return []
        columns = {name: x[..., self._columns.of(name)] for constraint in self.parsed for name in constraint.names}
        return [constraint.holds(columns) for constraint in self.parsed]

    def satisfied(self, x: Floats) -> Bools:
        """Return [...] whether each of the rows [..., D] satisfies all of them."""
        satisfied = np.ones(x.shape[:-1], dtype=np.bool_)
        for holds in self.judge(x):
            satisfied = satisfied & holds
        return satisfied

    def violated(self, row: Floats) -> tuple[str, ...]:
        """Return those that the row [D] violates, as they were written."""
        return tuple(each.text for each, holds in zip(self.parsed, self.judge(row), strict=True) if not holds)

    def refuse_defaults(self, settled: Floats, is_named: Bools) -> None:
        """Raise where defaults violate a constraint.

        Args:
            settled: [D] the defaults.
            is_named: [D] which of them were said; a constraint on others is none of theirs.

        Raises:
            SpaceError: it names the constraint and the values.
        """
        for constraint, holds in zip(self.parsed, self.judge(settled), strict=True):
            at = {name: self._columns.of(name) for name in constraint.names}
            if not holds and all(is_named[column] for column in at.values()):
                values = ", ".join(
                    f"{name}={self._columns.parameters[column].value(settled[column])!r}" for name, column in at.items()
                )
                raise SpaceError(f"the defaults violate the constraint {constraint.text!r}: {values}.")
