"""The model that analyses ask: a Gaussian process on the loss itself.

The engines' models see losses bent around the best, where they search; here the whole range matters, and only what is
far out on the bad side is drawn in, since one trial that diverged would be all that importance speaks of.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from trimtab.analysis.sample import Sample
from trimtab.arrays import Floats, Ints, Rng
from trimtab.model.features import Features
from trimtab.model.keys import numbered
from trimtab.numerics import anova, blas
from trimtab.numerics.arithmetic import quiet
from trimtab.space.space import Space

NEEDED: Final = 8
"""Configurations from which a model is made: fewer than that say nothing that a table of them does not show."""

FIT_WORK: Final = 2.5e5
"""Hyperparameters are fitted on so many configurations that their number squared, times that of parameters, is this at
most: what half a second allows."""

ROWS: Final = 300
WORK: Final = 1.2e6
"""The process is conditioned on so many configurations, and on no more than that their number squared, times that of
parameters, is this: what two seconds allow a card."""

EVALUATIONS: Final = 30
"""Of the likelihood, for a fit. By taste: more changed nothing that a picture shows."""

FAR: Final = 3.0
"""Losses beyond the third quartile by more than so many interquartile ranges are drawn in to there (Tukey, 1977)."""

FIRST: Final = 20
"""Of so many first trials, which no search has drawn together yet, the quartiles count as well."""


@dataclass(frozen=True, slots=True)
class Response:
    """What is expected of configurations.

    Attributes:
        space: what may be tried.
        features: how the process sees rows.
        x: [c, D] the configurations that it is conditioned on.
        data: what it is conditioned on, standardized.
        theta: its hyperparameters.
        posterior: the process.
        centre, unit: a loss is centre + unit * label.
        limit: losses beyond were drawn in to it; n_limited: how many.
        explained: the share of the variance of left-out labels that the others foretell, at most 1; may be below 0.
    """

    space: Space
    features: Features
    x: Floats
    data: anova.Rows
    theta: Floats
    posterior: anova.Posterior
    centre: float
    unit: float
    limit: float
    n_limited: int
    explained: float

    @quiet()
    def predict(self, x: Floats) -> tuple[Floats, Floats]:
        """Return [m] expected losses of rows [m, D], and [m] deviations, without the noise of a trial."""
        with blas.one_thread():
            mean, deviation = self.posterior.predict(self.features.embed(x))
        return self.centre + self.unit * mean, self.unit * deviation

    @quiet()
    def mean(self, x: Floats) -> Floats:
        """Return [m] expected losses of rows [m, D]."""
        with blas.one_thread():
            return self.centre + self.unit * self.posterior.mean(self.features.embed(x))

    @property
    def noise(self) -> float:
        """The standard deviation of a trial's loss about what is expected of its configuration."""
        return self.unit * float(np.sqrt(self.posterior.noise))

    @quiet()
    def paths(self, n: int, rng: Rng) -> list[anova.Paths]:
        """Return functions that the trials leave possible, in labels, for each of n draws of hyperparameters."""
        with blas.one_thread():
            n_fitted = min(len(self.data.y), _fit_rows(self.data.n_groups))
            thetas = anova.drawn(self.data, self.theta, n, n_fitted, rng)
            return [anova.Paths(self.data, theta, rng) for theta in thetas]


@quiet()
def response_of(space: Space, sample: Sample) -> Response | None:
    """Return the model of a sample; None where there are too few configurations, or nothing differs."""
    if not len(sample):
        return None
    limit = _limit(sample.losses)
    losses = np.minimum(sample.losses, limit)
    config = numbered(sample.x)
    counts = np.bincount(config).astype(np.float64)
    features = Features(space)
    if len(counts) < NEEDED or not features.n_groups:
        return None
    first = np.full(len(counts), len(config))
    np.minimum.at(first, config, np.arange(len(config)))
    means: Floats = np.bincount(config, weights=losses / counts[config]).astype(np.float64)
    kept = _chosen(means, first, int(np.clip(np.sqrt(WORK / features.n_groups), 100, ROWS)))
    means, counts, x = means[kept], counts[kept], sample.x[first[kept]]
    centre = float(np.clip(means, -1e300, 1e300).mean())
    spread = means - centre
    largest = float(np.abs(spread).max())
    unit = largest * float(np.sqrt(np.square(spread / largest).mean())) if largest > 0 else 0.0
    if not (unit > 0 and np.isfinite(unit) and unit > 1e-12 * max(abs(centre), 1e-300)):
        return None
    z = features.embed(x)
    data = anova.Rows(z, (spread / unit).astype(np.float64), features.group, features.n_groups, 1.0 / counts)
    with blas.one_thread():
        theta = anova.fit(data.take(_spread(len(data.y), _fit_rows(data.n_groups))), EVALUATIONS)
        posterior = anova.Posterior(data, theta)
        errors = posterior.left_out()
    explained = 1.0 - float(np.square(errors).mean()) / float(np.var(data.y))
    n_limited = int((sample.losses > limit).sum())
    return Response(space, features, x, data, theta, posterior, centre, unit, limit, n_limited, min(explained, 1.0))


def _fit_rows(n_groups: int) -> int:
    return int(np.clip(np.sqrt(FIT_WORK / n_groups), 60, ROWS))


def _limit(losses: Floats) -> float:
    """Return the loss beyond which trials are drawn in."""
    ends = []
    for part in (losses, losses[:FIRST]):
        low, high = np.percentile(part, [25, 75])
        ends.append(float(high + FAR * (high - low)) if high > low else float(part.max()))
    found = max(ends)
    return found if np.isfinite(found) else float(np.finfo(np.float64).max)


def _chosen(means: Floats, first: Ints, most: int) -> Ints:
    """Return up to `most` configurations in the order of their coming: an even choice, and the best tenth of it."""
    order = np.argsort(first, kind="stable")
    if len(order) <= most:
        return order
    best = np.argsort(means, kind="stable")[: most // 10]
    even = order[np.linspace(0, len(order) - 1, most - len(best)).astype(np.int64)]
    found = np.union1d(best, even)
    return found[np.argsort(first[found], kind="stable")]


def _spread(n: int, most: int) -> Ints:
    return np.arange(n) if n <= most else np.linspace(0, n - 1, most).astype(np.int64)
