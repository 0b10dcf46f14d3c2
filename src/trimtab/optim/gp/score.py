"""How good a proposal a row would be: a sum of named terms, each in the unit of log expected improvement."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from operator import add

from trimtab.arrays import Floats
from trimtab.ledger.table import TrialTable
from trimtab.numerics.acquisition import log_ei, log_ei_with_gradient
from trimtab.optim import belief
from trimtab.optim.gp.outlook import Outlook
from trimtab.optim.gp.state import GpState
from trimtab.optim.gp.trust import TrustRegion


class Score:
    """The score of one ask.

    Attributes:
        terms: what is added up, by name, each a function of rows [m, D]; what does not apply is left out.
        is_bold: whether the improvement is that of a bold proposal.
        failures: where trials fail; None if none did.
    """

    def __init__(self, state: GpState, table: TrialTable, outlook: Outlook) -> None:
        settings, space, seen = state.settings, table.space, outlook.seen
        self._outlook, self._settings = outlook, settings
        stands_still = settings.has_bold_turns and state.observations.n_idle >= settings.idle
        self.is_bold = stands_still and len(table) % settings.bold_every == 1
        self.failures = state.failures()
        self._region = TrustRegion(space, outlook.features, seen.x, settings)
        self.terms: dict[str, Callable[[Floats], Floats]] = {"improvement": self._improvement}
        weight = belief.weight(space, seen.x, seen.labels, len(seen))
        if weight:
            self.terms["prior"] = lambda x: weight * space.log_prior(x)
        if self._region.radius is not None:
            self.terms["trust region"] = lambda x: -self._region.cost(x)
        if self.failures is not None:
            self.terms["failures"] = self.failures.cost

    def __call__(self, x: Floats) -> Floats:
        """Return the scores [m] of rows [m, D]."""
        total: Floats = reduce(add, (term(x) for term in self.terms.values()))
        return total

    def pend(self, x: Floats) -> None:
        """Take rows [p, D] as proposed; the outlook knows of them already."""
        self._region.add(x)

    def slope(self, z: Floats) -> tuple[Floats, Floats]:
        """Return the improvement [m] at coordinates [m, Q], and its gradient [m, Q]."""
        s = self._settings
        mean, deviation, by_mean_z, by_deviation_z = self._outlook.posterior.predict_with_gradient(z)
        if self.is_bold:
            bold = s.bold_scale * (mean + s.boldness * deviation)
            return bold, s.bold_scale * (by_mean_z + s.boldness * by_deviation_z)
        score, by_mean, by_deviation = log_ei_with_gradient(mean, deviation, self._outlook.bar)
        return score, by_mean[:, None] * by_mean_z + by_deviation[:, None] * by_deviation_z

    def _improvement(self, x: Floats) -> Floats:
        """Return log expected improvement over the bar; of a bold proposal the upper confidence bound."""
        mean, deviation = self._outlook.posterior.predict(self._outlook.features.embed(x))
        if self.is_bold:
            return self._settings.bold_scale * (mean + self._settings.boldness * deviation)
        return log_ei(mean, deviation, self._outlook.bar)
