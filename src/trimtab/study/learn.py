"""What a study takes from earlier ones that it is to learn from: named by its user, read once, put on its first record.

From then on it needs them no more: they may go on, be renamed or deleted, and its log still replays.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, Final, TypeAlias, TypeGuard

import numpy as np

from trimtab.arrays import Floats, Ints
from trimtab.errors import ProblemError, StudyNotFoundError
from trimtab.ledger.event import Asked, Event, Origin, Past
from trimtab.ledger.ledger import Ledger
from trimtab.ledger.table import TrialTable
from trimtab.model.features import Features
from trimtab.model.observations import Observations
from trimtab.model.past import fitted, labels_of, portfolio, proposed, rows_of
from trimtab.model.settings import MODEL
from trimtab.numerics import blas
from trimtab.numerics.arithmetic import quiet
from trimtab.plugins import did_you_mean
from trimtab.space.condition import shown
from trimtab.space.problem import Problem
from trimtab.space.revise import mapped
from trimtab.storage.protocol import Store
from trimtab.study.fold import folded
from trimtab.study.overview import Entry, entries
from trimtab.study.session import Session

if TYPE_CHECKING:
    from trimtab.study.study import Study

LearnFrom: TypeAlias = "str | Study | Sequence[str | Study]"
"""Studies by name, by a pattern such as "resnet-*", by a label such as "project:vision", or as they are."""

MOST: Final = 10
"""Earlier studies that one learns from: each costs at every suggestion. Of more the latest are taken."""

LABELS: Final = ("project", "data", "tag")
_EXAMPLE: Final = '"resnet-1", ["resnet-1", "resnet-2"], "resnet-*", "project:vision", or studies'


@dataclass(frozen=True, slots=True)
class Lessons:
    """What a study learns from others, as its first record has it.

    Attributes:
        asked: the studies as they were named.
        past: what was taken from each.
        portfolio: what is tried first.
    """

    asked: tuple[str, ...] = ()
    past: tuple[Past, ...] = ()
    portfolio: tuple[tuple[int, int], ...] = ()


NOTHING: Final = Lessons()


def named(learn_from: LearnFrom | None) -> tuple[str, ...]:
    """Return the studies as they are named; nothing for None.

    Raises:
        ProblemError: it is neither names nor studies.
    """
    return tuple(each if isinstance(each, str) else each.name for each in _listed(learn_from))


def _listed(learn_from: object) -> list[str | Study]:
    if learn_from is None:
        return []
    several = [learn_from] if isinstance(learn_from, str) or _is_study(learn_from) else learn_from
    if not isinstance(several, Iterable) or isinstance(several, bytes | dict):
        raise ProblemError(f"learn_from= is such as {_EXAMPLE}; got {shown(learn_from)}.")
    found = list(several)
    for each in found:
        if each == "" or not (isinstance(each, str) or _is_study(each)):
            raise ProblemError(f"learn_from= is such as {_EXAMPLE}; got {shown(each)} among them.")
    return found


def _is_study(given: object) -> TypeGuard[Study]:
    """Return whether something is a study, by what it holds: studies are made by what imports this."""
    return isinstance(getattr(given, "session", None), Session)


@quiet()
def lessons(learn_from: LearnFrom | None, store: Store, problem: Problem, name: str) -> Lessons:
    """Return what a new study takes from earlier ones.

    Args:
        learn_from: which.
        store: where those that are named are.
        problem: of the new study.
        name: its name, which no pattern means.

    Raises:
        ProblemError: it is neither names nor studies, or a study that is named has nothing in common with this one.
        StudyNotFoundError: there is no study of a name.
        StoreError: one cannot be read.
    """
    given = _listed(learn_from)
    if not given:
        return NOTHING
    found: dict[str, tuple[Ledger | str, bool]] = {}
    patterns = [each for each in given if isinstance(each, str) and _is_pattern(each)]
    every = list(entries(store)) if patterns else []
    for each in given:
        if not isinstance(each, str):
            with each.session.lock:
                each.session.sync()
                _add(found, _key(each.session.ledger), each.session.ledger, is_named=True)
        elif _is_pattern(each):
            for entry in every:
                is_it = entry.name == each  # a name may look like a pattern
                if entry.name != name and entry.error is None and (is_it or _means(each, entry)):
                    _add(found, entry.id or entry.name, entry.name, is_named=is_it)
        else:
            ledger = _opened(store, each)
            _add(found, _key(ledger), ledger, is_named=True)
    latest = [
        (folded(store.open(one))[0] if isinstance(one, str) else one, is_named)
        for one, is_named in list(found.values())[-MOST:]  # a pattern may mean thousands
    ]
    features = Features(problem.space)
    with blas.one_thread():
        past = tuple(_taken(ledger, problem, features, is_named=is_named) for ledger, is_named in latest)
        first = portfolio(problem.space, features, past)
    return Lessons(named(learn_from), past, tuple(first))


def _is_pattern(text: str) -> bool:
    return any(mark in text for mark in "*?[") or (text.split(":", 1)[0] in LABELS and ":" in text)


def _means(pattern: str, entry: Entry) -> bool:
    """Return whether a pattern or a label means a study; none means one that was put away."""
    if entry.label.archived:
        return False
    key, _, value = pattern.partition(":")
    if key in LABELS and value:
        label = entry.label
        have = {"project": (label.project,), "data": (label.data,), "tag": label.tags}[key]
        return any(fnmatchcase(one.casefold(), value.casefold()) for one in have if one)  # as `trimtab search` does
    return fnmatchcase(entry.name, pattern)


def _opened(store: Store, name: str) -> Ledger:
    try:
        return folded(store.open(name))[0]
    except StudyNotFoundError:
        known = [info.name for info in store.studies()]
        raise StudyNotFoundError(
            f"learn_from: the store has no study {name!r}{did_you_mean(name, known)}. What need not be there yet is a "
            f'pattern, such as "{name}*".'
        ) from None


def _key(ledger: Ledger) -> str:
    return ledger.created.id or ledger.created.name


def _add(found: dict[str, tuple[Ledger | str, bool]], key: str, study: Ledger | str, *, is_named: bool) -> None:
    """Take a study, or the name of one that is still to be opened, once; a pattern leaves it named that was named."""
    was, was_named = found.get(key, (study, False))
    found[key] = was if isinstance(was, Ledger) else study, is_named or was_named


def _taken(ledger: Ledger, problem: Problem, features: Features, *, is_named: bool) -> Past:
    """Return what is taken from a study.

    Raises:
        ProblemError: it has nothing in common with this one, though it was named.
    """
    table, created = ledger.table, ledger.created
    bare: dict[str, Any] = {"study": created.name, "id": created.id, "n_over": len(table.order)}
    common = [name for name in problem.space.names if name in table.space]
    fault = ""
    if not common:
        fault = f"it has none of this study's parameters ({', '.join(problem.space.names)})"
    metric, sign, remark = _metric(table, problem)
    if not fault and metric is None:
        fault = remark
    if fault and is_named:
        raise ProblemError(f"learn_from: nothing can be learned from {created.name!r}: {fault}.")
    if fault or metric is None:
        return Past(**bare, remark=fault)
    x, losses, trials = _results(table, metric)
    rows, misfits = mapped(table.space, problem.space, x)
    fits = np.array([not misfit for misfit in misfits], dtype=bool)
    left_out: dict[str, int] = {}
    for misfit in filter(None, misfits):
        left_out[misfit] = left_out.get(misfit, 0) + 1
    rows, losses, trials = rows[fits], sign * losses[fits], trials[fits]
    name = table.problem.objectives[metric].name
    bare |= {"metric": name, "left_out": left_out}
    worked = np.isfinite(losses)
    if np.count_nonzero(worked) < 2 or np.ptp(losses[worked]) == 0.0:
        none = "results that fit" if left_out else "results"
        what = f"no {none} that differ" if worked.any() else f"no {none}"
        return Past(**bare, remark=f"it has {what}")
    kept = _kept(losses, MODEL.past_rows)
    rows, losses, trials = rows[kept], losses[kept], trials[kept]
    theta = fitted(features, rows, labels_of(_spoken(losses)))
    return Past(
        **bare,
        x=tuple(tuple(None if value != value else value for value in row) for row in rows.tolist()),
        losses=_spoken(losses),
        trials=tuple(trials.tolist()),
        theta=tuple(theta.tolist()),
        remark=remark,
    )


def _spoken(losses: Floats) -> tuple[float | None, ...]:
    return tuple(None if loss != loss else loss for loss in losses.tolist())


def _metric(table: TrialTable, problem: Problem) -> tuple[int | None, float, str]:
    """Return which objective of a study is read, with which sign its losses count here, and a remark."""
    wanted = problem.objectives[0]
    theirs = table.problem.objectives
    for place, metric in enumerate(theirs):
        if metric.name == wanted.name:
            is_turned = metric.sign != wanted.sign
            verb = "maximized" if metric.sign < 0 else "minimized"
            return place, -1.0 if is_turned else 1.0, f"{metric.name} was {verb} there" if is_turned else ""
    if len(theirs) == 1:
        return 0, 1.0, f"its {theirs[0].name} is read as {wanted.name}"
    names = ", ".join(metric.name for metric in theirs)
    return None, 1.0, f"it has several objectives ({names}), and none is {wanted.name}"


def _results(table: TrialTable, metric: int) -> tuple[Floats, Floats, Ints]:
    """Return the configurations of a study that are over, [n] their losses, nan for what failed, [n] their trials.

    Repeats are averaged; what was not run to its end counts as far as that tells what the end would have been. What
    broke a constraint is no example, and counts as failed.
    """
    observations = Observations(table.problem)
    for row in table.order.tolist():
        observations.tell(table, row)
    n = len(observations)
    results = observations.results(n)
    counts = np.bincount(results.config, minlength=observations.x.n)
    with np.errstate(over="ignore"):
        sums = np.bincount(results.config, weights=results.losses[:, metric], minlength=observations.x.n)
        losses: Floats = np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)
    broken = np.bincount(results.config, weights=(results.margins > 0.0).any(axis=1), minlength=observations.x.n) > 0
    losses[broken | ~np.isfinite(losses)] = np.nan
    x = np.concatenate([observations.x.view, observations.failed.view])
    first = {
        row.tobytes(): number
        for number, row in zip(table.order[::-1].tolist(), table.x[table.order[::-1]], strict=True)
    }
    trials = np.array([first.get(row.tobytes(), 0) for row in x], dtype=np.int64)
    return x, np.concatenate([losses, np.full(observations.failed.n, np.nan)]), trials


def _kept(losses: Floats, most: int) -> Ints:
    """Return up to `most` of the rows: the best half, some spread over the rest, and a quarter of failures at most."""
    worked = np.flatnonzero(np.isfinite(losses))
    failed = np.flatnonzero(~np.isfinite(losses))[-most // 4 :]
    order = worked[np.argsort(losses[worked], kind="stable")]
    room = most - len(failed)
    if len(order) > room:
        half = room // 2
        rest = order[half:]
        order = np.concatenate([order[:half], rest[np.linspace(0, len(rest) - 1, room - half).astype(np.int64)]])
    return np.sort(np.concatenate([order, failed]))


def put_first(found: Lessons, problem: Problem) -> list[Event]:
    """Return the records that put in line what did well elsewhere, for an engine that does not learn by itself."""
    events: list[Event] = []
    for place, row in found.portfolio:
        past = found.past[place]
        x = proposed(problem.space, rows_of(past, len(problem.space))[row])
        if x is not None:
            origin = Origin("user", f"did well in {past.study}, where it was trial {past.trials[row]}")
            events.append(Asked(len(events), tuple(x.tolist()), 1, origin, problem.whole))
    return events
