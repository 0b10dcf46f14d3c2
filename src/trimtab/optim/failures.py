"""Where trials fail: for each kind of failure how likely a point is to be spared, by a Gaussian process on +1 and -1.

Regression on class labels as in CARBS (Fetterman et al., 2023, arXiv 2306.08055, section 3.4) and Vizier; what a region
has cost is learned for each kind by itself, since what runs out of memory is seldom what diverges.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from trimtab.arrays import Floats
from trimtab.numerics.acquisition import log_positive
from trimtab.numerics.gp import Data, Posterior, Prior, fit
from trimtab.optim.evidence import Evidence
from trimtab.optim.features import Features

NOISE: Final = 0.02
ROWS: Final = 150
"""Of each class so many rows are looked at, the latest."""

CAUTION: Final = 2.0
"""What a failed trial costs: expected improvement is multiplied by the chance of success to this power."""

BEARABLE: Final = 0.06
"""When more than this share of the latest trials failed, points that are not safe lose a hundred times as much."""

SAFE: Final = 0.97
"""A chance of success that makes a point safe."""

N_EVALUATIONS: Final = 12
STRICT: Final = 100.0
LATEST: Final = 30

_PRIOR: Final = Prior(amplitude=1.0, length2=0.5, noise=NOISE, noise_bounds=(0.005, 0.2), weight=0.05)


class FailureFits:
    """Hyperparameters for each kind of failure, as of every number of its failures that they were fitted at.

    Like those of the objective they are a pure function of the log, and a study that is opened again comes to the same.

    Args:
        features: the coordinates.
    """

    def __init__(self, features: Features) -> None:
        self.features = features
        self._fits: dict[tuple[float, int], Floats] = {}

    def __getstate__(self) -> dict[str, object]:
        return self.__dict__ | {"_fits": {}}  # what can be computed again is not state

    def theta(self, evidence: Evidence, kind: float) -> Floats:
        """Return [G + 3] what was fitted when the latest failure of a kind came that is due.

        Due are the first forty, then every growth by a twentieth.
        """
        places = np.flatnonzero(evidence.failure.view()[:, 0] == kind)
        due = 1
        while (following := due + max(1, due // 20)) <= len(places):
            due = following
        if (kind, due) not in self._fits:
            latest = places[due - 1]
            works = evidence.x.view()[: int(evidence.n_before.view()[latest, 0])]
            data, _ = _data(self.features, works, evidence.failed.view()[places[:due]])
            self._fits[kind, due] = fit(data, _PRIOR, [_PRIOR.centre(self.features.n_groups)], N_EVALUATIONS)
        return self._fits[kind, due]


class Failures:
    """The chances of a point, as far as the failures on record tell."""

    def __init__(self, evidence: Evidence, fits: FailureFits) -> None:
        self._is_strict = float(evidence.fates.view()[-LATEST:].mean()) > BEARABLE
        self._features = fits.features
        self._models: list[tuple[Posterior, float]] = []
        failed, kinds = evidence.failed.view(), evidence.failure.view()[:, 0]
        for kind in np.unique(kinds):
            data, base = _data(fits.features, evidence.x.view(), failed[kinds == kind])
            self._models.append((Posterior(data, fits.theta(evidence, float(kind))), base))

    def cost(self, x: Floats) -> Floats:
        """Return [m] what is to be added to a log acquisition at rows [m, D]."""
        log_works = self.log_works(x)
        cost = CAUTION * log_works
        if self._is_strict:
            cost += STRICT * np.minimum(log_works - np.log(SAFE), 0.0)
        return cost

    def log_works(self, x: Floats) -> Floats:
        """Return [m] the logarithms of the probabilities that rows [m, D] do not fail."""
        z, total = self._features.embed(x), np.zeros(len(x))
        for model, base in self._models:
            mean, deviation = model.predict(z)
            total += log_positive(mean + base, np.sqrt(model.noise + deviation**2))
        return total


def _data(features: Features, works: Floats, fails: Floats) -> tuple[Data, float]:
    """Return what is regressed on, of the latest rows of both classes, and what is taken off its labels."""
    works, fails = works[-ROWS:], fails[-ROWS:]
    share = (len(works) + 1.0) / (len(works) + len(fails) + 2.0)
    base = 2.0 * share - 1.0
    labels = np.concatenate([np.ones(len(works)), -np.ones(len(fails))]) - base
    z, ones = features.embed(np.concatenate([works, fails])), np.ones(len(labels))
    return Data(z, labels, features.group, features.n_groups, ones, 0.0 * ones), base
