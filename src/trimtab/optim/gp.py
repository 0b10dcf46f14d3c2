"""Bayesian optimisation with a Gaussian process, for every kind of space.

The surrogate follows Vizier's robust bandit (Song et al., 2024, arXiv 2408.11527): Matérn-5/2 with a lengthscale per
parameter, weak priors, labels warped by rank and logarithm. The acquisition is log expected improvement (Ament et al.,
2023, arXiv 2310.20708) over the largest posterior mean among what was tried, so that a lucky draw does not set the bar.
Trials that run are in the model as if they had given what is expected of them, which keeps parallel proposals apart.
Where trials fail, a second process on the same kernel says how likely a point is to fail, and the two are multiplied.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from trimtab.arrays import Floats, Ints, Rng
from trimtab.ledger.table import COMPLETE, FAILED, RUNNING, WAITING, TrialTable
from trimtab.numerics import blas
from trimtab.numerics.acquisition import log_ei, log_ei_with_gradient, log_positive
from trimtab.numerics.gp import Data, Posterior, Prior, fit
from trimtab.numerics.warp import warp
from trimtab.optim.features import Features
from trimtab.optim.place import place
from trimtab.optim.protocol import Proposal, Request
from trimtab.optim.sobol import Sobol
from trimtab.space.parameter import CATEGORICAL, FLOAT
from trimtab.space.problem import Problem

FIT_ROWS: Final = 300
"""Hyperparameters are fitted on at most so many rows."""

KEPT_ROWS: Final = 1000
"""The posterior is conditioned on at most so many rows: the best, and the latest."""

N_CANDIDATES: Final = 1024
N_REFINED: Final = 8
REFINE_STEPS: Final = 15
FAILURE_NOISE: Final = 0.1


class GpState:
    """What the log said about trials that are over, as arrays, and the hyperparameters fitted so far.

    `thetas` is a memo of a pure function of the rows: which prefixes of them hyperparameters are fitted on is fixed
    beforehand, so that a study that is opened again comes to the same ones.
    """

    def __init__(self, problem: Problem) -> None:
        self.features = Features(problem.space)
        self.x: list[Floats] = []
        self.losses: list[Floats] = []
        self.excess: list[float] = []
        self.failed: list[Floats] = []
        self.thetas: dict[int, Floats] = {}

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"thetas": {}}


class Gp:
    """Gaussian-process Bayesian optimisation.

    Args:
        n_initial: trials before the model speaks: the default configuration, then points of a Sobol sequence. By
            default 1 + max(4, min(D + 1, 9)).
    """

    def __init__(self, n_initial: int | None = None) -> None:
        self._n_initial = n_initial
        self._sobol = Sobol()

    def to_json(self) -> dict[str, object]:
        return {"name": "gp"} if self._n_initial is None else {"name": "gp", "n_initial": self._n_initial}

    def init(self, problem: Problem) -> GpState:
        self._sobol.init(problem)
        return GpState(problem)

    def tell(self, state: GpState, table: TrialTable, row: int) -> GpState:
        if table.state[row] == COMPLETE:
            problem = table.problem
            losses = table.y[row] * problem.signs
            over = [
                losses[i] - m.bound * problem.signs[i] for i, m in enumerate(problem.metrics) if m.bound is not None
            ]
            state.x.append(table.x[row].copy())
            state.losses.append(losses[[m.bound is None for m in problem.metrics]])
            state.excess.append(max(0.0, *over) if over else 0.0)
        elif table.state[row] == FAILED:
            state.failed.append(table.x[row].copy())
        return state

    def n_initial(self, n_parameters: int) -> int:
        """Return how many trials come before the model."""
        return 1 + max(4, min(n_parameters + 1, 9)) if self._n_initial is None else self._n_initial

    def ask(self, state: GpState, table: TrialTable, request: Request) -> Proposal:
        space = table.space
        if len(table) < self.n_initial(len(space)) or len(state.x) < 2 or not state.features.n_groups:
            return self._first(table, request)
        rows: list[Floats] = []
        whys: list[str] = []
        with blas.one_thread():
            model = _Model(state, table, request.rng)
            for _ in range(request.n):
                x, why = model.propose(request.rng, request.given)
                model.pend(x)
                rows.append(x)
                whys.append(why)
        return Proposal(np.array(rows), "gp", tuple(whys))

    def _first(self, table: TrialTable, request: Request) -> Proposal:
        if not len(table) and request.n == 1 and request.given is None:
            default = table.space.default_row()
            if bool(table.space.satisfied(default)):
                return Proposal(default[None], "default", "the default configuration comes first")
        return self._sobol.ask(None, table, request)


class _Model:
    """The posterior of one ask, and the search for its best point."""

    def __init__(self, state: GpState, table: TrialTable, rng: Rng) -> None:
        self._space = table.space
        self._features = state.features
        self._tried = {row.tobytes() for row in np.nan_to_num(table.x, nan=np.inf)}
        x, loss, counts = _merged(np.array(state.x), _scalar(state, len(state.x), rng))
        labels = warp(loss)
        theta = _theta(state)
        if len(labels) > KEPT_ROWS:
            kept = np.union1d(
                np.argsort(-labels)[: KEPT_ROWS // 2], np.arange(len(labels) - KEPT_ROWS // 2, len(labels))
            )
            x, labels, counts = x[kept], labels[kept], counts[kept]
        z = self._features.embed(x)
        self._x, self._labels = x, labels
        self._posterior = Posterior(_data(z, labels, counts, state.features), theta)
        self._best = float(self._posterior.mean(z).max())
        self._unsafe = _failures(state, z, theta)
        pending = table.x[table.rows(RUNNING, WAITING)]
        self._posterior = self._posterior.condition(self._features.embed(pending))

    def pend(self, x: Floats) -> None:
        """Take `x` [D] as proposed: the next proposal keeps away from it."""
        self._tried.add(np.nan_to_num(x, nan=np.inf).tobytes())
        self._posterior = self._posterior.condition(self._features.embed(x[None]))

    def propose(self, rng: Rng, given: Floats | None) -> tuple[Floats, str]:
        """Return [D] the point of largest acquisition that was found, and why."""
        x = self._candidates(rng, given)
        score = self._score(x)
        top = np.argsort(-score)[:N_REFINED]
        refined, fits = place(self._space, self._refine(x[top]), given)
        x = np.concatenate([x[top], refined[fits]])
        neighbours = self._neighbours(x[np.argsort(-self._score(x))[:2]], given)
        x = np.concatenate([x, neighbours])
        score = self._score(x)
        for i in np.argsort(-score, kind="stable").tolist():
            if np.nan_to_num(x[i], nan=np.inf).tobytes() not in self._tried:
                mean, deviation = self._posterior.predict(self._features.embed(x[i : i + 1]))
                kind = "exploits" if mean[0] >= self._best - deviation[0] * 0.5 else "explores"
                return x[i], f"{kind}: log EI {score[i]:.3g}, expected label {mean[0]:.3g} ± {deviation[0]:.2g}"
        return self._space.sample(rng, 1, given)[0], "everything near was tried: a random point"

    def _score(self, x: Floats) -> Floats:
        z = self._features.embed(x)
        mean, deviation = self._posterior.predict(z)
        score = log_ei(mean, deviation, self._best)
        return score if self._unsafe is None else score + self._unsafe.log_works(z)

    def _candidates(self, rng: Rng, given: Floats | None) -> Floats:
        """Return rows: half spread evenly, a quarter near the best, a quarter very near."""
        space = self._space
        n = N_CANDIDATES if self._posterior.n <= FIT_ROWS else N_CANDIDATES // 2  # a candidate costs O(rows**2)
        u = rng.random((n, len(space)))
        best = space.to_unit(self._x[np.argsort(-self._labels)[:5]])
        near = n // 2
        centres = best[rng.integers(len(best), size=near)]
        moved = centres + rng.standard_normal(centres.shape) * np.where(np.arange(near) < near // 2, 0.1, 0.02)[:, None]
        categorical = space.kind == CATEGORICAL
        resample = np.isnan(centres) | (categorical & (rng.random(centres.shape) < 1.5 / max(1, len(space))))
        keep = ~resample & categorical
        u[:near] = np.where(resample, u[:near], np.where(keep, centres, _reflect(moved)))
        x, fits = place(space, u, given)
        x = x[fits]
        return x if len(x) >= N_REFINED else np.concatenate([x, space.sample(rng, N_REFINED, given)])

    def _refine(self, x: Floats) -> Floats:
        """Return [k, D] unit points: each start climbed along the gradient in its numeric parameters.

        Adam (Kingma & Ba, 2015) with a step that shrinks, in all starts at once, scaled by the lengthscales: where the
        objective varies slowly, a point may move far.
        """
        features, columns = self._features, self._features.numeric
        u = self._space.to_unit(x)
        if not len(columns):
            return np.where(np.isnan(u), 0.5, u)
        z = features.embed(x)
        at = np.where(np.isnan(u[:, columns]), 0.5, u[:, columns])
        best_at, best_score = at.copy(), np.full(len(x), -np.inf)
        first, second = np.zeros_like(at), np.zeros_like(at)
        reach = np.exp(0.5 * self._posterior.theta[1:-1])[features.group[features.places]]
        step = 0.08 * np.minimum(reach, 1.0)
        for t in range(1, REFINE_STEPS + 1):
            moved = features.move(z, x, at)
            mean, deviation, by_mean_z, by_deviation_z = self._posterior.predict_with_gradient(moved)
            score, by_mean, by_deviation = log_ei_with_gradient(mean, deviation, self._best)
            better = score > best_score
            best_at[better], best_score[better] = at[better], score[better]
            slope = features.gradient(by_mean[:, None] * by_mean_z + by_deviation[:, None] * by_deviation_z, x) * reach
            first = 0.8 * first + 0.2 * slope
            second = 0.9 * second + 0.1 * slope * slope
            direction = (first / (1 - 0.8**t)) / (np.sqrt(second / (1 - 0.9**t)) + 1e-12)
            at = np.clip(at + step * (1.0 - (t - 1) / REFINE_STEPS) * direction, 0.0, 1.0)
        u = np.where(np.isnan(u), 0.5, u)
        u[:, columns] = best_at
        return u

    def _neighbours(self, x: Floats, given: Floats | None) -> Floats:
        """Return the rows one discrete parameter away from one of `x`: any other choice, or a step up or down."""
        space = self._space
        u = space.to_unit(x)
        u = np.where(np.isnan(u), 0.5, u)
        found: list[Floats] = []
        for column, parameter in enumerate(space.parameters):
            k = parameter.n_values
            if k is None or k < 2 or parameter.kind == FLOAT:
                continue
            for start in u:
                if parameter.kind == CATEGORICAL:
                    places = (np.arange(min(k, 32)) + 0.5) / k
                else:
                    places = np.clip(start[column] + np.array([-1.0, 1.0]) / k, 0.0, 1.0)
                moved = np.repeat(start[None], len(places), axis=0)
                moved[:, column] = places
                found.append(moved)
        if not found:
            return x[:0]
        rows, fits = place(space, np.concatenate(found), given)
        return rows[fits]


class _Failures:
    """How likely a point is to work: a process on +1 (worked) and -1 (failed) with the objective's lengthscales."""

    def __init__(self, posterior: Posterior, base: float) -> None:
        self._posterior = posterior
        self._base = base

    def log_works(self, z: Floats) -> Floats:
        """Return [m] log probabilities."""
        mean, deviation = self._posterior.predict(z)
        return log_positive(2.0 * (mean + self._base), np.sqrt(FAILURE_NOISE + deviation**2))


def _failures(state: GpState, z_works: Floats, theta: Floats) -> _Failures | None:
    if not state.failed:
        return None
    z_failed = state.features.embed(np.array(state.failed[-FIT_ROWS:]))
    z_works = z_works[-FIT_ROWS:]
    share = (len(state.x) + 1.0) / (len(state.x) + len(state.failed) + 2.0)
    base = 2.0 * share - 1.0
    labels = np.concatenate([np.ones(len(z_works)), -np.ones(len(z_failed))]) - base
    own = theta.copy()
    own[0], own[-1] = 0.0, np.log(FAILURE_NOISE)
    own[1:-1] = np.minimum(own[1:-1], np.log(0.5))
    data = _data(np.concatenate([z_works, z_failed]), labels, np.ones(len(labels)), state.features)
    return _Failures(Posterior(data, own), base)


def _data(z: Floats, labels: Floats, counts: Floats, features: Features) -> Data:
    return Data(z, labels, features.group, features.n_groups, 1.0 / counts, np.zeros(len(labels)))


def _scalar(state: GpState, length: int, rng: Rng | None) -> Floats:
    """Return [length] one loss for each of the first rows.

    Several objectives are scaled to their ranges and joined by the augmented Chebyshev norm of ParEGO (Knowles, 2006,
    eq. 2, rho = 0.05), with weights drawn by `rng` (equal ones if None), so that proposals aim all along the front.
    A row that broke a constraint is worse than every one that met them, by how far it broke it.
    """
    losses, excess = np.array(state.losses[:length]), np.array(state.excess[:length])
    if losses.shape[1] == 1:
        loss: Floats = losses[:, 0].copy()
    else:
        with np.errstate(over="ignore", invalid="ignore"):
            spread = np.ptp(losses, axis=0)
            scaled = np.where((spread > 0) & np.isfinite(spread), (losses - losses.min(axis=0)) / spread, 0.0)
        k = losses.shape[1]
        weights = np.full(k, 1.0 / k) if rng is None else rng.dirichlet(np.ones(k))
        weighted = scaled * weights
        loss = weighted.max(axis=1) + 0.05 * weighted.sum(axis=1)
    broken = excess > 0.0
    if broken.any():
        met = loss[~broken] if not broken.all() else np.zeros(1)
        with np.errstate(over="ignore"):
            span = float(np.ptp(met)) or 1.0
        loss[broken] = met.max() + span * (0.5 + 0.5 * excess[broken] / excess.max())
    return loss


def _merged(x: Floats, loss: Floats) -> tuple[Floats, Floats, Floats]:
    """Return rows without repeats, in the order of their first coming, with mean losses and counts."""
    _, first, inverse = np.unique(np.nan_to_num(x, nan=np.inf), axis=0, return_index=True, return_inverse=True)
    if len(first) == len(x):
        return x, loss, np.ones(len(x))
    inverse = inverse.reshape(-1)
    counts = np.bincount(inverse).astype(np.float64)
    means = np.bincount(inverse, weights=loss) / counts
    order = np.argsort(first)
    return x[first[order]], means[order], counts[order]


def _theta(state: GpState) -> Floats:
    """Return the hyperparameters fitted on the largest due prefix of the rows.

    A prefix is due at 2, 3, ... 10 rows, then whenever it has grown by a twentieth; at 10, 20, 40, ... the fit starts
    anew, else from the one before.
    """
    n = len(state.x)
    base = n
    if n > 10:
        base = 10
        while 2 * base <= n:
            base *= 2
    due = [base]
    while (following := due[-1] + max(1, due[-1] // 20)) <= n:
        due.append(following)
    for i, length in enumerate(due):
        if length not in state.thetas:
            state.thetas[length] = _fit(state, length, None if i == 0 else state.thetas[due[i - 1]])
    return state.thetas[due[-1]]


def _fit(state: GpState, length: int, before: Floats | None) -> Floats:
    features = state.features
    x, loss, counts = _merged(np.array(state.x[:length]), _scalar(state, length, None))
    labels = warp(loss)
    if len(labels) > FIT_ROWS:
        kept = _informative(labels)
        x, labels, counts = x[kept], labels[kept], counts[kept]
    prior = Prior(length2=0.5 * max(1.0, features.n_groups / 6.0) if features.n_groups > 12 else 0.5)
    data = _data(features.embed(x), labels, counts, features)
    if before is not None:
        return fit(data, prior, [before], 8)
    centre = prior.centre(features.n_groups)
    long = centre.copy()
    long[1:-1] = np.log(4.0)
    return fit(data, prior, [centre, long], 25)


def _informative(labels: Floats) -> Ints:
    """Return rows for a fit: the best, the latest, and some spread over the rest."""
    third, n = FIT_ROWS // 3, len(labels)
    spread = np.linspace(0, n - 1, third).astype(np.int64)
    return np.union1d(np.union1d(np.argsort(-labels)[:third], np.arange(n - third, n)), spread)


def _reflect(u: Floats) -> Floats:
    """Return u folded back into [0, 1] at the edges."""
    return 1.0 - np.abs(1.0 - np.abs(u) % 2.0)
