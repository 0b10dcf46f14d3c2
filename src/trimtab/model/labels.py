"""What a model regresses on: one label for each configuration, made of what its trials gave.

Letters: n results, c distinct configurations in the order of their first coming, K objectives, C constraints.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trimtab.arrays import Floats, Ints, Rng
from trimtab.model.observations import Observations
from trimtab.numerics.warp import warp


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
    """

    x: Floats
    losses: Floats
    labels: Floats
    counts: Floats
    known: Floats
    rows: Ints

    def __len__(self) -> int:
        return len(self.labels)

    def best(self, n: int) -> Ints:
        """Return the places of the n best labels, the best first, of equals the earliest."""
        return np.argsort(-self.labels, kind="stable")[:n]

    def take(self, rows: Ints) -> Labelled:
        columns = (self.x, self.losses, self.labels, self.counts, self.known)
        x, losses, labels, counts, known = (column[rows] for column in columns)
        return Labelled(x, losses, labels, counts, known, self.rows[rows])


def labelled(observations: Observations, length: int, rng: Rng | None, reach: float = 1.0) -> Labelled:
    """Return the configurations of the first `length` results, repeats merged, with warped labels.

    Several objectives are warped each and joined by the augmented Chebyshev norm of ParEGO (Knowles, 2006,
    eq. 2), with weights drawn by `rng` (equal ones if None), so that proposals aim all along the front.
    A row that broke constraints is worse than every one that met them, by how far it broke them. Of what is farther
    from the best than `reach` times the median only the order counts.
    """
    results = observations.results(length)
    config, losses, breach, variance = results.config, results.losses, _breach(results.excess), results.known
    n_configs = int(config.max()) + 1 if length else 0
    counts: Floats = np.bincount(config, minlength=n_configs).astype(np.float64)
    if n_configs < len(config) or (np.diff(config) < 0).any():
        share = 1.0 / counts[config]  # divided first: the sum of large numbers may be too large
        losses = np.stack([np.bincount(config, weights=column * share) for column in losses.T], axis=1)
        variance = np.stack([np.bincount(config, weights=column * share**2) for column in variance.T], axis=1)
        breach = np.bincount(config, weights=breach * share).astype(np.float64)
    loss = _scalar(losses, breach, rng, observations.settings.rho)
    labels = warp(loss, reach)
    known = np.zeros(len(labels))
    if losses.shape[1] == 1 and variance.any():
        known = _label_variance(loss, labels, variance[:, 0])
    return Labelled(observations.x.view[:n_configs], loss, labels, counts, known, np.arange(n_configs))


def _breach(excess: Floats) -> Floats:
    """Return [n] by how much the constraints are broken, each in the unit of the largest breach [n, C] of it."""
    largest = excess.max(axis=0, initial=0.0)
    breach: Floats = (excess / np.where(largest > 0.0, largest, 1.0)).sum(axis=1)
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


def _label_variance(loss: Floats, labels: Floats, variance: Floats) -> Floats:
    """Return [c] variances of labels, from those of the losses: the warp is followed one deviation to both sides.

    The warp is known at the losses that were seen, and is a line between them; the larger of the two steps counts,
    since beyond the best nothing was seen.
    """
    order = np.argsort(loss, kind="stable")
    seen, at = loss[order], labels[order]
    deviation = np.sqrt(variance)
    with np.errstate(over="ignore", invalid="ignore"):
        worse = labels - np.interp(loss + deviation, seen, at)
        better = np.interp(loss - deviation, seen, at) - labels
    step: Floats = np.nan_to_num(np.maximum(np.maximum(worse, better), 0.0))
    return np.square(step)
