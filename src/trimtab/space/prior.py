"""Priors: where a user believes the best configuration to lie, and how sure they are."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from trimtab.arrays import Bools, Floats, Ints, Rng
from trimtab.space.parameter import CATEGORICAL, Parameter


class Prior:
    """What the parameters' `prior=` say together: one belief about each, independent of the others.

    A number or the place of an `Ordinal` is believed to be normal around its default, on the parameter's own scale; a
    choice of a `Categorical` other than the default is as likely, next to it, as `prior=` says.

    Args:
        parameters: [D] in the order of the columns.
        default: [D] their defaults as a point of the unit cube.
        is_held: [D] which of them are held at a value, about which there is nothing to believe; None for none.

    Attributes:
        centre: [D] the point that is believed to be best, 1/2 where nothing is believed.
        spread: [D] the standard deviations, infinite for a `Categorical` and where nothing is believed.
        log_other: [D] the log weight of a choice other than the default, 0 for other kinds.
    """

    def __init__(self, parameters: Sequence[Parameter], default: Floats, is_held: Bools | None) -> None:
        given = [
            None if is_held is not None and is_held[column] else parameter.prior
            for column, parameter in enumerate(parameters)
        ]
        categorical = np.array([parameter.kind == CATEGORICAL for parameter in parameters])
        beliefs = np.array([np.nan if prior is None else prior for prior in given])
        known = ~np.isnan(beliefs)
        self.centre = np.where(known, default, 0.5)
        self.spread = np.where(known & ~categorical, beliefs, np.inf)
        self.log_other = np.log(np.where(known & categorical, beliefs, 1.0))
        self._n_values = np.array([parameter.n_values or 1 for parameter in parameters], dtype=np.float64)
        self._normal = np.flatnonzero(np.isfinite(self.spread))
        self._choice = np.flatnonzero(self.log_other)

    @property
    def is_flat(self) -> bool:
        """Whether nothing is believed, so that every point is as good as any other."""
        return not len(self._normal) and not len(self._choice)

    def log_density(self, u: Floats) -> Floats:
        """Return [...] the log density at points [..., D] of the unit cube, 0 where it is largest.

        A coordinate that is nan, which marks the inactive, counts as one about which nothing is believed.
        """
        found = np.zeros(u.shape[:-1])
        for columns, terms in ((self._normal, self._normal_terms), (self._choice, self._choice_terms)):
            if len(columns):
                found += np.nansum(terms(u[..., columns]), axis=-1)
        return found

    def _normal_terms(self, u: Floats) -> Floats:
        with np.errstate(over="ignore"):  # of a spread near 0: a density of 0, whose logarithm is -inf
            terms: Floats = -0.5 * ((u - self.centre[self._normal]) / self.spread[self._normal]) ** 2
        return terms

    def _choice_terms(self, u: Floats) -> Floats:
        """Choices are told by cells of the unit interval, whose middles are codes."""
        cells = (u - self.centre[self._choice]) * self._n_values[self._choice]
        terms: Floats = np.where(np.abs(cells) > 0.5, self.log_other[self._choice], 0.0)
        return np.where(np.isnan(u), np.nan, terms)

    def draw(self, rng: Rng, n: int) -> Floats:
        """Draw n points [n, D] of the unit cube; a coordinate about which nothing is believed is uniform."""
        u = rng.random((n, len(self.centre)))
        if len(self._normal):
            u[:, self._normal] = self._draw_normal(rng, n)
        for column in self._choice.tolist():
            k = int(self._n_values[column])
            middles = np.repeat(self.centre[None], k, axis=0)
            middles[:, column] = (np.arange(k) + 0.5) / k
            u[:, column] = middles[self.pick(rng, n, middles), column]
        return u

    def pick(self, rng: Rng, n: int, u: Floats) -> Ints:
        """Draw n indices [n] of the points [k, D], each as likely as its density says."""
        log_density = self.log_density(u)
        with np.errstate(invalid="ignore"):  # -inf - -inf, where the densities of all are 0
            weights = np.nan_to_num(np.exp(log_density - log_density.max()), nan=1.0)
        ends = np.cumsum(weights)
        picked: Ints = np.minimum(np.searchsorted(ends, rng.random(n) * ends[-1], side="right"), len(u) - 1)
        return picked

    def _draw_normal(self, rng: Rng, n: int) -> Floats:
        """Draw [n, k] from normal distributions cut to the unit interval, by refusing what lies outside.

        Where the spread is larger than the interval, uniform points are refused by their density instead: at least
        every third draw is kept either way.
        """
        centre, spread = self.centre[self._normal], self.spread[self._normal]
        u = np.empty((n, len(centre)))
        row, column = np.nonzero(np.ones(u.shape, dtype=np.bool_))
        while len(row):
            at, by = centre[column], spread[column]
            drawn = np.where(by > 1.0, rng.random(len(row)), at + by * rng.standard_normal(len(row)))
            with np.errstate(over="ignore"):
                likely = np.where(by > 1.0, np.exp(-0.5 * ((drawn - at) / by) ** 2), 1.0)
            kept = (drawn >= 0.0) & (drawn <= 1.0) & (rng.random(len(row)) < likely)
            u[row[kept], column[kept]] = drawn[kept]
            row, column = row[~kept], column[~kept]
        return u
