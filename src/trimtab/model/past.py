"""What earlier studies say of this one: a process for each, and how far each is believed.

Each study's losses become labels by the same warp as this study's, which makes them commensurable whatever their unit,
and a process is fitted to them once. What they expect of a configuration, weighted by how well each foretells the order
of this study's own results, is the mean about which this study's process is placed: that process learns what is left,
after Vizier's stacked residuals (Golovin et al., 2017, section 3.3.3). The weights are in the spirit of the ranking
losses of RGPE (Feurer et al., 2018, arXiv 1802.02219), but of results that are foretold, not drawn; a study that orders
the results here rather the wrong way round than the right one weighs nothing.

Letters: S earlier studies, c configurations of this study, D parameters, P numeric ones, Q coordinates.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from trimtab.arrays import Floats
from trimtab.ledger.event import Past
from trimtab.model.features import Features
from trimtab.model.keys import same
from trimtab.model.settings import MODEL, ModelSettings
from trimtab.numerics.blend import Blend
from trimtab.numerics.gp import N_SCALES, NOISE, Data, Posterior, Prior, fit
from trimtab.numerics.warp import warp
from trimtab.space.space import Space


def rows_of(past: Past, width: int) -> Floats:
    """Return [n, width] the rows of an earlier study; what the space has learned since is inactive in them."""
    rows = np.full((len(past.x), width), np.nan)
    if len(past.x):
        given = np.array(past.x, dtype=np.float64)  # None becomes nan
        rows[:, : given.shape[1]] = given
    return rows


def labels_of(losses: Sequence[float | None]) -> Floats:
    """Return [n] labels, larger is better; what failed is as good as the worst that did not."""
    values = np.array(losses, dtype=np.float64)
    failed = np.isnan(values)
    if failed.all():
        return np.zeros(len(values))
    labels = np.empty(len(values))
    labels[~failed] = warp(values[~failed])
    labels[failed] = labels[~failed].min()
    return labels


def fitted(features: Features, x: Floats, labels: Floats, settings: ModelSettings = MODEL) -> Floats:
    """Return [G + 3] hyperparameters of the process of an earlier study."""
    data = _data(features, x, labels)
    centre = settings.prior.centre(features.n_groups)
    long = centre.copy()
    long[N_SCALES:] = np.log(settings.long_length2)
    return fit(data, settings.prior, [centre, long], settings.cold)


def process(features: Features, x: Floats, labels: Floats, theta: Floats) -> Posterior:
    """Return the process of an earlier study; of parameters that `theta` lacks it says nothing."""
    whole = MODEL.prior.centre(features.n_groups)
    whole[: len(theta)] = theta
    return Posterior(_data(features, x, labels), whole)


def _data(features: Features, x: Floats, labels: Floats) -> Data:
    n = len(labels)
    return Data(features.embed(x), labels, features.group, features.n_groups, np.ones(n), np.zeros(n))


def _varied(features: Features, x: Floats) -> Floats:
    """Return [G] in how many of the rows [n, D] what a lengthscale belongs to is not as it is in most of them."""
    z = features.embed(x)
    differ = (z != np.median(z, axis=0)).sum(axis=0, dtype=np.float64)
    found = np.bincount(features.group, weights=differ, minlength=features.n_groups).astype(np.float64)
    return np.minimum(found, float(len(x)))


@dataclass(frozen=True, slots=True)
class Expected:
    """What the earlier studies expect, in this study's labels: a mean that its process is placed about.

    Attributes:
        blend: what those that are believed expect.
        features: how their processes see a configuration, before any warp.
        level: what is taken off, so that the mean over this study's configurations is 0.
        known: [c] what is expected of each configuration of this study.
        names: of the studies.
        believed: how far, from 0 to 1.
    """

    blend: Blend
    features: Features
    level: float
    known: Floats
    names: tuple[str, ...]
    believed: float

    def times(self, factor: float) -> Expected:
        """Return it so many times as steep."""
        return replace(self, blend=self.blend.times(factor), level=factor * self.level, known=factor * self.known)

    def mean(self, z: Floats) -> Floats:
        """Return [m] what is expected of rows with these coordinates [m, Q], which no warp has moved."""
        return self.blend.mean(z) - self.level

    def mean_with_gradient(self, z: Floats, x: Floats, u: Floats) -> tuple[Floats, Floats]:
        """Return [m] what is expected of rows at other unit places u [m, P], and [m, P] its gradient by these.

        Args:
            z: [m, Q] the coordinates of the rows.
            x: [m, D] the rows.
            u: [m, P] the places.
        """
        mean, by_z = self.blend.mean_with_gradient(self.features.move(z, x, u))
        return mean - self.level, self.features.gradient(by_z, x, u)


class Sources:
    """The earlier studies that one learns from.

    Args:
        past: what was taken from them.
        space: this study's, as it is now.
        features: how its processes see it, before any warp.
        settings: the constants.

    Attributes:
        names: of those that have something to say.
    """

    def __init__(self, past: Sequence[Past], space: Space, features: Features, settings: ModelSettings = MODEL) -> None:
        self.features, self.settings = features, settings
        useful = [each for each in past if each.theta]
        self.names = tuple(each.study for each in useful)
        self._processes = tuple(
            process(features, rows_of(each, len(space)), labels_of(each.losses), np.array(each.theta))
            for each in useful
        )
        self._said = np.empty((0, len(useful)))
        self._thetas = np.tile(settings.prior.centre(features.n_groups), (len(useful), 1))
        self._n_varied = np.zeros((len(useful), features.n_groups))
        for i, each in enumerate(useful):
            self._thetas[i, : len(each.theta)] = each.theta
            self._n_varied[i] = _varied(features, rows_of(each, len(space)))
        self._n = np.array([float(len(each.x)) for each in useful])

    def informed(self, prior: Prior) -> Prior:
        """Return a prior of lengthscales and noise that is about what they were in these studies, on the average.

        A handful of results, most of them good, tells neither: what is left of them once a mean is taken off looks
        smooth or like noise, and all that is near them would seem known. What few results of past studies say weighs
        little, and of a parameter that none varied what is known is as before. (The pooled prior of HyperBO, arXiv
        2109.08215, reduced to a centre.)
        """
        if not len(self):
            return prior
        g, s = self.features.n_groups, self.settings
        was = prior.centre(g)
        weight = np.array(np.broadcast_to(prior.weight, g + N_SCALES))

        def pooled(of: slice | int, values: Floats, n: Floats) -> Floats:
            """Return the centre of hyperparameters with these values [S, k], from n [S, k] rows, and weigh it."""
            known = n.sum(axis=0)
            share = known / (known + s.past_hold_rows)
            weight[of] += share * (s.past_hold - weight[of])
            mean = (n * values).sum(axis=0) / np.maximum(known, 1.0)
            found: Floats = np.exp(was[of] + share * (mean - was[of]))
            return found

        noise = np.maximum(self._thetas[:, NOISE], np.log(s.past_least_noise))
        return replace(
            prior,
            length2=pooled(slice(N_SCALES, None), self._thetas[:, N_SCALES:], self._n_varied),
            noise=float(pooled(NOISE, noise, self._n)),
            weight=weight,
        )

    def __len__(self) -> int:
        return len(self.names)

    def __getstate__(self) -> dict[str, object]:
        return self.__dict__ | {"_said": np.empty((0, len(self.names)))}  # what can be computed again is not state

    def said(self, x: Floats) -> Floats:
        """Return [c, S] what each expects of the configurations [c, D] of this study, which are in a fixed order."""
        n = len(self._said)
        if n < len(x):
            # one by one: several at once differ in their last bits, and a log is replayed with others at once
            new = [
                [float(source.mean(z)[0]) for source in self._processes] for z in self.features.embed(x[n:])[:, None]
            ]
            self._said = np.concatenate([self._said, np.array(new)])
        return self._said[: len(x)]

    def expected(self, x: Floats, labels: Floats) -> Expected | None:
        """Return what they expect, by how well they foretold labels [c]; None where none is believed.

        Args:
            x: [c, D] the configurations of this study.
            labels: [c] theirs, larger is better.
        """
        said = self.said(x)
        believed = shares(said, labels, self.settings)
        used = np.flatnonzero(believed > 0.0)
        if not len(used):
            return None
        share = believed[used] / believed[used].sum() * believed.max()
        joint = said[:, used] @ share
        level = float(joint.mean()) if len(joint) else 0.0
        return Expected(
            Blend.of([self._processes[i] for i in used.tolist()], share),
            self.features,
            level,
            joint - level,
            tuple(self.names[i] for i in used.tolist()),
            float(believed.max()),
        )


def shares(said: Floats, labels: Floats, settings: ModelSettings = MODEL) -> Floats:
    """Return [S] how far each study is believed, from 0 to 1, by what it said [c, S] of results with these labels [c].

    Each pair of results speaks for a study that has them in the right order and against one that has them the wrong way
    round, the more so the farther apart they are, here and there. Before any result all are believed.
    """
    n = len(labels)
    if n < 2:
        return np.ones(said.shape[1])
    apart = labels[:, None] - labels
    found = np.empty(said.shape[1])
    for i, its in enumerate(said.T):
        product = apart * (its[:, None] - its)
        total = float(np.abs(product).sum())
        found[i] = float(product.sum()) / total if total > 0.0 else 0.0
    m, before = n - 1, settings.past_weight
    believed: Floats = np.maximum((found * m + before) / (m + before), 0.0)
    believed[believed < settings.past_least] = 0.0
    return believed**settings.past_power


def portfolio(
    space: Space, features: Features, past: Sequence[Past], settings: ModelSettings = MODEL
) -> list[tuple[int, int]]:
    """Return what is to be tried first: (which study, which of its rows), the best first.

    Chosen one after the other, so that for each study something is among them that does well there, as far as the
    processes tell: the first does well in all of them. (A zero-shot portfolio: Wistuba et al., 2015.)
    """
    useful = [i for i, each in enumerate(past) if each.theta]
    if not useful:
        return []
    width = len(space)
    rows = {i: rows_of(past[i], width) for i in useful}
    models = {i: process(features, rows[i], labels_of(past[i].losses), np.array(past[i].theta)) for i in useful}
    candidates: list[tuple[int, int]] = []
    for i in useful:
        means = models[i].mean(features.embed(rows[i]))
        order = np.argsort(-means, kind="stable").tolist()
        fit_rows = [
            row for row in order if past[i].losses[row] is not None and proposed(space, rows[i][row]) is not None
        ]
        candidates += [(i, row) for row in fit_rows[: settings.portfolio_each]]
    if not candidates:
        return []
    x = np.array([rows[i][row] for i, row in candidates])
    said = np.column_stack([models[i].mean(features.embed(x)) for i in useful])
    short = said.max(axis=0) - said
    chosen: list[tuple[int, int]] = []
    least = np.full(len(useful), np.inf)
    while len(chosen) < settings.portfolio_most:
        after = np.minimum(short, least).mean(axis=1)
        best = int(np.argmin(after))
        if chosen and least.mean() - float(after[best]) < settings.portfolio_gain:
            break
        chosen.append(candidates[best])
        least = np.minimum(least, short[best])
    return chosen


def proposed(space: Space, row: Floats) -> Floats | None:
    """Return [D] a row of an earlier study as one that may be tried here; None where it breaks a constraint.

    What it does not say is the default, and what the space holds is held.
    """
    default, held = space.default_row(), space.fixed_row()
    whole = np.where(np.isnan(row), default, row)
    if held is not None:
        whole = np.where(np.isnan(held), whole, held)
    whole = np.where(np.isnan(whole), space.from_unit(np.full(len(space), 0.5)), whole)
    found = space.canonical(whole)
    return None if space.fault(found) or same(found, default) else found
