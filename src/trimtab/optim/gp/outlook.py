"""What the models say at one ask: of what was tried, of what runs, and of what was just proposed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from trimtab.arrays import Bools, Floats, Ints, Rng
from trimtab.model.choice import Choice
from trimtab.model.dominance import undominated
from trimtab.model.labels import Labelled
from trimtab.model.processes import View
from trimtab.numerics.hypervolume import Improvement, thinned
from trimtab.optim.gp.state import GpState
from trimtab.optim.place import place
from trimtab.space.space import Space


class Outlook:
    """The posteriors of one ask, which know of what runs as if that had given what is expected.

    Attributes:
        seen: what they are made of: one label for each configuration, of all metrics.
        record: the process of the first objective as of what was seen, and of nothing else.
        objectives: what is said of each objective, or of all joined.
        constraints: what is said of each constraint on outcomes that is in question.
        is_allowed: [c] which of the configurations may be the best, since they keep the constraints.
        leader: [D] the row of the largest mean among those; of several objectives and of broken constraints, the one
            with the best label of all metrics.
        bar: the largest mean, or what is expected of what runs, if that is more: what a proposal should beat. -inf
            where nothing was allowed so far.
        front: what a proposal adds to, where there are several objectives with their own models; None where there is
            a bar, or nothing was allowed so far. Where a part of the front is preferred it adds there alone.
        columns: the objectives that are to be better: all, or those that are preferred.
        choice: what is preferred; None where all of the front is wanted alike.
        number: of the trial that is proposed. Objectives that are ordered take turns by it.
    """

    def __init__(self, state: GpState, space: Space, rng: Rng, number: int) -> None:
        self.choice, self.number = state.choice, number
        views = state.processes.views(state.observations, rng)
        self.seen, self.objectives, self.constraints = views.seen, views.objectives, views.constraints
        self.record = views.objectives[0].posterior
        self._space, self._settings = space, state.settings
        self._has_constraints = bool(views.given.margins.shape[1])
        is_met = views.given.is_met[self.seen.rows]
        self.is_allowed = self._keeps(
            self.seen.x, is_met, np.count_nonzero(np.isnan(views.given.margins[self.seen.rows]), axis=1) == 0
        )
        self._means = np.column_stack([view.mean(self.seen.x) for view in self.objectives])
        if not self.constraints and not self.is_allowed.any():  # what all broke alike says nothing
            self.is_allowed[:] = True
        self._means = self._means[self.is_allowed]
        self._begin()
        allowed = self.seen.x[self.is_allowed]
        self._on_front = allowed[undominated(-self._means)] if self.front is not None else allowed[:0]
        has_own = len(self.objectives) > 1 or not len(allowed)
        self._ranked: Ints | None = None
        if self.choice is not None and len(allowed):
            self._ranked = np.flatnonzero(self.is_allowed)[self.choice.ranked(self._losses(self._means))]
            self.leader = self.seen.x[self._ranked[0]]
        elif has_own:
            self.leader = self.seen.x[int(np.argmax(self.seen.labels))]
        else:
            self.leader = allowed[int(np.argmax(self._means))]
        stopped = state.observations.stopped.view[-state.settings.stopped_rows :]
        if len(stopped):  # no result, but a verdict: nothing is gained by looking there again
            self.objectives = [view.condition(stopped) for view in self.objectives]

    @property
    def first(self) -> View:
        """The view of the first objective."""
        return self.objectives[0]

    @property
    def gains(self) -> list[View]:
        """The views of the objectives that are to be better."""
        return [self.objectives[k] for k in self.columns]

    @property
    def limits(self) -> list[View]:
        """The views of constraints, and of objectives that are to stay near their best."""
        return [*self.constraints, *(replace(self.objectives[k], zero=zero) for k, zero in self._bounds)]

    def best(self, n: int) -> Floats:
        """Return rows [b, D] that were tried and are best: all of a front, else up to n, or as is preferred."""
        if self.front is not None and self.choice is None:
            return self._on_front
        rows = self.seen.best(n) if self._ranked is None else self._ranked[:n]
        found: Floats = self.seen.x[rows]
        return found

    def allowed(self) -> Labelled:
        """Return the configurations that may be the best, with labels of the first objective."""
        if not self._has_constraints:
            return self.seen
        return replace(self.seen, labels=self.first.labels, known=np.zeros(len(self.seen))).take(
            np.flatnonzero(self.is_allowed)
        )

    def pend(self, x: Floats, number: int) -> None:
        """Take rows [p, D] as proposed, and go on with trial `number`."""
        self.number = number
        is_allowed = self._keeps(x, np.ones(len(x), dtype=bool), np.zeros(len(x), dtype=bool))
        means = np.column_stack([view.mean(x) for view in self.objectives])
        self._means = np.concatenate([self._means, means[is_allowed]])
        self._begin()
        self.objectives = [view.condition(x) for view in self.objectives]
        self.constraints = [view.condition(x) for view in self.constraints]

    def spreads(self) -> Floats:
        """Return [D] how far what is expected goes up and down along each parameter, all others being the leader's."""
        d, n_levels = len(self._space), self._settings.n_levels
        u = np.nan_to_num(self._space.to_unit(self.leader), nan=0.5)
        moved, column = np.repeat(u[None], d * n_levels, axis=0), np.arange(d).repeat(n_levels)
        moved[np.arange(len(moved)), column] = np.tile((np.arange(n_levels) + 0.5) / n_levels, d)
        x, _ = place(self._space, moved, None)
        spreads = [np.ptp(view.mean(x).reshape(d, n_levels), axis=1) for view in (*self.objectives, *self.constraints)]
        found: Floats = np.max(spreads, axis=0)
        return found

    def _begin(self) -> None:
        """Take up what there is to beat: the means of what is allowed."""
        self.bar, self.front = -np.inf, None
        self.columns, self._bounds = list(range(self._means.shape[1])), list[tuple[int, float]]()
        if not len(self._means):
            return
        if self.choice is not None:
            self._prefer(self.choice)
            return
        if self._means.shape[1] == 1:
            self.bar = float(self._means.max())
            return
        front = self._means[undominated(-self._means)]
        nadir = front.min(axis=0)
        gap = self._settings.reference_gap * np.maximum(front.max(axis=0) - nadir, self._settings.least_range)
        most = self._settings.front_most[front.shape[1] - 2]
        self.front = Improvement(thinned(front, most), nadir - gap)

    def _prefer(self, choice: Choice) -> None:
        """Take up what there is to beat where a part of the front is preferred, by the means of what is allowed.

        Ordered objectives take turns: one is to be better than all that are within the bounds of those before it, which
        move with their best. Else what is preferred to all so far lies above a corner, and adds to the volume there.
        """
        losses = self._losses(self._means)
        if choice.order:
            turn = min(self.number % (len(choice.order) + 1), len(choice.order) - 1)  # the last has two in each round
            bounds = choice.bounds(losses)
            before = list(zip(choice.order[:turn], bounds, strict=False))
            is_near = np.all([losses[:, k] <= bound for k, bound in before], axis=0) if before else slice(None)
            self.columns = [choice.order[turn]]
            self._bounds = [(k, self._label(k, bound)) for k, bound in before]
            self.bar = float(self._means[is_near, self.columns[0]].max())
            return
        is_few = self._means.shape[1] <= self._settings.most_objectives
        corner = choice.corner(losses, stays=is_few)
        self.columns = choice.columns.tolist()
        reference = np.array([self._label(k, corner[k]) for k in self.columns])
        above = self._means[:, self.columns]
        above = above[(above > reference).all(axis=1)] if is_few else above[:0]
        front = above[undominated(-above)]
        most = self._settings.front_most[max(0, len(self.columns) - 2)] if is_few else 0
        self.front = Improvement(thinned(front, most), reference)

    def _losses(self, labels: Floats) -> Floats:
        """Return [a, K] the losses that labels [a, K] of the objectives stand for."""
        bends = [view.bend for view in self.objectives]
        pairs = zip(bends, labels.T, strict=True)
        return np.column_stack([column if bend is None else bend.losses(column) for bend, column in pairs])

    def _label(self, k: int, loss: float) -> float:
        bend = self.objectives[k].bend
        return loss if bend is None else float(bend.labels(np.array([loss]))[0])

    def _keeps(self, x: Floats, is_met: Bools, is_measured: Bools) -> Bools:
        """Return [n] which rows [n, D] keep the constraints: as they were measured, else as is expected.

        A constraint with a confidence is to be kept with that, by what is known of the row.
        """
        keeps = is_met.copy()
        for view in self.constraints:
            if view.margin or not is_measured.all():
                mean, deviation = view.predict(x)
                keeps &= (mean >= view.margin * deviation) | (is_measured & (view.margin == 0.0))
        return keeps
