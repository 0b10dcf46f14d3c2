"""Generations about the leader: CMA-ES that begins where a model has been, within the leader's branch of the space.

Runs begin in turns with the shape of the region's model at a small step, and without any at a wide one; the generations
of each further pair are twice as large: BIPOP-CMA-ES (Hansen, 2009) has small and wide runs too. Discrete values and
choices are as in `trimtab.optim.cmaes`: of a discrete value only the cell is told, and draws leave it by some chance
however sharp the distribution is (a margin: Hamano et al., 2022, arXiv 2205.13482); choices are drawn from frequencies.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist
from typing import Final

import numpy as np

from trimtab.arrays import Floats, Rng, rng_at
from trimtab.model.keys import key_of
from trimtab.optim.local.branch import Branch
from trimtab.optim.local.evolution import Evolution
from trimtab.optim.local.region import NOTHING, Key
from trimtab.optim.local.settings import LocalSettings
from trimtab.optim.place import reflected
from trimtab.space.space import Space

_STREAM: Final = 0x59EAD
"""Keeps what a trial is told with apart from what else is drawn for it."""

N_ATTEMPTS: Final = 100
"""After so many draws that violate a constraint, none is proposed."""


@dataclass(frozen=True, slots=True)
class Member:
    """A trial in a generation.

    Attributes:
        key: how good it is; None if it failed or was stopped.
        x: [D] its row.
        u: [P] its places, as the distribution is told them.
    """

    key: Key | None
    x: Floats
    u: Floats


class Spread:
    """A fold over the trials of its turns.

    Attributes:
        branch: what is varied; None before it began.
        evolution: the distribution of numeric parameters; None where there are none.
        frequencies: of each choice.
        n_runs: how many runs have begun.
        members: the trials of the present generation.
    """

    def __init__(self, space: Space, settings: LocalSettings) -> None:
        self._space, self._settings = space, settings
        self.branch: Branch | None = None
        self.evolution: Evolution | None = None
        self.frequencies: list[Floats] = []
        self.members: list[Member] = []
        self.n_runs = 0
        self.generation = 0
        self.is_over = True
        self.size = 0

    @property
    def is_narrow(self) -> bool:
        """Whether the run that is to begin next begins with the model's shape."""
        return self.n_runs % 2 == 0

    def begin(self, x: Floats, covariance: Floats | None) -> None:
        """Begin a run about a row [D], with a shape [P, P] at a small step, or with none at a wide one."""
        s, branch = self._settings, Branch(self._space, x)
        self.branch, self.members, self.generation, self.is_over = branch, [], 0, False
        self.size = (4 + int(3.0 * np.log(max(branch.n_free, 1)))) * 2 ** (self.n_runs // 2)
        self.n_runs += 1
        sigma = s.wide_sigma if covariance is None else s.narrow_sigma
        mean = branch.places(x[None])[0]
        self.evolution = Evolution(mean, sigma, covariance, self.size) if len(mean) else None
        self.frequencies = []
        for k, code in zip(branch.n_choices.tolist(), x[branch.categorical].astype(np.int64).tolist(), strict=True):
            frequency = np.full(k, (1.0 - s.leader_share) / k)
            frequency[code] += s.leader_share
            self.frequencies.append(frequency)

    def tell(self, x: Floats, key: Key | None, number: int) -> None:
        """Take up trial `number` of its turn, whoever proposed it."""
        branch = self.branch
        if branch is None or self.is_over or not branch.contains(x[None])[0]:
            return
        u = branch.places(x[None])[0]
        at = u + (rng_at(0, number, _STREAM).random(len(u)) - 0.5) * branch.cell
        self.members.append(Member(key, x, np.clip(at, 0.0, 1.0)))
        if len(self.members) >= self.size:
            self._learn(branch)

    def _learn(self, branch: Branch) -> None:
        members, self.members = self.members, []
        self.generation += 1
        ranked = sorted(members, key=lambda member: NOTHING if member.key is None else member.key)
        if ranked[0].key is not None and ranked[0].key != ranked[-1].key:  # else a step would be a drift
            if self.evolution is not None:
                self.evolution.tell(np.array([member.u for member in ranked]))
            better = np.array([member.x[branch.categorical] for member in ranked[: self.size // 2]])
            self._move_frequencies(better, branch.n_free)
        is_one = len({key_of(member.x) for member in members}) == 1
        is_sharp = self.evolution is not None and self.evolution.deviations().max() < self._settings.converged
        self.is_over = is_one or is_sharp

    def _move_frequencies(self, better: Floats, n_free: int) -> None:
        """Move the frequencies towards those of the rows [n, Q], but none below the margin."""
        s = self._settings
        for i, codes in enumerate(better.T.astype(np.int64)):
            k = len(self.frequencies[i])
            moved = (1.0 - s.rate) * self.frequencies[i] + s.rate * np.bincount(codes, minlength=k) / len(codes)
            least = (1.0 - (1.0 - s.margin) ** (1.0 / n_free)) / (k - 1)
            moved = np.maximum(moved, min(least, 1.0 / k))
            self.frequencies[i] = moved / moved.sum()

    def ask(self, rng: Rng, given: Floats | None) -> tuple[Floats, str] | None:
        """Return [D] a draw, and why; None if draws violate constraints."""
        branch = self.branch
        if branch is None:
            return None
        n = N_ATTEMPTS if self._space.constraints else 1
        u = np.empty((n, 0)) if self.evolution is None else self._drawn(self.evolution, branch, rng, n)
        codes = [rng.choice(len(frequency), size=n, p=frequency) for frequency in self.frequencies]
        x, fits = branch.rows(u, np.array(codes, dtype=np.float64).T.reshape(n, len(codes)), given)
        if not fits.any():
            return None
        kind = "widely" if self.is_narrow else "near it"
        return x[int(np.argmax(fits))], (
            f"drawn {kind} about a leader, as {self.generation} generations of {self.size} trials have taught"
        )

    def _drawn(self, evolution: Evolution, branch: Branch, rng: Rng, n: int) -> Floats:
        """Return [n, P] draws; a discrete value's deviation is no smaller than what leaves its cell by the margin."""
        chance = 1.0 - (1.0 - self._settings.margin) ** (1.0 / branch.n_free)
        least = 0.5 * branch.cell / NormalDist().inv_cdf(1.0 - 0.5 * chance)
        wider = np.maximum(1.0, least / np.maximum(evolution.deviations(), 1e-300))
        return reflected(evolution.mean + (evolution.draw(rng, n) - evolution.mean) * wider)
