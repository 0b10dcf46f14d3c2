"""`tt.tune`: a study from its first trial to its verdict in one call."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from trimtab import plugins
from trimtab.checks import is_whole
from trimtab.errors import PluginError, ProblemError
from trimtab.execute.command import Command
from trimtab.execute.objective import LOADING
from trimtab.execute.protocol import MOST_WORKERS, Executor, Resources, RunsInPoll
from trimtab.execute.script import LoadedEnough
from trimtab.execute.trial import Trial
from trimtab.explain import explained
from trimtab.optim.protocol import Optimizer
from trimtab.schedule.protocol import Scheduler
from trimtab.space.condition import shown
from trimtab.space.folds import FoldsGiven
from trimtab.space.preference import Preference
from trimtab.space.problem import Fidelity, Metric, Problem
from trimtab.space.space import Space
from trimtab.stop.budget import Budget
from trimtab.stop.failures import AllFailed
from trimtab.stop.protocol import Stop
from trimtab.stop.target import Target
from trimtab.storage.url import open_store
from trimtab.study import naming, prompt
from trimtab.study.interrupts import end_without_traceback, ending_in_order
from trimtab.study.loop import Loop
from trimtab.study.open import LearnFrom, check_seconds, make_problem
from trimtab.study.open import resume as open_or_create
from trimtab.study.plugin import passed, passed_scheduler
from trimtab.study.purse import Purse
from trimtab.study.room import room_of
from trimtab.study.same_objective import Terms, check_terms
from trimtab.study.settings import Settings
from trimtab.study.standing import Progress
from trimtab.study.starts import resources_of
from trimtab.study.study import Study

Objective = Callable[[Trial], object]


@explained("tune")
def tune(
    objective: Objective | Command,
    space: Space,
    *,
    minimize: str | None = None,
    maximize: str | None = None,
    objectives: Sequence[Metric] = (),
    constraints: Sequence[Metric] = (),
    prefer: Preference | None = None,
    fidelity: Fidelity | Sequence[Fidelity] | None = None,
    folds: FoldsGiven = None,
    race: bool = True,
    cost: str | None = None,
    budget: Budget | int | None = None,
    target: float | None = None,
    stop: str | Sequence[Stop] = "auto",
    worth: str | None = None,
    epsilon: float | None = None,
    patience: int | None = None,
    workers: int = 1,
    executor: str | Executor | None = None,
    resources: Resources | None = None,
    optimizer: str | Optimizer[Any] = "auto",
    scheduler: str | Scheduler = "auto",
    enqueue: Sequence[Mapping[str, Any]] = (),
    learn_from: LearnFrom | None = None,
    finalize: bool | None = None,
    store: str | Study | None = None,
    name: str | None = None,
    resume: Terms = "same",
    seed: int | None = None,
    retries: int = 2,
    trials_per_worker: int | None = None,
    checkpoints: str | int | None = None,
    lease_s: float = 60.0,
    grace_s: float = 10.0,
    progress: bool | Progress = True,
) -> Study:
    """Tune an objective until a verdict ends the study, and return the study.

    The same call goes on where an earlier one stopped, however it stopped, if `store` is a file or a database: trials
    that ran are run again under their numbers, everything on record is kept, and the budget counts it.

    Args:
        objective: a function of a `tt.Trial` that returns a number or {metric: number}; or a `tt.Command`.
        space: what may be tried.
        minimize: the objective's name, if less is better; or
        maximize: the objective's name, if more is better; or
        objectives: one or more of `tt.minimize(...)`, `tt.maximize(...)`.
        constraints: outcomes that must hold: `tt.at_most(...)`, `tt.at_least(...)`.
        prefer: of several objectives, which trade between them is wanted, as
            `tt.Preference(order=["accuracy", "size"], within={"accuracy": "1%"})`: proposals go there, and `best` is
            the trial that it takes. None for all of the front.
        fidelity: what a trial can be run less of, as `tt.Fidelity("epoch", 1, 81)`, or several of these;
            docs/schedulers.md.
        folds: into how many folds a trial is divided, as in cross-validation; `trial.folds()` goes through them. "3x5"
            is three repeats of five; a list has the instances that a configuration is tried on: seeds, data sets.
        race: whether the scheduler "auto" ends a trial among its folds, once these say that it will not be the best.
        cost: the metric that counts as cost.
        budget: a number of trials, or a `tt.Budget` in trials, hours, cost, epochs, worker-hours, GPU-hours, money, or
            until a deadline; over all runs of the study together. `Study.set_budget` changes it while they go on.
        target: a value of the objective that is good enough.
        stop: "auto" (budget, target, more tuning that is not worth it, and giving up when nothing ever works), "never"
            (budget and target alone), or rules of your own beside budget and target.
        worth: what an improvement is worth, as "0.01 accuracy = 3 gpu_hours": the study ends when no further step is
            expected to be worth its cost. Without it, it ends when a gain of more than `epsilon` is unlikely within
            the budget. docs/worth.md has both.
        epsilon: the gain that counts, in the objective's unit; the noise between results of one configuration if left
            out, and no less than a twentieth of what the search has brought.
        patience: end the study too when the best did not get better in so many trials.
        workers: how many trials run at once; those for which none is left help with the folds of one that runs.
        executor: "serial" (in this process), "processes" (one crash-isolated process a worker), "command", or an
            object; by default serial for one worker, processes for more, command for a `Command`.
        resources: what one trial needs, with its limits of memory and time.
        optimizer: what proposes configurations; a plugin's name, or an object.
        scheduler: what decides how far each is run; a plugin's name, or an object. "auto" ends trials early where a
            fidelity is declared and that pays; "whole" ends none. A study on record keeps the scheduler that it has;
            one that was begun when "whole" was the default goes on with that.
        enqueue: configurations to try first; parameters that are left out are chosen by the optimizer.
        learn_from: earlier studies whose results help this one: names, a pattern such as "resnet-*", a label such as
            "project:vision", or studies; {"resnet-1": {"lr": "learning_rate"}} where a parameter is called otherwise
            now. docs/learn-from.md.
        finalize: whether the best few and the default configuration are run again at the end, on fresh seeds and from
            the budget, so that the winner's figure is no lucky one: True, False, or None to do so where results are
            noisy. `study.final` has what came of it; docs/how-good.md.
        store: where to keep it: "sqlite:///trimtab.db", "postgresql://..."; in memory if None. A study stands for its
            own store: tune goes on with that study.
        name: the study's name in its store; that of the objective if None.
        resume: when to go on with a study of that name: "same" if its objective is the same; "always"; or "never".
            What counts as the same, and how a change is said: docs/execution.md.
        seed: makes every suggestion reproducible; drawn and put on record if None.
        retries: how often a trial is run again whose worker or driver was killed; over all runs of the study together.
        trials_per_worker: after so many trials a worker process is replaced, for objectives that leak; never if None.
        checkpoints: how much room checkpoints may take, as "20 GB" or a number of bytes; any if None. Those go first
            that can no longer be continued, then the oldest and worst; never those of running trials and of the best.
        lease_s: seconds for which this driver may be silent before another one takes its trials over.
        grace_s: seconds between asking a trial to end and ending it.
        progress: whether to show progress: live on a terminal and in a notebook, else in few lines on stderr. False
            still says that trials fail; an object shows it in its own way.

    Raises:
        ProblemError: what is asked for does not fit together.
        StudyMismatchError: a study of that name is on record with another definition, or with results of another
            objective.
        StudyExistsError: a study of that name is on record, and `resume` is "never".
        StoreError: the store cannot be used.
        ExecutorError: the workers cannot be started.
    """
    if os.environ.get(LOADING) == str(os.getpid()):
        raise LoadedEnough  # a worker is loading the objective's script, which calls tune at its top level
    if not callable(objective) and not isinstance(objective, Command):
        raise ProblemError(
            "objective is a function of a trial, or a tt.Command of a program and its arguments; "
            f"got {shown(objective)}."
        )
    if resources is not None and not isinstance(resources, Resources):
        raise ProblemError(f"resources is such as tt.Resources(cpus=2, gpus=1), got {shown(resources)}.")
    given: object = enqueue  # which need not be what its type says
    if isinstance(given, Mapping) or not isinstance(given, Iterable):
        raise ProblemError(f"enqueue is a list of configurations, as [{{'lr': 0.01}}], got {shown(given)}.")
    points: list[Mapping[str, Any]] = list(given)  # a generator gives them once
    if budget is None:
        raise ProblemError(
            "say how much may be spent: budget=100 (trials), or budget=tt.Budget(trials=, hours=, cost=)."
        )
    budget = Budget.of(budget)
    if not is_whole(workers) or workers < 1:
        raise ProblemError(f"workers is a whole number above 0, got {workers!r}.")
    if workers > MOST_WORKERS:
        raise ProblemError(f"workers is at most {MOST_WORKERS:,}, got {shown(workers)}.")
    if not is_whole(retries) or retries < 0:
        raise ProblemError(f"retries is a whole number, 0 or more, got {retries!r}.")
    if trials_per_worker is not None and (not is_whole(trials_per_worker) or trials_per_worker < 1):
        raise ProblemError(f"trials_per_worker is a whole number above 0, got {trials_per_worker!r}.")
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
    from trimtab.study.finale import Finale, check_finalize  # imported when used

    check_finalize(finalize, problem, budget.trials)
    purse = Purse(budget)
    settings = Settings(
        resources=resources or Resources(),
        lease_s=check_seconds("lease_s", lease_s),
        retries=retries,
        grace_s=check_seconds("grace_s", grace_s),
        purse=purse,
        room=room_of(checkpoints),
        workers=workers,
        is_interactive=prompt.is_interactive(),
    )
    budget.check(problem, resources_of(resources))
    stops = _stops(purse, stop, problem, settings.resources, worth=worth, epsilon=epsilon, patience=patience)
    for params in points:
        space.encode_partial(params)  # refused before anything is opened
    if isinstance(objective, Command):
        ends = tuple(f.name for f in problem.fidelities)
        objective.check(space.names, ends, has_folds=problem.folds is not None)
    name = name or (store.name if isinstance(store, Study) else naming.name_of(objective))
    terms = check_terms(resume)
    engine, plan = passed("optimizers", optimizer), passed_scheduler(scheduler, race=race)
    runner = _executor(objective, executor, workers, settings.resources, trials_per_worker)
    try:
        opened = store.session.store if isinstance(store, Study) else open_store(store)
    except BaseException:
        runner.close()
        raise
    try:
        from trimtab.study import fingerprint  # imported when used: it knows many types

        taken = fingerprint.take(objective, space.names)
        study = open_or_create(
            opened, name, problem, engine, plan, seed, taken, terms, budget.to_json(), learn_from=learn_from,
            worth=_terms(stops),
        )  # fmt: skip
        study.enqueue_all(points, once=True)
        finale = None if finalize is False else Finale(study.session, finalize, purse, workers, goes_on=stop == "never")
        loop = Loop(study.dispatch, runner, stops, settings, _progress(progress, study), finale)
    except BaseException:
        runner.close()
        if not isinstance(store, Study):
            opened.close()
        raise
    if isinstance(runner, RunsInPoll) and runner.on_message is None:
        runner.on_message = loop.on_message
    with ending_in_order():
        try:
            loop.run()
        except KeyboardInterrupt as interrupt:
            end_without_traceback(interrupt, f"{study.name}: {loop.reason}" if progress is False else "")
            raise
        finally:
            if "in_process" in runner.traits and not isinstance(objective, Command):
                fingerprint.remember(objective, taken, space.names)
    return study


def _stops(
    purse: Purse,
    stop: object,
    problem: Problem,
    resources: Resources,
    *,
    worth: str | None,
    epsilon: float | None,
    patience: int | None,
) -> list[Stop]:
    from trimtab.stop.patience import Patience  # imported when used: what these read takes some time to load
    from trimtab.stop.worth import Worth

    if stop != "auto" and (worth is not None or patience is not None):
        name = "worth" if worth is not None else "patience"
        raise ProblemError(f'{name}= goes with stop="auto", which it is a part of; got stop={shown(stop)}.')
    taken = resources_of(resources)
    rule = Worth(
        budget=purse,
        epsilon=epsilon,
        rate=worth,
        prices=purse.asked.prices or {},
        cpus=taken.get("cpu", 0.0),
        gpus=taken.get("gpu", 0.0),
        is_final=stop == "auto",
    )
    rule.check(problem)
    waits = [] if patience is None else [Patience(patience)]
    if stop == "auto":
        return [Target(), purse, *waits, rule, AllFailed()]
    if stop == "never":  # what fails may cost nothing: a budget of cost alone would never end it
        budget = purse.asked
        endless = budget.trials is None and budget.hours is None and budget.until is None
        return [Target(), purse, rule, AllFailed()] if endless else [Target(), purse, rule]
    if isinstance(stop, str) or not isinstance(stop, Iterable) or not all(isinstance(rule, Stop) for rule in stop):
        raise ProblemError(
            f'stop is "auto", "never" or a list of stopping rules; got {shown(stop)}: a number of trials is budget=, a '
            "value that is good enough target=."
        )
    return [Target(), purse, *stop]


def _terms(stops: Iterable[Stop]) -> dict[str, Any]:
    """Return which gain counts and what it is worth, as it is put on record; nothing where no rule of ours looks."""
    from trimtab.stop.worth import Worth  # imported when used, see `_stops`

    return next((rule.to_json() for rule in stops if isinstance(rule, Worth)), {})


def _executor(
    objective: Objective | Command,
    executor: str | Executor | None,
    workers: int,
    resources: Resources,
    trials_per_worker: int | None,
) -> Executor:
    if executor is None:
        executor = "command" if isinstance(objective, Command) else "serial" if workers == 1 else "processes"
    if trials_per_worker is not None and executor != "processes":
        given = repr(executor) if isinstance(executor, str) else f"a {type(executor).__name__}"
        raise ProblemError(
            f'trials_per_worker goes with executor="processes", whose workers run many trials; got {given}.'
        )
    if not isinstance(executor, str):
        return _is_executor(executor)
    factory = plugins.load("executors", executor)
    if isinstance(objective, Command) != (executor == "command"):
        runs, other = ("functions", "a Command") if isinstance(objective, Command) else ("a Command", "a function")
        right = '"command"' if isinstance(objective, Command) else '"serial" or "processes"'
        raise ProblemError(f"executor={executor!r} runs {runs}; {other} is run by {right}.")
    if executor == "serial" and workers > 1:
        raise ProblemError(f'executor="serial" runs one trial at a time; workers={workers} needs "processes".')
    options = {} if trials_per_worker is None else {"trials_per_worker": trials_per_worker}
    return _is_executor(factory(objective, workers=workers, resources=resources, **options))


def _is_executor(runner: object) -> Executor:
    """Return `runner`, which a person passed or a plugin made, if it is an executor.

    Raises:
        PluginError: it is none.
    """
    if isinstance(runner, type) or not isinstance(runner, Executor):
        known = ", ".join(map(repr, plugins.names("executors")))
        raise PluginError(
            f"executor= is one of {known}, or an Executor of trimtab.execute.protocol; got {shown(runner)}."
        )
    return runner


def _progress(progress: bool | Progress | None, study: Study) -> Progress:  # noqa: FBT001 - as tune takes it
    if progress is None or isinstance(progress, bool):
        return _is_progress(plugins.load("progress", "auto")(study.name, quiet=progress is False))
    return _is_progress(progress)


def _is_progress(progress: object) -> Progress:
    if isinstance(progress, type) or not isinstance(progress, Progress):
        raise ProblemError(
            f"progress= is True, False or an object with update(status) and close(status), got {shown(progress)}."
        )
    return progress
