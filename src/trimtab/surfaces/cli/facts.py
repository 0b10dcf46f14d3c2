"""What commands say of studies and trials: plain values for programs, lines and tables for people."""

from __future__ import annotations

import dataclasses
import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

import trimtab as tt
from trimtab.analysis.final import Final as Finished
from trimtab.analysis.halving import Stage
from trimtab.arrays import Ints
from trimtab.errors import PluginError
from trimtab.execute.logs import last_lines
from trimtab.ledger.event import FINALIZE, Assessed
from trimtab.ledger.table import COMPLETE, SEARCH_SCORE, STATES, STOPPED, TrialTable, TrialView
from trimtab.model.feasibility import split
from trimtab.schedule.found import schedule_remark
from trimtab.schedule.rungs import stepped
from trimtab.study import best
from trimtab.study.overview import Entry
from trimtab.study.purse import RESERVED
from trimtab.study.savings import savings
from trimtab.study.shortfall import Shortfall, missed, missed_text, shortfall
from trimtab.study.unheard import unheard
from trimtab.surfaces.cli import rungs
from trimtab.surfaces.cli.curves import curve_lines
from trimtab.surfaces.cli.descent import schedule_lines
from trimtab.surfaces.cli.odds import worth_facts
from trimtab.surfaces.render.numbers import count, duration, exact, moment, number
from trimtab.surfaces.render.said import saved_text
from trimtab.surfaces.render.spark import sparkline
from trimtab.surfaces.render.spending import limit_facts, limit_lines
from trimtab.surfaces.render.text import clean, first_line, folded, listed, width, wrapped
from trimtab.text import hide_secrets, spelled

LOG_LINES = 10
"""How many lines of a trial's output are shown."""
TAIL_BYTES = 16_384
"""Bytes from the end of a log in which they are looked for."""


def counts(table: TrialTable) -> dict[str, int]:
    """Return how many trials are in each state, states without trials left out."""
    found = {state: int((table.state == code).sum()) for code, state in enumerate(STATES)}
    return {state: n for state, n in found.items() if n}


def counts_text(table: TrialTable) -> str:
    """Return `100 trials: 96 complete, 4 failed`."""
    parts = ", ".join(f"{n:,} {state}" for state, n in counts(table).items())
    return count(len(table), "trial") + (f": {parts}" if parts else "")


def total_cost(table: TrialTable) -> float | None:
    """Return the sum of the costs of its own trials that are known; None when none is."""
    known = table.spent[table.spent == table.spent]
    return float(known.sum()) if len(known) else None


def trial_facts(view: TrialView, problem: tt.Problem) -> dict[str, Any]:
    """Return a trial as plain values; what is unknown or empty is left out.

    Where there are constraints, of a complete trial: whether it met them, and what it missed by how much.
    """
    facts = {name: getattr(view, name) for name in _FACTS}
    if problem.constraints and view.state == STATES[COMPLETE]:
        found = {metric.name: spelled(by) for metric, by in missed(problem, view.metrics).items()}
        facts |= {"feasible": not found, "missed": found}
    empty: tuple[Any, ...] = (
        None,
        "",
        (),
        {},
        [],
        SEARCH_SCORE,
    )  # what a best trial is that was not run again, as any other
    return {key: value for key, value in facts.items() if key in _ALWAYS or value not in empty}


_FACTS = tuple(field.name for field in dataclasses.fields(TrialView))
_ALWAYS = ("number", "params", "metrics", "state")


def entry_facts(entry: Entry) -> dict[str, Any]:
    """Return a study in a list as plain values; of one that cannot be read, its name, its date and the reason."""
    named = {"name": entry.name, "created_at": entry.created_at}
    if entry.error is not None:
        return named | {"error": entry.error}
    return named | {
        "trials": entry.n_trials,
        "states": entry.states,
        "objective": ", ".join(entry.objectives),
        "constraints": list(entry.constraints),
        "feasible": entry.n_feasible,
        "best": entry.best,
        "best_trial": entry.best_row,
        "front": entry.front,
        "ended": entry.ended,
        "refined_from": None if entry.refined_from is None else entry.refined_from[0],
        "evidence": entry.n_evidence,
        "project": entry.label.project,
        "data": entry.label.data,
        "tags": list(entry.label.tags),
        "archived": entry.label.archived,
    }


def study_facts(study: tt.Study) -> dict[str, Any]:
    """Return a study as plain values."""
    table, ledger = study.table, study.session.ledger
    row = best.best_row(table) if best.has_best(table) else None
    verdict = ledger.assessed
    lack = shortfall(table)
    return {
        "name": study.name,
        "metrics": [metric.to_json() for metric in study.problem.metrics],
        "space": study.space.to_json(),
        "fidelities": [fidelity.to_json() for fidelity in study.problem.fidelities],
        "optimizer": ledger.optimizer,
        "scheduler": ledger.created.scheduler,
        "prefer": None if study.problem.preference is None else study.problem.preference.to_json(),
        "seed": ledger.created.seed,
        "trials": len(table),
        "states": counts(table),
        "seconds_worked_on": table.elapsed,
        "cost": total_cost(table),
        "budget": limit_facts(study.budget, table),
        "ran": dict(zip((f.name for f in study.problem.fidelities), table.ran.sum(axis=0).tolist(), strict=True)),
        "used_s": dict(table.used),
        "compared_at": _by_name(study, best.compared_at(table)),
        "best": None if row is None else trial_facts(study.best, study.problem),
        "final": None if study.final is None else study.final.to_json(),
        "front": best.front_rows(table).tolist(),
        "feasible": best.feasible(table).count(True) if study.problem.constraints else None,
        "lack": None if lack is None else _lack_facts(lack),
        "verdict": None if verdict is None else {"stop": verdict.stop, "reason": verdict.reason, "rule": verdict.rule},
        "worth": worth_facts(study.worth),
        "saved": rungs.saved_facts(savings(table)),
        "rungs": rungs.facts(rungs.seen(study)),
        "learned": [lesson.to_json() for lesson in study.learned],
        "notes": dict(table.notes),
        "provenance": without_secrets(ledger.created.provenance),
        "opened": without_secrets(ledger.opened),
        "records": ledger.head,
        "files": str(study.session.files.base),
    }


def _lack_facts(lack: Shortfall) -> dict[str, Any]:
    return {
        "nearest": lack.nearest,
        "missed": {metric.name: spelled(by) for metric, by in lack.missed.items()},
        "farthest": lack.farthest.name,
        "met": lack.n_met,
        "closest": lack.closest,
        "by": spelled(lack.by),
    }


def _by_name(study: tt.Study, ends: tuple[float, ...] | None) -> dict[str, float] | None:
    return None if ends is None else dict(zip((f.name for f in study.problem.fidelities), ends, strict=True))


def without_secrets(value: Any) -> Any:
    """Return what is on record of people and machines, without passwords that an older version let pass."""
    if isinstance(value, str):
        return hide_secrets(value)
    if isinstance(value, dict):
        return {key: without_secrets(inner) for key, inner in value.items()}
    return [without_secrets(inner) for inner in value] if isinstance(value, list) else value


def study_lines(study: tt.Study) -> Iterator[tuple[str, str]]:
    """Yield (label, text) for a person."""
    table, ledger = study.table, study.session.ledger
    yield "objective", ", ".join(map(str, study.problem.objectives))
    if study.problem.constraints:
        yield "constraints", ", ".join(map(str, study.problem.constraints))
    if study.problem.preference is not None:
        yield "prefers", clean(str(study.problem.preference))
    yield "space", f"{count(len(study.space), 'parameter')}: {clean(', '.join(study.space.names))}"
    if study.space.require:
        yield "requires", clean("; ".join(study.space.require))
    for fidelity in study.problem.fidelities:
        yield "fidelity", clean(f"{fidelity.name} {fidelity}")
    yield "optimizer", f"{clean(ledger.optimizer['name'])}, seed {ledger.created.seed}"
    # without a fidelity these two end no trial, and it goes without saying
    if study.problem.fidelities or ledger.created.scheduler["name"] not in ("auto", "whole"):
        yield "scheduler", clean(f"{ledger.created.scheduler['name']}{_saved(table)}")
    for lesson in study.learned:
        yield "learns from", clean(lesson.text())
    if ledger.created.learn_from and not ledger.created.past:
        yield "learns from", clean(f"nothing: no study is meant by {', '.join(ledger.created.learn_from)}")
    yield "trials", counts_text(table)
    saved = savings(table)
    if saved is not None:
        yield "saved", saved_text(saved)
    missing = unheard(table) if _advises(study) else ""
    if missing:
        yield "early stopping", clean(missing)
    off = best.far_off(table)
    if len(off):
        yield "far off", far_off_text(off)
    n_complete = len(table.rows(COMPLETE))
    spent = total_cost(table)
    yield "worked on", duration(table.elapsed) + ("" if spent is None else f", cost {number(spent)}")
    for limit, text in limit_lines(study.budget, table):
        yield f"budget of {limit}" if limit != "deadline" else limit, text
    if ledger.assessed is not None and ledger.assessed.stop:
        yield "ended", clean(ended_text(ledger.assessed, table))
    found = study.worth
    if found.chance is not None and not found.is_early:
        yield "worth", clean(found.sentence)
    if study.problem.constraints and n_complete:
        n = best.feasible(table).count(True)
        yield "feasible", f"{n:,} of {count(n_complete, 'complete trial')} ({n / n_complete:.0%})"
    row = best.best_row(table)
    if row is None:
        yield "best", clean(best.why_no_best(table))
    elif len(study.problem.objectives) > 1:
        if best.has_best(table):
            yield "best", clean(best_line(study, table.trial(row)))
        for line in best_remarks(study):
            yield "front", clean(line)
    else:
        for line in best_lines(study, row):
            yield "best", clean(line)
    if study.final is not None:
        yield from final_lines(study.final)
    curve = best.best_so_far(table)
    if len(curve) > 1:
        name = study.problem.objectives[0].name
        of = f" of {clean(name)}" if len(study.problem.objectives) > 1 else ""
        yield f"best result{of}", f"{sparkline(curve)}  {number(curve[0])} → {number(curve[-1])}"
    by = ledger.created.provenance
    yield "begun", f"{moment(_at(table, 0))} on {clean(str(by.get('host', '?')))}, {clean(_code(by))}"
    for key, value in table.notes.items():
        if key != FINALIZE and not key.startswith(RESERVED):  # what came of the first is said above
            yield "note", clean(f"{key}: {value}")
    yield "files", str(study.session.files.base)


MOST_OFF: Final = 8
"""Trials that are named; more of them are counted."""


def far_off_text(rows: Ints) -> str:
    """Return which results are off by bad luck, and how configurations count then."""
    named = ", ".join(f"{row}" for row in rows[:MOST_OFF].tolist()) + (", ..." if len(rows) > MOST_OFF else "")
    return (
        f"{count(len(rows), 'result')}, of trial{'s' if len(rows) > 1 else ''} {named}: runs of one configuration "
        "differ by as much, so these may have diverged, or been misread; a configuration counts by its usual run"
    )


def ended_text(verdict: Assessed, table: TrialTable) -> str:
    """Return why a study ended: why its search did, and that the best were run again.

    What these runs came to is said with the best trial.
    """
    if verdict.rule != FINALIZE:
        return verdict.reason
    stage = Stage.of(table)
    before = "" if stage is None else stage.ended
    return f"{before}; then the best were run again" if before else "the best were run again"


def final_lines(found: Finished) -> Iterator[tuple[str, str]]:
    """Yield (label, text) about what was run again, a line for each finalist: what was seen of it, and what is."""
    for one in found.finalists:
        name = "the default" if one.trial is None else f"trial {one.trial}"
        also = ", the default" if one.is_default and one.trial is not None else ""
        failed = f", {one.n_failed} failed" if one.n_failed else ""
        # those that confirm the winner are none of them, and their mean is the study's figure
        runs = f"{count(one.n_runs, 'fresh run')} to choose by"
        fresh = "not run again" if one.mean is None else f"{number(one.mean)} over {runs}"
        seen = "not run in the search" if one.score is None else f"{number(one.score)} in the search"
        yield "run again", clean(f"{name}{also}: {seen}, {fresh}{failed}")


def _advises(study: tt.Study) -> bool:
    """Return whether the scheduler can say what it lacks; one that is not installed here is not asked."""
    try:
        return study.session.plan.advises
    except PluginError:
        return False


def _saved(table: TrialTable) -> str:
    """Return which share was run of what whole runs of the configurations would take; empty where that is all.

    What continues a trial is no other configuration, and what it ran itself counts alone.
    """
    over = np.isin(table.state, (COMPLETE, STOPPED))
    if not table.problem.fidelities or not over.any():
        return ""
    n = int((over & (table.parent < 0)).sum())
    run, whole = table.ran[over].sum(axis=0), n * np.array(table.problem.whole)
    if (run == whole).all():
        return ""
    each = [
        f"{one.name} {number(a)} of {number(b)}"
        for one, a, b in zip(table.problem.fidelities, run.tolist(), whole.tolist(), strict=True)
    ]
    if len(each) == 1:
        return f", which ran {run[0] / whole[0]:.0%} of what whole trials take: {each[0]}"
    return f", which ran, of what whole trials take, {listed(each)}"


def fidelity_text(study: tt.Study, view: TrialView, name: str) -> str:
    """Return the fidelity to which a trial goes, "9"; of one that was ended before, "3 of 9"."""
    end = view.fidelity.get(name)
    cut = stepped(study.problem) if view.state == STATES[STOPPED] else None
    if end is None or cut is None or name != cut.name:
        return number(end)
    return f"{number(_reached(study.table, view.number, end))} of {number(end)}"


def _reached(table: TrialTable, row: int, end: float) -> float:
    """Return how far a trial that was to get to `end` was stopped, in the unit of the fidelity that counts steps."""
    steps = table.curves.step[table.curves.reports(row)]  # of every fold
    return min(end, float(steps.max(initial=0.0)))


def best_lines(study: tt.Study, row: int) -> list[str]:
    """Return what the best trial is, with one objective: the study's figure first, then what else is to be known.

    The figure is the mean of fresh runs once the best were run again, of which the trial is but one.
    """
    said = best_line(study, study.table.trial(row))
    found = None if best.final_row(study.table) is None else study.final
    if found is None or found.is_exact:
        return [said, *best_remarks(study)]
    others = [remark for remark in best_remarks(study) if remark != str(found)]
    return [str(found), f"{said}, its fresh run that is nearest to that mean", *others]


def best_remarks(study: tt.Study) -> list[str]:
    """Return what is to be known about the best trial: a front, a mean of several runs, or a schedule."""
    if len(study.problem.objectives) > 1:
        wanted = study.problem.preference
        at = fidelity_remark(study)
        front = front_remark(study) if wanted is None else preferred_remark(study, wanted)
        return [*([] if at is None else [at]), front]
    said = None if best.final_row(study.table) is None else str(study.final)
    row = best.best_row(study.table)
    schedule = None if row is None else schedule_remark(study.table, row)
    where = f"; `trimtab show {shlex.quote(study.name)} {row} --json` prints them." if schedule else ""
    remarks = (fidelity_remark(study), said or sorting_remark(study), f"{schedule}{where}" if schedule else None)
    return [remark for remark in remarks if remark is not None]


HOW = (
    "Choose by what they are worth to you: `trimtab best` with --knee, --weights {}=2, --reference, or --order with "
    "--within takes one. A constraint, as tt.at_most(...), on all but one objective makes one trial the best."
)


def preferred_remark(study: tt.Study, wanted: tt.Preference) -> str:
    """Return which trial of the front the study was told to prefer; there is one."""
    table = study.table
    front = best.front_text(table, len(best.front_rows(table)))
    return f"{front}, and trial {best.best_row(table)} is {wanted}, as the study prefers."


def front_remark(study: tt.Study, n: int | None = None) -> str:
    """Return what the front is and how to choose from it; `n` trials are on it, None to count them."""
    n = len(best.front_rows(study.table)) if n is None else n
    is_there = f"{best.front_text(study.table, n)}: no other trial is as good in all of them and better in one."
    return f"{is_there} {HOW.replace('{}', study.problem.objectives[0].name)}"


def fidelity_remark(study: tt.Study) -> str | None:
    """Return at which fidelity trials are compared; None where there is nothing to choose."""
    table = study.table
    ends = best.compared_at(table)
    run_to = {tuple(row) for row in table.fidelity[table.state == COMPLETE].tolist()}
    if ends is None or run_to == {table.problem.whole}:
        return None
    compared = count(len(best.candidates(table)), "complete trial")
    others = sorted(run_to - {ends})
    there = f"; there are others {'; '.join(best.at_text(table, end) for end in others)}" if others else ""
    return f"compared {best.at_text(table, ends)}: {compared}{there}."


def sorting_remark(study: tt.Study) -> str | None:
    """Return why the best trial is not the one of the best single result; None if it is, or with several objectives."""
    table = study.table
    row, luckiest = best.best_row(table), best.luckiest_row(table)
    if row is None or luckiest is None or len(study.problem.objectives) > 1:
        return None
    column = table.problem.metrics.index(table.problem.objectives[0])
    name, values = table.problem.objectives[0].name, table.y[:, column]
    runs, lucky_runs = best.runs(table, row), best.runs(table, luckiest)
    if values[row] == values[luckiest]:
        return None
    mean = f"{name} = {number(float(values[runs].mean()))}, the mean of its {count(len(runs), 'run')}"
    told = f"{name} = {number(float(values[luckiest]))}"
    if len(lucky_runs) > 1:
        told += f", of {len(lucky_runs)} runs with the mean {number(float(values[lucky_runs].mean()))}"
    return (
        f"the best configuration is that of trial {row} ({mean}); the best single result is that of trial {luckiest} "
        f"({told}). Where configurations ran several times, means count, with what they may be off by: one lucky run "
        "does not beat them."
    )


def _at(table: TrialTable, row: int) -> float | None:
    return float(table.asked_at[row]) if len(table) > row else None


def _code(provenance: dict[str, Any]) -> str:
    git = provenance.get("git")
    code = f"trimtab {provenance.get('trimtab', '?')}, Python {provenance.get('python', '?')}"
    if not isinstance(git, dict) or not git.get("commit"):
        return code
    return f"{code}, git {str(git['commit'])[:10]}{' with changes' if git.get('dirty') else ''}"


def best_line(study: tt.Study, view: TrialView) -> str:
    """Return `trial 42: loss = 0.0123 ± 0.001` with every declared metric, and its standard error where it is known."""
    told = []
    for metric in study.problem.metrics:
        error = None if metric.error is None else view.metrics.get(metric.error)
        text = f"{metric.name} = {number(view.metrics.get(metric.name))}"
        told.append(text if error is None else f"{text} ± {number(error)}")
    return clean(f"trial {view.number}: {', '.join(told)}")


def trial_lines(study: tt.Study, view: TrialView) -> Iterator[tuple[str, str]]:
    """Yield (label, text) about one trial for a person."""
    table = study.table
    is_feasible = best.feasible(table)[view.number]
    broken = ", infeasible" if is_feasible is False else ""
    yield "state", view.state + broken + (f", attempt {view.attempt}" if view.attempt > 1 else "")
    for name, value in view.params.items():
        yield "param", clean(f"{name} = {exact(value)}")
    declared = dict(zip(study.problem.metric_names, study.problem.metrics, strict=True))
    lacks = missed(study.problem, view.metrics)
    for name, value in view.metrics.items():
        metric = declared.get(name)
        yield "metric", clean(f"{name} = {number(value)}{'' if metric is None else _wanted(metric, lacks.get(metric))}")
    for metric in lacks if is_feasible is False else ():
        if metric.name not in view.metrics:
            yield "metric", clean(f"{missed_text(metric, None)} ({metric})")
    if study.problem.constraints and is_feasible is not None:
        yield from _of_all_runs(table, view.number)
    if len(study.problem.objectives) > 1 and is_feasible:
        yield "front", _standing(table, view.number)
    for name in view.fidelity:
        yield "fidelity", clean(f"{name} = {fidelity_text(study, view, name)}")
    yield "why", clean(f"{view.origin}: {view.why}" if view.why else view.origin)
    if view.failure:
        yield "failure" if view.state == "failed" else "lost before", clean(f"{view.failure}: {first_line(view.error)}")
    if view.reason:
        yield "stopped", clean(view.reason)
    yield from curve_lines(table, view.number)
    took = duration(view.seconds) + ("" if view.cost is None else f", cost {number(view.cost)}")
    yield "took", took
    if view.started_at is not None:
        yield "ran", f"{moment(view.started_at)} by {clean(view.worker)}"
    if view.parent is not None:
        yield "continues", f"trial {view.parent}"
        yield from schedule_lines(study, view.number)
    if view.tags:
        yield "tags", clean(", ".join(view.tags))
    for key, value in view.notes.items():
        yield "note", clean(f"{key}: {value}")
    folder = logs(study, view)
    if folder is not None:
        yield "logs", str(folder)


def _wanted(metric: tt.Metric, by: float | None) -> str:
    """Return what is wanted of a metric, as it stands beside its value; `by` is how much it misses."""
    if metric.is_objective:
        return f" ({metric.goal})"
    return f" ({metric})" if by is None else f" ({metric}: missed by {number(by)})"


def _of_all_runs(table: TrialTable, row: int) -> Iterator[tuple[str, str]]:
    """Yield whether a configuration that ran several times may be the best, which goes by all of its runs."""
    found = best.missed_by_runs(table, row)
    if found is None:
        return
    n, by = found
    of = f"the {n} runs of this configuration"
    if not by:
        yield "runs", f"{of} meet the constraints on average"
        return
    parts = [f"{one.name} {'is not known' if off != off else f'misses by {number(off)}'}" for one, off in by.items()]
    yield "runs", clean(f"{of} do not meet the constraints on average ({', '.join(parts)}): not the best")


def _standing(table: TrialTable, row: int) -> str:
    """Return how a trial stands to the front."""
    front = best.front_rows(table)
    if row in front:
        return f"on the front of {clean(best.goals(table))}"
    losses, _ = split(table.problem, table.y)
    better = front[(losses[front] <= losses[row]).all(axis=1)]
    if not len(better):
        return "not on the front: trials are compared where they were run furthest"
    return f"not on the front: trial {better[0]} is as good in all objectives, and better in one"


def logs(study: tt.Study, view: TrialView) -> Path | None:
    """Return the folder of the trial's last attempt; None if it left nothing."""
    folder = study.session.files.attempt(view.number, view.attempt)
    return folder if folder.is_dir() else None


def tail(path: Path, n_lines: int = LOG_LINES) -> list[str]:
    """Return the last lines of a log, cleaned; nothing where there is no such file.

    A pipe or a device in its place is none: the folder beside a store may come from a stranger as the store does.
    """
    return [clean(hide_secrets(line)) for line in last_lines(path, n_lines, TAIL_BYTES)]


def labelled(lines: Sequence[tuple[str, str]], cells: int | None = None) -> str:
    """Return (label, text) as aligned lines, wrapped to `cells`; a label that repeats is shown once."""
    wide = max((width(label) for label, _ in lines), default=0)
    room = None if cells is None else max(1, cells - wide - 2)
    shown, last = [], ""
    for label, text in lines:
        for part in wrapped(text, room):
            head = "" if label == last else label
            line = f"{head}{' ' * (wide - width(head))}  "
            last = label
            if room is None or width(part) <= room:
                shown.append(f"{line}{part}".rstrip())
            else:  # a path, for instance: a line of its own
                shown += [line.rstrip(), *folded(part, cells)] if head else folded(part, cells)
    return "\n".join(shown)
