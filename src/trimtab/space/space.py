"""The search space, one class over one set of columns: what may be tried, as configurations and as rows.

A row [D] holds one number per parameter, in the parameter's own unit: the value of a Float or Int, the index of the
choice of a Categorical or Ordinal, nan where the parameter is inactive.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import compress
from typing import Any, Final

import numpy as np

from trimtab.arrays import Bools, Floats, Rng
from trimtab.errors import SpaceError
from trimtab.explain import explained_class
from trimtab.space import vary
from trimtab.space.activity import Activity
from trimtab.space.codec import Codec
from trimtab.space.columns import Columns
from trimtab.space.condition import shown
from trimtab.space.constraints import Constraints
from trimtab.space.draw import Sampler
from trimtab.space.held import Held
from trimtab.space.parameter import Parameter, Params
from trimtab.space.prior import Prior
from trimtab.space.record import Made, configurations, read, where
from trimtab.space.record import named as named_parameters

MANY: Final = 8
"""For fewer rows than this, Python is faster than NumPy."""


@explained_class
class Space:
    """The parameters that may be tuned, the conditions between them and the constraints on them.

    A space never changes; `with_parameter` and `fix` return another.

    Args:
        parameters: by name, for names that Python does not take as keywords.
        require: constraints known before a trial runs, such as "layers * batch <= 1024"; see `expression.parse`. One
            that mentions an inactive parameter holds.
        fixed: values at which parameters are held, by name. A parameter with role "fixed" is held at its default.
        named: parameters by name.

    Attributes:
        names: [D] the names, in the order of the columns.
        parameters: [D] the parameters.
        kind: [D] FLOAT, INT, CATEGORICAL or ORDINAL.
        constraints: the constraints, parsed.
        prior: what the parameters' `prior=` say together.

    Raises:
        SpaceError: what cannot be meant; the message names the parameter, condition or constraint.

    Example:
        >>> Space(layers=Int(2, 12), batch=Ordinal([32, 64]), require=["layers * batch <= 512"])
        Space(
            layers=Int(2, 12),
            batch=Ordinal([32, 64]),
            require=['layers * batch <= 512'],
        )
    """

    def __init__(
        self,
        parameters: Mapping[str, Parameter] | None = None,
        /,
        *,
        require: Iterable[str] = (),
        fixed: Mapping[str, Any] | None = None,
        **named: Parameter,
    ) -> None:
        by_name = named_parameters(parameters, named)
        self._columns = Columns(by_name)
        self.names: tuple[str, ...] = self._columns.names
        self.parameters: tuple[Parameter, ...] = self._columns.parameters
        self.kind = np.array([parameter.kind for parameter in self.parameters], dtype=np.int8)
        self.kind.flags.writeable = False
        self._codec = Codec(self.parameters)
        self._has_exact_ends = True
        self._activity = Activity(by_name)
        self._constraints = Constraints(require, by_name, self._columns)
        self.constraints = self._constraints.parsed
        self._held = Held(self._columns, self._activity, fixed)
        self._default = self._read_defaults()
        self._default_u = self._codec.to_unit(self._default)
        self.prior = Prior(self.parameters, self._default_u, self._held.is_held)
        self._sampler = Sampler(self._columns, self._codec, self._held, self._constraints, self._default)

    # -- what it is made of ------------------------------------------------------------------------------------------

    def __len__(self) -> int:
        return len(self.names)

    def __contains__(self, name: object) -> bool:
        return name in self._columns

    def __getitem__(self, name: str) -> Parameter:
        return self.parameters[self.column(name)]

    def column(self, name: str) -> int:
        """Return the column of the parameter `name`.

        Raises:
            ParamsError: there is none.
        """
        return self._columns.of(name)

    @property
    def require(self) -> tuple[str, ...]:
        """The constraints as they were written."""
        return self._constraints.texts

    @property
    def fixed(self) -> Params:
        """The values at which parameters are held, by name."""
        return {} if self._held.row is None else self.decode(self._held.row)[0]

    @property
    def is_conditional(self) -> bool:
        """Whether a parameter is active only under a condition."""
        return bool(self._activity.conditional)

    @property
    def n_configurations(self) -> int | None:
        """How many configurations there are, inactive branches not counted; None for infinitely many.

        None too where conditions make more branches than can be told apart.

        Exact without constraints. With constraints it is an upper bound, for they are not taken into account.
        """
        held = np.full(len(self), np.nan) if self._held.row is None else self._held.row
        return self._activity.n_configurations(self.parameters, held)

    # -- configurations and rows -------------------------------------------------------------------------------------

    def encode(self, params: Sequence[Mapping[str, Any]]) -> Floats:
        """Return the rows [n, D] of n configurations.

        Every active parameter must be given and no other; constraints are not looked at (see `satisfied`).

        Raises:
            ParamsError: a value that its parameter cannot take, a parameter that is missing, unknown, inactive, or held
                at another value; the message names it, and the configuration where there are several.
        """
        rows = configurations(params)
        x = np.full((len(rows), len(self)), np.nan)
        n_given = 0
        for column, (name, parameter) in enumerate(zip(self.names, self.parameters, strict=True)):
            try:
                values: list[Any] = [row[name] for row in rows]
                present: slice | list[int] = slice(None)
            except KeyError:
                present = [i for i, row in enumerate(rows) if name in row]
                values = [rows[i][name] for i in present]
            n_given += len(values)
            codes = parameter.codes(values) if len(rows) >= MANY else None
            if codes is None:
                numbers = range(len(rows)) if isinstance(present, slice) else present
                codes = np.array(
                    [
                        self._columns.code(column, value, where(i, len(rows)))
                        for i, value in zip(numbers, values, strict=True)
                    ]
                )
            x[present, column] = codes
        if n_given != sum(map(len, rows)):
            self._columns.refuse_unknown(rows)
        self._held.check_rows(x)
        return x

    def encode_partial(self, params: Mapping[str, Any]) -> Floats:
        """Return the row [D] of the values that `params` names, nan for the others.

        Raises:
            ParamsError: an unknown name, a value that its parameter cannot take, or one that can never be active with
                the others.
        """
        (params,) = configurations([params])
        row = np.full(len(self), np.nan)
        for name, value in params.items():
            column = self.column(name)
            row[column] = self._columns.code(column, value, "")
        self._held.check_partial(row)
        self._held.implied(row)
        return row

    def decode(self, x: Floats) -> list[Params]:
        """Return the n configurations of rows [n, D] or of one row [D]: what is not nan, as Python values.

        Raises:
            ParamsError: rows of another width, or an index that is no choice.
        """
        x = np.atleast_2d(self._columns.shaped(x))
        names = self.names
        if len(x) < MANY:
            return [
                {
                    name: parameter.value(code)
                    for name, parameter, code in zip(names, self.parameters, row, strict=True)
                    if code == code
                }
                for row in x.tolist()
            ]
        idle = np.isnan(x)
        filled = np.where(idle, self._default, x)
        columns = [parameter.values(filled[:, column]) for column, parameter in enumerate(self.parameters)]
        rows = zip(*columns, strict=True)
        if not idle.any():
            return [dict(zip(names, row, strict=True)) for row in rows]
        return [
            dict(compress(zip(names, row, strict=True), on)) for row, on in zip(rows, (~idle).tolist(), strict=True)
        ]

    def active(self, x: Floats) -> Bools:
        """Return [..., D] whether each parameter is active in each of the rows [..., D]."""
        return self._activity.of(self._columns.shaped(x))

    def satisfied(self, x: Floats) -> Bools:
        """Return [...] whether each of the rows [..., D] satisfies every constraint."""
        return self._constraints.satisfied(self._columns.shaped(x))

    def violated(self, row: Floats) -> tuple[str, ...]:
        """Return the constraints that the row [D] violates, as they were written."""
        return self._constraints.violated(self._columns.shaped(row))

    def contains(self, x: Floats) -> Bools:
        """Return [...] whether each of the rows [..., D] is in the space: valid where active, constraints met."""
        x = self._columns.shaped(x)
        ideal = self.canonical(x)
        same = (ideal == x) | (np.isnan(ideal) & np.isnan(x))
        return same.all(axis=-1) & self.satisfied(ideal)  # type: ignore[no-any-return]  # reduces to an array of truths

    def fault(self, x: Floats) -> str:
        """Return in a sentence why `x` is no configuration that may be tried; empty if it is one.

        It is one if it is a row [D] of finite numbers where parameters are active and nan elsewhere, on the steps of
        its parameters, held where they are, that satisfies every constraint.
        """
        if x.shape != (len(self),):
            return f"it has the shape {list(x.shape)} where the space has {len(self)} parameters."
        ideal = self.canonical(x)
        if ideal.tobytes() != x.tobytes():
            fault = self.misfit(x.tolist()) or self._difference(x, ideal)
            if fault:
                return fault
        broken = self.violated(x) if self.constraints else ()
        return f"it violates {' and '.join(map(repr, broken))}." if broken else ""

    def _difference(self, x: Floats, ideal: Floats) -> str:
        """Return in a sentence where a row is not what it should be; empty if it is."""
        off = np.flatnonzero(~((ideal == x) | (np.isnan(ideal) & np.isnan(x))))
        if not len(off):
            return ""
        column = int(off[0])
        name, value, near = self.names[column], float(x[column]), float(ideal[column])
        if value != value:
            return f"{name} is active, and has no value (nan)."
        if near != near:
            return f"{name} = {value:g} is inactive here, which nan says."
        return f"{name} = {value:.17g} is no value of its parameter; the nearest is {near:.17g}."

    def misfit(self, row: Sequence[float | None]) -> str | None:
        """Return in a sentence why a row on record cannot be one of this space; None if it can.

        Every number must be one that its parameter can have; where nan stands, and the constraints, are not looked at.
        Quick, since it is asked for every trial of every log that is opened.
        """
        return self._columns.misfit(row)

    def fits(self, x: Floats) -> Bools:
        """Return [...] whether each of the rows [..., D] can be one on record, as `misfit` says of one."""
        return self._columns.fits(x)

    # -- the unit cube -----------------------------------------------------------------------------------------------

    def to_unit(self, x: Floats) -> Floats:
        """Return the points [..., D] in the unit cube of rows [..., D]; nan, the mark of the inactive, stays nan.

        Discrete values lie in the middle of their cell. The inverse is exact for them up to 2**50 values, and exact to
        rounding for reals.
        """
        return self._codec.to_unit(self._columns.shaped(x))

    def from_unit(self, u: Floats) -> Floats:
        """Return the rows [..., D] of points [..., D] in the unit cube, any point of which is a valid row.

        Values are snapped to steps, integers and choices, held parameters take their value, inactive ones become nan.
        What lies outside of the cube is moved to its edge; a nan coordinate stands for the default.
        """
        u = self._columns.shaped(u)
        gaps = np.isnan(u)
        if gaps.any():
            u = np.where(gaps, self._default_u, u)
        return self._held.settle(self._codec.from_unit(u))

    def canonical(self, x: Floats) -> Floats:
        """Return the nearest valid rows [..., D] to rows [..., D].

        As `from_unit` does: snapped, held, inactive parameters nan, and the default where an active one is nan.
        """
        x = self._columns.shaped(x)
        gaps = np.isnan(x)
        if gaps.any():
            x = np.where(gaps, self._default, x)
        return self._held.settle(self._codec.snap(x))

    # -- drawing -----------------------------------------------------------------------------------------------------

    def sample(self, rng: Rng, n: int, given: Floats | None = None) -> Floats:
        """Draw n rows [n, D], uniform in the unit cube among those that satisfy the constraints.

        Without constraints this consumes one `rng.random((n, D))`; with them, candidates are drawn in blocks, and those
        that violate one are refused.

        Args:
            rng: the generator.
            n: how many rows.
            given: [D] values that every row must have, nan where free. A given parameter is active in every row; a
                value that the space itself holds fixed applies where it is active.

        Raises:
            ParamsError: a given value that is impossible, contradicts one that is held, or can never be active with the
                others.
            StarvedError: 100,000 candidates in a row were refused; the message names the constraint that refuses most.
        """
        return self._sampler.sample(rng, n, given, None)

    def sample_prior(self, rng: Rng, n: int, given: Floats | None = None) -> Floats:
        """Draw n rows [n, D] from what the parameters' `prior=` say; the arguments and errors are those of `sample`.

        Normal around the default and cut to the range, choices by their weights, and uniform where nothing is believed.
        Where values are few, what is drawn is snapped to them: their shares are near `log_prior`, which is the density
        at each, and not equal to it.
        """
        return self._sampler.sample(rng, n, given, self.prior)

    def log_prior(self, x: Floats) -> Floats:
        """Return [...] the log density of the prior at rows [..., D], relative to the uniform one; 0 is the largest.

        What is inactive, held or without `prior=` adds 0, so that no branch of a conditional space is preferred.
        """
        return self.prior.log_density(self.to_unit(x))

    def complete(self, given: Floats, rng: Rng) -> Floats:
        """Return one row [D] with the values of `given` [D]; what is nan there is drawn. Raises as `sample` does."""
        return self.sample(rng, 1, given)[0]  # type: ignore[no-any-return]  # a row of the array

    def default_row(self) -> Floats:
        """Return the row [D] to start from.

        Each parameter has its held value, else its default, else the middle of its range (the first choice of a
        Categorical). Defaults that are named satisfy the constraints, which the space checks when it is made; middles
        may not: ask `satisfied`.
        """
        return self._held.settle(self._default.copy())

    def fixed_row(self) -> Floats | None:
        """Return [D] the values at which parameters are held, nan where free; None when none is."""
        return None if self._held.row is None else self._held.row.copy()

    # -- variations --------------------------------------------------------------------------------------------------

    def with_parameter(self, name: str, parameter: Parameter) -> Space:
        """Return the space with one more parameter, its last column.

        Raises:
            SpaceError: the space has a parameter of that name, or the new one cannot be meant.
        """
        if name in self:
            raise SpaceError(f"the space already has a parameter {name!r}, which is {self[name]!r}.")
        return self._with_my_ends(
            Space({**self._by_name(), name: parameter}, require=self.require, fixed=self._held.explicit)
        )

    def first(self, n: int) -> Space:
        """Return the space of the first parameters alone, as it was before it learned the others by `with_parameter`.

        Raises:
            SpaceError: one of them depends on one that comes later.
        """
        kept = dict(list(self._by_name().items())[:n])
        return self._with_my_ends(Space(kept, require=self.require, fixed=self._held.explicit))

    def fix(self, values: Mapping[str, Any] | None = None, /, **named: Any) -> Space:
        """Return the space with more parameters held at a value, given by name.

        Raises:
            SpaceError: no such parameter, or a value that it cannot take.
        """
        held = {**self._held.explicit, **(values or {}), **named}
        return self._with_my_ends(Space(self._by_name(), require=self.require, fixed=held))

    def narrow(self, ranges: Mapping[str, Any] | None = None, /, **named: Any) -> Space:
        """Return the space with narrower ranges: (low, high) of numbers, None for an end that stays; choices to keep.

        A default outside of its new range moves to the nearest value; one that is no choice any more is gone. So are
        parameters that were active under such choices alone, and constraints that mention them.

        Raises:
            SpaceError: no such parameter, or a range that is not inside of its own.
        """
        return self._ranged({**(ranges or {}), **named}, inside=True)

    def widen(self, ranges: Mapping[str, Any] | None = None, /, **named: Any) -> Space:
        """Return the space with wider ranges: (low, high) of numbers, None for an end that stays; choices to add.

        A list that holds all choices there are is the new list, in its order.

        Raises:
            SpaceError: no such parameter, or a range that is not around its own.
        """
        return self._ranged({**(ranges or {}), **named}, inside=False)

    def __or__(self, other: Space) -> Space:
        """Return the parameters, constraints and held values of both.

        Raises:
            SpaceError: a name means one parameter here and another there, or is held at two values.
        """
        if not isinstance(other, Space):
            raise SpaceError(f"a space is joined with another space: one | other, got {shown(other)}.")
        return self._of(vary.joined(self._made(), other._made()))

    def prefixed(self, prefix: str) -> Space:
        """Return the space with every name behind a prefix, such as "model__", in conditions and constraints too."""
        if not isinstance(prefix, str):
            raise SpaceError(f"prefixed expects a text such as 'model__', got {shown(prefix)}.")
        return self._of(vary.renamed(self._made(), lambda name: prefix + name))

    def only(self, *names: str) -> Space:
        """Return the space of these parameters alone; constraints that mention another go with it.

        Raises:
            SpaceError: no such parameter, or one that depends on one that is left out.
        """
        return self._of(vary.kept(self._made(), names, these=True))

    def without(self, *names: str) -> Space:
        """Return the space of the other parameters; constraints that mention one of these go with it.

        Raises:
            SpaceError: no such parameter, or one that stays depends on it.
        """
        return self._of(vary.kept(self._made(), names, these=False))

    def to_code(self) -> str:
        """Return the Python code that makes the space, for a program that says `import trimtab as tt`."""
        return vary.code(self._made())

    def with_rounded_ends(self) -> Space:
        """Return the space as it was before the ends of logarithmic ranges were exact; for logs of that time."""
        space = Space(self._by_name(), require=self.require, fixed=self._held.explicit)
        space._has_exact_ends = False
        space._codec = Codec(space.parameters, exact_ends=False)
        space._sampler = Sampler(space._columns, space._codec, space._held, space._constraints, space._default)
        return space

    # -- on record ---------------------------------------------------------------------------------------------------

    def to_json(self) -> dict[str, Any]:
        """Return the space as JSON; `from_json` reads it."""
        return self._made().to_json()

    @classmethod
    def from_json(cls, data: object) -> Space:
        """Read what `to_json` wrote.

        Raises:
            SpaceError: not a space; the message names the parameter and the key that is wrong.
        """
        made = read(data)
        return cls(made.parameters, require=made.require, fixed=made.fixed)

    def differences(self, other: Space) -> list[str]:
        """Return what is different in `other`, the later of two spaces, a sentence each."""
        return self._made().differences(other._made())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Space) and repr(self) == repr(other)  # repr tells True, 1 and 1.0 apart; == does not

    def __hash__(self) -> int:
        return hash(repr(self))

    def __repr__(self) -> str:
        return self._made().code()

    def _repr_html_(self) -> str:
        return self._made().html()

    # -- within ------------------------------------------------------------------------------------------------------

    def _with_my_ends(self, space: Space) -> Space:
        return space if self._has_exact_ends else space.with_rounded_ends()

    def _of(self, made: Made) -> Space:
        return self._with_my_ends(Space(made.parameters, require=made.require, fixed=made.fixed))

    def _ranged(self, ranges: Mapping[str, Any], *, inside: bool) -> Space:
        by_name = self._by_name()
        changed = {}
        for name, given in ranges.items():
            if name not in by_name:
                raise SpaceError(self._columns.unknown(name))
            was, by_name[name] = by_name[name], vary.ranged(name, by_name[name], given, inside=inside)
            changed[name] = was, by_name[name]
        made = Made(by_name, self.require, self._held.explicit)
        return self._of(vary.active(made, changed) if inside else made)

    def _by_name(self) -> dict[str, Parameter]:
        return dict(zip(self.names, self.parameters, strict=True))

    def _made(self) -> Made:
        return Made(self._by_name(), self.require, self._held.explicit)

    def _read_defaults(self) -> Floats:
        """Return [D] the value to start from of every parameter, as if all were active."""
        row, named = self._codec.defaults(self.parameters)
        if self._held.row is not None and self._held.is_held is not None:
            np.copyto(row, self._held.row, where=self._held.is_held)
            named |= self._held.is_held
        self._constraints.refuse_defaults(self._held.settle(row.copy()), named)
        return row
