"""Where trials fail: for each kind of failure how likely a point is to be spared, by a Gaussian process on +1 and -1.

Regression on class labels as in CARBS (Fetterman et al., 2023, arXiv 2306.08055, section 3.4) and Vizier; what a region
has cost is learned for each kind by itself, since what runs out of memory is seldom what diverges.
"""

from __future__ import annotations

import numpy as np

from trimtab.arrays import Floats
from trimtab.model.features import Features
from trimtab.model.observations import Observations
from trimtab.model.settings import MODEL, ModelSettings
from trimtab.numerics.acquisition import log_positive
from trimtab.numerics.gp import Data, Posterior, fit


class FailureFits:
    """Hyperparameters for each kind of failure, as of every number of its failures that they were fitted at.

    Like those of the objective they are a pure function of the log, and a study that is opened again comes to the same.

    Args:
        features: the coordinates.
        settings: the constants of the models.
    """

    def __init__(self, features: Features, settings: ModelSettings = MODEL) -> None:
        self.features, self.settings = features, settings
        self._fits: dict[tuple[int, int], Floats] = {}

    def __getstate__(self) -> dict[str, object]:
        return self.__dict__ | {"_fits": {}}  # what can be computed again is not state

    def theta(self, observations: Observations, kind: int) -> Floats:
        """Return [G + 3] what was fitted when the latest failure of a kind came that is due.

        Due are the first forty, then every growth by a twentieth.
        """
        places = np.flatnonzero(observations.failure.view == kind)
        due = 1
        while (following := due + max(1, due // 20)) <= len(places):
            due = following
        if (kind, due) not in self._fits:
            latest = places[due - 1]
            works = observations.x.view[: int(observations.n_before.view[latest])]
            data, _ = self.data(works, observations.failed.view[places[:due]])
            prior = self.settings.failure_prior
            start = prior.centre(self.features.n_groups)
            self._fits[kind, due] = fit(data, prior, [start], self.settings.failure_evaluations)
        return self._fits[kind, due]

    def data(self, works: Floats, fails: Floats) -> tuple[Data, float]:
        """Return what is regressed on, of the latest rows of both classes, and what is taken off its labels."""
        most = self.settings.failure_rows
        works, fails = works[-most:], fails[-most:]
        share = (len(works) + 1.0) / (len(works) + len(fails) + 2.0)
        base = 2.0 * share - 1.0
        labels = np.concatenate([np.ones(len(works)), -np.ones(len(fails))]) - base
        z, ones = self.features.embed(np.concatenate([works, fails])), np.ones(len(labels))
        return Data(z, labels, self.features.group, self.features.n_groups, ones, 0.0 * ones), base


class Failures:
    """The chances of a point, as far as the failures on record tell."""

    def __init__(self, observations: Observations, fits: FailureFits) -> None:
        settings = self._settings = fits.settings
        self._is_strict = float(observations.fates.view[-settings.n_latest :].mean()) > settings.bearable
        self._features = fits.features
        self._models: list[tuple[Posterior, float]] = []
        failed, kinds = observations.failed.view, observations.failure.view
        for kind in np.unique(kinds):
            data, base = fits.data(observations.x.view, failed[kinds == kind])
            self._models.append((Posterior(data, fits.theta(observations, int(kind))), base))

    def cost(self, x: Floats) -> Floats:
        """Return [m] what is to be added to a log acquisition at rows [m, D]."""
        log_works = self.log_works(x)
        cost = self._settings.caution * log_works
        if self._is_strict:
            cost += self._settings.strict * np.minimum(log_works - np.log(self._settings.safe), 0.0)
        return cost

    def log_works(self, x: Floats) -> Floats:
        """Return [m] the logarithms of the probabilities that rows [m, D] do not fail."""
        z, total = self._features.embed(x), np.zeros(len(x))
        for model, base in self._models:
            mean, deviation = model.predict(z)
            total += log_positive(mean + base, np.sqrt(model.noise + deviation**2))
        return total
