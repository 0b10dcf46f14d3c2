"""The model of one metric, or of all of them joined: which rows it is fitted on, when, and with what start.

Fitting is a pure function of the first so many rows, done at fixed lengths of the log, and each fit starts from the one
before: a study that is opened again comes to the same hyperparameters, and one more result costs a few evaluations.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from trimtab.arrays import Floats, Ints, Rng
from trimtab.model.features import Features
from trimtab.model.labels import Joined, Labelled, Labels, with_below
from trimtab.model.observations import Observations
from trimtab.model.odd import without_odd
from trimtab.model.outliers import is_usual
from trimtab.model.past import Expected, Sources
from trimtab.model.settings import MODEL, ModelSettings
from trimtab.numerics.gp import N_SCALES, Data, Posterior, Prior, fit
from trimtab.numerics.input_warp import Curves, fit_curves
from trimtab.numerics.warp import FAR_REACH

_ANEW_UNTIL: Final = 10
"""Up to so many rows every fit starts anew: with so few it costs little. By taste."""


@dataclass(frozen=True, slots=True)
class Fit:
    """What is fitted: hyperparameters [G + 3], the reach of the output warp, and input warps if they pay."""

    theta: Floats
    reach: float
    curves: Curves | None


@dataclass(frozen=True, slots=True)
class Model:
    """What is known at some length of the log.

    Attributes:
        seen: what is regressed on.
        features: the coordinates, warped where that pays.
        z: [c, Q] those of `seen`.
        posterior: the process, conditioned on `seen`, and after these on what was seen at lower fidelities; where
            earlier studies are believed, of what is left of labels once what they expect is taken off.
        expected: what these expect.
    """

    seen: Labelled
    features: Features
    z: Floats
    posterior: Posterior
    expected: Expected | None = None


class Surrogate:
    """Hyperparameters as of every length of the log that they were fitted at.

    Args:
        features: the coordinates, not warped.
        length2: [D] the squared lengthscales of parameters that are likeliest before anything is known.
        is_tree: whether the space has conditions. A search that has found a good branch has most of its results there:
            were the worse half only ranked, all other branches would look alike and bad, and it would never leave.
        settings: the constants of the models.
        labels: what is regressed on.
        sources: the earlier studies that it learns from; None where there are none.
        has_mean: whether it learns what they expect; else no more than how fast such objectives vary, and their noise.
        is_wide: whether results far off keep their distances from the beginning, not only where that foresees others
            better: all of their range counts where there is a front, and not the best alone. Measured: decision 123.
    """

    def __init__(
        self,
        features: Features,
        length2: Floats,
        *,
        is_tree: bool,
        settings: ModelSettings = MODEL,
        labels: Labels | None = None,
        sources: Sources | None = None,
        has_mean: bool = True,
        is_wide: bool = False,
    ) -> None:
        self.features = features
        self.labels: Labels = Joined() if labels is None else labels
        self._settings = settings
        self._reaches = (FAR_REACH,) if is_tree else (FAR_REACH, 1.0) if is_wide else (1.0, FAR_REACH)
        prior = settings.prior if isinstance(self.labels, Joined) else settings.metric_prior
        if sources is not None and has_mean:
            prior = replace(prior, amplitude_bounds=(settings.past_amplitude, prior.amplitude_bounds[1]))
        prior = replace(prior, length2=length2[features.columns])
        self._prior = prior if sources is None else sources.informed(prior)
        self._sources = sources if has_mean else None
        self._fits: dict[int, Fit] = {}
        self._carried: tuple[int, Fit] | None = None

    def carry(self, before: Surrogate, observations: Observations) -> None:
        """Go on from what was fitted in a space that lacked the last parameters of this one, as of all its rows.

        That holds until fits start anew at the next doubling. Of the new parameters those rows say nothing: they have
        the likeliest hyperparameters, and no warps.

        Args:
            before: the surrogate there.
            observations: what was on record, in that space.
        """
        length = len(observations)
        if length <= _ANEW_UNTIL:
            return
        fitted = before.fit(observations, length)
        theta = self._prior.centre(self.features.n_groups)
        theta[: len(fitted.theta)] = fitted.theta  # what is new stands last, in spaces and in their features
        curves = fitted.curves
        if curves is not None:
            straight = np.zeros(len(self.features.places) - len(before.features.places))
            curves = Curves(np.append(curves.log_a, straight), np.append(curves.log_b, straight))
        self._carried = length, Fit(theta, fitted.reach, curves)

    def __getstate__(self) -> dict[str, object]:
        return self.__dict__ | {"_fits": {}}  # what can be computed again is not state

    def model(
        self, observations: Observations, rng: Rng | None, length: int | None = None, rows: Ints | None = None
    ) -> Model:
        """Return the process.

        Args:
            observations: what is on record.
            rng: draws weights of several objectives that are joined; equal ones if None.
            length: as of so many complete rows; all if None.
            rows: of which configurations, ascending; if None the best and the latest, so many as there may be.
        """
        n = len(observations) if length is None else length
        fitted = self.fit(observations, n)
        seen = self.labels(observations, n, fitted.reach, rng)
        expected = self._expected(observations, seen)
        if rows is not None:
            seen = seen.take(np.flatnonzero(np.isin(seen.rows, rows)))
        elif len(seen) > self._settings.kept_rows:
            half = self._settings.kept_rows // 2
            seen = seen.take(np.union1d(seen.best(half), np.arange(len(seen) - half, len(seen))))
        features = self.features.warped(fitted.curves)
        z = features.embed(seen.x)
        told = self._told(observations, n, seen)
        data = _data(features, features.embed(told.x), told, expected, self._settings)
        if observations.is_spoilt(n):
            data = without_odd(data, seen.losses, fitted.theta)
        posterior, expected = settled(data, fitted.theta, expected, self._settings)
        return Model(seen, features, z, posterior, expected)

    def _expected(self, observations: Observations, every: Labelled) -> Expected | None:
        """Return what earlier studies expect, by what they said of all configurations that have a label."""
        if self._sources is None:
            return None
        return self._sources.expected(observations.x.view[: len(every)], every.labels)

    def fit(self, observations: Observations, n: int) -> Fit:
        """Return what was fitted at the largest length that is due by `n` rows.

        Due are 2, 3, ... 10 rows, then every growth by a twentieth; at 10, 20, 40, ... the fit starts anew, and decides
        about warps, else from the one before. The fit that was carried over takes the place of the one at its length,
        and of those between the doubling and it.
        """
        base = n
        if n > _ANEW_UNTIL:
            base = _ANEW_UNTIL
            while 2 * base <= n:
                base *= 2
        if self._carried is not None and base <= self._carried[0] <= n:
            base, self._fits[base] = self._carried
        due = [base]
        while (following := due[-1] + max(1, due[-1] // 20)) <= n:
            due.append(following)
        for i, length in enumerate(due):
            if length not in self._fits:
                self._fits[length] = self._fit(observations, length, None if i == 0 else self._fits[due[i - 1]])
        return self._fits[due[-1]]

    def evidence(self, observations: Observations, length: int) -> float:
        """Return how well the process foresees losses of the better half that are left out: a sum of log densities."""
        model = self.model(observations, None, length)
        slopes = self.labels.log_slopes(observations, length, self.fit(observations, length).reach)
        density = model.posterior.leave_one_out()[: len(model.seen)]
        return float(np.nansum(density + slopes[model.seen.rows]))

    def _fit(self, observations: Observations, length: int, before: Fit | None) -> Fit:
        if not len(self.labels(observations, length, 1.0)):  # of a metric that was not measured
            return Fit(self._prior.centre(self.features.n_groups), self._reaches[0], None)
        if before is not None:
            seen, prior, expected = self._seen(observations, length, before.reach, self._settings.fit_rows)
            features, told = self.features.warped(before.curves), self._told(observations, length, seen)
            data = _data(features, features.embed(told.x), told, expected, self._settings)
            return replace(before, theta=fit(data, prior, [before.theta], self._settings.warm))
        reaches = self._reaches if length >= self._settings.warped_from else self._reaches[:1]
        fits = [self._anew(observations, length, reach) for reach in reaches]
        chosen = max(fits, key=lambda fitted: fitted[1])[0]  # of equals the first
        return chosen if length <= self._settings.anew_rows else self._fit(observations, length, chosen)

    def _seen(
        self, observations: Observations, length: int, reach: float, most: int
    ) -> tuple[Labelled, Prior, Expected | None]:
        """Return what is fitted on, `most` rows, with what penalties, and about which mean."""
        seen = self.labels(observations, length, reach)
        expected = self._expected(observations, seen)
        if observations.is_spoilt(length):  # lengthscales that explain what came by chance explain nothing
            seen = seen.take(np.flatnonzero(is_usual(seen.losses, seen.counts)))
        if len(seen) > most:
            seen = seen.take(_informative(seen, most))
        if self.labels.deviation(observations, length)[0] == 0.0:  # what looks like noise is detail
            return (
                seen,
                replace(self._prior, noise=self._settings.exact_noise, noise_bounds=self._settings.exact_noise_bounds),
                expected,
            )
        return seen, self._prior, expected

    def _told(self, observations: Observations, length: int, seen: Labelled) -> Labelled:
        """Return what is regressed on: `seen`, and after it what was seen at lower fidelities."""
        is_one = isinstance(self.labels, Joined)  # of one metric among several only the furthest counts
        return with_below(observations, length, seen) if is_one else seen

    def _anew(self, observations: Observations, length: int, reach: float) -> tuple[Fit, float]:
        """Return a fit from fixed starts, and how well it foresees losses that are left out of the better half."""
        seen, prior, expected = self._seen(observations, length, reach, self._settings.anew_rows)
        told = self._told(observations, length, seen)
        data = _data(self.features, self.features.embed(told.x), told, expected, self._settings)
        centre = prior.centre(data.n_groups)
        long = centre.copy()
        long[N_SCALES:] = np.log(self._settings.long_length2)
        theta = fit(data, prior, [centre, long], self._settings.cold)
        density = settled(data, theta, expected, self._settings)[0].leave_one_out()
        curves = None
        may_warp = self._settings.has_input_warps and length >= self._settings.warped_from
        if may_warp and len(self.features.places):
            theta, curves, density = self._curved(data, told, prior, theta, density, expected)
        slopes = self.labels.log_slopes(observations, length, reach)  # of all, not of those that were chosen
        by_loss = density[: len(seen)] + slopes[seen.rows]
        return Fit(theta, reach, curves), float(np.nansum(by_loss))

    def _curved(
        self,
        data: Data,
        seen: Labelled,
        prior: Prior,
        theta: Floats,
        density: Floats,
        expected: Expected | None,
    ) -> tuple[Floats, Curves | None, Floats]:
        """Return hyperparameters, input warps and [n] densities: with warps if left-out labels are clearly denser."""
        u, active = self.features.unit(seen.x), self.features.active(seen.x)
        warped_theta, curves = fit_curves(data, u, active, self.features.places, prior, theta, self._settings.cold)
        warped = _data(self.features, self.features.warped(curves).embed(seen.x), seen, expected, self._settings)
        warped_density = settled(warped, warped_theta, expected, self._settings)[0].leave_one_out()
        if float((warped_density - density).sum()) > self._settings.warp_gain:
            return warped_theta, curves, warped_density
        return theta, None, density


def _data(features: Features, z: Floats, seen: Labelled, expected: Expected | None, settings: ModelSettings) -> Data:
    """Return what is regressed on: labels, less what earlier studies expect."""
    share = 1.0 / seen.counts
    if expected is None:
        return Data(z, seen.labels, features.group, features.n_groups, share, seen.known, apart=seen.apart)
    known = expected.known[seen.rows]
    lever = settings.past_spread / expected.believed * known
    return Data(z, seen.labels - known, features.group, features.n_groups, share, seen.known, lever, seen.apart)


def settled(
    data: Data, theta: Floats, expected: Expected | None, settings: ModelSettings
) -> tuple[Posterior, Expected | None]:
    """Return the process, and what earlier studies expect, as many times as is likeliest to be in the labels.

    That is generalised least squares with a prior about 1 (Rasmussen & Williams, section 2.7): what the process makes
    of the labels by itself speaks neither for nor against them.
    """
    plain = Posterior(replace(data, lever=None), theta)
    if data.lever is None or expected is None:
        return plain, None
    solved = plain.solve(data.lever)
    # the multiple of the lever that is likeliest to be in what is left
    likeliest = float(solved @ data.y) / (1.0 + float(solved @ data.lever))
    spread = settings.past_spread / expected.believed
    factor = float(np.clip(1.0 + spread * likeliest, 0.0, settings.past_steepest / expected.believed))
    return plain.of(data.y - (factor - 1.0) / spread * data.lever), expected.times(factor)


def _informative(seen: Labelled, most: int) -> Ints:
    """Return up to `most` rows for a fit: the best, the latest, and some spread over the rest."""
    third, n = most // 3, len(seen)
    spread = np.linspace(0, n - 1, third).astype(np.int64)
    return np.union1d(np.union1d(seen.best(third), np.arange(n - third, n)), spread)
