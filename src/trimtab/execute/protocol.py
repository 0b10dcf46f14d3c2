"""What an executor is: it starts trials, and reports their fate and what they say."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, TypeAlias, runtime_checkable

from trimtab.checks import is_number
from trimtab.clock import Clock
from trimtab.errors import ExecutorError
from trimtab.explain import explained_class

Params: TypeAlias = dict[str, Any]

MOST_WORKERS = 10_000
"""Trials that one driver runs at once: more processes than a machine has room for."""


@explained_class
@dataclass(frozen=True, slots=True, kw_only=True)
class Resources:
    """What one trial needs.

    Attributes:
        cpus, gpus: how many; a fraction of a GPU shares it.
        memory: bytes; a trial that holds more is ended as "oom".
        custom: other countable resources by name.
        nodes: machines, for gang-scheduled trials.
        limit_s: seconds; a trial that runs longer is ended as "timeout".

    Raises:
        ExecutorError: an amount that is no amount.
    """

    cpus: float = 1
    gpus: float = 0
    memory: int | None = None
    custom: Mapping[str, float] = field(default_factory=dict)
    nodes: int = 1
    limit_s: float | None = None

    def __post_init__(self) -> None:
        for name, amount in {"cpus": self.cpus, "gpus": self.gpus, **self.custom}.items():
            if not is_number(amount) or amount < 0:
                raise ExecutorError(f"Resources({name}=...) is a number, 0 or more; got {amount!r}.")
        if self.memory is not None and (not is_number(self.memory) or self.memory <= 0):
            raise ExecutorError(
                f"Resources(memory=...) is a number of bytes above 0, like 4 << 30; got {self.memory!r}."
            )
        if not is_number(self.nodes) or self.nodes < 1 or self.nodes != int(self.nodes):
            raise ExecutorError(f"Resources(nodes=...) is a whole number above 0; got {self.nodes!r}.")
        if self.limit_s is not None and (not is_number(self.limit_s) or self.limit_s <= 0):
            raise ExecutorError(f"Resources(limit_s=...) is a number of seconds above 0; got {self.limit_s!r}.")

    def require_one_machine(self, executor: str) -> None:
        """Raise where these are more than an executor on one machine can give.

        Raises:
            ExecutorError: several nodes, or resources that it does not know how to count.
        """
        if self.nodes > 1:
            raise ExecutorError(
                f'executor="{executor}" runs on one machine and cannot give a trial {self.nodes} nodes.'
            )
        if self.custom:
            raise ExecutorError(
                f'executor="{executor}" counts cpus, gpus and memory, not {", ".join(map(repr, self.custom))}.'
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One attempt at one trial.

    Attributes:
        number, attempt: which trial, which try; results of an older attempt are refused (fencing).
        token: names this attempt uniquely, for programs that report from outside.
        params: the decoded configuration.
        fidelity: name -> value at which to end; empty where the problem has none.
        start: name -> first step to run where fidelities count from something else than 1.
        counts: the name of the fidelity that counts steps; None where none does.
        resume_from: the trial that this one continues, None for none.
        resume_dir: that trial's checkpoint folder, of which this one begins with a copy (`execute.descent`).
        metrics: names that the trial must return.
        checkpoint_dir: the trial's own folder, shared by all its attempts.
        log_dir: folder of this attempt; stdout.log and stderr.log are kept there.
        seed: a seed for the trial's own randomness, a function of study and number.
        names: all parameters of the space, active or not.
        folds: into how many folds a trial is divided; None where the problem does not say.
        fold_names: what the folds are called; empty where they have numbers alone.
        cells: the folds that are still to be run, in this order; None for all of them, in theirs.
        is_shared: whether which fold comes next is asked for, since several workers may be at this attempt.
        helper: counts those that help with its folds, from 1; 0 is whoever was given the attempt.
    """

    number: int
    attempt: int
    token: str
    params: Params
    fidelity: Mapping[str, float]
    resume_from: int | None
    metrics: tuple[str, ...]
    checkpoint_dir: Path
    log_dir: Path
    resume_dir: Path | None = None
    study: str = ""
    start: Mapping[str, float] = field(default_factory=dict)
    counts: str | None = None
    resources: Resources = field(default_factory=Resources)
    seed: int = 0
    names: tuple[str, ...] = ()
    folds: int | None = None
    cells: tuple[int, ...] | None = None
    fold_names: tuple[str, ...] = ()
    is_shared: bool = False
    helper: int = 0

    @property
    def handle(self) -> str:
        """What a local executor calls this attempt, or whoever helps with it."""
        return f"{self.number}/{self.attempt}" + (f"/{self.helper}" if self.helper else "")


@dataclass(frozen=True, slots=True)
class Started:
    """The trial's code has begun to run."""

    number: int
    attempt: int
    pid: int | None = None


@dataclass(frozen=True, slots=True)
class Reported:
    """The trial reported intermediate values, unchecked, as it gave them; in one of its folds, or as a whole (None).

    With a fold and the step `AT_END` they are the value of that fold.
    """

    number: int
    attempt: int
    step: float
    values: Mapping[str, object]
    fold: object = None


@dataclass(frozen=True, slots=True)
class Noted:
    """The trial wrote something down about itself."""

    number: int
    attempt: int
    key: str
    value: object


@dataclass(frozen=True, slots=True)
class Exited:
    """The attempt is over, through its own doing.

    Exactly one of these holds: `failure` is None and `values` is what the objective returned, unchecked; or `failure`
    names the kind ("exception", "oom", "timeout", "killed") and `error` says what happened, in one line first; or
    `stopped` holds the reason with which the trial was halted. Where `values` is None, `error` may say what was missed,
    in case that reports hold no result either. Where helpers ran some of its folds, `own` are those
    that whoever was given it took itself: what the objective returned is of no others.
    """

    number: int
    attempt: int
    values: object = None
    failure: str | None = None
    error: str = ""
    stopped: str | None = None
    seconds: float = 0.0
    own: tuple[int, ...] | None = None

    @property
    def is_part(self) -> bool:
        """Whether helpers ran some of its folds."""
        return self.own is not None


@dataclass(frozen=True, slots=True)
class Lost:
    """The attempt is gone through no fault of its own (a killed worker, a lost machine); it may be run again.

    `blames_trial` says whether the trial may have brought it about after all, so that it is not run again for ever.
    """

    number: int
    attempt: int
    reason: str
    blames_trial: bool = True


Message: TypeAlias = Started | Reported | Noted | Exited | Lost


Sink: TypeAlias = Callable[[Message], str | None]
"""What takes in a message at once, and returns why its trial is to end, or None."""


@runtime_checkable
class Executor(Protocol):
    """Runs tasks. Decides nothing: whether a lost trial runs again is the study's business. No base class is needed.

    **Life cycle.** One executor serves one run of one study. The driver calls `attach` first, where there is something
    to take up; then `submit` as often as `free` allows, and `poll`, by turns; `halt` and `cancel` for trials that are
    to end; `close` at last, however the run ended, of an executor that was passed as an object too. It is used for
    nothing else afterwards.

    **What is said of an attempt**, in this order: `Started` (once the trial's code runs), any number of `Reported` and
    `Noted`, and one `Exited` or `Lost`, after which nothing more. Values are passed on as the trial gave them: the
    study checks them. Messages of different attempts come in the order in which they happened, as far as that is known.

    **What is kept where.** An executor remembers what it runs, by handle, and nothing of trials that are over. The
    folders `task.checkpoint_dir` and `task.log_dir` are the trial's own; whoever runs it makes them, and gives a trial
    that continues another its copy of `task.resume_dir` before its first attempt (`trimtab.execute.descent`).

    **Threads.** All methods are called in the driver's thread, one after the other, but for `RunsInPoll`. Interrupts
    (Ctrl-C) may surface in any of them; `close` is called after.

    **Errors.** What `submit` or `poll` raises ends the run: `ExecutorError` where workers cannot be had at all. A trial
    that cannot be run is no such error: it is `Exited` with a failure, or `Lost`. `halt` and `cancel` of a trial that
    is over do nothing.

    `trimtab.testing.executors.ExecutorContract`, and `IsolatedExecutorContract` for one process or machine a trial,
    hold all of this as tests.

    Attributes:
        traits: what the driver and the contract need to know of it: "in_process" (trials run in the driver's process,
            so that proposals are not made in a thread beside them), "durable" (what it runs outlives the driver, and
            `attach` takes it up), "gpu" (it sees to it that trials have GPUs of their own). Others say nothing yet.
    """

    traits: frozenset[str]

    def free(self) -> int | None:
        """Return how many more tasks may be submitted now, 0 once closed.

        None when it takes any number: it is then given as many at once as the run has `workers`.
        """
        ...

    def submit(self, task: Task) -> str:
        """Begin a task and return a handle to it, under which `halt` and `cancel` know it; it does not wait for it.

        A handle is unique among all attempts that this executor ever ran: `task.handle` is among those of one study.
        That of a durable executor goes on record, and is what a later driver passes to `attach`.

        Raises:
            ExecutorError: none is free, or it is closed.
        """
        ...

    def poll(self, timeout: float) -> Sequence[Message]:
        """Return what happened since the last poll, waiting up to `timeout` seconds for the first message.

        With a timeout of 0 it returns at once. An executor that runs trials in here returns when one has ended.
        """
        ...

    def halt(self, handle: str, reason: str) -> None:
        """Ask the trial to end at its next report; it then exits with `stopped=reason`. No matter if it has ended."""
        ...

    def cancel(self, handle: str, grace: float) -> None:
        """End the trial by force after `grace` seconds, if it has not ended by then; it does not wait for that.

        It is reported as Exited(stopped=...) if it was halted, else with failure "killed".
        """
        ...

    def attach(self, handles: Iterable[str]) -> None:
        """Take up tasks of an earlier driver; only executors with the trait "durable" can.

        Their handles are put on record as soon as `submit` has returned them; of a driver that was killed in between,
        the trial runs again, as another attempt, and what the first one brings is refused. From here on `poll` tells of
        them; of one that is not there any more, that it was `Lost`. What was told before may be told again.
        """
        ...

    def close(self) -> None:
        """End everything that still runs and release all resources. Safe to call twice.

        A durable executor lets go of what runs instead, for the next driver to attach to.
        """
        ...


@runtime_checkable
class Timed(Protocol):
    """An executor in a time of its own: while it runs a study, the study goes by its clock."""

    clock: Clock


@runtime_checkable
class SharesFolds(Protocol):
    """An executor whose workers may help with the folds of a trial that another one runs.

    **One attempt.** To the study it stays one: there is one `Started`, and one end. The executor sees to it that each
    fold is run once, and passes on what helpers report as if whoever was given the attempt had: of each the fold that
    it has, and nothing else.

    **How folds are given out.** An executor that lets others help runs `replace(task, is_shared=True)`. Then
    `trial.folds()` asks the channel for one fold after the other (`trimtab.execute.trial.GivesFolds`): those of
    `task.cells`, all of `range(task.folds)` where that is None. A helper is given `replace(task, helper=n)`, n counting
    from 1 within the attempt, with a folder of its own for logs; it runs the same objective and asks likewise. Whoever
    asks is through with the fold before. Whoever was given the attempt waits while folds are out that may come back,
    and gets None once none is; a helper gets None as soon as none is open.

    **What a helper brings on itself** is not the attempt's: a fold that it had and did not report (with the step
    `AT_END`) is open again, and whoever was given the attempt runs it. A fault of the objective shows there too.

    **The end** comes after the last report of a helper. `Exited.own` then has the folds that whoever was given the
    attempt took itself, so that the study knows of which the objective has returned something. If that worker is lost,
    so is the attempt: what helpers reported until then is on record, and the next attempt leaves it out. `halt` and
    `cancel` are for all who are at work on the attempt.

    **Whether folds can be run apart** is the executor's to know. They cannot where a trial keeps files in its
    checkpoint folder, or reports of several folds at once. Those of this package let one worker run a first fold alone,
    and look.

    `trimtab.testing.executors.SharingExecutorContract` holds this as tests.
    """

    def share(self) -> None:
        """Have workers that are idle help, since nothing else can be started now; `free` counts them out meanwhile.

        Called again and again while that is so, whether or not there is anything to help with.
        """
        ...


@runtime_checkable
class RunsInPoll(Protocol):
    """An executor that runs each trial inside `poll`, and so can pass on at once what the trial says on its way.

    The driver sets `on_message` where it is None. What was passed to it is not returned by `poll` again. While it has a
    message, the driver may call `halt` and `cancel`.
    """

    on_message: Sink | None
