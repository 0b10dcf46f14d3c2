"""Bayesian optimisation with a Gaussian process, for every kind of space.

The surrogate follows Vizier's robust bandit (Song et al., 2024, arXiv 2408.11527): Matérn-5/2 with a lengthscale per
parameter, weak priors, labels warped by rank and logarithm. The acquisition is log expected improvement (Ament et al.,
2023, arXiv 2310.20708) over the largest posterior mean among what was tried, so that a lucky draw does not set the bar.
Trials that run are in the model as if they had given what is expected of them, which keeps parallel proposals apart.
Where trials fail, further processes say how likely a point is to fail, and that counts against it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np

from trimtab.arrays import Floats, Rng
from trimtab.ledger.table import RUNNING, WAITING, TrialTable
from trimtab.model.failures import FailureFits, Failures
from trimtab.model.features import Features
from trimtab.model.keys import key_of, keys_of
from trimtab.model.observations import Observations
from trimtab.model.surrogate import Surrogate
from trimtab.numerics import blas
from trimtab.numerics.acquisition import log_ei, log_ei_with_gradient, log_positive
from trimtab.numerics.gp import N_SCALES
from trimtab.optim import belief, start
from trimtab.optim.confirm import leader_to_confirm
from trimtab.optim.flat import spread
from trimtab.optim.place import has_given, place
from trimtab.optim.protocol import Proposal, Request
from trimtab.optim.search import N_REFINED, candidates, every_row, neighbours, refined
from trimtab.optim.stages import Stages
from trimtab.optim.tried import Tried, without_repeats
from trimtab.optim.trust import TrustRegion
from trimtab.space.problem import Problem
from trimtab.space.space import Space

EXHAUSTIVE: Final = 2048
"""In a space of at most so many configurations every one is looked at."""

N_CANDIDATES: Final = 1024
IDLE: Final = 8
BOLD_EVERY: Final = 3
BOLDNESS: Final = 3.0
"""When so many trials brought nothing better, every third proposal has the largest mean + 3 deviations instead."""

BOLD_SCALE: Final = 10.0
"""Labels, which span 1, in the unit of log expected improvement, to which chances and priors are added."""

STOPPED_ROWS: Final = 100
"""Of configurations that were stopped early so many are looked at, the latest."""

N_LEVELS: Final = 9
"""Along a parameter the model is looked at in so many places."""

N_LOCAL: Final = 2
N_ROUNDS: Final = 4


class GpState:
    """What trials gave, and the hyperparameters that were fitted to it."""

    def __init__(self, problem: Problem, *, in_stages: bool) -> None:
        self.observations = Observations(problem)
        self.stages = Stages(problem.space) if in_stages else None
        length2 = np.ones(len(problem.space)) if self.stages is None else self.stages.length2
        features = Features(problem.space)
        self.surrogate = Surrogate(features, length2, is_tree=problem.space.is_conditional)
        self.failure_fits = FailureFits(features)
        self.every = every_row(problem.space) if _is_small(problem.space) else None


class Gp:
    """Gaussian-process Bayesian optimisation.

    Args:
        n_initial: trials before the model speaks: the default configuration, then points of a Sobol sequence, or of
            the user's prior where there is one.
        stages: whether in spaces of more than a dozen parameters those with a priority, or a well-known name, are tuned
            before the rest.

    Raises:
        SpaceError: a number of trials that is none, or stages that are neither True nor False.
    """

    def __init__(self, n_initial: int | None = None, *, stages: bool = True) -> None:
        start.check_options("Gp", n_initial, stages=stages)
        self._n_initial = n_initial
        self._stages = stages

    def to_json(self) -> dict[str, object]:
        options: dict[str, object] = {} if self._n_initial is None else {"n_initial": self._n_initial}
        return {"name": "gp"} | options | ({} if self._stages else {"stages": False})

    def init(self, problem: Problem) -> GpState:
        return GpState(problem, in_stages=self._stages)

    def tell(self, state: GpState, table: TrialTable, row: int) -> GpState:
        state.observations.tell(table, row)
        return state

    def ask(self, state: GpState, table: TrialTable, request: Request) -> Proposal:
        first = start.default(table, request)
        if first is not None:
            return first
        is_early = len(table) < start.n_initial(len(table.space), self._n_initial) or len(state.observations) < 2
        if is_early or state.observations.is_flat or not state.surrogate.features.n_groups:
            return self._without_model(state, table, request, is_early=is_early)
        rows: list[Floats] = []
        whys: list[str] = []
        with blas.one_thread():
            model = _Model(state, table, request.rng)
            for i in range(request.n):
                given = _given(state, request, i, model)
                again = None if request.given is not None else model.leader_to_confirm(request.number + i)
                found = again or model.propose(request.rng, given)
                if found is None and given is not None and request.given is None:
                    found = model.propose(request.rng, None)  # nothing is left of this stage
                if found is None:
                    break
                if i + 1 < request.n:
                    model.pend(found[0][None])
                rows.append(found[0])
                whys.append(found[1])
        return Proposal(np.array(rows).reshape(-1, len(table.space)), "gp", tuple(whys))

    def _without_model(self, state: GpState, table: TrialTable, request: Request, *, is_early: bool) -> Proposal:
        if is_early or not state.observations.is_flat:
            request = replace(request, given=_given(state, request, 0, None))
            proposal = start.start(table, request)
        else:
            with blas.one_thread():
                failures = Failures(state.observations, state.failure_fits) if state.observations.failed.n else None
                proposal = spread(table, request, failures)
        tried = Tried(state.observations.over, table.x[table.rows(RUNNING, WAITING)])
        every = state.every if request.given is None else None
        return without_repeats(proposal, table.space, request, tried, every)


def _given(state: GpState, request: Request, i: int, model: _Model | None) -> Floats | None:
    """Return [D] what proposal `i` of a request may not vary: what the request says, else what waits for its stage."""
    if request.given is not None or state.stages is None:
        return request.given
    number, n_idle = request.number + i, state.observations.n_idle
    if model is None or state.stages.are_over(number, n_idle):
        return state.stages.given(number, n_idle)
    return state.stages.given(number, n_idle, model.leader, model.spreads())


def _is_small(space: Space) -> bool:
    return space.n_configurations is not None and space.n_configurations <= EXHAUSTIVE


class _Model:
    """The posterior of one ask, and the search for its best point."""

    def __init__(self, state: GpState, table: TrialTable, rng: Rng) -> None:
        self._problem, self._space = table.problem, table.space
        self._evidence, self._every = state.observations, state.every
        model = state.surrogate.model(state.observations, rng)
        self._seen, self._features, self._posterior = model.seen, model.features, model.posterior
        means = self._posterior.mean(model.z)
        self.leader = self._seen.x[int(np.argmax(means))]
        self._best = float(means.max())
        self._is_bold = state.observations.n_idle >= IDLE and len(table) % BOLD_EVERY == 1
        self._belief = belief.weight(self._space, self._seen.x, self._seen.labels, len(self._seen))
        self._region = TrustRegion(self._space, self._features, self._seen.x)
        self._failures = Failures(state.observations, state.failure_fits) if state.observations.failed.n else None
        self._pending: set[bytes] = set()
        # In a continuous space a row is not drawn twice, but a branch of it may hold few configurations, or one.
        self._may_recur = self._space.is_conditional or self._space.n_configurations is not None
        stopped = self._evidence.stopped.view[-STOPPED_ROWS:]
        if len(stopped):  # no result, but a verdict: nothing is gained by looking there again
            self._posterior = self._posterior.condition(self._features.embed(stopped))
        self.pend(table.x[table.rows(RUNNING, WAITING)])

    def pend(self, x: Floats) -> None:
        """Take rows [p, D] as proposed: the next proposal keeps away, and should be better than is expected there."""
        if len(x):
            z = self._features.embed(x)
            self._pending.update(keys_of(x))
            self._best = max(self._best, float(self._posterior.mean(z).max()))
            self._region.add(x)
            self._posterior = self._posterior.condition(z)

    def spreads(self) -> Floats:
        """Return [D] how far what is expected goes up and down along each parameter, all others being the leader's."""
        d = len(self._space)
        u = np.nan_to_num(self._space.to_unit(self.leader), nan=0.5)
        moved, column = np.repeat(u[None], d * N_LEVELS, axis=0), np.arange(d).repeat(N_LEVELS)
        moved[np.arange(len(moved)), column] = np.tile((np.arange(N_LEVELS) + 0.5) / N_LEVELS, d)
        x, _ = place(self._space, moved, None)
        spreads: Floats = np.ptp(self._posterior.mean(self._features.embed(x)).reshape(d, N_LEVELS), axis=1)
        return spreads

    def leader_to_confirm(self, number: int) -> tuple[Floats, str] | None:
        """Return ([D] the leader, why) if trial `number` is well spent on running it again."""
        found = leader_to_confirm(self._evidence, self._seen, self._posterior.noise, number)
        if found is None or key_of(found[0]) in self._pending:
            return None
        if not self._space.contains(found[0][None])[0]:  # from before the space grew
            return None
        times = "once" if found[1] == 1 else f"{found[1]} times"
        return found[0].copy(), f"confirms the leader, which ran {times}: results {found[2]} noisy"

    def propose(self, rng: Rng, given: Floats | None) -> tuple[Floats, str] | None:
        """Return ([D] the point of largest acquisition that was found, why); None when everything was tried."""
        x = self._candidates(rng, given)
        if self._may_recur:
            x = self._untried(x)
        if not len(x) and self._every is None:
            x = self._untried(self._space.sample(rng, N_CANDIDATES, given))
            if not len(x):  # in so large a space that is no proof that nothing is left
                return self._space.sample(rng, 1, given)[0], "everything near was tried: a random point"
        if not len(x):
            return None
        score = self._score(x)
        if self._every is None:
            x, score = self._climbed(x, score, given)
        best = int(np.argmax(score))
        return x[best], self._why(x[best : best + 1])

    def _candidates(self, rng: Rng, given: Floats | None) -> Floats:
        """Return rows: all there are in a small space, else some even and some near the best."""
        if self._every is not None:
            return self._every if given is None else self._every[has_given(self._space, self._every, given)]
        best = self._seen.x[self._seen.best(5)]
        n = N_CANDIDATES if self._posterior.n <= 300 else N_CANDIDATES // 2  # a candidate costs O(rows**2)
        return candidates(self._space, best, n, rng, given)

    def _climbed(self, x: Floats, score: Floats, given: Floats | None) -> tuple[Floats, Floats]:
        """Return the best rows, what is uphill from them, and neighbours of these, with their scores."""
        space, features = self._space, self._features
        top = np.argsort(-score, kind="stable")[:N_REFINED]
        reach = np.exp(0.5 * self._posterior.theta[N_SCALES:])[features.group[features.places]]
        climbed, fits = place(space, refined(space, features, x[top], self._slope, reach), given)
        climbed = self._untried(climbed[fits])
        x, score = np.concatenate([x[top], climbed]), np.concatenate([score[top], self._score(climbed)])
        for _ in range(N_ROUNDS):
            leader = int(np.argmax(score))
            near = self._untried(neighbours(space, x[np.argsort(-score, kind="stable")[:N_LOCAL]], given))
            x, score = np.concatenate([x, near]), np.concatenate([score, self._score(near)])
            if int(np.argmax(score)) == leader:
                break
        return x, score

    def _untried(self, x: Floats) -> Floats:
        """Return those of the rows [n, D] that were not tried and do not run, each once."""
        keys = keys_of(x)
        first = {key: i for i, key in reversed(list(enumerate(keys)))}
        fresh = [
            i
            for i, key in enumerate(keys)
            if first[key] == i and key not in self._pending and key not in self._evidence.over
        ]
        return x[fresh]

    def _why(self, x: Floats) -> str:
        """Return what is expected of a row [1, D], in the objective's own unit."""
        z = self._features.embed(x)
        mean, deviation = self._posterior.predict(z)
        chance = float(np.exp(log_positive(mean - self._best, deviation))[0])
        kind = "exploits" if mean[0] >= self._best - 0.5 * deviation[0] and not self._is_bold else "explores"
        parts = [f"improves with a chance of {chance:.0%}"]
        if len(self._problem.objectives) == 1 and not self._problem.constraints:
            metric, losses = self._problem.objectives[0], self._evidence.mean_losses()
            order = np.argsort(self._seen.labels, kind="stable")
            seen = losses[self._seen.rows[order]]
            expected = float(np.interp(mean[0], self._seen.labels[order], seen)) * metric.sign
            is_beyond = mean[0] > self._seen.labels[order[-1]]  # where no result says what a label is worth
            than = ("below " if metric.sign > 0 else "above ") if is_beyond else ""
            parts.insert(0, f"expects {metric.name} {than}{expected:.4g}")
        if self._failures is not None:
            parts.append(f"fails with one of {-float(np.expm1(self._failures.log_works(x))[0]):.0%}")
        return f"{kind}: {', '.join(parts)}"

    def _score(self, x: Floats) -> Floats:
        z = self._features.embed(x)
        mean, deviation = self._posterior.predict(z)
        score = BOLD_SCALE * (mean + BOLDNESS * deviation) if self._is_bold else log_ei(mean, deviation, self._best)
        if self._belief:
            score += self._belief * self._space.log_prior(x)
        if self._region.radius is not None:
            score -= self._region.cost(x)
        return score if self._failures is None else score + self._failures.cost(x)

    def _slope(self, z: Floats) -> tuple[Floats, Floats]:
        mean, deviation, by_mean_z, by_deviation_z = self._posterior.predict_with_gradient(z)
        if self._is_bold:
            return BOLD_SCALE * (mean + BOLDNESS * deviation), BOLD_SCALE * (by_mean_z + BOLDNESS * by_deviation_z)
        score, by_mean, by_deviation = log_ei_with_gradient(mean, deviation, self._best)
        return score, by_mean[:, None] * by_mean_z + by_deviation[:, None] * by_deviation_z
