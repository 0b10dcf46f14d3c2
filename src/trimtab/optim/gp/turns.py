"""What a proposal may be, in order: the first turn that has an answer gives it.

Without a model: the default configuration, the start, a plateau. With one, for each row that is wanted: a replicate of
the leader, a point of the sequence where the model foresees nothing, a point of the present stage, a point of all the
space.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Final, TypeAlias

import numpy as np

from trimtab.arrays import Floats
from trimtab.ledger.table import RUNNING, WAITING, TrialTable
from trimtab.model.keys import same
from trimtab.model.labels import labelled
from trimtab.model.past import proposed, rows_of
from trimtab.numerics import blas
from trimtab.optim import start
from trimtab.optim.gp.explain import explained
from trimtab.optim.gp.guard import advantage
from trimtab.optim.gp.outlook import Outlook
from trimtab.optim.gp.plateau import spread
from trimtab.optim.gp.replicate import leader_to_confirm
from trimtab.optim.gp.score import Score
from trimtab.optim.gp.search import Search
from trimtab.optim.gp.second_look import second_look
from trimtab.optim.gp.state import GpState
from trimtab.optim.protocol import Proposal, Request
from trimtab.optim.tried import Tried, without_repeats


@dataclass(frozen=True, slots=True)
class Ask:
    """What is asked, of whom, and what is on record."""

    state: GpState
    table: TrialTable
    request: Request
    n_initial: int

    @property
    def is_early(self) -> bool:
        """Whether a model would have too little to go by.

        Where earlier studies are believed it begins when what they put first was tried, for it knows what they say.
        Where they are not, what they put first does not count.
        """
        n_initial = self.n_initial
        if self.state.sources is not None and self.table.n_lines < n_initial + len(self.table.portfolio):
            if self.state.processes.is_one and self.believes:
                n_initial = min(n_initial, 1 + len(self.table.portfolio))
            else:
                n_initial += self.n_put_first
        return self.table.n_lines < n_initial or len(self.state.observations) < 2

    @property
    def believes(self) -> bool:
        """Whether an earlier study is believed, after the results so far."""
        sources, observations = self.state.sources, self.state.observations
        if sources is None or not len(sources):
            return False
        if not len(observations):
            return True
        seen = labelled(observations, len(observations), None)
        return bool(sources.expected(seen.x, seen.labels) is not None)

    @property
    def n_put_first(self) -> int:
        """How many trials are of what earlier studies put first, whatever came of them."""
        tried = Tried(self.state.observations.over, self.pending())
        return sum(x in tried for _, x in self.first())

    def first(self) -> Iterator[tuple[tuple[int, int], Floats]]:
        """Yield (which study, which of its rows), and [D] the row as one that may be tried here."""
        space = self.table.space
        for place, row in self.table.portfolio:
            x = proposed(space, rows_of(self.table.past[place], len(space))[row])
            if x is not None:
                yield (place, row), x

    def pending(self) -> Floats:
        """Return [p, D] the rows that wait or run."""
        return self.table.x[self.table.rows(RUNNING, WAITING)]


def answer(ask: Ask) -> Proposal:
    """Return what the first turn that has an answer proposes."""
    return next(proposal for turn in _TURNS if (proposal := turn(ask)) is not None)


# Without a model


def _default(ask: Ask) -> Proposal | None:
    return start.default(ask.table, ask.request)


def _portfolio(ask: Ask) -> Proposal | None:
    """Propose what did well in earlier studies, one after the other, as long as they are believed."""
    table, request = ask.table, ask.request
    if not table.portfolio or request.given is not None or table.n_lines >= ask.n_initial + 1 or not ask.believes:
        return None
    tried = Tried(ask.state.observations.over, ask.pending())
    first = [found for found in ask.first() if found[1] not in tried][: request.n]
    if not first:
        return None
    rows = [x for _, x in first]
    whys = [f"did well in {table.past[i].study}, where it was trial {table.past[i].trials[j]}" for (i, j), _ in first]
    n_left = request.n - len(first)
    if n_left:
        after = replace(ask, request=replace(request, n=n_left, number=request.number + len(first)))
        rest = next(found for turn in _AFTER_PORTFOLIO if (found := turn(after)) is not None)
        fresh = [i for i, x in enumerate(rest.x) if not same(np.array(rows), x).any()]
        whys += [rest.reason(i) for i in fresh]
        rows += list(rest.x[fresh])
    return Proposal(np.array(rows), "gp", tuple(whys))


def _start(ask: Ask) -> Proposal | None:
    """Propose a point of the sequence, or of the prior, while a model has too little to go by, or nothing to vary."""
    has_nothing = not ask.state.features.n_groups and not ask.state.observations.is_flat
    if not ask.is_early and not has_nothing:
        return None
    # what earlier studies put first takes no place of the sequence
    begun = replace(ask.request, given=_given(ask, 0, None), number=ask.request.number - ask.n_put_first)
    return _without_repeats(ask, begun, start.start(ask.table, begun))


def _plateau(ask: Ask) -> Proposal | None:
    """Propose a point that is likely to work, while all results are equal."""
    if not ask.state.observations.is_flat:
        return None
    with blas.one_thread():
        failures = ask.state.failures()
        proposal = spread(ask.table, ask.request, failures, ask.state.settings, "all results are equal")
    return _without_repeats(ask, ask.request, proposal)


def _without_repeats(ask: Ask, request: Request, proposal: Proposal) -> Proposal:
    tried = Tried(ask.state.observations.over, ask.pending())
    every = ask.state.every if request.given is None else None
    return without_repeats(proposal, ask.table.space, request, tried, every)


# With a model

Found: TypeAlias = tuple[Floats, str]
"""A row [D], and why."""


class _Modelled:
    """The model of one ask, and how its rows are looked for."""

    def __init__(self, ask: Ask) -> None:
        state, space = ask.state, ask.table.space
        self.ask = ask
        self.outlook = Outlook(state, space, ask.request.rng, ask.request.number)
        self.score = Score(state, ask.table, self.outlook, ask.request.remaining)
        self.tried = Tried(state.observations.over, np.empty((0, len(space))))
        self.search = Search(space, self.outlook, self.score, self.tried, state)
        self.pend(ask.pending(), ask.request.number)

    def pend(self, x: Floats, number: int) -> None:
        """Take rows [p, D] as proposed: trial `number` keeps away, and should be better than is expected there."""
        if len(x):
            self.tried.add(x)
            self.outlook.pend(x, number)
            self.score.pend(x)

    def best(self, given: Floats | None) -> Found | None:
        """Return the row of the largest score that was found, and why; None when everything was tried."""
        found = self.search.best(self.ask.request.rng, given)
        if found is None:
            return None
        x, why = found
        return x, why or explained(x[None], self.outlook, self.score, self.ask.state, self.ask.table.problem)


def _modelled(ask: Ask) -> Proposal:
    """Propose rows one after the other, each by the first of its turns that has an answer."""
    rows: list[Floats] = []
    whys: list[str] = []
    with blas.one_thread():
        model = _Modelled(ask)
        for i in range(ask.request.n):
            found = next((found for turn in _ROW_TURNS if (found := turn(model, i)) is not None), None)
            if found is None:
                break
            if i + 1 < ask.request.n:
                model.pend(found[0][None], ask.request.number + i + 1)
            rows.append(found[0])
            whys.append(found[1])
    return Proposal(np.array(rows).reshape(-1, len(ask.table.space)), "gp", tuple(whys))


def _replicate(model: _Modelled, i: int) -> Found | None:
    """Run the leader again, where results are noisy and its lead may be luck."""
    ask, outlook = model.ask, model.outlook
    if ask.request.given is not None or not ask.state.settings.has_replicates:
        return None
    if ask.state.observations.is_spoilt(len(ask.state.observations)):  # whose mean says nothing
        return None
    observations, noise = ask.state.observations, outlook.first.posterior.noise
    found = leader_to_confirm(observations, outlook.allowed(), noise, ask.request.number + i, ask.state.settings)
    if found is None or model.tried.is_pending(found.x):
        return None
    if not observations.is_highest(found.config, ask.request.fidelity):  # where it will be run that is no repeat
        return None
    if not ask.table.space.contains(found.x[None])[0]:  # from before the space grew
        return None
    return found.x.copy(), found.why


def _again(model: _Modelled, i: int) -> Found | None:
    """Look again at what the rest does not explain."""
    ask, outlook = model.ask, model.outlook
    if ask.request.given is not None or not ask.state.settings.has_second_looks or not ask.state.processes.is_one:
        return None
    found = second_look(ask.state.observations, outlook, ask.request.number + i, ask.state.settings)
    if found is None or model.tried.is_pending(found.x) or not ask.table.space.contains(found.x[None])[0]:
        return None
    return found.x.copy(), found.why


def _unled(model: _Modelled, i: int) -> Found | None:
    """Look where no model leads, while its record is no better than that of a constant."""
    ask, settings = model.ask, model.ask.state.settings
    number = ask.request.number + i
    is_due = settings.has_guard and number % settings.guard_every > 0 and len(model.outlook.seen) >= settings.guard_rows
    if not is_due or ask.request.given is not None or not ask.state.processes.is_one:
        return None
    n = settings.guard_rows
    if advantage(model.outlook.record, model.outlook.seen, n) > 0.0:
        return None
    begun = replace(ask.request, n=1, number=number, given=_given(ask, i, model.outlook))
    because = f"a constant foretells the last {n} results as well as the model"
    found = spread(ask.table, begun, model.score.failures, settings, because)
    return None if found.x[0] in model.tried else (found.x[0], found.reason(0))


def _stage(model: _Modelled, i: int) -> Found | None:
    """Vary the parameters that have joined, while some wait."""
    if model.ask.request.given is not None:
        return None
    given = _given(model.ask, i, model.outlook)
    return None if given is None else model.best(given)


def _whole(model: _Modelled, i: int) -> Found | None:  # noqa: ARG001 - one signature for all
    """Vary whatever the request leaves free."""
    return model.best(model.ask.request.given)


def _given(ask: Ask, i: int, outlook: Outlook | None) -> Floats | None:
    """Return [D] what proposal `i` of a request may not vary: what the request says, else what waits for its stage."""
    stages = ask.state.stages
    if ask.request.given is not None or stages is None:
        return ask.request.given
    number, n_idle = ask.request.number + i, ask.state.observations.n_idle
    if outlook is None or stages.are_over(number, n_idle):
        return stages.given(number, n_idle)
    return stages.given(number, n_idle, outlook.leader, outlook.spreads())


_AFTER_PORTFOLIO: Final[tuple[Callable[[Ask], Proposal | None], ...]] = (_start, _plateau, _modelled)
_TURNS: Final[tuple[Callable[[Ask], Proposal | None], ...]] = (_default, _portfolio, *_AFTER_PORTFOLIO)
_ROW_TURNS: Final[tuple[Callable[[_Modelled, int], Found | None], ...]] = (_again, _replicate, _unled, _stage, _whole)
