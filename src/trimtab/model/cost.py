"""What a trial costs, in seconds or in the unit of the cost metric, by its parameters and by how far it is run.

A ridge regression of the logarithm: what costs depend on (layers, width, epochs) mostly multiplies, and simple models
of low variance are enough (Guinet et al., 2020, arXiv 2011.04456). To how far a trial is run they are in proportion.

Letters: m rows asked about, n rows whose cost is known, Q coordinates.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final
from weakref import WeakKeyDictionary

import numpy as np

from trimtab.arrays import Floats, Ints
from trimtab.ledger.attempts import work
from trimtab.ledger.table import TrialTable
from trimtab.model.features import Features
from trimtab.space.problem import Problem, counted

RIDGES: Final = np.geomspace(0.1, 1000.0, 9)
"""Ridges that are tried; the one is taken that foresees costs best that are left out."""

LATEST: Final = 300
"""On so many latest trials the model rests: what a driver can pay each time that it looks."""

EVERY: Final = 20
"""It is fitted anew after a growth by one in so many."""

FEW: Final = 5
"""So many trials must have ended before parameters are believed to make a difference; until then the mean holds."""

Z_90: Final = 1.645
"""A normal variable is within so many standard deviations with 90 %."""

FURTHEST: Final = 1.0
"""By no more than this, in logarithms, does a prediction go beyond the costs that were seen: a line goes on for ever,
and factors of e have been enough on all tables we looked at. By taste."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What trials are expected to cost.

    Attributes:
        expected: [m] the mean.
        low, high: [m] between which the cost of each lies with 90 %.
        median: [m] what it exceeds with a half.
    """

    expected: Floats
    low: Floats
    high: Floats
    median: Floats


class CostModel:
    """A model of what a trial costs.

    Args:
        table: the trials.
        of: "seconds", wall time, or "cost", as told.
        length: as of so many trials whose cost is known; all if None.

    Attributes:
        n: of so many trials it is known what they cost. Without any, nothing can be predicted.
    """

    def __init__(self, table: TrialTable, of: str = "seconds", length: int | None = None) -> None:
        self._problem, self.space = table.problem, table.space
        spent = table.cost if of == "cost" else table.seconds
        rows = _known(table, of)[:length][-LATEST:]
        self.n = len(rows)
        if not self.n:
            return
        self._features = Features(table.space)
        z = self._coordinates(table.x[rows], legs(table, rows))
        log = np.log(spent[rows])
        self._range = float(log.min()) - FURTHEST, float(log.max()) + FURTHEST
        self._fit(z, log)

    def _coordinates(self, x: Floats, leg: Floats) -> Floats:
        """Return [m, Q] parameters, and last the logarithm of how far it is run, where that differs."""
        z = self._features.embed(x)
        return np.column_stack([z, np.log(leg)])

    def _fit(self, z: Floats, log: Floats) -> None:
        self._slope = 1.0 if np.ptp(z[:, -1]) > 0.0 else 0.0  # in proportion to how far it is run
        rest = log - self._slope * z[:, -1]
        self._centre, self._mean = z.mean(axis=0), float(rest.mean())
        centred, off = z - self._centre, rest - self._mean
        if self.n < FEW:
            self._weights, self._inverse = np.zeros(z.shape[1]), np.zeros((z.shape[1], z.shape[1]))
            left_out = off * self.n / max(1, self.n - 1)
        else:
            values, vectors = np.linalg.eigh(centred.T @ centred)
            values, along = np.maximum(values, 0.0), centred @ vectors
            target = along.T @ off
            best = np.inf
            for ridge in RIDGES.tolist():
                leverage = np.square(along) @ (1.0 / (values + ridge)) + 1.0 / self.n
                missed = (off - along @ (target / (values + ridge))) / np.maximum(1.0 - leverage, 1e-3)
                if (loss := float(np.square(missed).sum())) < best:
                    best, left_out = loss, missed
                    self._weights = vectors @ (target / (values + ridge))
                    self._inverse = (vectors / (values + ridge)) @ vectors.T
        # What is left out is missed by so much; of one or two nobody knows, and a factor of 2 is taken to be usual.
        self._variance = (float(np.square(left_out).sum()) + 2.0 * np.log(2.0) ** 2) / (self.n + 2.0)
        self._missed = np.sort(left_out)
        self._smear = float(np.exp(np.minimum(left_out, FURTHEST)).mean())  # of medians makes means (Duan, 1983)

    def predict(self, x: Floats, leg: Floats | None = None) -> Cost:
        """Return what rows are expected to cost.

        Args:
            x: [m, D] configurations.
            leg: [m] how far they are run, as `legs` says; as far as trials of this study go if None.

        Raises:
            ValueError: nothing is known.
        """
        log, off = self._log(x, leg)
        leverage = 1.0 / self.n + ((off @ self._inverse) * off).sum(axis=1)
        spread = Z_90 * np.sqrt(self._variance * (1.0 + leverage))
        median = np.exp(log)
        return Cost(median * self._smear, np.exp(log - spread), np.exp(log + spread), median)

    def upper(self, x: Floats, level: float, leg: Floats | None = None) -> Floats:
        """Return [m] what the cost of each does not exceed with a chance of `level`.

        By what trials that were left out cost beside what was foreseen: an order statistic, so that what is the same
        each time is foreseen to be.

        Args:
            x: [m, D] configurations.
            level: the chance.
            leg: [m] see `predict`.

        Raises:
            ValueError: nothing is known.
        """
        log, _ = self._log(x, leg)
        found: Floats = np.exp(log + self._missed[math.ceil(level * self.n) - 1])
        return found

    def _log(self, x: Floats, leg: Floats | None) -> tuple[Floats, Floats]:
        """Return ([m] logarithms of costs, [m, Q] how far coordinates are from their means)."""
        if not self.n:
            raise ValueError("no trial has told what it costs; look at n first.")
        z = self._coordinates(x, whole_leg(self._problem, len(x)) if leg is None else leg)
        off = z - self._centre
        return np.clip(self._mean + self._slope * z[:, -1] + off @ self._weights, *self._range), off


_MODELS: WeakKeyDictionary[TrialTable, dict[str, tuple[int, CostModel]]] = WeakKeyDictionary()
"""The last model of each kind, and its length: a driver asks again and again."""


def cost_model(table: TrialTable, of: str = "seconds") -> CostModel:
    """Return the model as of when it was due last: after every trial at first, then after a growth by a twentieth."""
    n, length = len(_known(table, of)), 0
    while (following := length + max(1, length // EVERY)) <= n:
        length = following
    kept = _MODELS.setdefault(table, {})
    if of not in kept or kept[of][0] != length or kept[of][1].space is not table.space:
        kept[of] = length, CostModel(table, of, length)
    return kept[of][1]


def _known(table: TrialTable, of: str) -> Ints:
    """Return the rows of which it is known what they cost, in the order in which they ended."""
    spent = (table.cost if of == "cost" else table.seconds)[table.order]
    known: Ints = table.order[np.isfinite(spent) & (spent > 0.0)]
    return known


def worked(table: TrialTable) -> Floats:
    """Return [N] how much each trial ran, in all attempts that are over: of several fidelities the product, 1 without.

    A promotion ran what it ran itself.
    """
    if not table.problem.fidelities:
        return np.ones(len(table))
    return work(table.problem.fidelities, _ends(table), table.ran)


def legs(table: TrialTable, rows: Ints) -> Floats:
    """Return [m] how far rows are run, from where they begin, as a product over fidelities; 1 without any.

    It is how far they were run, where that is on record: an early end makes a trial cheaper.
    """
    if not table.problem.fidelities:
        return np.ones(len(rows))
    ran, left = worked(table)[rows], table.fidelity[rows].copy()
    place, parents = counted(table.problem.fidelities), table.parent[rows]
    if place is not None:
        end = left[:, place]
        start = np.where(parents >= 0, table.fidelity[parents, place], 0.0)
        left[:, place] = np.where(end > start, end - start, end)
    leg = np.where(ran > 0.0, ran, np.where(left > 0.0, left, 1.0).prod(axis=1))
    return np.where(np.isfinite(leg) & (leg > 0.0), leg, 1.0)


def _ends(table: TrialTable) -> Floats:
    """Return [N, F] where trials end; one that does not say so is run whole."""
    ends: Floats = np.where(np.isnan(table.fidelity), np.array(table.problem.whole), table.fidelity)
    return ends


def whole_leg(problem: Problem, m: int) -> Floats:
    """Return [m] how far a trial is run that goes from the beginning to the end."""
    ends = [one.high for one in problem.fidelities]
    return np.full(m, float(np.prod(ends)) if ends and all(end > 0.0 for end in ends) else 1.0)
