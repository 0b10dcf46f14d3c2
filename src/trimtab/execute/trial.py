"""What an objective gets: its parameters, and the ways to report, to note and to go on from a checkpoint."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, Protocol, runtime_checkable

from trimtab.errors import ObjectiveError, ProblemError, TrialStopped, UsageError
from trimtab.execute.descent import take_over
from trimtab.execute.fold import FOLD, check_fold, take_fold
from trimtab.execute.plain import as_number, plain
from trimtab.execute.protocol import Message, Noted, Params, Reported, Task
from trimtab.explain import Explained
from trimtab.ledger.curves import AT_END
from trimtab.text import valid

CHECKPOINT_FILE = "checkpoint.json"
"""Marks, in the checkpoint folder of a trial, the last step that has a checkpoint."""


class Channel(Protocol):
    """How a trial speaks to whoever runs it."""

    def send(self, message: Message) -> None:
        """Pass a message on, in order."""
        ...

    def halted(self) -> str | None:
        """Return the reason to end if one has arrived; never waits for one."""
        ...


@runtime_checkable
class GivesFolds(Protocol):
    """A channel that knows which fold comes next, where several workers share those of a trial."""

    def next_fold(self) -> int | None:
        """Wait for the next fold, and return it; None where none is left."""
        ...


class Trial(Explained):
    """One attempt at one configuration, seen from inside.

    Example:
        ```python
        def train(trial):
            model = build(**trial.params)
            steps = trial.steps()
            if trial.checkpoint is not None:
                model.load(trial.checkpoint_dir / "model.bin")
            for epoch in steps:
                loss = fit_one_epoch(model)
                model.save(trial.checkpoint_dir / "model.bin")
                trial.mark_checkpoint(epoch)
                trial.report(epoch, loss=loss)
            return {"loss": loss}
        ```

    Args:
        task: what is to be run.
        channel: where messages go.
    """

    __slots__ = ("_channel", "_has_asked", "_task")

    def __init__(self, task: Task, channel: Channel) -> None:
        self._task = task
        self._channel = channel
        self._has_asked = False  # for folds

    if not TYPE_CHECKING:  # a trial is no mapping, for a type checker either

        def __getitem__(self, name: object) -> NoReturn:
            name = name if name in self.params else next(iter(self.params), name)
            raise UsageError(f"a Trial is no mapping; its parameters are one: trial.params[{name!r}].")

    def __repr__(self) -> str:
        return f"Trial(number={self.number}, attempt={self.attempt}, params={self.params})"

    def __reduce__(self) -> NoReturn:
        raise ObjectiveError(
            f"trial {self.number} stays in the process that was given it: send what it holds, as trial.params, and "
            "give back what is to be reported."
        )

    @property
    def number(self) -> int:
        """Counts the trials of a study from 0."""
        return self._task.number

    @property
    def attempt(self) -> int:
        """Counts from 1; above 1 when an earlier attempt at this trial was lost."""
        return self._task.attempt

    @property
    def params(self) -> Params:
        """The configuration: the value of every active parameter by name."""
        return self._task.params

    @property
    def fidelity(self) -> dict[str, float]:
        """Where this trial is to end, by the fidelity's name; empty where the problem has none."""
        return dict(self._task.fidelity)

    @property
    def parent(self) -> int | None:
        """The number of the trial that this one continues."""
        return self._task.resume_from

    @property
    def seed(self) -> int:
        """A seed for the trial's own randomness: a function of the study's seed and the trial's number."""
        return self._task.seed

    @property
    def token(self) -> str:
        """Names this attempt among all attempts of all studies."""
        return self._task.token

    @property
    def study(self) -> str:
        """The name of the study."""
        return self._task.study

    @property
    def checkpoint_dir(self) -> Path:
        """A folder that all attempts at this trial share; made on first use.

        A trial that continues another begins with a copy of what that one left here.
        """
        take_over(self._task)  # nobody did so before, where a trial was asked for by hand
        self._task.checkpoint_dir.mkdir(parents=True, exist_ok=True)
        return self._task.checkpoint_dir

    @property
    def checkpoint(self) -> int | None:
        """The step that was last passed to `mark_checkpoint`, by this trial or one that it continues; None if none was.

        Raises:
            ObjectiveError: the mark was damaged by somebody else.
        """
        take_over(self._task)
        path = self._task.checkpoint_dir / CHECKPOINT_FILE
        try:
            return int(json.loads(path.read_text())["step"])
        except FileNotFoundError:
            return None
        except (ValueError, KeyError, TypeError):
            raise ObjectiveError(f"{path} is not what mark_checkpoint wrote; remove it to begin anew.") from None

    def steps(self, fidelity: str | None = None) -> range:
        """Return the steps still to run: after the last marked checkpoint, up to the assigned fidelity inclusive.

        Steps count from 1, whatever the fidelity's lowest is: that is the least that tells anything, and no step before
        it is left out. Where it is 0 or less, they count from there.

        Args:
            fidelity: which one counts the steps; if left out the only one, or of several the first that goes from 0 or
                1 to a whole number above, or else from one whole number to another: schedulers and budgets go by it.

        Raises:
            ProblemError: the problem has no fidelity, or none of that name, or one that does not count whole steps.
        """
        name, end = self._counted(fidelity)
        low = min(1, self._task.start.get(name, 1))
        if end != int(end) or low != int(low):
            raise ProblemError(
                f"steps() counts whole steps and this trial's {name!r} goes from {low:g} to {end:g}; "
                f"read trial.fidelity[{name!r}] instead."
            )
        checkpoint = self.checkpoint
        return range(int(low) if checkpoint is None else checkpoint + 1, int(end) + 1)

    def _counted(self, name: str | None) -> tuple[str, float]:
        fidelity = self._task.fidelity
        if not fidelity:
            raise ProblemError(
                "steps() counts to the assigned fidelity and this problem has none; "
                'give tune fidelity=tt.Fidelity("epoch", 1, 81).'
            )
        if name is None and self._task.counts is None and len(fidelity) > 1:
            raise ProblemError(
                "this problem has several fidelities, and none goes from one whole number to another; "
                f"read trial.fidelity instead, as trial.fidelity[{next(iter(fidelity))!r}]."
            )
        name = self._task.counts or next(iter(fidelity)) if name is None else name
        if name not in fidelity:
            raise ProblemError(f"no fidelity is called {name!r}; there are: {', '.join(fidelity)}.")
        return name, fidelity[name]

    def folds(self) -> Iterator[int]:
        """Iterate over the folds still to be run, counted from 0; say of each how it did with `report(fold=...)`.

        Which comes next is chosen: those that tell configurations apart come first. Folds that an earlier attempt at
        this trial reported are left out, and none comes any more once the trial is to end. A trial that returns nothing
        and reported every fold has the mean over its folds as its result. Workers that are idle may help with such a
        trial: the objective runs in each of them, and folds that one has, others do not get.

        Example:
            ```python
            def objective(trial):
                for fold in trial.folds():
                    train, test = SPLITS[fold]
                    model = build(**trial.params).fit(X[train], y[train])
                    trial.report(fold=fold, accuracy=model.score(X[test], y[test]))
            ```

        Raises:
            ProblemError: the problem has no folds.
        """
        n = self._task.folds
        if n is None:
            raise ProblemError(
                "folds() goes through the folds of a trial and this problem has none; give tune folds=5."
            )
        folds = range(n) if self._task.cells is None else self._task.cells
        return self._given(folds) if self._task.is_shared else self._still(folds)

    def fold_name(self, fold: int) -> str:
        """Return what a fold is called: an instance that was declared, `1-4` of several repeats, else its number."""
        return self._task.fold_names[fold] if self._task.fold_names else str(fold)

    def _still(self, folds: Sequence[int]) -> Iterator[int]:
        for fold in folds:
            if self.should_stop:
                return
            yield fold

    def _given(self, folds: Sequence[int]) -> Iterator[int]:
        """Ask for one fold after the other; whoever goes through them once more gets them all."""
        if self._has_asked:
            yield from self._still(folds)
            return
        self._has_asked = True
        channel = self._channel
        if not isinstance(channel, GivesFolds):
            raise TypeError(f"a {type(channel).__name__} gives no folds.")
        while not self.should_stop:
            fold = channel.next_fold()
            if fold is None:
                break
            yield fold
        self._channel.halted()  # it may have been told to end while it waited

    @property
    def should_stop(self) -> bool:
        """Whether the trial is to end: for loops that look here instead of letting `report` end them.

        Once it was true, the trial counts as stopped, whatever the objective then returns. Looking waits for nothing.

        Example:
            ```python
            while not trial.should_stop and not converged:
                epoch += 1
                trial.report(epoch, loss=fit_one_epoch(model), raises=False)
            return validate(model)
            ```
        """
        return self._channel.halted() is not None

    def report(
        self,
        step: float | None = None,
        /,
        values: Mapping[str, object] | float | None = None,
        *,
        fold: int | None = None,
        raises: bool = True,
        **named: object,
    ) -> None:
        """Say how the trial does at `step`, or how it did in a fold, and end here if the scheduler says so.

        Args:
            step: how far the trial is, usually the epoch. Left out, with a fold, these are the values of that fold,
                which is through.
            values: {metric: value}, or a number where there is one metric.
            fold: of which fold these are the values, counted from 0; None for the trial as a whole.
            raises: whether to end here; False for a loop that looks at `should_stop` and ends itself.
            named: more values, as `loss=0.3`.

        Raises:
            TrialStopped: the trial is to end; let it pass, or clean up and raise it again.
            ObjectiveError: the step is no finite number, the fold is none, there is neither, or nothing to report.
        """
        if "step" in named:
            raise ObjectiveError("the step comes first and without a name, as trial.report(3, loss=0.3).")
        at = AT_END if step is None else as_number(step)
        if at is None:
            raise ObjectiveError(f"report's step is a finite number, got {step!r}.")
        if values is not None and not isinstance(values, Mapping):
            metrics = self._task.metrics
            if len(metrics) != 1:
                given = repr(values) if step is None else f"{step:g}, {values!r}"
                raise ObjectiveError(f"report({given}) does not say which metric: there are {', '.join(metrics)}.")
            values = {metrics[0]: values}
        said: dict[str, Any] = plain({**(values or {}), **named, **({} if fold is None else {FOLD: fold})})
        of_fold = check_fold(take_fold(said, self._task.metrics), self._task.folds)
        if step is None and of_fold is None:
            raise ObjectiveError(
                "a report says at which step, as report(3, loss=0.3), or of which fold, as "
                "report(fold=2, loss=0.3); the result of a trial is what it returns."
            )
        if not said:
            of = f"{step:g}, " if step is not None else f"fold={of_fold}, "
            raise ObjectiveError(f"report({of[:-2]}) reports nothing; give it values, as report({of}loss=0.3).")
        self._channel.send(Reported(self.number, self.attempt, at, said, of_fold))
        reason = self._channel.halted()
        if reason is not None and raises:
            raise TrialStopped(reason)

    def mark_checkpoint(self, step: int) -> None:
        """Mark that `checkpoint_dir` now holds all that is needed to go on after `step`.

        Call it after the checkpoint's own files are written. The mark is replaced in one piece: a trial that dies in
        between goes on from the mark before.

        Raises:
            ObjectiveError: the step is no whole number.
        """
        at = as_number(step)
        if at is None or at != int(at):
            raise ObjectiveError(f"mark_checkpoint takes a whole step, got {step!r}.")
        folder = self.checkpoint_dir
        draft = folder / f".{CHECKPOINT_FILE}.{os.getpid()}"
        with draft.open("w") as file:
            json.dump({"step": int(at), "number": self.number, "attempt": self.attempt}, file)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(folder / CHECKPOINT_FILE)

    def note(self, key: str, value: object) -> None:
        """Write something down about this trial: text, a number, or lists and mappings of them.

        Raises:
            ObjectiveError: the key is not text.
        """
        if not key or type(key) is not str:
            raise ObjectiveError(f"a note's key is text that is not empty, got {key!r}.")
        self._channel.send(Noted(self.number, self.attempt, valid(key), plain(value)))
