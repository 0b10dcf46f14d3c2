"""What a report says of a study, in plain words and tables, whatever it is written as."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from trimtab.analysis.card import Answer, Card, NotApplicable
from trimtab.analysis.final import final, is_last
from trimtab.analysis.honest import Honest
from trimtab.analysis.questions import QUESTIONS, answer
from trimtab.ledger.table import FAILED, STATES, TrialTable
from trimtab.study import best
from trimtab.study.study import Study
from trimtab.surfaces.render.numbers import count, duration, exact, moment, number, setting
from trimtab.surfaces.render.text import first_line
from trimtab.text import hide_secrets

MOST_ROWS: Final = 2000
"""Trials in the table of a report, the first: more are searched rather than read, which `export` is for."""

CALLS: Final = ("may give more", "little of that")
"""Words of answers that call for something to be done."""


@dataclass(frozen=True, slots=True)
class Content:
    """A report.

    Attributes:
        name: the study's.
        question: what was asked of it, in a sentence.
        status: how many trials ran, for how long.
        headline: the answer in few words, as `loss = 0.0123`; empty without one.
        answer: the answer in a sentence; honest: what the best is likely to give when run again; empty if it is exact.
        settings: (parameter, value) of the best.
        odds: what going on would bring; mattered: what mattered.
        next_steps: what to do next.
        cards: answers with pictures, in the order of the questions; unanswered: those without, with the reason.
        heads, rows: the table of trials; left_out: how many are not in it.
        provenance, notes: (label, text).
    """

    name: str
    question: str
    status: str
    headline: str
    answer: str
    honest: str
    settings: list[tuple[str, str]]
    odds: str
    mattered: str
    next_steps: list[str]
    cards: list[Card]
    unanswered: list[NotApplicable]
    heads: list[str]
    rows: list[list[str]]
    left_out: int
    provenance: list[tuple[str, str]]
    notes: list[tuple[str, str]]


def content_of(study: Study) -> Content:
    """Return what there is to report of a study as it stands."""
    table = study.table.frozen()
    answers = {name: answer(name, table.problem, table) for name in QUESTIONS}
    cards = [one for one in answers.values() if isinstance(one, Card)]
    unanswered = [one for one in answers.values() if isinstance(one, NotApplicable)]
    row = best.best_row(table)
    heads, rows = _trials(table)
    return Content(
        name=study.name,
        question=_question(study),
        status=_status(table),
        headline=_headline(table, row),
        answer=_answer(table, row),
        honest=_honest(answers["history"]),
        settings=_settings(table, row),
        odds=_odds(study, answers["worth"]),
        mattered=answers["importance"].sentence,
        next_steps=_next(study, answers),
        cards=cards,
        unanswered=unanswered,
        heads=heads,
        rows=rows,
        left_out=len(table) - len(rows),
        provenance=list(_provenance(study)),
        notes=[(key, hide_secrets(str(value))) for key, value in table.notes.items()],
    )


def _question(study: Study) -> str:
    problem = study.problem
    goals = " and ".join(f"{metric.goal} {metric.name}" for metric in problem.objectives)
    kept = f", keeping {', '.join(map(str, problem.constraints))}" if problem.constraints else ""
    return f"Which values of {count(len(problem.space), 'parameter')} {goals}{kept}?"


def _status(table: TrialTable) -> str:
    parts = [f"{n:,} {state}" for code, state in enumerate(STATES) if (n := int((table.state == code).sum()))]
    states = f" ({', '.join(parts)})" if parts else ""
    return f"{count(len(table), 'trial')}{states} in {duration(table.elapsed)}"


def _headline(table: TrialTable, row: int | None) -> str:
    objectives = table.problem.objectives
    if row is None:
        return ""
    if len(objectives) > 1:
        return best.front_text(table, len(best.front_rows(table)))
    last = final(table)
    if last is not None and last.mean is not None and is_last(table):
        value = last.mean  # of fresh runs, and no lucky one
    else:
        value = float(table.y[row, table.problem.metrics.index(objectives[0])])
    return f"{objectives[0].name} = {number(value)}"


def _answer(table: TrialTable, row: int | None) -> str:
    if row is None:
        said = best.why_no_best(table)
        return f"{said[0].upper()}{said[1:]}"
    if len(table.problem.objectives) > 1:
        return "No trial is best in everything; the front has those that none beats. study.choose takes one of them."
    view = table.trial(row)
    first = table.problem.objectives[0].name
    others = [f"{name} = {number(value)}" for name, value in view.metrics.items() if name != first]
    more = f", with {', '.join(others[:4])}" if others else ""
    return f"The best of {count(len(table), 'trial')} is trial {row}{more}."


def _honest(history: Answer) -> str:
    honest: Honest | None = history.data.honest if isinstance(history, Card) else None
    if honest is None or honest.by == "seen":
        return ""
    if honest.by == "last":
        between = f"{number(honest.low)} to {number(honest.high)}"
        return (
            f"{honest.n_runs} fresh runs, which had no part in the choice, gave {number(honest.expected)} ({between})."
        )
    how = f"the mean of {honest.n_runs} runs" if honest.by == "repeats" else "by a model of all trials"
    between = f"{number(honest.low)} to {number(honest.high)}"
    return (
        f"Run again, it is likely to give {number(honest.expected)} ({between}; {how}): the best of many was lucky too."
    )


def _settings(table: TrialTable, row: int | None) -> list[tuple[str, str]]:
    if row is None or len(table.problem.objectives) > 1:
        return []
    return [(name, exact(value)) for name, value in table.trial(row).params.items()]


def _odds(study: Study, worth: Answer) -> str:
    ended = study.session.ledger.assessed
    if isinstance(worth, Card):
        said = worth.sentence
    else:
        said = f"The study ended: {ended.reason}." if ended is not None and ended.stop else ""
    if len(study.problem.objectives) > 1 or not len(study.table):
        return said
    return f"{study.worth.sentence} {said}".strip()


def _next(study: Study, answers: dict[str, Answer]) -> list[str]:
    """Return what to do next: what the study advises, and what answers say that calls for something."""
    steps = [hide_secrets(f"{tip.says} `{tip.command or tip.call}`") for tip in study.advice()]
    for name in ("failures", "curves", "rungs"):
        said = answers[name]
        if isinstance(said, Card) and (name == "failures" or any(sign in said.sentence for sign in CALLS)):
            steps.append(said.sentence)
    row = best.best_row(study.table)
    if row is not None and len(study.problem.objectives) == 1:
        steps.append(
            f"Train with the setting of trial {row}: `trimtab best {study.name} --json` prints it for programs."
        )
    return steps


def _trials(table: TrialTable) -> tuple[list[str], list[list[str]]]:
    n = min(len(table), MOST_ROWS)
    metrics, names = table.problem.metric_names, table.space.names
    heads = ["trial", "state", *metrics, *names, "seconds", "why"]
    rows = []
    for view in table.trials(range(n)):
        told = [number(view.metrics.get(name)) for name in metrics]
        values = [setting(view.params[name]) if name in view.params else "" for name in names]
        why = view.reason
        if view.state == STATES[FAILED]:
            why = first_line(view.error) or view.failure
        seconds = "" if view.seconds is None else number(view.seconds)
        rows.append([str(view.number), view.state, *told, *values, seconds, why])
    return heads, rows


def _provenance(study: Study) -> Iterator[tuple[str, str]]:
    table, ledger = study.table, study.session.ledger
    yield "objective", ", ".join(map(str, study.problem.metrics))
    for name, parameter in zip(study.space.names, study.space.parameters, strict=True):
        yield f"parameter {name}", repr(parameter)
    if study.space.require:
        yield "requires", "; ".join(study.space.require)
    for fidelity in study.problem.fidelities:
        yield "fidelity", f"{fidelity.name} {fidelity}"
    yield "optimizer", f"{ledger.optimizer['name']}, seed {ledger.created.seed}"
    yield "scheduler", str(ledger.created.scheduler["name"])
    for lesson in study.learned:
        yield "learns from", hide_secrets(lesson.text())
    if len(table):
        yield "begun", moment(float(table.asked_at[0]))
        yield "last record", moment(float(table.now))
    by: dict[str, Any] = ledger.created.provenance
    for key in ("trimtab", "python", "numpy", "platform", "host"):
        if by.get(key):
            yield key, hide_secrets(str(by[key]))
    git = by.get("git")
    if isinstance(git, dict) and git.get("commit"):
        yield "git", f"{git['commit']}{' with changes' if git.get('dirty') else ''}"
    yield "to go on", f"trimtab show {study.name}, or tt.load_study(store, {study.name!r})"
