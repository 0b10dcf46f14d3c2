"""Creating and opening studies."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeAlias, TypeVar, cast

from trimtab.checks import as_whole, is_number, is_whole
from trimtab.errors import PluginError, ProblemError, StudyExistsError, StudyMismatchError, StudyNotFoundError
from trimtab.explain import explained
from trimtab.ledger.event import FORMAT_VERSION, Created, Event
from trimtab.optim.protocol import Learns, Optimizer
from trimtab.schedule.protocol import Refuses, Scheduler
from trimtab.space.condition import shown
from trimtab.space.folds import FoldsGiven, folds_of
from trimtab.space.preference import Preference
from trimtab.space.problem import Fidelity, Metric, Problem
from trimtab.space.space import Space
from trimtab.storage.protocol import Store, StudyStore
from trimtab.storage.url import files_dir, open_store
from trimtab.study import provenance, same_objective
from trimtab.study.arms import arms
from trimtab.study.plugin import is_made_by, passed, passed_scheduler, settings_of, shown_settings
from trimtab.study.same_objective import Terms
from trimtab.study.session import Session
from trimtab.study.study import Study

LearnFrom: TypeAlias = "str | Study | Sequence[str | Study] | Mapping[str | Study, Mapping[str, str]]"
"""Studies by name, by a pattern such as "resnet-*", by a label such as "project:vision", or as they are.

Of a mapping these are the keys, and the values say which of their parameters are called otherwise now: {old: new}.
"""


@explained("create_study")
def create_study(
    space: Space,
    *,
    minimize: str | None = None,
    maximize: str | None = None,
    objectives: Sequence[Metric] = (),
    constraints: Sequence[Metric] = (),
    prefer: Preference | None = None,
    target: float | None = None,
    fidelity: Fidelity | Sequence[Fidelity] | None = None,
    folds: FoldsGiven = None,
    race: bool = True,
    cost: str | None = None,
    optimizer: str | Optimizer[Any] = "auto",
    scheduler: str | Scheduler = "auto",
    learn_from: LearnFrom | None = None,
    store: str | None = None,
    name: str = "study",
    seed: int | None = None,
) -> Study:
    """Create a study, for loops that Trimtab does not own: `ask`, run, `tell`.

    Args:
        space: what may be tried.
        minimize: the objective's name, if less is better; or
        maximize: the objective's name, if more is better; or
        objectives: one or more of `tt.minimize(...)`, `tt.maximize(...)`.
        constraints: outcomes that must hold: `tt.at_most(...)`, `tt.at_least(...)`.
        prefer: of several objectives, which trade between them is wanted, as
            `tt.Preference(order=["accuracy", "size"], within={"accuracy": "1%"})`: proposals go there, and `best` is
            the trial that it takes. None for all of the front.
        target: a value of the objective that is good enough.
        fidelity: what a trial can be run less of, as `tt.Fidelity("epoch", 1, 81)`, or several of these;
            docs/schedulers.md.
        folds: into how many folds a trial is divided, as in cross-validation; `trial.folds()` goes through them. "3x5"
            is three repeats of five; a list has the instances that a configuration is tried on: seeds, data sets.
        race: whether the scheduler "auto" ends a trial among its folds, once these say that it will not be the best.
        cost: the metric that counts as cost.
        optimizer: what proposes configurations; a plugin's name, or an object.
        scheduler: what decides how far each is run; a plugin's name, or an object. "auto" ends trials early where a
            fidelity is declared and that pays; "whole" ends none.
        learn_from: earlier studies whose results help this one: names, a pattern such as "resnet-*", a label such as
            "project:vision", or studies; {"resnet-1": {"lr": "learning_rate"}} where a parameter is called otherwise
            now. docs/learn-from.md.
        store: where to keep it: "sqlite:///trimtab.db", "postgresql://..."; in memory if None.
        name: the study's name in its store.
        seed: makes every suggestion reproducible; drawn and put on record if None.

    Raises:
        StudyExistsError: the store has a study of that name; `load_study` opens it.
        StudyNotFoundError: the store has no study of a name in `learn_from`.
        ProblemError: metrics, fidelities and the rest do not fit together.
    """
    problem = make_problem(
        space,
        minimize=minimize,
        maximize=maximize,
        objectives=objectives,
        constraints=constraints,
        prefer=prefer,
        target=target,
        fidelity=fidelity,
        folds=folds,
        cost=cost,
    )
    opened = open_store(store)
    engine = passed("optimizers", optimizer)
    try:
        plan = passed_scheduler(scheduler, race=race)
        return create(opened, name, problem, engine, plan, seed, learn_from=learn_from)
    except BaseException:
        opened.close()
        raise


@explained("load_study")
def load_study(
    store: str,
    name: str,
    *,
    optimizer: str | Optimizer[Any] | None = None,
    scheduler: str | Scheduler | None = None,
) -> Study:
    """Open a study that is on record.

    Args:
        store: where it is kept.
        name: which one.
        optimizer: another engine from here on, or the object that is on record where it is no registered plugin; the
            one on record if None.
        scheduler: the object that is on record, where it is no registered plugin.

    Raises:
        StudyNotFoundError: the store has no study of that name.
        StudyMismatchError: the study has another scheduler.
    """
    opened = open_store(store)
    try:
        engine = None if optimizer is None else passed("optimizers", optimizer)
        plan = None if scheduler is None else passed("schedulers", scheduler)
        study = Study(Session(opened, opened.open(name), engine, plan))
        on_record = study.session.ledger.created.scheduler
        if plan is not None and not is_made_by(plan, on_record):
            raise StudyMismatchError(
                f"study {name!r} has the scheduler {shown_settings(on_record)} and keeps it; got "
                f"{shown_settings(settings_of(plan))}."
            )
        return study
    except BaseException:
        opened.close()
        raise


def create(
    store: Store,
    name: str,
    problem: Problem,
    optimizer: Optimizer[Any],
    scheduler: Scheduler,
    seed: int | None,
    objective: Mapping[str, Any] | None = None,
    budget: Mapping[str, Any] | None = None,
    learn_from: LearnFrom | None = None,
    worth: Mapping[str, Any] | None = None,
) -> Study:
    """Create a study in an open store; `objective` is the fingerprint of what will run, within `budget`.

    `worth` says which gain counts, as far as it was told.

    Raises:
        StudyExistsError: there is one of that name.
        ProblemError, StudyNotFoundError: it cannot learn from what it is to learn from.
        ProblemError: the scheduler lacks something.
    """
    given: object = name  # which need not be what its type says
    if not isinstance(given, str) or not given.strip():
        raise ProblemError(f"a study's name is text that is not empty, got {name!r}.")
    learned: dict[str, Any] = {}
    in_line: list[Event] = []
    if learn_from is not None:
        from trimtab.study.learn import lessons, put_first  # imported when used: it brings the models along

        found = lessons(learn_from, store, problem, name)
        learned = {"learn_from": found.asked, "past": found.past, "portfolio": found.portfolio}
        if not (isinstance(optimizer, Learns) and optimizer.learns(problem)):
            in_line = put_first(found, problem)
    require_willing(scheduler, problem)
    created = Created(
        version=FORMAT_VERSION,
        name=name,
        problem=problem.to_json(),
        seed=check_seed(seed),
        optimizer=settings_of(optimizer),
        scheduler=settings_of(scheduler),
        provenance=provenance.gather(objective, budget, worth),
        id=os.urandom(4).hex(),
        exact_ends=True,
        in_arms=len(arms(problem.space)) > 0,
        **learned,
    )
    journal = store.create(name, [created, *in_line])
    return Study(Session(store, journal, optimizer, scheduler, objective, budget, worth))


def require_willing(scheduler: Scheduler, problem: Problem) -> None:
    """Raise where a scheduler cannot do with a problem.

    Raises:
        ProblemError: it lacks something, and says what.
        PluginError: it says what is no text.
    """
    why_not: object = scheduler.refuses(problem) if isinstance(scheduler, Refuses) else ""
    if not isinstance(why_not, str):
        raise PluginError(
            f"the scheduler {type(scheduler).__name__} says in a text why it refuses a problem, an empty one where it "
            f"does not; it said {shown(why_not)}."
        )
    if why_not:
        raise ProblemError(why_not)


def resume(
    store: Store,
    name: str,
    problem: Problem,
    optimizer: Optimizer[Any],
    scheduler: Scheduler,
    seed: int | None,
    objective: Mapping[str, Any],
    terms: Terms = "same",
    budget: Mapping[str, Any] | None = None,
    learn_from: LearnFrom | None = None,
    worth: Mapping[str, Any] | None = None,
) -> Study:
    """Open the study of that name, or create it; `terms` say with which objective one on record goes on.

    Raises:
        StudyMismatchError: it is there and is about something else.
        StudyExistsError: it is there and was not to be.
    """
    journal = _find(store, name)
    if journal is None:
        try:
            return create(store, name, problem, optimizer, scheduler, seed, objective, budget, learn_from, worth)
        except StudyExistsError:
            journal = store.open(name)  # another driver was quicker
    study = Study(Session(store, journal, optimizer, scheduler, objective, budget, worth))
    _require_same(study, name, problem, scheduler, seed, learn_from)
    same_objective.require(study, objective, terms)
    return study


def _find(store: Store, name: str) -> StudyStore | None:
    try:
        return store.open(name)
    except StudyNotFoundError:
        return None


def _require_same(
    study: Study, name: str, problem: Problem, scheduler: Scheduler, seed: int | None, learn_from: LearnFrom | None
) -> None:
    changes = study.problem.differences(problem)
    of_space = study.space.differences(problem.space)
    created = study.session.ledger.created
    if seed is not None and seed != created.seed:
        changes.append(f"seed: was {created.seed}, is now {seed}")
    if not is_made_by(scheduler, created.scheduler) and not _is_older(scheduler, created.scheduler):
        changes.append(f"scheduler: was {created.scheduler}, is now {settings_of(scheduler)}")
    if learn_from is not None:
        from trimtab.study.learn import named  # imported when used: it brings the models along

        asked = named(learn_from)
        if asked and asked != created.learn_from:
            was, now = (", ".join(names) or "no study" for names in (created.learn_from, asked))
            changes.append(f"learn_from: was {was}, is now {now}")
    if changes and changes == of_space:
        url = study.session.store.url
        call = "study" if files_dir(url) is None else f"tt.load_study({url!r}, {name!r})"
        n_over = len(study.table.order)
        raise StudyMismatchError(
            f"study {name!r} is on record with another space ({'; '.join(changes)}). To go on in the new one with the "
            f"{n_over} trials that are over as its evidence: store=tt.refine({call}, space=space), or `trimtab refine "
            f"{name} --file FILE`; what no longer fits stays behind. Or run the new one under another name, or restore "
            "the old space."
        )
    if changes:
        raise StudyMismatchError(
            f"study {name!r} is on record with another definition ({'; '.join(changes)}). "
            "Run the new one under another name, or restore the old definition to go on."
        )


def _is_older(scheduler: Scheduler, on_record: Mapping[str, Any]) -> bool:
    """Return whether a study is from a time when whole trials were the default, and whoever goes on wants the default.

    It keeps what it has: its trials were run so.
    """
    return dict(on_record) == {"name": "whole"} and is_made_by(passed("schedulers", "auto"), settings_of(scheduler))


def make_problem(
    space: Space,
    *,
    minimize: str | None,
    maximize: str | None,
    objectives: Sequence[Metric],
    constraints: Sequence[Metric],
    prefer: Preference | None = None,
    target: float | None,
    fidelity: Fidelity | Sequence[Fidelity] | None,
    folds: FoldsGiven,
    cost: str | None,
) -> Problem:
    """Return the problem that the arguments of `tune` and `create_study` describe.

    Raises:
        ProblemError: they contradict each other.
    """
    if not isinstance(space, Space):
        raise ProblemError(f"space is a tt.Space(lr=tt.Float(1e-5, 1e-1), ...), got {shown(space)}.")
    ways = sum((minimize is not None, maximize is not None, bool(objectives)))
    if ways != 1:
        got = "none of them" if not ways else "more than one of them"
        raise ProblemError(f"say what to optimize with one of minimize=, maximize=, objectives=; got {got}.")
    name = maximize if minimize is None else minimize
    if name is not None and not isinstance(name, str):
        raise ProblemError(
            f"{'minimize' if minimize is not None else 'maximize'} is the name of what the objective returns, as "
            f'"loss", and several are objectives=[tt.minimize("loss"), ...]; got {shown(name)}.'
        )
    if name is not None:
        metrics = [Metric(name, "maximize" if minimize is None else "minimize", target=target)]
    else:
        metrics = listed("objectives", objectives, Metric, '[tt.minimize("loss"), tt.maximize("accuracy")]')
        if target is not None:
            raise ProblemError(
                "target= goes with minimize= or maximize=; give objectives theirs: minimize(.., target=..)."
            )
    fidelities = listed("fidelity", () if fidelity is None else fidelity, Fidelity, 'tt.Fidelity("epoch", 1, 81)')
    bounds = listed("constraints", constraints, Metric, '[tt.at_most("latency", 30)], of what the objective returns')
    n_folds, names = folds_of(folds)
    everything = (*metrics, *bounds)
    return Problem(space, everything, tuple(fidelities), n_folds, cost, names, prefer)


T = TypeVar("T")


def listed(name: str, value: object, kind: type[T], example: str) -> list[T]:
    """Return an argument that is one object of a kind, or several.

    Raises:
        ProblemError: it is something else; the message has the example.
    """
    if isinstance(value, kind):
        return [value]
    items = list(value) if isinstance(value, Iterable) and not isinstance(value, (str, Mapping)) else None
    if items is None or not all(isinstance(item, kind) for item in items):
        raise ProblemError(f"{name} is such as {example}; got {shown(value)}.")
    return items


def check_seed(seed: int | None) -> int:
    """Return the seed, drawn from the system's entropy if None.

    Raises:
        ProblemError: it is no integer from 0 to 2**63 - 1.
    """
    if seed is None:
        return int.from_bytes(os.urandom(4), "big")
    seed = cast("int", as_whole(seed))
    if not is_whole(seed) or not 0 <= seed < 2**63:
        raise ProblemError(f"seed is an integer from 0 to 2**63 - 1, got {seed!r}.")
    return seed


def check_seconds(name: str, value: float) -> float:
    """Return a duration if it is one.

    Raises:
        ProblemError: it is no positive, finite number.
    """
    if not is_number(value) or value <= 0:
        raise ProblemError(f"{name} is a number of seconds above 0, got {value!r}.")
    return float(value)
