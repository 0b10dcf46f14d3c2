"""How good a proposal a row would be: a sum of named terms, each in the unit of log expected improvement.

The first of them are what is gained and the chances that constraints are kept (log constrained expected improvement:
Ament et al., 2023, arXiv 2310.20708, section 4.2); what is gained is an improvement of the one objective, or of the
hypervolume below the front of several. Until constraints are kept the chances are all. Where an exchange rate prices
what rows cost, the first is the index of Pandora's box (Xie et al., 2024, arXiv 2406.20062).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce
from operator import add
from typing import TypeAlias

import numpy as np

from trimtab.arrays import Floats
from trimtab.ledger.event import Remaining
from trimtab.ledger.table import TrialTable
from trimtab.model.processes import View
from trimtab.numerics.acquisition import index, log_ei, log_ei_with_gradient, log_positive, log_positive_with_gradient
from trimtab.optim import belief
from trimtab.optim.gp.novelty import Novelty
from trimtab.optim.gp.outlook import Outlook
from trimtab.optim.gp.state import GpState
from trimtab.optim.gp.steps import Steps
from trimtab.optim.gp.thrift import Prices, Thrift
from trimtab.optim.gp.trust import TrustRegion

Slope: TypeAlias = Callable[[Floats], tuple[Floats, Floats]]
"""From unit places of the numeric parameters [m, P] to scores [m] and their gradients [m, P]."""


class Score:
    """The score of one ask.

    Attributes:
        terms: what is added up, by name, each a function of rows [m, D]; what does not apply is left out.
        has_ridges: whether terms of several models meet in it, which makes it steep on one side and flat on another.
        is_bold: whether the improvement is that of a bold proposal.
        prices: what counts against rows in the unit of labels, where an exchange rate says; None elsewhere.
        failures: where trials fail; None if none did.
        margins: by how many deviations each limit is to be kept, those of constraints first.
    """

    def __init__(self, state: GpState, table: TrialTable, outlook: Outlook, remaining: Remaining | None = None) -> None:
        settings, space, seen = state.settings, table.space, outlook.seen
        self._outlook, self._settings = outlook, settings
        stands_still = settings.has_bold_turns and state.observations.n_idle >= settings.idle
        is_ordered = outlook.choice is not None and len(outlook.choice.order) > 1
        self.has_ridges = outlook.front is not None or bool(outlook.constraints) or is_ordered
        self.is_bold = stands_still and len(table) % settings.bold_every == 1 and outlook.front is None
        prices = None
        if settings.has_index and outlook.front is None and remaining is not None and remaining.must_gain:
            # where constraints are, all metrics joined have other labels than the objective
            losses = state.observations.mean_losses()[seen.rows] if outlook.constraints else seen.losses
            prices = Prices(table, remaining, seen.x, losses, outlook.first.labels)
        prices = prices if prices is not None and prices.are_known else None
        self.prices = prices if len(table) % settings.index_every == 0 else None
        has_index = self.prices is not None
        self.is_bold = self.is_bold and not has_index  # the index is bold enough
        self._scale = settings.bold_scale if self.is_bold or has_index else 1.0
        self.failures = state.failures()
        self._region = TrustRegion(space, outlook.first.features, seen.x, settings)
        self.terms: dict[str, Callable[[Floats], Floats]] = {}
        if outlook.front is not None:
            self.terms["hypervolume"] = self._hypervolume
        elif np.isfinite(outlook.bar):
            self.terms["improvement"] = self._improvement
        self.margins = self._keep_margins(state)
        if outlook.constraints or is_ordered:
            self.terms["constraints"] = lambda x: self._scale * log_keeps(outlook.limits, x, self.margins)
        weight = belief.weight(space, seen.x, seen.labels, len(seen))
        if weight:
            self.terms["prior"] = lambda x: weight * space.log_prior(x)
        if self._region.radius is not None:
            self.terms["trust region"] = lambda x: -self._region.cost(x)
        steps = Steps(space, seen.x, seen.losses, settings) if settings.has_steps else None
        if steps is not None and steps.any:
            self.terms["steps"] = lambda x: -steps.cost(x)
        novelty = Novelty(space, seen.x, seen.losses, settings) if settings.has_novelty else None
        if novelty is not None and novelty.length is not None:
            self.terms["novelty"] = novelty.log_new
        if self.failures is not None:
            self.terms["failures"] = self.failures.cost
        thrift = Thrift(table, remaining, settings.thrift, has_prices=prices is not None)
        if thrift.applies:
            self.terms["thrift"] = lambda x: -thrift(x)
        if prices is not None and not has_index:
            self.terms["prices"] = lambda x: -settings.thrift * np.log(prices(x))

    def __call__(self, x: Floats) -> Floats:
        """Return the scores [m] of rows [m, D]."""
        total: Floats = reduce(add, (term(x) for term in self.terms.values()))
        return total

    def pend(self, x: Floats) -> None:
        """Take rows [p, D] as proposed; the outlook knows of them already."""
        self._region.add(x)

    def slope(self, x: Floats) -> Slope:
        """Return the score from rows [m, D] on, of what models say alone, as a function of their numeric parameters."""
        outlook = self._outlook
        limits = outlook.limits
        views = [*(outlook.gains if self._has_gain else []), *limits]
        starts = [view.features.embed(x) for view in views]
        expected = views[0].expected if views else None  # one objective alone has any
        plain = None if expected is None else expected.features.embed(x)
        n_objectives = len(views) - len(limits)
        prices = None if self.prices is None else self.prices(x)

        def slope(u: Floats) -> tuple[Floats, Floats]:
            said = [
                view.posterior.predict_with_gradient(view.features.move(z, x, u))
                for view, z in zip(views, starts, strict=True)
            ]
            rise: Floats | None = None
            if expected is not None and plain is not None:
                level, rise = expected.mean_with_gradient(plain, x, u)
                said[0] = (said[0][0] + level, *said[0][1:])
            score, weights = np.zeros(len(u)), list[tuple[Floats, Floats]]()
            if n_objectives:
                gained, weights = self._gain(said[:n_objectives], prices)
                score = score + gained
            kept = zip(limits, self.margins, said[n_objectives:], strict=False)
            for view, margin, (mean, deviation, _, _) in kept:
                chance, by_mean, by_deviation = log_positive_with_gradient(
                    mean - view.zero, deviation, view.margin + margin
                )
                score = score + self._scale * chance
                weights.append((by_mean, by_deviation))
            gradient = np.zeros_like(u)
            for view, (_, _, mean_z, deviation_z), (by_mean, by_deviation) in zip(views, said, weights, strict=True):
                by_z = self._scale * (by_mean[:, None] * mean_z + by_deviation[:, None] * deviation_z)
                gradient = gradient + view.features.gradient(by_z, x, u)
            if rise is not None:
                gradient = gradient + self._scale * weights[0][0][:, None] * rise
            return score, gradient

        return slope

    def _keep_margins(self, state: GpState) -> list[float]:
        """Return by how many deviations each limit is to be kept: the more, the more often it was broken lately.

        The first results do not count: nothing kept them from breaking it.
        """
        s, outlook = self._settings, self._outlook
        margins = state.observations.margins.view
        latest = margins[max(s.n_first, len(margins) - s.keep_rows) :]
        shares = [np.count_nonzero(latest[:, view.column] > 0.0) / s.keep_rows for view in outlook.constraints]
        of_constraints = [s.keep_margin + s.keep_more * max(0.0, share - s.keep_share) for share in shares]
        return [*of_constraints, *[s.keep_margin] * len(outlook.objectives)]

    @property
    def _has_gain(self) -> bool:
        return self._outlook.front is not None or bool(np.isfinite(self._outlook.bar))

    def _gain(
        self, said: list[tuple[Floats, Floats, Floats, Floats]], prices: Floats | None
    ) -> tuple[Floats, list[tuple[Floats, Floats]]]:
        """Return [m] what is gained, and for each objective its derivatives [m]: by mean, by deviation."""
        s, front = self._settings, self._outlook.front
        if front is not None:
            mean, deviation = (np.column_stack([one[i] for one in said]) for i in (0, 1))
            gained, by_mean, by_deviation = front.log_expected_with_gradient(mean, deviation)
            return gained, list(zip(by_mean.T, by_deviation.T, strict=True))
        ((mean, deviation, _, _),) = said
        if self.is_bold:
            by_mean = np.ones(len(mean))
            return self._scale * (mean + s.boldness * deviation), [(by_mean, s.boldness * by_mean)]
        if prices is not None:
            found, by_deviation = index(mean, deviation, prices)
            return self._scale * found, [(np.ones(len(mean)), by_deviation)]
        gained, by_mean, by_deviation = log_ei_with_gradient(mean, deviation, self._outlook.bar)
        return gained, [(by_mean, by_deviation)]

    def _improvement(self, x: Floats) -> Floats:
        """Return log expected improvement over the bar; with prices the index, if bold the upper confidence bound."""
        mean, deviation = self._outlook.gains[0].predict(x)
        if self.is_bold:
            return self._scale * (mean + self._settings.boldness * deviation)
        if self.prices is not None:
            return self._scale * index(mean, deviation, self.prices(x))[0]
        return log_ei(mean, deviation, self._outlook.bar)

    def _hypervolume(self, x: Floats) -> Floats:
        """Return the logarithm of what the hypervolume below the front is expected to gain."""
        said = [view.predict(x) for view in self._outlook.gains]
        mean, deviation = (np.column_stack([one[i] for one in said]) for i in (0, 1))
        front = self._outlook.front
        if front is None:
            raise ValueError("there is no front: nothing was allowed so far.")
        return front.log_expected(mean, deviation)


def log_keeps(limits: list[View], x: Floats, margins: Sequence[float] = ()) -> Floats:
    """Return [m] the logarithms of the chances that all limits are kept at rows [m, D]."""
    total = np.zeros(len(x))
    for view, margin in zip(limits, margins or [0.0] * len(limits), strict=False):
        mean, deviation = view.predict(x)
        total = total + log_positive(mean, deviation, view.margin + margin)
    return total
