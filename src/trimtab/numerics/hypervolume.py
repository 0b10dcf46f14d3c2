"""Hypervolumes of fronts, and what a point of uncertain value is expected to add to one. Larger is better.

The region above a reference point that a front leaves undominated is cut into disjoint boxes, [l, u) with u maybe
infinite. A point y adds to the hypervolume what lies below it in each: prod_k (min(y_k, u_k) - l_k)+. Of independent
normals the expectation of a product is the product of expectations, and each factor is the difference of two expected
improvements, over l_k and over u_k. So expected hypervolume improvement is exact, whatever the number of objectives
(Emmerich, Yang & Deutz, 2020, "Infill criteria for multiobjective Bayesian optimization"), and all of it is summed in
logarithms, which do not underflow far from the front (Ament et al., 2023, arXiv 2310.20708).

Letters: f points of a front, K objectives, b boxes, m candidates.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np

from trimtab.arrays import Bools, Floats, Ints
from trimtab.numerics.acquisition import log_h

_LOG_SQRT_2PI = 0.5 * np.log(2.0 * np.pi)

Box: TypeAlias = tuple[tuple[float, float], ...]
"""For each objective the lower and the upper edge."""


def boxes(front: Floats, reference: Floats) -> tuple[Floats, Floats]:
    """Return ([b, K] lower, [b, K] upper) edges of disjoint boxes, all that is above the reference and undominated.

    Args:
        front: [f, K] points, in any order; those that others dominate, or that are not above the reference, add none.
        reference: [K] the least that counts.
    """
    above = front[(front > reference).all(axis=1)]
    found = _boxes([tuple(point) for point in np.unique(above, axis=0).tolist()], tuple(reference.tolist()))
    edges = np.array(found).reshape(-1, len(reference), 2)
    return edges[:, :, 0], edges[:, :, 1]


def _boxes(points: list[tuple[float, ...]], reference: tuple[float, ...]) -> list[Box]:
    """Sweep down the last objective: at each height a box stands on what the points above it leave undominated."""
    *lower, last = reference
    if not lower:
        top = max((point[0] for point in points), default=last)
        return [((max(top, last), np.inf),)]
    done: list[Box] = []
    standing: dict[Box, float] = dict.fromkeys(_boxes([], tuple(lower)), np.inf)
    above: list[tuple[float, ...]] = []
    for height in sorted({point[-1] for point in points}, reverse=True):
        above = _undominated([*above, *(point[:-1] for point in points if point[-1] == height)])
        now = _boxes(above, tuple(lower))
        kept = set(now)
        done += [(*box, (height, top)) for box, top in standing.items() if box not in kept]
        standing = {box: standing.get(box, height) for box in now}
    return done + [(*box, (last, top)) for box, top in standing.items()]


def _undominated(points: list[tuple[float, ...]]) -> list[tuple[float, ...]]:
    if len(points[0]) == 1:
        return [max(points)]
    some = np.unique(np.array(points), axis=0)
    return [tuple(point) for point in some[_are_maximal(some)].tolist()]


def _are_maximal(points: Floats) -> Bools:
    """Return [f] whether no other of the points [f, K], which all differ, is as large in every objective."""
    below: Bools = np.asarray((points[:, None] <= points[None]).all(axis=2))
    found: Bools = np.count_nonzero(below, axis=1) == 1
    return found


def hypervolume(front: Floats, reference: Floats) -> float:
    """Return the volume between a reference [K] and the points of a front [f, K]."""
    above = front[(front > reference).all(axis=1)]
    if not len(above):
        return 0.0
    top = above.max(axis=0)
    lower, upper = boxes(above, reference)
    free = np.prod(np.maximum(np.minimum(upper, top) - lower, 0.0), axis=1).sum()
    return float(np.prod(top - reference) - free)


def thinned(front: Floats, most: int) -> Floats:
    """Return up to `most` points that dominate all of the front [f, K], each as little above it as may be.

    The nearest two become the one point that is as good as both, so that nothing is to be gained where one was left
    out; then the next, and so on.
    """
    while len(front) > most:
        spread = np.ptp(front, axis=0)
        scaled = front / np.where(spread > 0.0, spread, 1.0)
        i, j = np.triu_indices(len(front), 1)
        order = np.argsort(np.abs(scaled[i] - scaled[j]).max(axis=1), kind="stable")
        is_left, joined = np.ones(len(front), dtype=bool), list[Floats]()
        for a, b in zip(i[order].tolist(), j[order].tolist(), strict=True):
            if len(front) - len(joined) <= most:
                break
            if is_left[a] and is_left[b]:
                is_left[[a, b]] = False
                joined.append(np.maximum(front[a], front[b]))
        front = np.unique(np.concatenate([front[is_left], joined]), axis=0)
        front = front[_are_maximal(front)]
    return front


class Improvement:
    """The logarithm of expected hypervolume improvement over a front.

    Args:
        front: [f, K].
        reference: [K].
    """

    def __init__(self, front: Floats, reference: Floats) -> None:
        lower, upper = boxes(front, reference)
        self._edges: list[Floats] = []
        self._lower: list[Ints] = []
        self._upper: list[Ints] = []
        for low, high in zip(lower.T, upper.T, strict=True):  # an edge belongs to many boxes: it is looked at once
            edges, places = np.unique(np.concatenate([low, high[np.isfinite(high)]]), return_inverse=True)
            self._edges.append(edges)
            self._lower.append(places[: len(low)])
            at = np.full(len(high), len(edges))
            at[np.isfinite(high)] = places[len(low) :]
            self._upper.append(at)

    def log_expected(self, mean: Floats, deviation: Floats) -> Floats:
        """Return [m] for independent normals with means and deviations [m, K]."""
        total = sum(self._log_gain(k, mean[:, k], deviation[:, k]) for k in range(mean.shape[1]))
        return _log_sum(np.asarray(total))

    def log_expected_with_gradient(self, mean: Floats, deviation: Floats) -> tuple[Floats, Floats, Floats]:
        """Return the same [m], and its gradients [m, K] by means and by deviations."""
        from scipy.special import log_ndtr

        k = mean.shape[1]
        gains = [self._log_gain(i, mean[:, i], deviation[:, i]) for i in range(k)]
        total = np.asarray(sum(gains))
        value = _log_sum(total)
        share = np.exp(total - value[:, None])
        by_mean, by_deviation = np.empty_like(mean), np.empty_like(mean)
        for i, gain in enumerate(gains):
            z = (mean[:, i, None] - self._edges[i]) / deviation[:, i, None]
            log_cumulative = np.column_stack([log_ndtr(z), np.full(len(z), -np.inf)])
            log_density = np.column_stack([-0.5 * z * z - _LOG_SQRT_2PI, np.full(len(z), -np.inf)])
            for by, log_slope in ((by_mean, log_cumulative), (by_deviation, log_density)):
                below = np.exp(np.minimum(log_slope[:, self._lower[i]] - gain, _MOST_LOG))
                above = np.exp(np.minimum(log_slope[:, self._upper[i]] - gain, _MOST_LOG))
                by[:, i] = np.einsum("mb,mb->m", share, below - above)
        return value, by_mean, by_deviation

    def _log_gain(self, k: int, mean: Floats, deviation: Floats) -> Floats:
        """Return [m, b] the logarithm of what is expected between the edges of each box along one objective."""
        edges = self._edges[k]
        log_ei = np.log(deviation)[:, None] + log_h((mean[:, None] - edges) / deviation[:, None])
        log_ei = np.column_stack([log_ei, np.full(len(mean), -np.inf)])
        low, high = log_ei[:, self._lower[k]], log_ei[:, self._upper[k]]
        part = np.minimum(high - low, -_CLOSE)
        gain: Floats = low + np.log(-np.expm1(part))
        return gain


_MOST_LOG = 300.0
"""Slopes are cut at its exponential: farther than a million deviations from the front their digits are lost."""

_CLOSE = 1e-15
"""Edges that are closer than this, in the logarithm of what is expected above them, are as far apart as this."""


def _log_sum(logs: Floats) -> Floats:
    """Return [m] logarithms of sums of exponentials [m, b]."""
    top = logs.max(axis=1)
    total: Floats = top + np.log(np.exp(logs - top[:, None]).sum(axis=1))
    return total
