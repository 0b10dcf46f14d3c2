"""Which of two models foresees results better, by what they said of results before these came.

Prequential scores (Dawid, 1984): at fixed lengths of the log each model learns from all rows but the last quarter, and
says of each of those how likely it was to be among the good, which are as many as the densities call so: a tenth, 25 at
most. The score is the mean logarithm of the probability that it gave to what happened. Luck of the best value so far
plays no part.
"""

from __future__ import annotations

import numpy as np

from trimtab.arrays import Bools, Floats
from trimtab.model.labels import labelled
from trimtab.model.observations import Observations
from trimtab.model.surrogate import Surrogate
from trimtab.numerics import blas
from trimtab.numerics.acquisition import log_positive
from trimtab.optim.auto.settings import AutoSettings
from trimtab.optim.tpe import Densities, Leader, TpeState
from trimtab.space.problem import Problem


class Race:
    """Scores as of each check: what can be computed again from the log."""

    def __init__(self, problem: Problem, settings: AutoSettings) -> None:
        self._problem, self._settings = problem, settings
        self._leads: dict[int, float] = {}

    def __getstate__(self) -> dict[str, object]:
        return self.__dict__ | {"_leads": {}}  # what can be computed again is not state

    def lead(self, observations: Observations, surrogate: Surrogate) -> float | None:
        """Return by how much the densities foresee better than the process, the lesser of the last two checks.

        None before there were two checks.
        """
        due = [self._settings.race_from]
        while (following := due[-1] + due[-1] // self._settings.race_growth) <= len(observations):
            due.append(following)
        if len(due) < 2 or due[-1] > len(observations):
            return None
        for length in due[-2:]:
            if length not in self._leads:
                with blas.one_thread():
                    self._leads[length] = self._check(observations, surrogate, length)
        return min(self._leads[length] for length in due[-2:])

    def _check(self, observations: Observations, surrogate: Surrogate, length: int) -> float:
        before = length - length // self._settings.race_share
        model = surrogate.model(observations, None, before)
        seen, posterior = model.seen, model.posterior
        config = observations.config.view[before:length]
        x = observations.x.view[config]
        densities = self._densities(observations, before)
        after = labelled(observations, length, None)
        threshold = _nth_best(after.labels[seen.rows], densities.n_good)
        is_good = after.labels[config] > threshold
        mean, deviation = posterior.predict(model.features.embed(x))
        bar = _nth_best(seen.labels, densities.n_good)
        process = np.exp(log_positive(mean - bar, np.sqrt(deviation**2 + posterior.noise)))
        most = self._settings.most_log_ratio
        ratio = np.exp(np.clip(densities.log_ratio(x), -most, most))
        odds = ratio * densities.n_good / (densities.n - densities.n_good)
        return self._score(odds / (1.0 + odds), is_good) - self._score(process, is_good)

    def _score(self, probability: Floats, is_good: Bools) -> float:
        least = self._settings.least_chance
        p = np.clip(probability, least, 1.0 - least)
        return float(np.mean(np.log(np.where(is_good, p, 1.0 - p))))

    def _densities(self, observations: Observations, length: int) -> Densities:
        state = TpeState(self._problem)
        results = observations.results(length)
        rows = observations.x.view[results.config], results.losses, results.excess
        for x, losses, excess in zip(*rows, strict=True):
            state.lead(Leader(x, losses, excess))
        return Densities(state, self._problem.space, observations.x.view[:0])


def _nth_best(labels: Floats, n: int) -> float:
    """Return the n-th largest of the labels, or the least where there are fewer."""
    return float(np.sort(labels)[-min(n, len(labels))])
