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
"""When more than this share of the latest trials failed, points that are not safe are out of the question."""

SAFE: Final = 0.97
"""A chance of success that makes a point safe."""

STRICT: Final = 100.0
LATEST: Final = 30

_PRIOR: Final = Prior(amplitude=1.0, length2=0.5, noise=NOISE, noise_bounds=(0.005, 0.2), weight=0.05)


class Failures:
    """The chances of a point, as far as the failures on record tell."""

    def __init__(self, evidence: Evidence, features: Features) -> None:
        works = features.embed(evidence.x.view()[-ROWS:])
        failed, kinds = evidence.failed.view(), evidence.failure.view()[:, 0]
        self._is_strict = float(evidence.fates.view()[-LATEST:].mean()) > BEARABLE
        self._models: list[tuple[Posterior, float]] = []
        for kind in np.unique(kinds):
            fails = features.embed(failed[kinds == kind][-ROWS:])
            share = (len(works) + 1.0) / (len(works) + len(fails) + 2.0)
            base = 2.0 * share - 1.0
            labels = np.concatenate([np.ones(len(works)), -np.ones(len(fails))]) - base
            ones = np.ones(len(labels))
            data = Data(np.concatenate([works, fails]), labels, features.group, features.n_groups, ones, 0.0 * ones)
            theta = fit(data, _PRIOR, [_PRIOR.centre(features.n_groups)], 12)
            self._models.append((Posterior(data, theta), base))

    def cost(self, z: Floats) -> Floats:
        """Return [m] what is to be added to a log acquisition at points [m, Q]."""
        log_works = self.log_works(z)
        cost = CAUTION * log_works
        if self._is_strict:
            cost += STRICT * np.minimum(log_works - np.log(SAFE), 0.0)
        return cost

    def log_works(self, z: Floats) -> Floats:
        """Return [m] the logarithms of the probabilities that points [m, Q] do not fail."""
        total = np.zeros(len(z))
        for model, base in self._models:
            mean, deviation = model.predict(z)
            total += log_positive(mean + base, np.sqrt(model.noise + deviation**2))
        return total
