"""A process for each metric: which there are, and what each says at one length of the log.

One objective without constraints has one process, and so have more objectives than a hypervolume is computed for, whose
labels are joined. Else every objective has its own, and every constraint on outcomes.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from trimtab.arrays import Floats, Ints, Rng
from trimtab.model.choice import Choice
from trimtab.model.features import Features
from trimtab.model.labels import Joined, Labelled, Means, OfConstraint, OfObjective, labelled, means
from trimtab.model.observations import Observations
from trimtab.model.past import Expected, Sources
from trimtab.model.settings import ModelSettings
from trimtab.model.surrogate import Model, Surrogate
from trimtab.numerics.gp import Posterior
from trimtab.numerics.warp import Bend
from trimtab.space.problem import Problem


@dataclass(frozen=True, slots=True)
class View:
    """What one process says.

    Attributes:
        features: where it sees rows.
        posterior: of labels, larger is better.
        labels: [c] what it was conditioned on.
        zero: the label of a constraint that is met to the bit.
        margin: by so many deviations should a constraint be met.
        bend: what its labels were made by, of one metric among several.
        column: which constraint it is of.
        expected: what earlier studies expect, which the posterior is about; None where none is believed.
    """

    features: Features
    posterior: Posterior
    labels: Floats
    zero: float
    margin: float
    bend: Bend | None = None
    column: int = 0
    expected: Expected | None = None

    @classmethod
    def of(cls, model: Model, margin: float = 0.0, column: int = 0) -> View:
        seen = model.seen
        return cls(model.features, model.posterior, seen.labels, seen.zero, margin, seen.bend, column, model.expected)

    def condition(self, x: Floats) -> View:
        """Return what it says if rows [p, D] came out as expected."""
        return replace(self, posterior=self.posterior.condition(self.features.embed(x)))

    def mean(self, x: Floats) -> Floats:
        """Return [m] means at rows [m, D], over the zero."""
        z = self.features.embed(x)
        return self._with_past(self.posterior.mean(z) - self.zero, x, z)

    def predict(self, x: Floats) -> tuple[Floats, Floats]:
        """Return [m] means, over the zero, and [m] deviations at rows [m, D]."""
        z = self.features.embed(x)
        mean, deviation = self.posterior.predict(z)
        return self._with_past(mean - self.zero, x, z), deviation

    def _with_past(self, mean: Floats, x: Floats, z: Floats) -> Floats:
        """Return means [m] at rows [m, D], which are at [m, Q] here, with what earlier studies expect."""
        if self.expected is None:
            return mean
        return mean + self.expected.mean(self.expected.features.embed(x) if self.features.is_warped else z)


@dataclass(frozen=True, slots=True)
class Views:
    """What all processes say.

    Attributes:
        seen: the configurations they are conditioned on, in one order of merit: labels of all metrics joined.
        given: what these gave.
        objectives, constraints: a view each; of constraints those that are in question.
    """

    seen: Labelled
    given: Means
    objectives: list[View]
    constraints: list[View]


class Processes:
    """The hyperparameters of all processes, as of every length of the log that they were fitted at.

    Args:
        problem: what is tuned.
        features, length2, settings: see `Surrogate`.

    Attributes:
        joined: the process of all metrics in one.
        is_one: whether that is the only one.
    """

    def __init__(self, problem: Problem, features: Features, length2: Floats, settings: ModelSettings) -> None:
        k = len(problem.objectives)
        self._settings = settings
        is_tree = problem.space.is_conditional
        self._of_one = features, length2, is_tree
        self.is_one = k == 1 and not problem.constraints
        # no hypervolume is computed for what is preferred of many, so each may have its own
        self._has_own = not self.is_one and (k <= settings.most_objectives or Choice.steering(problem) is not None)
        labels = [OfObjective(i) for i in range(k)] if self._has_own else []
        self.joined = self._make()
        self._learning: Surrogate | None = None
        self._learns: dict[int, bool] = {}
        self._objectives = [
            Surrogate(features, length2, is_tree=is_tree, settings=settings, labels=each, is_wide=k > 1)
            for each in labels
        ]
        self._constraints = [
            Surrogate(features, length2, is_tree=is_tree, settings=settings, labels=OfConstraint(j))
            for j in range(len(problem.constraints))
        ]
        self._margins = [metric.margin for metric in problem.constraints]

    def _make(self, sources: Sources | None = None, *, has_mean: bool = True) -> Surrogate:
        """Return a process of all metrics in one."""
        features, length2, is_tree = self._of_one
        labels = Joined(is_penalized=self.is_one)
        return Surrogate(
            features,
            length2,
            is_tree=is_tree,
            settings=self._settings,
            labels=labels,
            sources=sources,
            has_mean=has_mean,
        )

    def learn_from(self, sources: Sources) -> None:
        """Learn from earlier studies, where there is one process; several are left as they are."""
        if self.is_one:
            self._learning = self._make(sources)
            self.joined = self._make(sources, has_mean=False)

    def __getstate__(self) -> dict[str, object]:
        return self.__dict__ | {"_learns": {}}  # what can be computed again is not state

    def one(self, observations: Observations) -> Surrogate:
        """Return the one process: that which learns from earlier studies, unless left-out results speak against it.

        That is looked at for every result while they are few, from there on at each doubling.
        """
        learning, n, s = self._learning, len(observations), self._settings
        if learning is None or n < s.past_doubt_from:
            return learning or self.joined
        at = min(n, s.past_doubt_often)
        while 2 * at <= n:
            at *= 2
        if at not in self._learns:
            gain = self.joined.evidence(observations, at) - learning.evidence(observations, at)
            self._learns[at] = gain <= s.past_doubt
        return learning if self._learns[at] else self.joined

    def carry(self, before: Processes, observations: Observations) -> None:
        """Let each process go on from what was fitted in a space that lacked the last parameters, where it was asked.

        Args:
            before: the processes there.
            observations: what was on record, in that space.
        """
        in_question = means(observations, len(observations)).margins
        pairs = list(zip(self._objectives or [self.joined], before._objectives or [before.joined], strict=True))
        pairs += [
            (mine, its)
            for j, (mine, its) in enumerate(zip(self._constraints, before._constraints, strict=True))
            if self._is_in_question(in_question[:, j])
        ]
        for mine, its in pairs:
            mine.carry(its, observations)

    def views(self, observations: Observations, rng: Rng) -> Views:
        """Return what is said of all results so far.

        Args:
            observations: what is on record.
            rng: draws weights of objectives that are joined.
        """
        n = len(observations)
        given = means(observations, n)
        if self.is_one:
            model = self.one(observations).model(observations, rng)
            return Views(model.seen, given, [View.of(model)], [])
        merit = labelled(observations, n, rng)
        rows = self._kept(merit)
        surrogates = self._objectives or [self.joined]
        objectives = [View.of(each.model(observations, rng, rows=rows)) for each in surrogates]
        constraints = [
            View.of(surrogate.model(observations, rng, rows=rows), margin, j)
            for j, (surrogate, margin) in enumerate(zip(self._constraints, self._margins, strict=True))
            if self._is_in_question(given.margins[:, j])
        ]
        return Views(merit.take(rows), given, objectives, constraints)

    def _kept(self, merit: Labelled) -> Ints:
        """Return the configurations that all processes are conditioned on: the best and the latest."""
        n, most = len(merit), self._settings.kept_rows_each
        if n <= most:
            return np.arange(n)
        return np.union1d(merit.best(most // 2), np.arange(n - most // 2, n))

    def _is_in_question(self, margins: Floats) -> bool:
        """Return whether a constraint may bind, by its margins [c]: not if it was always the same, or is far off."""
        known = margins[~np.isnan(margins)]
        if not len(known) or known.min() == known.max():
            return False
        nearest, farthest = float(known.max()), float(known.min())
        if nearest > 0.0 or len(known) < self._settings.n_first:
            return True
        return -nearest < self._settings.far_off * (nearest - farthest)
