"""The budget: trials, time, what is trained, machines, money. Nothing starts that it does not cover."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from typing import Any

from trimtab.checks import as_real, as_whole, is_number, is_whole
from trimtab.errors import ProblemError
from trimtab.explain import explained_class
from trimtab.ledger.attempts import WORKER
from trimtab.ledger.event import Remaining
from trimtab.ledger.table import TrialTable
from trimtab.space.condition import shown
from trimtab.space.problem import Problem, counted
from trimtab.stop import costs, reserves
from trimtab.stop.deadline import moment_of
from trimtab.stop.duration import expected_seconds
from trimtab.stop.protocol import Verdict
from trimtab.stop.reserves import Spent
from trimtab.stop.start import Start

AMOUNTS = ("trials", "hours", "cost", "worker_hours", "gpu_hours", "cpu_hours", "money")
"""The limits that are one number each."""


@explained_class
@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """How much may be spent on a study in all, over every run, driver and worker.

    Each limit holds by itself; the first that is reached ends the study. What runs is reserved before anything else
    starts, so that limits hold exactly, however many work on the study: docs/budgets.md says of each what is counted.

    Attributes:
        trials: configurations, whatever becomes of them: failed, stopped and enqueued ones count, a trial that was
            lost and run again counts once, and so does one that was promoted, however often.
        hours: wall time during which the study is worked on. Time between two runs does not count. What still runs at
            the end is stopped.
        cost: in the unit of the cost metric. No trial starts that is expected to overspend: its price is taken to be
            the mean so far, by how far it is run, and what runs is counted in.
        epochs: how much of a fidelity may be run in all: a number where there is one fidelity, whatever its name, else
            {"epoch": 500}. Every attempt counts, by what it ran: from its checkpoint on, or from the beginning.
        worker_hours: hours of all trials together, each attempt counted.
        gpu_hours, cpu_hours: likewise, times the GPUs or processor cores of each (`tt.Resources`).
        money: likewise, by `prices`.
        prices: what an hour of each resource costs, {"gpu": 2.5, "cpu": 0.04}; "worker" is that of a trial as such.
        deadline: until when: "07:00", the next one; "2026-12-01 07:00", in local time or with its zone; or a
            `datetime`. What still runs then is stopped.

    Raises:
        ProblemError: no limit, or one that is not a positive number, or prices without money.
    """

    trials: int | None = None
    hours: float | None = None
    cost: float | None = None
    epochs: float | Mapping[str, float] | None = None
    worker_hours: float | None = None
    gpu_hours: float | None = None
    cpu_hours: float | None = None
    money: float | None = None
    prices: Mapping[str, float] | None = None
    deadline: str | datetime | None = None
    until: float | None = field(init=False, default=None, compare=False, repr=False)
    """The deadline in seconds since the epoch."""

    def __post_init__(self) -> None:
        given = {one.name: getattr(self, one.name) for one in fields(self) if one.init}
        if all(value is None for name, value in given.items() if name != "prices"):
            raise ProblemError(
                "a Budget needs at least one of trials=, hours=, cost=, epochs=, worker_hours=, gpu_hours=, "
                "cpu_hours=, money=, deadline=; none was given."
            )
        self._set("trials", as_whole(self.trials))
        if self.trials is not None and not is_whole(self.trials):
            raise ProblemError(f"Budget(trials=...) is a whole number, got {self.trials!r}.")
        for name in AMOUNTS:
            value = as_real(getattr(self, name))
            if value is not None:
                self._set(name, _above_0(name, value))
        if isinstance(self.epochs, Mapping):
            self._set("epochs", _amounts("epochs", self.epochs, '{"epoch": 500}', least=False))
        elif self.epochs is not None:
            self._set("epochs", _above_0("epochs", as_real(self.epochs), ', or such as {"epoch": 500}'))
        if (self.money is None) != (self.prices is None):
            given_one, other = ("prices", "money") if self.money is None else ("money", "prices")
            raise ProblemError(
                f'Budget({given_one}=...) goes with {other}=: money=100, prices={{"gpu": 2.5, "cpu": 0.04}}, per '
                "hour of each resource."
            )
        if self.prices is not None:
            self._set("prices", _amounts("prices", self.prices, '{"gpu": 2.5}', least=True))
        if self.deadline is not None:
            self._set("until", moment_of(self.deadline))

    def _set(self, name: str, value: object) -> None:
        object.__setattr__(self, name, value)

    @classmethod
    def of(cls, budget: Budget | int) -> Budget:
        """Return `budget`, where a whole number stands for that many trials.

        Raises:
            ProblemError: it is neither.
        """
        if isinstance(budget, Budget):
            return budget
        if not is_whole(budget):
            raise ProblemError(f"budget is a Budget or a number of trials, got {budget!r}.")
        return cls(trials=budget)

    def changed(self, changes: Mapping[str, Any]) -> Budget:
        """Return this budget with other limits; None takes one away.

        Raises:
            ProblemError: what comes out is none.
        """
        return Budget(**({name: getattr(self, name) for name in self.to_json()} | dict(changes)))

    def to_json(self) -> dict[str, Any]:
        """Return the limits by name, those that there are; a deadline as it was said, a `datetime` in ISO's form."""
        said = {one.name: getattr(self, one.name) for one in fields(self) if one.init}
        if isinstance(self.deadline, datetime):
            said["deadline"] = self.deadline.isoformat()
        return {name: value for name, value in said.items() if value is not None}

    def settled(self) -> Budget:
        """Return the same budget, its deadline a moment that is the same whoever reads it, and when."""
        if self.until is None:
            return self
        return replace(self, deadline=datetime.fromtimestamp(self.until).astimezone().isoformat())

    def of_fidelities(self, problem: Problem) -> dict[str, float]:
        """Return how much of each fidelity may be run, of those that are limited."""
        if self.epochs is None:
            return {}
        if isinstance(self.epochs, Mapping):
            return dict(self.epochs)
        return {problem.fidelities[0].name: self.epochs} if len(problem.fidelities) == 1 else {}

    def check(self, problem: Problem, resources: Mapping[str, float] | None = None) -> None:
        """Raise ProblemError unless a study can be held to it.

        Args:
            problem: what is tuned.
            resources: what a trial takes, by name; None where that is not known.
        """
        names = [fidelity.name for fidelity in problem.fidelities]
        if self.epochs is not None:
            if not names:
                raise ProblemError(
                    "Budget(epochs=...) counts units of a fidelity, and none is declared; give one, as "
                    'fidelity=tt.Fidelity("epoch", 1, 81).'
                )
            if not isinstance(self.epochs, Mapping) and len(names) > 1:
                likely = names[counted(problem.fidelities) or 0]
                raise ProblemError(
                    f"Budget(epochs={self.epochs:g}) does not say of which fidelity: there are {', '.join(names)}. "
                    f"Write epochs={{{likely!r}: {self.epochs:g}}}."
                )
            unknown = [name for name in self.of_fidelities(problem) if name not in names]
            if unknown:
                raise ProblemError(f"Budget(epochs=...) names {unknown[0]!r}; the fidelities are {', '.join(names)}.")
        if resources is not None:
            self._check_resources(resources)

    def _check_resources(self, resources: Mapping[str, float]) -> None:
        for name, resource in (("gpu_hours", "gpu"), ("cpu_hours", "cpu")):
            if getattr(self, name) is not None and not resources.get(resource):
                raise ProblemError(
                    f"Budget({name}=...) counts what trials take, and they take none: say how many by "
                    f"resources=tt.Resources({resource}s=1)."
                )
        for name in self.prices or {}:
            if name not in resources and name not in ("cpu", "gpu", WORKER):
                there = ", ".join(sorted({"cpu", "gpu", WORKER, *resources}))
                raise ProblemError(f"Budget(prices=...) names {name!r}; the resources of a trial are {there}.")
        if self.money is not None and not reserves.rate("money", self.prices or {}, resources):
            raise ProblemError(
                "Budget(money=...) is never spent: by these prices= and the trial's resources an hour costs nothing."
            )

    def assess(self, problem: Problem, table: TrialTable) -> Verdict:  # noqa: ARG002 - the protocol's signature
        """Return whether another trial is covered."""
        spent = self._but_trials(table)
        if self.trials is None:
            return spent
        remaining = self.trials - table.n_begun
        if remaining <= 0:
            noun = "trial" if table.n_lines == len(table) else "configuration"
            reason = f"the budget of {_count(self.trials, noun)} is used up"
            return Verdict(
                stop=True, reason=reason, rule="budget", cancel=spent.cancel, remaining=0, continues=not spent.stop
            )
        if spent.stop:
            return spent
        return replace(spent, remaining=remaining if spent.remaining is None else min(spent.remaining, remaining))

    def _but_trials(self, table: TrialTable) -> Verdict:
        """Return whether all other limits cover another trial, or the continuation of one."""
        if self.until is not None and table.now >= self.until:
            return _used_up(f"the deadline, {reserves.clock_text(self.until)}, has come", cancel=True)
        if self.hours is not None and table.elapsed >= self.hours * 3600:
            return _used_up(f"the budget of {self.hours:g} hours is used up", cancel=True)
        for line in self._machines(table):
            if line.spent >= line.limit:
                return _used_up(f"the budget of {line.named} is used up", cancel=True)
        for line in self._fidelities(table):
            if line.is_used_up:
                awaited = line.spent < line.limit
                reason = f"the budget of {line.named} is used up" + (" by what runs" if awaited else "")
                return Verdict(stop=True, reason=reason, rule="budget", wait=awaited, remaining=0)
        return Verdict(stop=False, reason="", rule="budget") if self.cost is None else costs.assess(self.cost, table)

    def lacks(self, table: TrialTable, start: Start) -> str:
        """Return why a trial is not to start, as a clause; empty where this budget covers it.

        Budgets of trials are not asked: they know it without the trial.

        Args:
            table: all that is on record.
            start: what is to start.
        """
        for line in self._fidelities(table):
            lack = line.lack(reserves.amount_of(line.unit, table, start))
            if lack:
                return lack
        lack = self._lack_of_time(table, start)
        if lack or self.cost is None:
            return lack
        return costs.lack(self.cost, table, start)

    def _lack_of_time(self, table: TrialTable, start: Start) -> str:
        """Return that a trial cannot end before time, machines or money do.

        `expected_seconds` says how long it takes, and no longer than until it is ended. While nobody knows it, one may
        start; another only if there is time until it would be ended.
        """
        machines = list(self._machines(table))
        if self.until is None and self.hours is None and not machines:
            return ""
        seconds = expected_seconds(table, start.work(table), start.x)
        if start.limit_s is not None:
            if seconds is not None:
                seconds = min(seconds, start.limit_s)
            elif table.n_running:
                seconds = start.limit_s
        if seconds is None:
            return ""
        ends = {} if self.hours is None else {f"of {self.hours:g} hours": self.hours * 3600 - table.elapsed}
        if self.until is not None:
            ends[f"until the deadline, {reserves.clock_text(self.until)}"] = self.until - table.now
        lack = reserves.lack_of_time(ends, seconds)
        for line in machines:
            rate = reserves.rate(line.unit, self.prices or {}, start.resources)
            lack = lack or line.lack(rate * seconds / 3600)
        return lack

    def _fidelities(self, table: TrialTable) -> Iterator[Spent]:
        return reserves.of_fidelities(self.of_fidelities(table.problem), table)

    def _machines(self, table: TrialTable) -> Iterator[Spent]:
        limits = {unit: getattr(self, unit) for unit in reserves.MACHINES if getattr(self, unit) is not None}
        return reserves.of_machines(limits, self.prices or {}, table)

    def spending(self, table: TrialTable) -> list[Spent]:
        """Return what is spent of each limit but the deadline, and what is reserved for what runs."""
        lines = [] if self.trials is None else [Spent("trials", self.trials, table.n_begun)]
        lines += [] if self.hours is None else [Spent("hours", self.hours, table.elapsed / 3600)]
        lines += [] if self.cost is None else [costs.spent(self.cost, table)]
        return [*lines, *self._fidelities(table), *self._machines(table)]

    def remaining(self, table: TrialTable) -> Remaining:
        """Return what is left of it, as engines and schedulers are told."""
        seconds = [] if self.hours is None else [self.hours * 3600 - table.elapsed]
        seconds += [] if self.until is None else [self.until - table.now]
        others = [*self._fidelities(table), *self._machines(table)]
        return Remaining(
            None if self.trials is None else max(0, self.trials - table.n_begun),
            round(max(0.0, min(seconds)), 3) if seconds else None,
            None if self.cost is None else self.cost - costs.spent(self.cost, table).spent,
            {line.unit: max(0.0, line.left) for line in others},
        )


def _above_0(name: str, value: object, more: str = "") -> float:
    if not is_number(value) or value <= 0:  # type: ignore[operator]  # it is one by then
        raise ProblemError(f"Budget({name}=...) is a number above 0{more}, got {shown(value)}.")
    return value  # type: ignore[return-value]


def _amounts(name: str, said: object, example: str, *, least: bool) -> dict[str, float]:
    """Return a mapping of names to amounts: above 0, or (`least`) 0 and above."""
    found: dict[str, float] = {}
    if not isinstance(said, Mapping) or not said:
        raise ProblemError(f"Budget({name}=...) is such as {example}, got {shown(said)}.")
    for key, given in said.items():
        value = as_real(given)
        if not isinstance(key, str) or not is_number(value) or not (value > 0 or (least and value == 0)):  # type: ignore[operator]
            bound = "0 or more" if least else "above 0"
            raise ProblemError(
                f"Budget({name}=...) is such as {example}, numbers {bound}, got {shown(key)}: {shown(given)}."
            )
        found[key] = value  # type: ignore[assignment]
    return found


def _used_up(reason: str, *, cancel: bool = False) -> Verdict:
    return Verdict(stop=True, reason=reason, rule="budget", cancel=cancel, remaining=0)


def _count(n: int, noun: str) -> str:
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {noun}s"
