"""Whether results are noisy: whether the best one may be a lucky one.

What repeats say counts first, then what users told of standard errors, and only then what a model takes for noise.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from trimtab.ledger.table import TrialTable
from trimtab.model.features import Features
from trimtab.model.labels import OfObjective, means
from trimtab.model.observations import Observations
from trimtab.model.outliers import whole
from trimtab.model.surrogate import Surrogate
from trimtab.numerics import blas
from trimtab.numerics.arithmetic import quiet
from trimtab.space.problem import Problem

LEADERS: Final = 5
"""The lead is the distance from the best to the fifth best, the last of those that are run again."""

MATERIAL: Final = 0.25
"""Noise matters when its deviation is more than this share of the lead: as for the engine that repeats its leader."""

MODELLED: Final = 0.2
LEAST_DEVIATION: Final = 0.006
"""Where a model tells it, its share of the lead, and the deviation in labels, which span about 1. Three parameters, 70
trials at random, by `tpe` and by `cmaes`: without noise models took 0.001 to 0.005 for noise, and where noise was a
quarter of the lead or more, 0.008 to 0.14 and 0.18 to 1.8 of the lead."""

LEAST: Final = 10
"""Results of different configurations, from which on a model can tell noise from shape. By taste."""


MOST: Final = 64
"""So many results, the best, are looked at first: what a decomposition of their covariance does in milliseconds."""

LENGTHS2: Final = np.geomspace(0.1, 100.0, 5)
SHARES: Final = np.geomspace(1e-8, 1.0, 17)
"""Squared lengthscales and shares of noise that are looked at first: neighbours of both differ by less than evidence
tells apart where it is sure."""

SURE: Final = 5.0
"""Odds of 150 to 1, in logarithms: less, and the model is asked."""


EXACT: Final = "what ran again gave the same to the bit"


@dataclass(frozen=True, slots=True)
class Noise:
    """What is known of noise.

    Attributes:
        is_noisy: whether it may have decided who is the best.
        why: how that is known, a clause for a person.
        is_measured: whether runs of one configuration tell it.
    """

    is_noisy: bool
    why: str
    is_measured: bool = False

    @property
    def is_exact(self) -> bool:
        """Whether what ran again gave the same to the bit."""
        return self.is_measured and self.why == EXACT


def _is_smooth(problem: Problem, observations: Observations) -> bool:
    """Return whether a process with one lengthscale is sure, by itself, that noise does not matter.

    Most results without noise are told at this first look, by some milliseconds of linear algebra in NumPy. The model
    that is asked else takes a second, most of it for importing what it is fitted by: more than all trials of a short
    study together.
    """
    seen = OfObjective(0)(observations, len(observations), 1.0)
    labels = np.sort(seen.labels)[::-1]
    lead = float(labels[0] - labels[min(LEADERS, len(labels)) - 1])
    least = max(LEAST_DEVIATION, MODELLED * lead)
    if len(seen) > MOST:
        seen = seen.take(np.sort(seen.best(MOST)))
    z, y = Features(problem.space).embed(seen.x), seen.labels - seen.labels.mean()
    distances = np.square(z[:, None] - z[None]).sum(axis=-1)
    calm = loud = -np.inf
    for length2 in LENGTHS2.tolist():
        root = np.sqrt(5.0 * distances / length2)
        values, vectors = np.linalg.eigh((1.0 + root + root * root / 3.0) * np.exp(-root))
        spectrum = np.maximum(values, 0.0) + SHARES[:, None]
        amplitude = (np.square(vectors.T @ y) / spectrum).mean(axis=1)  # the likeliest, for each share of noise
        evidence = -0.5 * (len(y) * np.log(amplitude) + np.log(spectrum).sum(axis=1))
        is_loud = np.sqrt(amplitude * SHARES) > least
        calm = max(calm, float(evidence[~is_loud].max(initial=-np.inf)))
        loud = max(loud, float(evidence[is_loud].max(initial=-np.inf)))
    return calm > loud + SURE


def _deviation(observations: Observations, n: int) -> tuple[float, int]:
    """Return the standard deviation between runs of one configuration, and its freedom, of those that are not torn.

    A run that diverged by bad luck is no noise: it is off by orders of magnitude, and to average it away is in vain.
    """
    results = observations.results(n)
    losses, config = results.losses[:, 0], results.config
    tells = whole(losses, config)
    if tells.all():
        return observations.deviation(n)
    run, losses = np.unique(config[tells], return_inverse=True)[1], losses[tells]
    counts = np.bincount(run)
    freedom = len(losses) - len(counts)
    if freedom <= 0:
        return float("nan"), 0
    means = np.bincount(run, weights=losses / counts[run])
    return float(np.sqrt(np.square(losses - means[run]).sum() / freedom)), freedom


@quiet()
def noise(table: TrialTable) -> Noise:
    """Return whether the results on record are noisy. For one objective."""
    problem = table.problem
    observations = Observations(problem)
    for row in table.order.tolist():
        observations.tell(table, row)
    n = len(observations)
    if not n or observations.is_flat:
        return Noise(is_noisy=False, why="all results are the same")
    deviation, freedom = _deviation(observations, n)
    if freedom and deviation == 0.0:
        return Noise(is_noisy=False, why=EXACT, is_measured=True)
    if (problem.folds or 0) > 1:
        return Noise(is_noisy=True, why=f"results are means over {problem.folds} folds")
    given = means(observations, n)
    losses = np.sort(given.losses[:, 0])
    lead = float(losses[min(LEADERS, len(losses)) - 1] - losses[0])
    if freedom:
        is_material = deviation > MATERIAL * lead
        why = f"runs of one configuration differ by {deviation:.3g} (standard deviation)"
        return Noise(is_material, why, is_measured=True)
    told = float(np.sqrt(given.known[int(np.argmin(given.losses[:, 0])), 0]))
    if told > 0.0:
        return Noise(told > MATERIAL * lead, f"the best result was told with a standard error of {told:.3g}")
    if len(losses) < LEAST or problem.space.n_configurations == 1:
        return Noise(is_noisy=False, why="too few results to tell noise from shape")
    with blas.one_thread(is_numpy=True):
        is_smooth = _is_smooth(problem, observations)
    if is_smooth:
        return Noise(is_noisy=False, why="a smooth function explains the results")
    with blas.one_thread():
        model = Surrogate(
            Features(problem.space), np.ones(len(problem.space)), is_tree=problem.space.is_conditional
        ).model(observations, None)
    labels = np.sort(model.seen.labels)[::-1]
    lead = float(labels[0] - labels[min(LEADERS, len(labels)) - 1])
    deviation = float(np.sqrt(model.posterior.noise))
    is_material = deviation > max(LEAST_DEVIATION, MODELLED * lead)
    return Noise(is_material, "a model of the results takes a part of them for noise")
