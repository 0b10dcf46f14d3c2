"""What a study learned from earlier ones: what it took from each, and how far each is believed by now."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from trimtab.ledger.ledger import Ledger
from trimtab.ledger.table import TrialTable
from trimtab.optim.protocol import AnyOptimizer, Learns
from trimtab.text import visible


@dataclass(frozen=True, slots=True)
class Lesson:
    """What was taken from one earlier study.

    Attributes:
        study: its name, as it was then; id: its mark, which no renaming changes.
        metric: the metric that was read; empty where nothing was.
        n_over: how many of its trials were over; n_taken: how many configurations were taken.
        left_out: {parameter: trials whose value of it lies outside of this study's space}.
        renamed: which of its parameters are called otherwise here: {old: new}.
        gone: those of its parameters that are none here, by their names there; new: those of here that it had not.
        first: the trials there that this study begins with.
        believed: how far it is believed, from 0 to 1, by how well it foretells the order of this study's results; 1
            before there are two, None where nothing was taken, or the study has more metrics than one.
        remark: what is not as one would expect; empty where nothing.
    """

    study: str
    id: str = ""
    metric: str = ""
    n_over: int = 0
    n_taken: int = 0
    left_out: Mapping[str, int] = field(default_factory=dict)
    renamed: Mapping[str, str] = field(default_factory=dict)
    gone: tuple[str, ...] = ()
    new: tuple[str, ...] = ()
    first: tuple[int, ...] = ()
    believed: float | None = None
    remark: str = ""

    def text(self) -> str:
        """Return it in a line."""
        parts = [f"{self.n_taken} configurations of {self.n_over} trials"]
        if self.left_out:
            names = ", ".join(self.left_out)
            parts.append(f"{sum(self.left_out.values())} lie outside of the space ({names})")
        if self.remark:
            parts.append(self.remark)
        parts += [f"{old} is {new} here" for old, new in self.renamed.items()]
        if self.gone:
            parts.append(f"{', '.join(self.gone)} {'is' if len(self.gone) == 1 else 'are'} gone")
        if self.new:
            parts.append(f"{', '.join(self.new)} {'is' if len(self.new) == 1 else 'are'} new")
        if self.believed is not None:
            parts.append(f"believed {self.believed:.0%}" if self.believed > 0.0 else "not believed: it misleads here")
        return visible(f"{self.study}: {'; '.join(parts)}")

    def to_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {
            "study": self.study,
            "id": self.id,
            "metric": self.metric,
            "trials": self.n_over,
            "taken": self.n_taken,
            "left_out": dict(self.left_out),
            "renamed": dict(self.renamed),
            "gone": list(self.gone),
            "new": list(self.new),
            "first": list(self.first),
            "believed": None if self.believed is None else round(self.believed, 4),
            "remark": self.remark,
        }


def learned(table: TrialTable) -> tuple[Lesson, ...]:
    """Return what a study learned from earlier ones, in the order in which they were named."""
    if not table.past:
        return ()
    believed = _believed(table)
    return tuple(
        Lesson(
            past.study,
            past.id,
            past.metric,
            past.n_over,
            len(past.x),
            past.left_out,
            past.renamed,
            past.gone,
            past.new,
            tuple(past.trials[row] for place, row in table.portfolio if place == i),
            believed.get(i),
            past.remark,
        )
        for i, past in enumerate(table.past)
    )


def _believed(table: TrialTable) -> dict[int, float]:
    """Return how far each of `table.past` that says something is believed."""
    useful = [i for i, past in enumerate(table.past) if past.theta]
    if len(table.problem.objectives) > 1 or table.problem.constraints or not useful:
        return {}
    from trimtab.model.features import Features  # imported when used: most processes only run trials
    from trimtab.model.labels import labelled
    from trimtab.model.observations import Observations
    from trimtab.model.past import Sources, shares

    observations = Observations(table.problem)
    for row in table.order.tolist():
        observations.tell(table, row)
    if not len(observations):
        return dict.fromkeys(useful, 1.0)
    seen = labelled(observations, len(observations), None)
    sources = Sources(table.past, table.space, Features(table.space))
    return dict(zip(useful, shares(sources.said(seen.x), seen.labels).tolist(), strict=True))


def learning(ledger: Ledger, optimizer: AnyOptimizer | None) -> str:
    """Return in a sentence what a study learns from earlier ones, as it begins; empty where that was not asked for."""
    created = ledger.created
    if not created.learn_from:
        return ""
    useful = [past for past in created.past if past.theta]
    rest = [f"nothing from {past.study}: {past.remark}" for past in created.past if not past.theta]
    if not created.past:
        rest = [f"nothing: no study is meant by {', '.join(created.learn_from)}"]
    names = ", ".join(past.study for past in useful)
    said = [f"{names} ({sum(len(past.x) for past in useful)} configurations)"] if useful else []
    found = f"learns from {'; '.join([*said, *rest])}"
    problem = ledger.table.problem
    is_one = len(problem.objectives) == 1 and not problem.constraints
    by_itself = isinstance(optimizer, Learns) and optimizer.learns(problem) and is_one
    if useful and not by_itself:
        who = f"the optimizer {ledger.optimizer['name']}" if is_one else "a model of several metrics"
        found += f"; what did well there is tried first, and that is all: {who} does not learn from past studies"
    return visible(found)
