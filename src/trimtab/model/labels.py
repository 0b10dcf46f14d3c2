"""What a model regresses on: one label for each configuration, made of what its trials gave.

A study of one objective has one model, and so has one of more objectives than a hypervolume is computed for; then
`Joined` makes one label of all metrics. Else each metric has a model of its own: `OfObjective`, `OfConstraint`.

Letters: n results, c distinct configurations in the order of their first coming, K objectives, C constraints.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, Protocol

import numpy as np

from trimtab.arrays import Bools, Floats, Ints, Rng
from trimtab.model.dominance import undominated
from trimtab.model.observations import Observations
from trimtab.model.outliers import UNKNOWN, torn, typical, unbelieved
from trimtab.numerics.warp import LARGEST, Bend, bent, bent_log_slopes, near_log_slopes, warp

SPREAD: Final = 0.3
"""The standard deviation that labels of one metric are scaled to: about that of the labels of `warp`, which span 1, and
which the priors of the model are made for."""

LEAST_SPREAD: Final = 1e-6
"""Labels that differ by less than this part of them are as good as equal: by taste, well above what rounding does."""


@dataclass(frozen=True, slots=True)
class Labelled:
    """Configurations and what is regressed on.

    Attributes:
        x: [c, D] configurations.
        losses: [c] smaller is better: what labels were made of.
        labels: [c] larger is better, centred.
        counts: [c] how many rows each label is the mean of.
        known: [c] variances of the labels that are known beforehand.
        rows: [c] their places among all configurations.
        zero: the label of a constraint that is met to the bit; 0 where that says nothing.
        bend: what labels of one metric among several were made by.
        apart: [c, F] how far from a whole run each is, in deviations; None where that does not matter.
    """

    x: Floats
    losses: Floats
    labels: Floats
    counts: Floats
    known: Floats
    rows: Ints
    zero: float = 0.0
    bend: Bend | None = None
    apart: Floats | None = None

    def __len__(self) -> int:
        return len(self.labels)

    def best(self, n: int) -> Ints:
        """Return the places of the n best labels, the best first, of equals the earliest."""
        return np.argsort(-self.labels, kind="stable")[:n]

    def take(self, rows: Ints) -> Labelled:
        columns = (self.x, self.losses, self.labels, self.counts, self.known)
        x, losses, labels, counts, known = (column[rows] for column in columns)
        apart = None if self.apart is None else self.apart[rows]
        return Labelled(x, losses, labels, counts, known, self.rows[rows], self.zero, self.bend, apart)


class Labels(Protocol):
    """What one model regresses on."""

    def __call__(self, observations: Observations, length: int, reach: float, rng: Rng | None = None) -> Labelled:
        """Return the labels of the first `length` results; `rng` draws weights, where there are some."""

    def log_slopes(self, observations: Observations, length: int, reach: float) -> Floats:
        """Return [c] the logarithm of how fast labels fall with losses where it matters, nan elsewhere.

        In a unit that is the losses' own, so that models of labels with another reach can be compared.
        """

    def deviation(self, observations: Observations, length: int) -> tuple[float, int]:
        """Return what `Observations.deviation` does of the metric."""


@dataclass(frozen=True, slots=True)
class Joined:
    """One label of all objectives, the better the larger.

    Attributes:
        is_penalized: whether constraints that were broken count in it.
    """

    is_penalized: bool = True

    def __call__(self, observations: Observations, length: int, reach: float, rng: Rng | None = None) -> Labelled:
        return labelled(observations, length, rng, reach, is_penalized=self.is_penalized)

    def log_slopes(self, observations: Observations, length: int, reach: float) -> Floats:
        every = self(observations, length, reach)
        return near_log_slopes(every.losses, every.labels)

    def deviation(self, observations: Observations, length: int) -> tuple[float, int]:
        return observations.deviation(length)


@dataclass(frozen=True, slots=True)
class Means:
    """What the configurations [c] gave, repeats averaged: of each metric, over the results that have it.

    Attributes:
        losses: [c, K]; known: [c, K] variances of these that are known.
        margins: [c, C] nan where a constraint was not measured.
        counts: [c] results; measured: [c, C] of these those that have the constraint.
    """

    losses: Floats
    known: Floats
    margins: Floats
    counts: Floats
    measured: Floats

    @property
    def is_met(self) -> Bools:
        """[c] whether no constraint that was measured is broken."""
        found: Bools = np.count_nonzero(self.margins > 0.0, axis=1) == 0
        return found


def means(observations: Observations, length: int) -> Means:
    """Return what the configurations of the first `length` results gave."""
    results = observations.results(length)
    config = results.config
    n = int(config.max()) + 1 if length else 0
    counts: Floats = np.bincount(config, minlength=n).astype(np.float64)
    if n == len(config) and not (np.diff(config) < 0).any():
        measured = (~np.isnan(results.margins)).astype(np.float64)
        return Means(results.losses, results.known, results.margins, counts, measured)
    if observations.is_spoilt(length):
        return Means(
            typical(results.losses[:, 0], config)[:, None],
            np.zeros((n, 1)),
            results.margins[:n],
            counts,
            np.zeros((n, 0)),
        )
    share = 1.0 / counts[config]  # divided first: the sum of large numbers may be too large
    losses, known = (
        _summed(config, results.losses * share[:, None]),
        _summed(config, results.known * share[:, None] ** 2),
    )
    is_known = ~np.isnan(results.margins)
    measured = _summed(config, is_known.astype(np.float64))
    margins = _summed(config, np.where(is_known, results.margins, 0.0) / np.maximum(measured, 1.0)[config])
    return Means(losses, known, np.where(measured > 0.0, margins, np.nan), counts, measured)


def _summed(config: Ints, values: Floats) -> Floats:
    """Return [c, K] sums of values [n, K] over each configuration."""
    n = int(config.max()) + 1
    columns = [np.bincount(config, weights=column, minlength=n) for column in values.T]
    return np.stack(columns, axis=1) if columns else np.empty((n, 0))


@dataclass(frozen=True, slots=True)
class OfObjective:
    """Labels of one objective among several metrics: bent around what it has to beat, which is what is looked at.

    With one objective that is the best loss that was allowed; with several the middle of the front.

    Attributes:
        k: which objective.
    """

    k: int

    def __call__(self, observations: Observations, length: int, reach: float, rng: Rng | None = None) -> Labelled:  # noqa: ARG002
        found = means(observations, length)
        losses = found.losses[:, self.k]
        centre, unit = self._frame(observations, found, reach)
        raw = bent(losses, centre, unit)
        known = np.zeros(len(losses))
        if found.known[:, self.k].any():
            known = _label_variance(losses, raw, found.known[:, self.k])
        seen = _standard(observations, np.arange(len(losses)), losses, raw, found.counts, known, (centre, unit))
        return replace(seen, zero=0.0)

    def log_slopes(self, observations: Observations, length: int, reach: float) -> Floats:
        found = means(observations, length)
        centre, unit = self._frame(observations, found, reach)
        return _near_slopes(found.losses[:, self.k], centre, unit, reach)

    def deviation(self, observations: Observations, length: int) -> tuple[float, int]:
        return observations.deviation(length, observations.losses.view[:, self.k])

    def _frame(self, observations: Observations, found: Means, reach: float) -> tuple[float, float]:
        """Return what becomes 0, and the unit."""
        losses, is_met = found.losses[:, self.k], found.is_met
        if found.losses.shape[1] > 1:
            of = found.losses[is_met] if is_met.any() else found.losses
            centre = _median(of[undominated(of)][:, self.k])
        else:
            centre = float(losses[is_met].min()) if is_met.any() else _median(losses)
        with np.errstate(over="ignore"):
            off = losses - centre
        return centre, _unit(off, observations.settings.n_first, reach)


@dataclass(frozen=True, slots=True)
class OfConstraint:
    """Labels of one constraint: bent around the bound, and `zero` there; larger is farther on the allowed side.

    Attributes:
        j: which constraint.
    """

    j: int

    def __call__(self, observations: Observations, length: int, reach: float, rng: Rng | None = None) -> Labelled:  # noqa: ARG002
        found = means(observations, length)
        rows = np.flatnonzero(found.measured[:, self.j])
        margins = found.margins[rows, self.j]
        unit = _unit(margins, observations.settings.n_first, reach)
        raw, counts = bent(margins, 0.0, unit), found.measured[rows, self.j]
        return _standard(observations, rows, margins, raw, counts, np.zeros(len(rows)), (0.0, unit))

    def log_slopes(self, observations: Observations, length: int, reach: float) -> Floats:
        margins = means(observations, length).margins[:, self.j]
        known = margins[~np.isnan(margins)]
        return _near_slopes(margins, 0.0, _unit(known, observations.settings.n_first, reach), reach)

    def deviation(self, observations: Observations, length: int) -> tuple[float, int]:
        return observations.deviation(length, observations.margins.view[:, self.j])


def _unit(off: Floats, n_first: int, reach: float) -> float:
    """Return what distances [n] are measured in: the median of the first, which a search has not drawn together.

    And `reach` times as much; 1 where all distances are 0.
    """
    distance = np.abs(off[:n_first])
    distance = distance[distance > 0.0]
    return min(_median(distance) * reach, LARGEST) if len(distance) else 1.0


def _median(values: Floats) -> float:
    with np.errstate(over="ignore"):
        return float(np.clip(np.median(values), -LARGEST, LARGEST))


def _near_slopes(losses: Floats, centre: float, unit: float, reach: float) -> Floats:
    """Return [c] logarithms of slopes of the half that is nearest to the centre, nan elsewhere."""
    raw = bent(losses, centre, unit)
    away = np.abs(raw)
    return np.where(away <= np.nanmedian(away), bent_log_slopes(raw) - np.log(reach * (np.nanstd(raw) or 1.0)), np.nan)


def _standard(
    observations: Observations,
    rows: Ints,
    losses: Floats,
    raw: Floats,
    counts: Floats,
    known: Floats,
    frame: tuple[float, float],
) -> Labelled:
    """Return labels [c] that are centred, of a spread that models expect; `frame` has their centre and their unit."""
    largest = float(np.abs(raw).max(initial=0.0))
    scale = SPREAD / (max(float(raw.std()), LEAST_SPREAD * largest) or 1.0)
    middle = float(raw.mean()) if len(raw) else 0.0
    labels, zero = scale * (raw - middle), -scale * middle
    bend = Bend(*frame, scale, middle)
    return Labelled(observations.x.view[rows], losses, labels, counts, scale**2 * known, rows, zero, bend)


def labelled(
    observations: Observations, length: int, rng: Rng | None, reach: float = 1.0, *, is_penalized: bool = True
) -> Labelled:
    """Return the configurations of the first `length` results, repeats merged, with one warped label each.

    Several objectives are warped each and joined by the augmented Chebyshev norm of ParEGO (Knowles, 2006,
    eq. 2), with weights drawn by `rng` (equal ones if None), so that proposals aim all along the front.
    A row that broke constraints is worse than every one that met them, by how far it broke them. Of what is farther
    from the best than `reach` times the median only the order counts.

    Args:
        observations: what is on record.
        length: of so many results.
        rng: draws the weights of objectives.
        reach: see `trimtab.numerics.warp`.
        is_penalized: whether constraints count.
    """
    found = means(observations, length)
    breach = _breach(found.margins) if is_penalized else np.zeros(len(found.losses))
    loss = _scalar(found.losses, breach, rng, observations.settings.rho)
    if observations.is_spoilt(length):
        results = observations.results(length)
        doubted, is_torn = (of(results.losses[:, 0], results.config) for of in (unbelieved, torn))
        loss[doubted] = np.median(loss)
        return Labelled(
            observations.x.view[: len(loss)],
            loss,
            warp(loss, reach),
            np.where(is_torn, 1.0, found.counts),  # of runs that do not agree one counts
            np.where(doubted, UNKNOWN, 0.0),
            np.arange(len(loss)),
        )
    labels = warp(loss, reach)
    known = np.zeros(len(labels))
    if found.losses.shape[1] == 1 and found.known.any():
        known = _label_variance(loss, labels, found.known[:, 0])
    return Labelled(observations.x.view[: len(labels)], loss, labels, found.counts, known, np.arange(len(labels)))


def _breach(margins: Floats) -> Floats:
    """Return [c] by how much the constraints are broken, each in the unit of the largest breach of it.

    One that was not measured counts as broken by as much as any.
    """
    excess = np.maximum(margins, 0.0)
    largest = np.fmax.reduce(excess, axis=0, initial=0.0)
    with np.errstate(invalid="ignore"):
        share = np.where(largest > 0.0, excess / np.where(largest > 0.0, largest, 1.0), 0.0)
    breach: Floats = np.where(np.isnan(share), 1.0, share).sum(axis=1)
    return breach


def _scalar(losses: Floats, breach: Floats, rng: Rng | None, rho: float) -> Floats:
    """Return [c] one loss a configuration."""
    if losses.shape[1] == 1:
        loss: Floats = losses[:, 0].copy()
    else:
        labels = np.stack([warp(column) for column in losses.T], axis=1)  # one that diverged must not be the scale
        scaled = labels.max(axis=0) - labels
        k = losses.shape[1]
        weights = np.full(k, 1.0 / k) if rng is None else rng.dirichlet(np.ones(k))
        weighted = scaled * weights
        loss = weighted.max(axis=1) + rho * weighted.sum(axis=1)
    broken = breach > 0.0
    if broken.any():
        met = loss[~broken] if not broken.all() else np.zeros(1)
        with np.errstate(over="ignore"):
            span = np.ptp(met) or 1.0
            if not np.isfinite(met.max() + span):  # too large to add to: their order will do
                met, span = np.unique(met, return_inverse=True)[1].astype(np.float64), np.float64(len(met))
                loss[~broken] = met
        loss[broken] = met.max() + span * (0.5 + 0.5 * breach[broken] / breach.max())
    return loss


def with_below(observations: Observations, length: int, seen: Labelled) -> Labelled:
    """Return the configurations, and after them as rows of their own what they gave at lower fidelities.

    That is where one objective is all there is, and some configurations were run at several fidelities. Else nothing is
    added.

    Args:
        observations: what is on record.
        length: of so many results.
        seen: configurations with their labels.
    """
    below, settings = observations.below(length), observations.settings
    if below is None or below.results.losses.shape[1] != 1 or below.results.margins.shape[1]:
        return seen
    rows = np.flatnonzero(np.isin(below.results.config, seen.rows))[-settings.below_rows :]
    if len(rows) < settings.below_least:
        return seen
    results, unit = below.results.take(rows), np.sqrt(settings.apart)
    losses = results.losses[:, 0]
    order = np.argsort(seen.losses, kind="stable")
    labels = np.interp(losses, seen.losses[order], seen.labels[order])
    known = _label_variance(losses, labels, results.known[:, 0], (seen.losses[order], seen.labels[order]))
    return Labelled(
        np.concatenate([seen.x, observations.x.view[results.config]]),
        np.concatenate([seen.losses, losses]),
        np.concatenate([seen.labels, labels]),
        np.concatenate([seen.counts, np.ones(len(rows))]),
        np.concatenate([seen.known, known]),
        np.concatenate([seen.rows, results.config]),
        seen.zero,
        seen.bend,
        unit * observations.apart(np.concatenate([below.at[seen.rows], below.fidelity[rows]])),
    )


def _label_variance(
    loss: Floats, labels: Floats, variance: Floats, known: tuple[Floats, Floats] | None = None
) -> Floats:
    """Return [c] variances of labels, from those of the losses: the warp is followed one deviation to both sides.

    The warp is known at the losses that were seen, and is a line between them; the larger of the two steps counts,
    since beyond the best nothing was seen.

    Args:
        loss: [c] the losses.
        labels: [c] theirs.
        variance: [c] of the losses.
        known: losses, ascending, and labels where the warp is known; the same if None.
    """
    if known is None:
        order = np.argsort(loss, kind="stable")
        known = loss[order], labels[order]
    seen, at = known
    deviation = np.sqrt(variance)
    with np.errstate(over="ignore", invalid="ignore"):
        worse = labels - np.interp(loss + deviation, seen, at)
        better = np.interp(loss - deviation, seen, at) - labels
    step: Floats = np.nan_to_num(np.maximum(np.maximum(worse, better), 0.0))
    return np.square(step)
