"""Studies whose trials nobody runs, for tests: real sessions on stores in memory, with logs that are written by hand.

    run = Simulation(PROBLEMS["log"], Sobol())
    [number] = run.ask()
    run.start(number)
    run.tell(number, 0.5)

`PROBLEMS` are the problems that every engine must cope with; in `rough_history` everything happens that may happen to a
study.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any, Final

import numpy as np

from trimtab.arrays import Floats, rng_at
from trimtab.clock import SimulatedClock
from trimtab.errors import PluginError
from trimtab.ledger.event import (
    FAILURE_KINDS,
    FORMAT_VERSION,
    Asked,
    Created,
    Event,
    Failed,
    Grown,
    Origin,
    Record,
    Reported,
    Started,
    Stopped,
    Told,
)
from trimtab.ledger.ledger import Ledger
from trimtab.ledger.table import TrialTable
from trimtab.optim.protocol import Optimizer, Proposal, Request
from trimtab.schedule.protocol import Scheduler
from trimtab.space.condition import given
from trimtab.space.parameter import Categorical, Float, Int, Ordinal, Parameter
from trimtab.space.problem import Fidelity, Problem, at_most, maximize, minimize
from trimtab.space.space import Space
from trimtab.storage.memory import MemoryStore
from trimtab.study.dispatch import Dispatch
from trimtab.study.plugin import settings_of
from trimtab.study.session import Session


def chain(depth: int) -> Space:
    """Return a space in which each parameter but the first exists only under a condition on the one before."""
    switch: dict[str, Parameter] = {"s0": Categorical(("off", "on"))}
    for before, after in pairwise(f"s{level}" for level in range(depth)):
        switch[after] = Categorical(("off", "on"), when=given(before) == "on")
    leaves = {f"x{level}": Float(1e-3, 1.0, log=True, when=given(f"s{level}") == "on") for level in range(depth)}
    return Space(switch | leaves)


_LOSS: Final = (minimize("loss"),)

PROBLEMS: Final[dict[str, Problem]] = {
    "continuous": Problem(Space(a=Float(0, 1), b=Float(-5, 5), c=Float(1e6, 2e6)), _LOSS),
    "log": Problem(Space(lr=Float(1e-8, 10, log=True), decay=Float(1e-300, 1e300, log=True)), (maximize("accuracy"),)),
    "integers": Problem(Space(n=Int(-3, 12), wide=Int(1, 2**50, log=True), even=Int(0, 100, step=2)), _LOSS),
    "steps": Problem(Space(a=Float(0, 1, step=0.1), b=Float(-1, 1, step=0.25), c=Float(2, 2)), _LOSS),
    "choices": Problem(
        Space(a=Categorical(("x", "y", "z")), b=Categorical((None, True, 1, 1.5)), c=Float(0, 1)), _LOSS
    ),
    "choices only": Problem(Space({f"c{i}": Categorical(tuple("abcdef")) for i in range(6)}), _LOSS),
    "ordinal": Problem(Space(batch=Ordinal((32, 64, 128, 256)), size=Ordinal(("s", "m", "l")), lr=Float(0, 1)), _LOSS),
    "chain of conditions": Problem(chain(5), _LOSS),
    "branches": Problem(
        Space(
            model=Categorical(("line", "tree", "net")),
            depth=Int(1, 9, when=given("model") == "tree"),
            layers=Int(1, 3, when=given("model") == "net"),
            width=Ordinal((8, 16, 32), when=given("layers") >= 2),
            rate=Float(1e-4, 1, log=True, when=given("model").is_in(["tree", "net"])),
        ),
        _LOSS,
    ),
    "constraints": Problem(
        Space(
            a=Float(0, 1), b=Float(0, 1), n=Int(1, 10), m=Int(1, 10), require=["a + b <= 1", "n * m <= 20", "n != m"]
        ),
        _LOSS,
    ),
    "conditions and constraints": Problem(
        Space(
            kind=Categorical(("a", "b")),
            x=Float(0, 1, when=given("kind") == "a"),
            y=Float(0, 1, when=given("x") >= 0.5),
            z=Float(0, 1),
            require=["x + z <= 1.2", "y <= z"],
        ),
        _LOSS,
    ),
    "held": Problem(
        Space(
            a=Float(0, 1),
            b=Categorical(("p", "q")),
            c=Float(0, 1, when=given("b") == "q"),
            d=Int(0, 9, default=7, role="fixed"),
            fixed={"b": "q", "c": 0.25},
        ),
        _LOSS,
    ),
    "six configurations": Problem(Space(a=Int(0, 2), b=Categorical((True, False))), _LOSS),
    "one configuration": Problem(Space(a=Int(3, 3), b=Categorical(("only",))), _LOSS),
    "one parameter": Problem(Space(x=Float(-1, 1)), _LOSS),
    "fifty parameters": Problem(Space({f"x{i}": Float(0, 1) for i in range(50)}), _LOSS),
    "two objectives": Problem(Space(a=Float(0, 1), b=Float(0, 1)), (minimize("loss"), maximize("speed"))),
    "bounded metric": Problem(Space(a=Float(0, 1), b=Float(0, 1)), (minimize("loss"), at_most("memory", 0.5))),
    "known errors": Problem(
        Space(a=Float(0, 1), b=Float(0, 1)), (minimize("loss", error="loss_se"), maximize("speed", error="speed_se"))
    ),
    "fidelity": Problem(Space(a=Float(0, 1), b=Int(1, 5)), _LOSS, (Fidelity("epoch", 1, 9),)),
    "two fidelities": Problem(
        Space(a=Float(0, 1), b=Int(1, 5)), _LOSS, (Fidelity("epoch", 1, 81, log=True), Fidelity("share", 0.1, 1.0))
    ),
}
"""What every engine must cope with."""


def landscape(problem: Problem, x: Floats) -> dict[str, float]:
    """Return the metrics of one row [D]: a bowl with its best at 0.3 of each scale, another one for each metric.

    Standard errors are 0 somewhere and left out where the first parameter is large.
    """
    u = np.nan_to_num(problem.space.to_unit(x), nan=0.5)
    u = np.where(np.isfinite(u), u, 0.5)
    y = {m.name: float(np.mean((u - 0.3 - 0.2 * i) ** 2)) * m.sign for i, m in enumerate(problem.metrics)}
    return y | {key: max(0.0, 0.1 * float(u[0]) - 0.02) for _, key in problem.errors if u[0] < 0.7}


class Simulation:
    """A study that is done by hand: what happens to its trials is said, and a second passes with each event.

    Everything goes through the session and the dispatch of a study, as in `tune`: what a plugin says is checked, goes
    on record as bytes, and is folded from there; reports are judged as they come in.

    Args:
        problem: what is tuned.
        optimizer: what proposes; random search unless said otherwise.
        seed: the study's.
        scheduler: what says how far trials run; all of them as far as they go unless said otherwise.

    Attributes:
        seed: the study's.
        session, dispatch: the study's.
    """

    def __init__(
        self,
        problem: Problem,
        optimizer: Optimizer[Any] | None = None,
        seed: int = 0,
        scheduler: Scheduler | None = None,
    ) -> None:
        self.seed = seed
        self._clock = SimulatedClock()
        created = Created(
            FORMAT_VERSION,
            "simulation",
            problem.to_json(),
            seed,
            {"name": "random"} if optimizer is None else settings_of(optimizer),
            {"name": "whole"} if scheduler is None else settings_of(scheduler),
            {"pid": os.getpid()},  # whoever created a study need not say that it comes
        )
        store = MemoryStore(self._clock)
        self.session = Session(store, store.create(created.name, [created]), optimizer, scheduler)
        self.dispatch = Dispatch(self.session)

    @property
    def records(self) -> list[Record]:
        """The log."""
        return list(self.session.journal.read())

    @property
    def ledger(self) -> Ledger:
        """What was folded from the log so far."""
        return self.session.ledger

    @property
    def table(self) -> TrialTable:
        """The trials, as others see them."""
        return self.session.table

    @property
    def problem(self) -> Problem:
        """What is tuned, as far as the space has grown."""
        return self.session.table.problem

    @property
    def state(self) -> Any:
        """The optimizer's, as of the last proposal."""
        return self.dispatch.engine.state

    def add(self, *events: Event) -> None:
        """Put events on record in one batch, a second after those before."""
        self._clock.advance(self.table.head - self._clock.now())
        self.session.commit(lambda: events)

    # Proposals

    def propose(self, n: int = 1, given: Floats | None = None, fidelity: Sequence[float] | None = None) -> Proposal:
        """Return what the optimizer proposes, by default at the highest fidelity; nothing is put on record.

        Raises:
            AssertionError: it proposes what cannot be.
        """
        end = self._whole if fidelity is None else fidelity
        try:
            return self.dispatch.engine.propose(self.table, self.seed, end, given, n=n)
        except PluginError as error:
            raise AssertionError(str(error)) from None

    def request(self, n: int = 1, given: Floats | None = None, fidelity: Sequence[float] | None = None) -> Request:
        """Return the request for the next n trials, by default at the highest fidelity, its generator unused."""
        number = len(self.table)
        whole = np.array(self._whole if fidelity is None else fidelity)
        rng = rng_at(self.seed, number)
        return Request(n, rng, number, given, whole if len(whole) else None, seed=self.seed)

    @property
    def _whole(self) -> tuple[float, ...]:
        return tuple(one.high for one in self.problem.fidelities)

    def ask(self, n: int = 1, given: Floats | None = None) -> list[int]:
        """Put on record what the optimizer proposes, and return the numbers of the trials."""
        if n == 1 and given is None:
            asked = self.next()
            return [] if asked is None else [asked]
        head, proposal = self.ledger.head, self.propose(n, given)
        for i, x in enumerate(proposal.x):
            self.put(x, Origin(proposal.by, proposal.reason(i)), head=head, given=given)
        return list(range(len(self.table) - len(proposal.x), len(self.table)))

    def next(self) -> int | None:
        """Put the next trial on record, as the scheduler assigns and the optimizer proposes it; return its number.

        None where the scheduler waits, or nothing is left to try.

        Raises:
            AssertionError: one of them wants what cannot be.
        """
        try:
            asked = self.dispatch.propose()
        except PluginError as error:
            raise AssertionError(str(error)) from None
        if not isinstance(asked, Asked):
            return None
        self.add(asked)
        return asked.number

    def put(
        self,
        x: Floats,
        origin: Origin,
        *,
        head: int | None = None,
        given: Floats | None = None,
        fidelity: Sequence[float] | None = None,
        parent: int | None = None,
    ) -> int:
        """Put a trial on record, by default at the highest fidelity, and return its number."""
        number = len(self.table)
        self.add(
            Asked(
                number,
                _row(x),
                self.ledger.head if head is None else head,
                origin,
                self._whole if fidelity is None else tuple(fidelity),
                parent,
                None if given is None else _row(given),
            )
        )
        return number

    def enqueue(self, x: Floats) -> int:
        """Put a user's trial on record, and return its number."""
        return self.put(x, Origin("user", "enqueued"))

    # The fate of trials

    def start(self, number: int) -> None:
        """Let a worker take a trial."""
        self.add(Started(number, "worker", int(self.table.attempt[number]) + 1))

    def report(self, number: int, step: float, fold: int | None = None, /, **values: float | str) -> str:
        """Let a trial report at a step, of a fold or as a whole; return why the scheduler halts it, "" if it does not.

        Raises:
            AssertionError: the scheduler says what is no verdict.
        """
        try:
            self.add(Reported(number, step, values, int(self.table.attempt[number]), fold))
        except PluginError as error:
            raise AssertionError(str(error)) from None
        return self.table.halted(number)

    def tell(self, number: int, *y: float) -> None:
        """Complete a trial with metrics `y`, by default those of the `landscape`; nan for a constraint without."""
        if y:
            named = zip(self.problem.metric_names, y, strict=True)
            values = {name: value for name, value in named if not math.isnan(value)}
        else:
            values = landscape(self.problem, self.table.x[number])
        self.add(Told(number, values, int(self.table.attempt[number]), seconds=1.0))

    def fail(self, number: int, failure: str = "exception", *, again: bool = False) -> None:
        """Let a trial fail; `again` puts it back in line."""
        self.add(Failed(number, failure, f"a simulated {failure}", int(self.table.attempt[number]), again))

    def stop(self, number: int, **values: float) -> None:
        """Let a trial end early, with what it last reported."""
        self.add(Stopped(number, "a simulated verdict", int(self.table.attempt[number]), values))

    def grow(self, name: str, parameter: Parameter) -> None:
        """Give the space one more parameter; the optimizer begins anew unless it `Grows`."""
        self.add(Grown(name, parameter.to_json()))


def plain_history(run: Simulation, n: int, loss: Callable[[int], Sequence[float]] | None = None) -> None:
    """Run up to n trials one after the other; `loss` gives the metrics of a trial, by default the `landscape` does."""
    for _ in range(n):
        for number in run.ask():
            run.start(number)
            run.tell(number, *(loss(number) if loss is not None else ()))


def rough_history(run: Simulation, n: int, seed: int = 0) -> None:
    """Run a study to at least n trials, unless nothing is left to try, with all that may happen on the way.

    Up to four trials at once, told out of order; trials that fail in every way, are lost and run again, report numbers
    and worse, are stopped early, are put in line by a user, wait, and never end.
    """
    rng = np.random.default_rng(seed)
    problem = run.problem
    running: list[int] = []
    barren = 0
    while len(run.table) < n and barren < 3:
        if rng.random() < 0.15:
            run.enqueue(problem.space.sample(rng, 1)[0])
        numbers = [run.table.first_waiting] if run.table.n_waiting and rng.random() < 0.8 else run.ask()
        barren = 0 if numbers else barren + 1
        for number in numbers:
            run.start(number)
            running.append(number)
            if problem.fidelities:
                for step in (1.0, 3.0, 2.0):
                    odd = str(rng.choice(["nan", "inf", "-inf"])) if rng.random() < 0.2 else float(rng.normal())
                    run.report(number, step, **dict.fromkeys(problem.metric_names, odd))
        while running and (len(running) >= 4 or rng.random() < 0.5 or barren):
            number = running.pop(int(rng.integers(len(running))))
            fate = rng.random()
            if fate < 0.1:
                run.fail(number, "lost", again=True)
            elif fate < 0.25:
                run.fail(number, str(rng.choice(FAILURE_KINDS)))
            elif fate < 0.35:
                run.stop(number, **(landscape(problem, run.table.x[number]) if fate < 0.3 else {}))
            else:
                run.tell(number)


def _row(x: Floats) -> tuple[float | None, ...]:
    return tuple(None if value != value else value for value in x.tolist())
