"""What the log says about trials that are over, as columns that grow: the state of the model-based engines.

Letters: n complete rows, c distinct configurations in the order of their first coming, K objectives, C constraints,
D parameters.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from trimtab.arrays import Floats, Ints, Rng
from trimtab.ledger.event import FAILURE_KINDS
from trimtab.ledger.table import COMPLETE, FAILED, STOPPED, TrialTable
from trimtab.numerics.warp import warp
from trimtab.optim.ranking import split
from trimtab.space.problem import Problem

_RHO: Final = 0.05
LARGEST: Final = float(np.finfo(np.float64).max)
MATERIAL: Final = 0.01
FIRST: Final = 16
"""The best result so far counts as an improvement when it gains so large a part of the way from the median of so many
first results: a search that polishes the last digits stands still."""

NOT_ITS_FAULT: Final = frozenset({"lost"})
"""Kinds of failure that say nothing about where trials fail; what was killed died in each of its attempts."""


def is_its_fault(table: TrialTable, row: int) -> bool:
    """Return whether a trial failed in a way that says something about its configuration."""
    return bool(table.state[row] == FAILED) and FAILURE_KINDS[int(table.failure[row])] not in NOT_ITS_FAULT


class Rows:
    """A growing [n, width] array."""

    def __init__(self, width: int) -> None:
        self._rows: Floats = np.zeros((16, width))
        self._n = 0

    def __len__(self) -> int:
        return self._n

    def add(self, row: Floats) -> None:
        if self._n == len(self._rows):
            self._rows = np.concatenate([self._rows, np.zeros_like(self._rows)])
        self._rows[self._n] = row
        self._n += 1

    def view(self) -> Floats:
        """Return [n, width] what was added."""
        return self._rows[: self._n]


class Evidence:
    """Complete and failed trials.

    Attributes:
        x: [c, D] configurations that were complete at least once.
        config: [n, 1] the configuration of each complete row.
        losses: [n, K] objectives, smaller is better.
        known: [n, K] variances of the losses that the user told; 0 where none was.
        excess: [n, C] by how much each constraint is broken; 0 where it is met.
        failed: [f, D] configurations that failed through their own fault.
        failure: [f, 1] the place of their kind in FAILURE_KINDS.
        stopped: [s, D] configurations that were stopped early.
        over: keys of all configurations that are over: complete, failed or stopped.
        fates: [t, 1] of each trial that is over, 1 if it failed through its own fault, else 0.
        n_before: [f, 1] how many configurations were in `x` when each of `failed` came in.
        is_flat: whether no result differs from another.
        n_idle: trials since the last that improved: the loss materially, or there was none before it as good in all of
            several objectives. Until constraints are met, what improves is that none before it broke all as little.
    """

    def __init__(self, problem: Problem) -> None:
        self._objectives = np.array([i for i, m in enumerate(problem.metrics) if m.is_objective])
        d, k = len(problem.space), len(self._objectives)
        n_constraints = len(problem.metrics) - k
        self.x, self.config, self.losses, self.known = Rows(d), Rows(1), Rows(k), Rows(k)
        self.excess = Rows(n_constraints)
        self.failed, self.failure, self.n_before, self.stopped = Rows(d), Rows(1), Rows(1), Rows(d)
        self.fates = Rows(1)
        self.is_flat = True
        self.n_idle = 0
        self._front = np.empty((0, k))
        self._is_met = False
        self._counted = np.inf
        self._ids: dict[bytes, int] = {}
        self.over: set[bytes] = set()

    def __len__(self) -> int:
        return len(self.losses)

    def tell(self, table: TrialTable, row: int) -> None:
        """Take up a trial that is over."""
        x, state = table.x[row], table.state[row]
        self.over.add(key_of(x))
        failed = is_its_fault(table, row)
        self.fates.add(np.array([float(failed)]))
        self.n_idle += 1
        if state == COMPLETE:
            key = key_of(x)
            if key not in self._ids:
                self._ids[key] = len(self._ids)
                self.x.add(x)
            losses, excess = split(table.problem, table.y[row])
            if len(self.losses):
                self.is_flat = (
                    self.is_flat
                    and np.array_equal(losses, self.losses.view()[0])
                    and np.array_equal(excess, self.excess.view()[0])
                )
            self.config.add(np.array([self._ids[key]]))
            self.losses.add(losses)
            self.known.add(_variance(table.errors[row][self._objectives]))
            self.excess.add(np.minimum(excess, LARGEST))
            if self._improves(losses, excess) and self._is_material(losses):
                self.n_idle = 0
        elif failed:
            self.failed.add(x)
            self.failure.add(table.failure[row : row + 1].astype(np.float64))
            self.n_before.add(np.array([len(self.x)]))
        elif state == STOPPED:
            self.stopped.add(x)

    def _improves(self, losses: Floats, excess: Floats) -> bool:
        """Return whether nothing so far was as good in all objectives; until constraints are met, in all of those."""
        is_met = not excess.any()
        if self._is_met and not is_met:
            return False
        found = losses if is_met else excess
        if is_met > self._is_met or not len(self._front):
            self._is_met, self._front = is_met, found[None]
            return True
        if (self._front <= found).all(axis=1).any():
            return False
        self._front = np.concatenate([self._front[~(found <= self._front).all(axis=1)], found[None]])
        return True

    def _is_material(self, losses: Floats) -> bool:
        """Return whether a best result so far is better than the last that counted by as much as counts."""
        if not self._is_met or len(losses) > 1:
            return True
        with np.errstate(over="ignore", invalid="ignore"):
            gain = self._counted - losses[0]
            if gain <= MATERIAL * (np.median(self.losses.view()[:FIRST]) - losses[0]):
                return False
        self._counted = losses[0]
        return True

    def mean_losses(self) -> Floats:
        """Return [c] the first objective of each configuration, repeats averaged."""
        config, loss = self.config.view()[:, 0].astype(np.int64), self.losses.view()[:, 0]
        counts = np.bincount(config)
        return np.bincount(config, weights=loss / counts[config]).astype(np.float64)


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


def labelled(evidence: Evidence, length: int, rng: Rng | None, reach: float = 1.0) -> Labelled:
    """Return the configurations of the first `length` complete rows, repeats merged, with warped labels.

    Several objectives are warped each and joined by the augmented Chebyshev norm of ParEGO (Knowles, 2006,
    eq. 2, rho = 0.05), with weights drawn by `rng` (equal ones if None), so that proposals aim all along the front.
    A row that broke constraints is worse than every one that met them, by how far it broke them. Of what is farther
    from the best than `reach` times the median only the order counts.
    """
    config = evidence.config.view()[:length, 0].astype(np.int64)
    losses, breach = evidence.losses.view()[:length], _breach(evidence.excess.view()[:length])
    variance = evidence.known.view()[:length]
    n_configs = int(config.max()) + 1 if length else 0
    counts: Floats = np.bincount(config, minlength=n_configs).astype(np.float64)
    if n_configs < length:
        share = 1.0 / counts[config]  # divided first: the sum of large numbers may be too large
        losses = np.stack([np.bincount(config, weights=column * share) for column in losses.T], axis=1)
        variance = np.stack([np.bincount(config, weights=column * share**2) for column in variance.T], axis=1)
        breach = np.bincount(config, weights=breach * share).astype(np.float64)
    loss = _scalar(losses, breach, rng)
    labels = warp(loss, reach)
    known = np.zeros(len(labels))
    if losses.shape[1] == 1 and variance.any():
        known = _label_variance(loss, labels, variance[:, 0])
    return Labelled(evidence.x.view()[:n_configs], loss, labels, counts, known, np.arange(n_configs))


def within_deviation(evidence: Evidence, length: int) -> tuple[float, int]:
    """Return the standard deviation of the first objective between runs of one configuration, and its freedom.

    Without any repeat among the first `length` complete rows it is (nan, 0).
    """
    config = evidence.config.view()[:length, 0].astype(np.int64)
    counts = np.bincount(config)
    freedom = length - len(counts)
    if not freedom:
        return float("nan"), 0
    losses = evidence.losses.view()[:length, 0]
    with np.errstate(over="ignore"):
        means = np.bincount(config, weights=losses / counts[config])
        off = np.minimum(np.abs(losses - means[config]), LARGEST)
    scale = float(off.max()) or 1.0
    return scale * float(np.sqrt(np.square(off / scale).sum() / freedom)), freedom


def key_of(x: Floats) -> bytes:
    """Return what tells the configuration [D] from all others."""
    return keys_of(x[None])[0]


def keys_of(x: Floats) -> list[bytes]:
    """Return the keys of configurations [n, D]."""
    return [row.tobytes() for row in np.nan_to_num(x, nan=np.inf)]


def _variance(errors: Floats) -> Floats:
    with np.errstate(over="ignore"):
        squares: Floats = np.minimum(np.where(np.isnan(errors), 0.0, errors) ** 2, LARGEST)
    return squares


def _breach(excess: Floats) -> Floats:
    """Return [n] by how much the constraints are broken, each in the unit of the largest breach [n, C] of it."""
    largest = excess.max(axis=0, initial=0.0)
    breach: Floats = (excess / np.where(largest > 0.0, largest, 1.0)).sum(axis=1)
    return breach


def _scalar(losses: Floats, breach: Floats, rng: Rng | None) -> Floats:
    """Return [c] one loss a configuration."""
    if losses.shape[1] == 1:
        loss: Floats = losses[:, 0].copy()
    else:
        labels = np.stack([warp(column) for column in losses.T], axis=1)  # one that diverged must not be the scale
        scaled = labels.max(axis=0) - labels
        k = losses.shape[1]
        weights = np.full(k, 1.0 / k) if rng is None else rng.dirichlet(np.ones(k))
        weighted = scaled * weights
        loss = weighted.max(axis=1) + _RHO * weighted.sum(axis=1)
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
