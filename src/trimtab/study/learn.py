"""What a study takes from earlier ones that it is to learn from: named by its user, read once, put on its first record.

From then on it needs them no more: they may go on, be renamed or deleted, and its log still replays.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import Any, Final, Protocol, TypeGuard

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
from trimtab.space.space import Space
from trimtab.storage.protocol import Store
from trimtab.study.fold import folded
from trimtab.study.overview import Entry, entries
from trimtab.study.session import Session

MOST: Final = 10
"""Earlier studies that one learns from: each costs at every suggestion. Of more the latest are taken."""

LABELS: Final = ("project", "data", "tag")
_EXAMPLE: Final = '"resnet-1", ["resnet-1", "resnet-2"], "resnet-*", "project:vision", or studies'
_RENAMED: Final = '{"resnet-1": {"lr": "learning_rate"}}, old names first'


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


class OnRecord(Protocol):
    """What an opened study has that is read of it."""

    session: Session

    @property
    def name(self) -> str:
        """Its name in the store."""
        ...


@dataclass(frozen=True, slots=True)
class _Asked:
    """A study or studies that are asked for, and which of their parameters are called otherwise now: {old: new}."""

    study: str | OnRecord
    renamed: Mapping[str, str]

    @property
    def text(self) -> str:
        name = self.study if isinstance(self.study, str) else self.study.name
        return name + (f" ({_said(self.renamed)})" if self.renamed else "")


def _said(renamed: Mapping[str, str]) -> str:
    return ", ".join(f"{old} is {new}" for old, new in sorted(renamed.items()))


def named(learn_from: object) -> tuple[str, ...]:
    """Return the studies as they are named; nothing for None.

    Raises:
        ProblemError: it is neither names nor studies.
    """
    return tuple(each.text for each in _listed(learn_from))


def _listed(learn_from: object) -> list[_Asked]:
    if learn_from is None:
        return []
    several = [learn_from] if isinstance(learn_from, str) or _is_study(learn_from) else learn_from
    if not isinstance(several, Iterable) or isinstance(several, bytes):
        raise ProblemError(f"learn_from= is such as {_EXAMPLE}; got {shown(learn_from)}.")
    found: list[_Asked] = []
    for each in several:
        if each == "" or not (isinstance(each, str) or _is_study(each)):
            raise ProblemError(f"learn_from= is such as {_EXAMPLE}; got {shown(each)} among them.")
        found.append(_Asked(each, _renamed(several[each]) if isinstance(several, Mapping) else {}))
    return found


def _renamed(given: object) -> dict[str, str]:
    """Return which parameters are called otherwise now: {old: new}; None is none."""
    if given is None:
        return {}
    if not isinstance(given, Mapping) or not all(isinstance(name, str) for pair in given.items() for name in pair):
        raise ProblemError(f"learn_from= says what is called otherwise now as {_RENAMED}; got {shown(given)}.")
    names = list(given.values())
    if twice := [name for name in names if names.count(name) > 1]:
        raise ProblemError(f"learn_from= has two old names for {twice[0]}: {shown(given)}; one parameter has one.")
    return dict(given)


def _is_study(given: object) -> TypeGuard[OnRecord]:
    """Return whether something is a study, by what it holds."""
    return isinstance(getattr(given, "session", None), Session)


@quiet()
def lessons(learn_from: object, store: Store, problem: Problem, name: str) -> Lessons:
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
    for one in given:
        for new in one.renamed.values():
            if new not in problem.space:
                hint = did_you_mean(new, problem.space.names)
                raise ProblemError(f"learn_from: this study has no parameter {new!r}{hint}; it is such as {_RENAMED}.")
    found: dict[str, _Found] = {}
    patterns = [each for each in given if isinstance(each.study, str) and _is_pattern(each.study)]
    every = list(entries(store)) if patterns else []
    for one in given:
        each = one.study
        if not isinstance(each, str):
            with each.session.lock:
                each.session.sync()
                _add(found, _key(each.session.ledger), _Found(each.session.ledger, one.renamed))
        elif _is_pattern(each):
            for entry in every:
                is_it = entry.name == each  # a name may look like a pattern
                if entry.name != name and entry.error is None and (is_it or _means(each, entry)):
                    _add(found, entry.id or entry.name, _Found(entry.name, one.renamed, is_named=is_it))
        else:
            ledger = _opened(store, each)
            _add(found, _key(ledger), _Found(ledger, one.renamed))
    latest = [
        replace(one, study=folded(store.open(one.study))[0]) if isinstance(one.study, str) else one
        for one in list(found.values())[-MOST:]  # a pattern may mean thousands
    ]
    features = Features(problem.space)
    with blas.one_thread():
        past = tuple(_taken(one, problem, features) for one in latest)
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


@dataclass(frozen=True, slots=True)
class _Found:
    """A study that is meant.

    Attributes:
        study: itself, or its name as long as it was not opened.
        renamed: which of its parameters are called otherwise now: {old: new}.
        is_named: whether it was named, and not only meant by a pattern.
    """

    study: Ledger | str
    renamed: Mapping[str, str]
    is_named: bool = True


def _add(found: dict[str, _Found], key: str, one: _Found) -> None:
    """Take a study once, and all that is said of it; what is said of its name goes before what is said of a pattern."""
    was = found.get(key, one)
    study = was.study if isinstance(was.study, Ledger) else one.study
    less, more = (one, was) if was.is_named and not one.is_named else (was, one)
    is_above = more.is_named and not less.is_named
    left = {old: new for old, new in less.renamed.items() if not is_above or new not in more.renamed.values()}
    found[key] = _Found(study, {**left, **more.renamed}, is_named=was.is_named or one.is_named)


def _taken(one: _Found, problem: Problem, features: Features) -> Past:
    """Return what is taken from a study.

    Raises:
        ProblemError: it has nothing in common with this one, or lacks what is called otherwise now, though it was
            named.
    """
    ledger = one.study
    assert isinstance(ledger, Ledger)  # all were opened
    table, created, is_named = ledger.table, ledger.created, one.is_named
    renamed = _present(one.renamed, table.space, created.name, is_named=is_named)
    now_of = {name: renamed.get(name, name) for name in table.space.names}
    bare: dict[str, Any] = {"study": created.name, "id": created.id, "n_over": len(table.order)}
    common = [name for name in now_of.values() if name in problem.space]
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
    bare |= {
        "renamed": renamed,
        "gone": tuple(name for name, now in now_of.items() if now not in problem.space),
        "new": tuple(name for name in problem.space.names if name not in common),
    }
    rows, misfits = mapped(table.space, problem.space, x, renamed)
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


def _present(renamed: Mapping[str, str], space: Space, study: str, *, is_named: bool) -> dict[str, str]:
    """Return what a study has of parameters that are called otherwise now.

    Raises:
        ProblemError: it has one by neither name, though it was named, or two that would be one.
    """
    for old, new in renamed.items():
        if old not in space and new not in space and is_named:
            hint = did_you_mean(old, space.names)
            raise ProblemError(f"learn_from: {study!r} has no parameter {old!r}{hint}, which is to be {new!r} here.")
        if old in space and new in space and new not in renamed:
            raise ProblemError(
                f"learn_from: {study!r} has both {old!r} and {new!r}, and one of them alone can be {new!r} here: say "
                f"what {new!r} is here, or leave {old!r} out."
            )
    found = {old: new for old, new in renamed.items() if old in space}
    olds: dict[str, str] = {}
    for old, new in found.items():
        if new in olds:  # each said in another place
            raise ProblemError(
                f"learn_from: {study!r} has both {olds[new]!r} and {old!r}, which are both to be {new!r} here; one of "
                "them alone can be: leave the other out."
            )
        olds[new] = old
    return {old: new for old, new in found.items() if old != new}


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
