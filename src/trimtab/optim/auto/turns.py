"""Who proposes in a long study of quick trials: arms that take turns, each for as long as it makes progress.

* The region: a model of what is near the leader, until its region has shrunk to nothing.
* The generations: a normal distribution about the leader, of the model's shape or wide.
* The densities: those of the whole space.
* A region elsewhere: about the best row apart from where regions were.

While the leader is new, the region polishes it. Else of those that explore the one whose turns were most fruitful comes
next, older turns counting for less, and it keeps its turn while its results come nearer to the best. All of it follows
from results in their order, whoever proposed them: it is a fold over the log.
"""

from __future__ import annotations

from bisect import insort
from collections import deque
from typing import Final

import numpy as np

from trimtab.arrays import Floats
from trimtab.ledger.table import TrialTable
from trimtab.model.feasibility import split
from trimtab.model.observations import Observations, reached
from trimtab.numerics import blas
from trimtab.optim.auto.settings import AutoSettings
from trimtab.optim.local import LocalSettings, Region, Spread
from trimtab.optim.local.branch import Branch
from trimtab.optim.local.region import NOTHING, Key, merged
from trimtab.space.problem import Problem

REGION: Final = "region"
SPREAD: Final = "spread"
TPE: Final = "tpe"
ELSEWHERE: Final = "elsewhere"

CALLED: Final = {
    REGION: "the region about the leader",
    ELSEWHERE: "a region elsewhere",
    SPREAD: "generations",
    TPE: "densities",
}


class Turns:
    """The arms, and whose turn it is.

    Args:
        problem: one objective, and no fidelities.
        settings: the constants of the composition.
        local: those of the arms.

    Attributes:
        arm: whose turn it is; None before there are enough results.
        reason: why.
        region, spread: arms; what the densities learned is not here.
    """

    def __init__(self, problem: Problem, settings: AutoSettings, local: LocalSettings) -> None:
        self._problem, self._settings, self._local = problem, settings, local
        self.region, self.spread = Region(problem.space, local), Spread(problem.space, local)
        self.arm: str | None = None
        self.reason = ""
        self._quick: deque[bool] = deque(maxlen=settings.many)
        self._n_quick = 0
        self._elite: list[Key] = []
        self._leader: tuple[Key, Floats] | None = None
        self._begun_at = self._polished = NOTHING
        self._won = dict.fromkeys((SPREAD, TPE, ELSEWHERE), 0.0)
        self._had = dict.fromkeys((SPREAD, TPE, ELSEWHERE), 0.0)
        self._window: list[float] = []
        self._gap = np.inf
        self._n_idle = self._n_barren = 0

    @property
    def is_on(self) -> bool:
        """Whether one of the arms proposes: most of the latest trials were quick, and there are enough."""
        return self.arm is not None and 2 * self._n_quick > len(self._quick)

    def tell(self, observations: Observations, table: TrialTable, row: int) -> None:
        """Take up a trial that is over; the observations know of it."""
        x = table.x[row].copy()
        self._time(float(table.seconds[row]))
        key = self._key(table, row)
        was_on = self.is_on
        if was_on:
            self._inform(observations, x, key, row)
        if key is not None:
            insort(self._elite, key)
            del self._elite[self._local.n_elite :]
            if self._leader is None or key < self._leader[0]:
                self._leader = key, x
        if self._leader is None or 2 * self._n_quick <= len(self._quick):
            return
        is_due = len(observations) >= self._settings.long_from and not observations.is_flat
        if self._is_over(self._leader[0]) if was_on else self.arm is None and is_due:
            self._next(observations, *self._leader)

    def _time(self, seconds: float) -> None:
        """Count how long a trial took; nothing is known of one that was not timed."""
        if np.isnan(seconds):
            return
        if len(self._quick) == self._quick.maxlen:
            self._n_quick -= self._quick[0]
        self._quick.append(seconds < self._settings.quick_s)
        self._n_quick += self._quick[-1]

    def _key(self, table: TrialTable, row: int) -> Key | None:
        """Return how good a trial's result is; None if it has none."""
        if reached(table, row) is None:
            return None
        losses, excess = split(self._problem, table.y[row])
        with np.errstate(over="ignore"):
            return float(excess.sum()), float(losses[0])

    def _inform(self, observations: Observations, x: Floats, key: Key | None, row: int) -> None:
        """Tell the arm whose turn it is."""
        self._window.append(np.inf if key is None or key[0] > 0.0 else key[1])
        if self.arm in (REGION, ELSEWHERE):
            self.region.tell(x, key, self._elite[-1][1], len(observations))
        elif self.arm == SPREAD:
            self.spread.tell(x, key, row)

    # When a turn is over

    def _is_over(self, best: Key) -> bool:
        """Return whether the arm has converged, or stands still: results are no nearer to the best than before."""
        if self.arm in (REGION, ELSEWHERE):
            return self.region.is_over
        s, is_spread = self._settings, self.arm == SPREAD
        if is_spread and self.spread.is_over:
            return True
        if len(self._window) < (max(s.window, 2 * self.spread.size) if is_spread else s.window):
            return False
        gap = float(np.median(self._window)) - best[1]
        is_nearer, self._gap, self._window = gap < s.nearer * self._gap, gap, []
        if self._has_gained(self._begun_at, best):
            self._credit(won=True)
            self._begun_at = best
            is_nearer, self._n_barren = True, -1
        self._n_barren += 1
        self._n_idle = 0 if is_nearer else self._n_idle + 1
        return self._n_idle >= (s.patience if is_spread else 1) or self._n_barren >= s.barren

    def _has_gained(self, since: Key, best: Key) -> bool:
        """Return whether the best result is materially better than another."""
        if best[0] < since[0]:
            return True
        return since[1] - best[1] > self._local.material * (self._elite[-1][1] - best[1])

    def _credit(self, *, won: bool) -> None:
        """Count a turn of an arm that explores; its older ones count for less."""
        if self.arm in self._won:
            self._won[self.arm] = self._settings.discount * self._won[self.arm] + won
            self._had[self.arm] = self._settings.discount * self._had[self.arm] + 1.0

    # Whose turn is next

    def _next(self, observations: Observations, best: Key, x: Floats) -> None:
        """Give the turn to the next arm, at a leader [D]."""
        self._credit(won=self._has_gained(self._begun_at, best))
        stood = "" if self.arm is None else f"; {CALLED[self.arm]} stood still"
        if self.arm in (REGION, ELSEWHERE):
            self.region.leave()
            if self.region.best <= best:  # else the leader is another's, and was not polished yet
                self._polished = self._begun_at
        self._window, self._gap, self._begun_at = [], np.inf, best
        self._n_idle = self._n_barren = 0
        branch = Branch(self._problem.space, x)
        is_mostly_choice = len(branch.categorical) > self._settings.mostly * branch.n_free
        if branch.n_free and not is_mostly_choice and self._has_gained(self._polished, best):
            self.arm, self.reason = REGION, f"polishes the leader{stood}"
            self.region.begin(x, best, len(observations))
            return
        arms = [TPE, SPREAD, ELSEWHERE] if is_mostly_choice else [SPREAD, TPE, ELSEWHERE]
        shares = [(self._won[arm] + 1.0) / (self._had[arm] + 2.0) for arm in arms]
        self.arm = arms[int(np.argmax(shares))] if branch.n_free else TPE
        if self.arm == ELSEWHERE and not self._begins_elsewhere(observations):
            self.arm = TPE
        if self.arm == SPREAD:
            self.spread.begin(x, self._shape(observations, x, best) if self.spread.is_narrow else None)
        self.reason = f"explores{stood}"

    def _begins_elsewhere(self, observations: Observations) -> bool:
        """Begin a region apart from those before; return whether there is a row for it."""
        losses, _ = merged(observations, len(observations))
        x = observations.x.view[: len(losses)]
        at = self.region.elsewhere(x, losses, self._settings.apart)
        if at is None:
            return False
        self.region.begin(x[at].copy(), (0.0, float(losses[at])), len(observations))
        return True

    def _shape(self, observations: Observations, x: Floats, best: Key) -> Floats:
        """Return [P, P] the shape that a model about the leader [D] gives to generations."""
        self.region.begin(x, best, len(observations))
        with blas.one_thread():
            return self.region.frame(observations).covariance()
