"""The search for the point of largest score: many candidates, the best of them refined, then their neighbours."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from trimtab.arrays import Floats, Ints, Rng
from trimtab.model.features import Features
from trimtab.numerics.ascent import top
from trimtab.numerics.gp import N_SCALES
from trimtab.optim.gp.outlook import Outlook
from trimtab.optim.gp.score import Score, Slope
from trimtab.optim.gp.settings import Settings
from trimtab.optim.gp.state import GpState
from trimtab.optim.place import has_given, place, reflected
from trimtab.optim.tried import Tried
from trimtab.space.parameter import CATEGORICAL
from trimtab.space.space import Space


class Search:
    """The search of one ask."""

    def __init__(self, space: Space, outlook: Outlook, score: Score, tried: Tried, state: GpState) -> None:
        self._space, self._outlook, self._score, self._tried = space, outlook, score, tried
        self._every, self._settings = state.every, state.settings
        # In a continuous space a row is not drawn twice, but a branch of it may hold few configurations, or one.
        self._may_recur = space.is_conditional or space.n_configurations is not None

    def best(self, rng: Rng, given: Floats | None) -> tuple[Floats, str] | None:
        """Return [D] the row of the largest score that was found; None when everything was tried.

        And why, where that is not the score.
        """
        x = self._candidates(rng, given)
        if self._may_recur:
            x = self._tried.left(x)
        if not len(x) and self._every is None:
            x = self._tried.left(self._space.sample(rng, self._settings.n_candidates, given))
            if not len(x):  # in so large a space that is no proof that nothing is left
                return self._space.sample(rng, 1, given)[0], "everything near was tried: a random point"
        if not len(x):
            return None
        score = self._score(x)
        if self._every is None:
            x, score = self._climbed(x, score, given)
        return x[int(np.argmax(score))], ""

    def _candidates(self, rng: Rng, given: Floats | None) -> Floats:
        """Return rows: all there are in a small space, else some even and some near the best."""
        if self._every is not None:
            return self._every if given is None else self._every[has_given(self._space, self._every, given)]
        s = self._settings
        is_dear = self._outlook.first.posterior.n > s.fit_rows or self._outlook.front is not None
        n = s.n_candidates // 2 if is_dear else s.n_candidates
        return candidates(self._space, self._outlook.best(s.n_centres), n, rng, given, s)

    def _climbed(self, x: Floats, score: Floats, given: Floats | None) -> tuple[Floats, Floats]:
        """Return the best rows, what is uphill from them, and neighbours of these, with their scores."""
        space, first, s = self._space, self._outlook.first, self._settings
        features = first.features
        best_first = np.argsort(-score, kind="stable")[: s.n_refined]
        scales = np.exp(0.5 * first.posterior.theta[N_SCALES:])[features.group[features.places]]
        n_steps = s.refine_steps if self._outlook.front is None else s.front_steps
        uphill = refined(space, features, x[best_first], self._score.slope(x[best_first]), scales, s, n_steps)
        climbed, fits = place(space, uphill, given)
        climbed = self._tried.left(climbed[fits])
        x, score = np.concatenate([x[best_first], climbed]), np.concatenate([score[best_first], self._score(climbed)])
        for _ in range(s.n_rounds):
            leader = int(np.argmax(score))
            best = x[np.argsort(-score, kind="stable")[: s.n_local]]
            near = self._tried.left(neighbours(space, best, given, s.n_choices))
            x, score = np.concatenate([x, near]), np.concatenate([score, self._score(near)])
            if int(np.argmax(score)) == leader:
                break
        if not self._score.has_ridges:
            return x, score
        best = x[int(np.argmax(score))][None]
        n_evaluations = s.front_evaluations
        if self._outlook.front is None:  # beside the bound, where the leader is, all else may look hopeless
            best, n_evaluations = np.concatenate([best, self._outlook.leader[None]]), s.polish_evaluations
        u = polished(space, features, best, self._score.slope, given, n_evaluations)
        last, fits = place(space, u, given)
        last = self._tried.left(last[fits])
        return np.concatenate([x, last]), np.concatenate([score, self._score(last)])


def candidates(space: Space, best: Floats, n: int, rng: Rng, given: Floats | None, settings: Settings) -> Floats:
    """Return up to n rows: half spread evenly, a quarter near the best, a quarter very near.

    Args:
        space: the space.
        best: [b, D] rows to look around.
        n: how many are drawn; those that may not be tried are left out.
        rng: draws them.
        given: [D] values that rows must have, nan where free; None when all are.
        settings: the constants.
    """
    u = rng.random((n, len(space)))
    near = n // 2
    centres = space.to_unit(best)[rng.integers(len(best), size=near)]
    distance = np.where(np.arange(near) < near // 2, settings.near, settings.very_near)[:, None]
    moved = centres + rng.standard_normal(centres.shape) * distance
    categorical = space.kind == CATEGORICAL
    is_drawn = rng.random(centres.shape) < settings.n_resampled / max(1, len(space))
    resample = np.isnan(centres) | (categorical & is_drawn)
    keep = ~resample & categorical
    u[:near] = np.where(resample, u[:near], np.where(keep, centres, reflected(moved)))
    x, fits = place(space, u, given)
    x = x[fits]
    return x if len(x) >= settings.n_refined else np.concatenate([x, space.sample(rng, settings.n_refined, given)])


def refined(
    space: Space, features: Features, x: Floats, slope: Slope, scales: Floats, settings: Settings, n: int | None = None
) -> Floats:
    """Return [k, D] unit points: each start [k, D] climbed along the gradient in its numeric parameters.

    Adam (Kingma & Ba, 2015) with a step that shrinks, in all starts at once, scaled by the lengthscales: where the
    objective varies slowly, a point may move far.

    Args:
        space: the space.
        features: its embedding.
        x: [k, D] the starts.
        slope: what is climbed.
        scales: [P] lengthscales of the numeric parameters.
        settings: the constants.
        n: steps; as many as the constants say if None.
    """
    columns = features.numeric
    u = space.to_unit(x)
    if not len(columns):
        return np.where(np.isnan(u), 0.5, u)
    at = features.unit(x)
    best_at, best_score = at.copy(), np.full(len(x), -np.inf)
    first, second = np.zeros_like(at), np.zeros_like(at)
    step, n = settings.refine_step * np.minimum(scales, 1.0), settings.refine_steps if n is None else n
    gain1, gain2 = settings.refine_first, settings.refine_second
    beta1, beta2 = 1.0 - gain1, 1.0 - gain2
    for t in range(1, n + 1):
        score, by_u = slope(at)
        better = score > best_score
        best_at[better], best_score[better] = at[better], score[better]
        uphill = by_u * scales
        first = beta1 * first + gain1 * uphill
        second = beta2 * second + gain2 * uphill * uphill
        direction = (first / (1 - beta1**t)) / (np.sqrt(second / (1 - beta2**t)) + 1e-12)
        at = np.clip(at + step * (1.0 - (t - 1) / n) * direction, 0.0, 1.0)
    u = np.where(np.isnan(u), 0.5, u)
    u[:, columns] = best_at
    return u


def polished(
    space: Space,
    features: Features,
    x: Floats,
    slope: Callable[[Floats], Slope],
    given: Floats | None,
    most: int,
) -> Floats:
    """Return [k, D] unit points: each row [k, D] climbed to its top in its continuous parameters, all others as it has.

    By L-BFGS-B, which follows a ridge: where a constraint binds, what is gained rises up to the bound, and the chance
    to keep it falls there within the thousandth of a range or less. What has steps stays: a best between two steps,
    rounded, lies on the wrong side of the bound or far from it.

    Args:
        space: the space.
        features: its embedding.
        x: [k, D] the rows.
        slope: from rows to what is climbed from them.
        given: [D] values that rows must have, nan where free; None when all are.
        most: evaluations for each row.
    """
    u = space.to_unit(x)
    u = np.where(np.isnan(u), 0.5, u)
    columns = features.numeric
    is_free = np.array([space.parameters[column].grid is None for column in columns], dtype=bool)
    if given is not None:
        is_free &= np.isnan(given[columns])
    for i in range(len(x)):
        row = x[i : i + 1]
        moves = np.flatnonzero(is_free & features.active(row)[0])
        if not len(moves):
            continue
        at, climb = features.unit(row), slope(row)

        def rise(v: Floats, at: Floats = at, moves: Ints = moves, climb: Slope = climb) -> tuple[float, Floats]:
            at[0, moves] = v
            score, by_u = climb(at)
            return float(score[0]), by_u[0, moves]

        u[i, columns[moves]] = top(rise, at[0, moves].copy(), most)
    return u


def neighbours(space: Space, x: Floats, given: Floats | None, n_choices: int) -> Floats:
    """Return the rows one discrete parameter away from one of `x`: another choice, or the next value up or down.

    Of a categorical of many choices these are the `n_choices` after its own, so that climbing passes all of them.
    """
    found: list[Floats] = []
    for column, parameter in enumerate(space.parameters):
        grid = parameter.grid
        if grid is None or grid.n < 2 or (given is not None and not np.isnan(given[column])):
            continue
        for start in x[~np.isnan(x[:, column])]:
            at = grid.nearest(float(start[column]))
            if parameter.kind == CATEGORICAL:
                others = (at + np.arange(1, min(grid.n, n_choices + 1))) % grid.n
            else:
                others = np.array([k for k in (at - 1, at + 1) if 0 <= k < grid.n])
            moved = np.repeat(start[None], len(others), axis=0)
            moved[:, column] = [grid.value(int(k)) for k in others]
            found.append(moved)
    if not found:
        return x[:0]
    u = space.to_unit(np.concatenate(found))
    rows, fits = place(space, np.where(np.isnan(u), 0.5, u), given)
    return rows[fits]
