"""How much better the best result will get: a forecast from how it got better so far.

The search's own record is the evidence of what it can do, whatever proposes: the best result so far is a path that
falls in steps. Count how often it fell by more than d, in logarithmic time: of independent draws the t-th is the best
so far with a chance of 1 / t, so that records come at a constant rate in log t (Rényi, 1962); a search that learns has
a higher rate, and one that has found what there is to find a lower one. The rate has a gamma distribution: before
anything is known that of searches in general, which is the lower the larger d is; then what was counted, of which
what lies long ago says less. Results that crowd within d above the best, as they do at a bound, make it lower. The
chance that the best falls by more than d within the next k configurations is then a closed formula, and as a function
of d it is the distribution of the gain.

No model of the objective takes part: on recorded studies the results alone were well calibrated (docs/worth.md), and
they cost a millisecond where a process costs a tenth of a second.

Losses: smaller is better. R times that the best fell, G gains, K horizons.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from trimtab.arrays import Floats
from trimtab.stop.path import Path

# Fitted on recorded studies of the half for tuning, by the likelihood of what came of them: benchmarks/worth.py

FADES: Final = 2.0
"""A fall at configuration t of n counts (t / n) to this power: together, those of half of one unit of logarithmic time.
By the likelihood of gains of a twentieth of the scale until a study's end: with 3 those of which 14 and 29 % were said
came in 22 and 50 % of 300 trials, with 2 in 10 and 40 %."""

RATE: Final = 0.6
"""How often a search falls by a hundredth of its scale in one unit of logarithmic time, before anything is known."""

FALLS: Final = 0.5
"""And by d in proportion to d to the power of minus this."""

MOST_RATE: Final = 1.5
"""But no more often than this."""

FAR: Final = 0.1
"""Gains of more than this share of the scale are rarer still: by the square of what they are more."""

BELIEF: Final = 0.6
"""What is believed of searches in general weighs as much as so much logarithmic time."""

CROWD: Final = 0.3
"""With m results within d above the best the rate for d is lower by (1 + m) to this power. Of results, too, what lies
long ago counts less, in proportion to its place. The likelihood is best at a half, with which more than a tenth of the
studies in the half for tuning ended too early."""

SMALLEST: Final = 1e-6
LARGEST: Final = 10.0
"""Gains between these shares of the scale are looked at; one below is none to anybody."""

N_GAINS: Final = 96
"""So many of them: neighbours differ by less than a fifth."""

_SHARES: Final = np.geomspace(SMALLEST, LARGEST, N_GAINS)


@dataclass(frozen=True, slots=True)
class Gains:
    """The distribution of what the best result gains within some numbers of configurations.

    Attributes:
        k: [K] within how many.
        gains: [G] ascending.
        survival: [K, G] the chances to gain more.
    """

    k: Floats
    gains: Floats
    survival: Floats

    def expected(self) -> Floats:
        """Return [K] the mean gains."""
        widths = np.diff(self.gains)
        middle = 0.5 * (self.survival[:, 1:] + self.survival[:, :-1]) @ widths
        mean: Floats = middle + self.survival[:, 0] * self.gains[0]
        return mean

    def quantile(self, level: float) -> Floats:
        """Return [K] the gains that are not exceeded with a chance of `level`; 0 where there is likely none."""
        above = (self.survival > 1.0 - level).sum(axis=1)  # survival falls along the gains
        found: Floats = np.where(above > 0, self.gains[np.maximum(above - 1, 0)], 0.0)
        return found

    def interval(self, coverage: float) -> tuple[Floats, Floats]:
        """Return ([K] low, [K] high) gains: the middle `coverage`, or, where it may well be none, from none on."""
        tail = 0.5 * (1.0 - coverage)
        low = self.quantile(tail)
        return low, np.where(low > 0.0, self.quantile(1.0 - tail), self.quantile(coverage))


def forecast(path: Path, k: Floats) -> Gains:
    """Return what the best result gains within k [K] more configurations."""
    gains = _SHARES * (path.scale or 1.0)
    return Gains(k, gains, chances(path, gains, k))


def chances(path: Path, gains: Floats, k: Floats) -> Floats:
    """Return [K, G] the chances that the best falls by more than each gain [G], ascending and above 0."""
    share = gains / (path.scale or 1.0)
    rate = RATE * (0.01 / share) ** FALLS
    prior = np.minimum(MOST_RATE, rate) / (1.0 + np.square(share / FAR))
    shape = (BELIEF * prior + _falls(path, gains)) / (1.0 + _crowd(path, gains)) ** CROWD
    seen = BELIEF + 1.0 / FADES
    time = np.log1p(k / max(1, path.n))
    found: Floats = -np.expm1(np.log(seen / (seen + time))[:, None] * shape)
    found[:, gains >= path.room] = 0.0  # none is better than can be
    return np.maximum.accumulate(found[:, ::-1], axis=1)[:, ::-1]  # a larger gain is never likelier


def _falls(path: Path, gains: Floats) -> Floats:
    """Return [G] how often the best fell by more than each gain, what lies long ago counting less."""
    counts = np.zeros(len(gains))
    if not len(path.best):
        return counts
    weights = (path.at / path.n) ** FADES
    last = np.full(len(gains), path.best[0])
    for best, weight in zip(path.best[1:].tolist(), weights[1:].tolist(), strict=True):
        fell = last - best > gains
        counts[fell] += weight
        last[fell] = best
    return counts


def _crowd(path: Path, gains: Floats) -> Floats:
    """Return [G] how many results lie within each gain above the best, it apart, what lies long ago counting less."""
    if not len(path.best):
        return np.zeros(len(gains))
    above = path.losses - path.best[-1]
    order = np.argsort(above, kind="stable")
    weights = np.concatenate([[0.0], np.cumsum((order + 1.0) / path.n)])
    crowd: Floats = weights[np.searchsorted(above[order], gains, side="right")] - 1.0
    return np.maximum(crowd, 0.0)
