"""A trust region about the leader, and the point in it that is expected to improve most.

The region grows with improvements and shrinks without; once it is small it is over, and the next begins about the best
row outside of those before. Its rules are those of TuRBO (Eriksson et al., 2019, arXiv 1910.01739), but that its axes
are the landscape's (see `model`) and that log expected improvement chooses, not a draw. Choices keep within a Hamming
distance of the leader that shrinks with it (after CASMOPolitan: Wan et al., 2021, arXiv 2102.07188).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final, TypeAlias

import numpy as np

from trimtab.arrays import Floats, Rng
from trimtab.model.labels import labelled
from trimtab.model.observations import Observations
from trimtab.numerics.acquisition import log_ei, log_ei_with_gradient, log_positive
from trimtab.numerics.gp import Posterior
from trimtab.optim.gp.search import neighbours
from trimtab.optim.gp.settings import Settings
from trimtab.optim.local.branch import Branch
from trimtab.optim.local.model import Frame, Near, fitted, posterior
from trimtab.optim.local.settings import LocalSettings
from trimtab.optim.tried import Tried
from trimtab.space.space import Space

Key: TypeAlias = tuple[float, float]
"""What ranks results: by how much constraints are broken, then the loss."""

NOTHING: Final[Key] = (np.inf, np.inf)
"""Worse than every result."""

N_CHOICES: Final = Settings().n_choices
"""As in `optim.gp`."""


class Region:
    """A fold over the results of its turns.

    Args:
        space: the space.
        settings: the constants.

    Attributes:
        branch: what is varied; None before it began.
        best: the best result in it.
        length: its side.
        due: how many results there were when the model was last fitted.
    """

    def __init__(self, space: Space, settings: LocalSettings) -> None:
        self._space, self._settings = space, settings
        self.branch: Branch | None = None
        self.best: Key = NOTHING
        self.length = settings.first_length
        self.due = 0
        self._n_good = self._n_bad = self._n_since = 0
        self._left: list[Floats] = []
        self._begun: Branch | None = None
        self._fit_length = self.length
        self._fitted: Frame | None = None

    def __getstate__(self) -> dict[str, object]:
        return self.__dict__ | {"_fitted": None}  # what can be computed again is not state

    @property
    def is_over(self) -> bool:
        """Whether it has shrunk to nothing."""
        return self.length < self._settings.least_length

    def begin(self, x: Floats, best: Key, n: int) -> None:
        """Begin about a row [D], when there are n results."""
        self.branch, self.best = Branch(self._space, x), best
        self.length = self._settings.first_length
        self._n_good = self._n_bad = 0
        self._refit(n)

    def tell(self, x: Floats, key: Key | None, elite: float, n: int) -> None:
        """Take up a trial of its turn: a result, or None; `elite` is the loss that counts as good."""
        s, branch = self._settings, self.branch
        if branch is None:
            return
        improves = key is not None and key < self.best and bool(branch.contains(x[None])[0])
        gain = self.best[1] - key[1] if key is not None and key[0] == self.best[0] else np.inf
        is_material = improves and not gain <= s.material * (elite - self.best[1])
        self._n_good, self._n_bad = (self._n_good + 1, 0) if is_material else (0, self._n_bad + 1)
        if improves and key is not None:
            self.best = key
            self.branch = Branch(self._space, x)
        self._n_since += 1
        if self._n_good >= s.n_good:
            self.length, self._n_good = min(2.0 * self.length, s.most_length), 0
        elif self._n_bad >= max(s.least_bad, len(branch.numeric) // 2):
            self.length, self._n_bad = self.length / 2.0, 0
        resized = max(self.length / self._fit_length, self._fit_length / self.length)
        if resized >= s.resized or self._n_since >= s.each:
            self._refit(n)

    def leave(self) -> None:
        """Take what it is about as searched: the next begins elsewhere."""
        if self.branch is not None:
            self._left.append(self._space.to_unit(self.branch.row))

    def elsewhere(self, x: Floats, losses: Floats, apart: float) -> int | None:
        """Return the place of the best row [n, D] that lies apart from all that was searched; None if none does."""
        u = np.nan_to_num(self._space.to_unit(x), nan=-1.0)
        away = np.ones(len(x), dtype=bool)
        for centre in self._left:
            away &= np.sqrt(np.square(u - np.nan_to_num(centre, nan=-1.0)).mean(axis=1)) > apart
        if not away.any():
            return None
        return int(np.argmin(np.where(away, losses, np.inf)))

    def _refit(self, n: int) -> None:
        """Let the model be fitted as of now, whenever it is asked: the leader may have moved by then."""
        self.due, self._begun, self._fit_length, self._n_since = n, self.branch, self.length, 0
        self._fitted = None

    def frame(self, observations: Observations) -> Frame:
        """Return the axes as of the last fit."""
        if self._fitted is None:
            if self._begun is None:
                raise RuntimeError("a region has no axes before it began")
            near, row = self.near(observations, self._begun, self.due), self._begun.row[None]
            at, choices = self._begun.places(row)[0], self._begun.choices(row)[0]
            self._fitted = fitted(near, at, choices, self._fit_length, self._settings)
        return self._fitted

    def near(self, observations: Observations, branch: Branch, length: int) -> Near:
        """Return the rows of a branch among the first so many results."""
        losses, counts = merged(observations, length)
        x = observations.x.view[: len(losses)]
        rows = np.flatnonzero(branch.contains(x))
        x = x[rows]
        n_choices = len(branch.categorical)
        return Near(branch.places(x), branch.choices(x), losses[rows], 1.0 / counts[rows], branch.group, n_choices)

    def ask(
        self, observations: Observations, pending: Floats, tried: Tried, rng: Rng, given: Floats | None
    ) -> tuple[Floats, str] | None:
        """Return [D] the row of the largest expected improvement, and why; None if everything near was tried.

        Args:
            observations: what is on record.
            pending: [p, D] rows that wait or run.
            tried: what needs not be tried again.
            rng: draws candidates.
            given: [D] values that the row must have, nan where free; None when all are.
        """
        branch = self.branch
        if branch is None or not branch.n_free:
            return None
        look = _Look(self, observations, branch, pending, self._settings)
        x = look.candidates(rng, given)
        x = x[branch.contains(x)]
        near = neighbours(self._space, branch.row[None], given, N_CHOICES)
        x = tried.left(np.concatenate([x, near[branch.contains(near)]]))
        if not len(x):
            return None
        score = look.score(x)
        top = np.argsort(-score, kind="stable")[: self._settings.n_refined]
        climbed = look.climbed(x[top], given)
        climbed = tried.left(climbed[branch.contains(climbed)])
        x, score = np.concatenate([x[top], climbed]), np.concatenate([score[top], look.score(climbed)])
        best = int(np.argmax(score))
        return x[best], look.why(x[best])


def merged(observations: Observations, length: int) -> tuple[Floats, Floats]:
    """Return ([c] the loss of each configuration among the first so many results, [c] of how many it is the mean).

    Without constraints that takes no labels, which are dear where there are thousands of results.
    """
    results = observations.results(length)
    if results.excess.shape[1]:
        seen = labelled(observations, length, None)
        return seen.losses, seen.counts
    counts: Floats = np.bincount(results.config).astype(np.float64)
    sums = np.bincount(results.config, weights=results.losses[:, 0] / counts[results.config])
    return sums.astype(np.float64), counts


class _Look:
    """The model of one ask."""

    def __init__(
        self, region: Region, observations: Observations, branch: Branch, pending: Floats, settings: LocalSettings
    ) -> None:
        self._branch, self._settings, self._length = branch, settings, region.length
        frame = region.frame(observations)
        near = region.near(observations, branch, len(observations))
        row = branch.row[None]
        frame = replace(frame, centre=branch.places(row)[0], choices=branch.choices(row)[0])
        near = frame.nearest(near, region.length, settings)
        failed = observations.failed.view[branch.contains(observations.failed.view)]
        if len(failed):
            bad = Near(
                branch.places(failed),
                branch.choices(failed),
                np.full(len(failed), near.losses.max()),
                np.ones(len(failed)),
                near.group,
                near.n_choices,
            )
            near = _joined(near, frame.nearest(bad, region.length, settings))
        self._posterior: Posterior = posterior(frame, near)
        means = self._posterior.mean(frame.data(near).z)
        leader = int(np.argmax(means))
        self.bar = float(means[leader])
        self.frame = replace(frame, centre=near.u[leader], choices=near.choices[leader])
        self._shift = frame
        self._codes = self._codes_of(near.choices[leader])
        waits = pending[branch.contains(pending)]
        if len(waits):
            self._posterior = self._posterior.condition(self._z(waits))
        self._half = np.minimum(0.5 * frame.reach * region.length, 0.5) / frame.length

    def _codes_of(self, choices: Floats) -> Floats:
        """Return [Q] the choices of one-hot coordinates [R]."""
        found, first = [], 0
        for k in self._branch.n_choices.tolist():
            found.append(float(np.argmax(choices[first : first + k])))
            first += k
        return np.array(found)

    def _z(self, x: Floats) -> Floats:
        """Return [n, P + R] where the process sees rows."""
        return np.concatenate([self._shift.coordinates(self._branch.places(x)), self._branch.choices(x)], axis=1)

    def score(self, x: Floats) -> Floats:
        """Return [n] log expected improvement of rows."""
        mean, deviation = self._posterior.predict(self._z(x))
        return log_ei(mean, deviation, self.bar)

    def candidates(self, rng: Rng, given: Floats | None) -> Floats:
        """Return rows of the region: a third far from the centre, two near."""
        s, p, q = self._settings, len(self._branch.numeric), len(self._branch.categorical)
        n = s.n_candidates
        far = n // 3
        part = np.exp(rng.uniform(np.log(s.nearest), np.log(s.near), (n, 1)))
        w = rng.standard_normal((n, p)) * part
        w[:far] = rng.uniform(-1.0, 1.0, (far, p)) * (rng.random((far, p)) < min(1.0, s.n_moved / max(p, 1)))
        w = np.clip(w, -1.0, 1.0) * self._half
        codes = np.repeat(self._codes[None], n, axis=0)
        if q:
            radius = max(1, round(q * min(1.0, self._length)))
            drawn = rng.random((n, q))
            flips = (drawn < s.n_flipped / q) & (np.argsort(np.argsort(drawn, axis=1), axis=1) < radius)
            codes = np.where(flips, np.floor(rng.random((n, q)) * self._branch.n_choices), codes)
        x, fits = self._branch.rows(self.frame.places(w), codes, given)
        return x[fits]

    def climbed(self, x: Floats, given: Floats | None) -> Floats:
        """Return rows that are uphill from some [k, D], within the region."""
        s, p = self._settings, len(self._branch.numeric)
        if not p:
            return x[:0]
        z = self._z(x)
        rest, codes = z[:, p:], x[:, self._branch.categorical]
        at = self.frame.coordinates(self._branch.places(x))
        offset = self._shift.coordinates(self.frame.centre[None])
        best, best_score = at.copy(), np.full(len(x), -np.inf)
        first, second = np.zeros_like(at), np.zeros_like(at)
        beta1, beta2 = 1.0 - s.refine_first, 1.0 - s.refine_second
        for t in range(1, s.refine_steps + 1):
            means, deviations, by_mean_z, by_deviation_z = self._posterior.predict_with_gradient(
                np.concatenate([at + offset, rest], axis=1)
            )
            score, by_mean, by_deviation = log_ei_with_gradient(means, deviations, self.bar)
            better = score > best_score
            best[better], best_score[better] = at[better], score[better]
            uphill = (by_mean[:, None] * by_mean_z + by_deviation[:, None] * by_deviation_z)[:, :p] * self._half
            first = beta1 * first + s.refine_first * uphill
            second = beta2 * second + s.refine_second * uphill * uphill
            direction = (first / (1.0 - beta1**t)) / (np.sqrt(second / (1.0 - beta2**t)) + 1e-12)
            at = at + s.refine_step * (1.0 - (t - 1) / s.refine_steps) * self._half * direction
            at = self.frame.coordinates(self.frame.places(np.clip(at, -self._half, self._half)))
        rows, fits = self._branch.rows(self.frame.places(best), codes, given)
        return rows[fits]

    def why(self, x: Floats) -> str:
        mean, deviation = self._posterior.predict(self._z(x[None]))
        chance = float(np.exp(log_positive(mean - self.bar, deviation))[0])
        return (
            f"improves with a chance of {chance:.0%}, in a region about the leader of {self._length:.2g} of the ranges"
        )


def _joined(a: Near, b: Near) -> Near:
    return replace(
        a,
        u=np.concatenate([a.u, b.u]),
        choices=np.concatenate([a.choices, b.choices]),
        losses=np.concatenate([a.losses, b.losses]),
        share=np.concatenate([a.share, b.share]),
    )
