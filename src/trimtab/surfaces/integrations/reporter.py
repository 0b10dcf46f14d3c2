"""What all integrations do: pick the metrics, report them, keep checkpoints, and remember what was said last.

Each checkpoint is a folder `step-<n>` in the trial's checkpoint folder. It is written under another name, renamed, and
then marked (`Trial.mark_checkpoint`); only then the one before is removed. So whenever a process is killed, the mark
names a folder that is whole.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import trimtab as tt
from trimtab.errors import ObjectiveError

Metrics: TypeAlias = str | Sequence[str] | Mapping[str, str]
"""Which of a library's numbers are reported: the name of the one that is the study's metric; several, under their own
names; or {the study's name: the library's name}."""

Reported: TypeAlias = float | dict[str, float]
"""What was reported, in the form in which an objective may return it."""

LAST = "reported.json"
"""Holds, in the folder of a checkpoint, what was reported last."""


class Reporter:
    """One trial's reports and checkpoints, for the callback of some library.

    Attributes:
        trial: the trial that is reported for.
        speaks: whether this process reports and writes; in a group of processes one does, and the others keep step.
        step: the last step that was reported or restored; 0 before the first.
        restored_step: the step that was restored; 0 if none was.
        last: what was reported at that step, also by the attempt or trial that this one goes on from; None if nothing
            was. What the objective may return.

    Args:
        trial: what the objective was given.
        every: a checkpoint is written after so many steps, and after the last; None for none.

    Raises:
        ObjectiveError: `trial` is no trial, `every` is no number of steps, or what is marked as the checkpoint was
            written by something else.
    """

    def __init__(self, trial: tt.Trial | None, every: int | None) -> None:
        if not isinstance(trial, tt.Trial):
            raise ObjectiveError(
                f"Report takes the Trial that the objective is given, or a program's tt.this_trial(); got {trial!r}."
            )
        check_every(every)
        self.trial = trial
        self.speaks = True
        self.every = every
        self.step = 0
        self.last: Reported | None = None
        folder = self.restored
        if folder is not None:
            self.step = trial.checkpoint or 0
            self.last = json.loads((folder / LAST).read_text(encoding="utf-8"))
        self.restored_step = self._kept = self.step

    @property
    def restored(self) -> Path | None:
        """The folder of the last whole checkpoint, of this trial or the one that it continues; None if there is none.

        Where none are to be written, those that the objective marks are its own affair.
        """
        step = self.trial.checkpoint
        if step is None or self.every is None:
            return None
        folder = self.trial.checkpoint_dir / f"step-{step}"
        if not (folder / LAST).is_file():
            raise ObjectiveError(
                f"step {step} is marked as the checkpoint, and {folder} is not there: something else marked it. "
                "Let one of them write checkpoints, with checkpoint_every=None for the other."
            )
        return folder

    def report(self, step: int, values: Reported) -> bool:
        """Report, and return whether the trial is to end; nothing is raised for that, so that training ends cleanly."""
        self.step, self.last = step, values
        if not self.speaks:
            return False
        self.trial.report(step, values, raises=False)
        return self.trial.should_stop

    def keep(
        self, write: Callable[[Path], object], *, at_end: bool, of: tuple[int, Reported | None] | None = None
    ) -> None:
        """Write a checkpoint if one is due.

        Args:
            write: writes the checkpoint's files into the folder that it is given; called in all processes of a group,
                in one that does not speak with a folder that is not there.
            at_end: training ends here, so that whoever continues the trial goes on from here.
            of: after which step, and what was reported at it; the last one if None.
        """
        step, last = (self.step, self.last) if of is None else of
        if self.every is None or step == self._kept or not (at_end or step % self.every == 0):
            return
        self._kept = step
        home = self.trial.checkpoint_dir
        folder, draft = home / f"step-{step}", home / f".step-{step}.{os.getpid()}"
        if not self.speaks:
            write(draft)
            return
        for leftover in (*home.glob(".step-*"), folder):
            shutil.rmtree(leftover, ignore_errors=True)
        draft.mkdir()
        write(draft)
        (draft / LAST).write_text(json.dumps(last), encoding="utf-8")
        _settle(draft)
        draft.rename(folder)
        _sync(home)
        self.trial.mark_checkpoint(step)
        for older in home.glob("step-*"):
            if older != folder:
                shutil.rmtree(older, ignore_errors=True)


class Picker:
    """Picks the metrics that were asked for from what a library says.

    Args:
        metrics: which.
        library: what the library is called, for messages.

    Raises:
        ObjectiveError: `metrics` names nothing.
    """

    def __init__(self, metrics: Metrics, library: str) -> None:
        self._library = library
        self._single = metrics if isinstance(metrics, str) else None
        if isinstance(metrics, str):
            self._names = {metrics: metrics}
        elif isinstance(metrics, Mapping):
            self._names = {str(ours): str(theirs) for ours, theirs in metrics.items()}
        else:
            self._names = {name: name for name in metrics}
        if not all(self._names.values()) or not self._names:
            raise ObjectiveError(f'metrics= names what {library} measures, as "val_loss"; got {metrics!r}.')
        self._said: dict[str, None] = {}
        self._was_found = False

    def pick(self, said: Mapping[str, Any]) -> Reported | None:
        """Return what is to be reported; None where any of it is not said, as in an epoch without validation."""
        self._said.update(dict.fromkeys(said))
        if any(name not in said for name in self._names.values()):
            return None
        self._was_found = True
        values = {ours: float(said[theirs]) for ours, theirs in self._names.items()}
        return values[self._single] if self._single is not None else values

    def require(self, said: Mapping[str, Any]) -> Reported:
        """Return what is to be reported, where a library says the same at each step.

        Raises:
            ObjectiveError: some of it is not said.
        """
        values = self.pick(said)
        if values is None:
            raise self._missing()
        return values

    def require_any(self) -> None:
        """Check, at the end of a training, that something was reported.

        Raises:
            ObjectiveError: something was said, and never all that was asked for.
        """
        if self._said and not self._was_found:
            raise self._missing()

    def _missing(self) -> ObjectiveError:
        name = next((name for name in self._names.values() if name not in self._said), None)
        said = ", ".join(self._said) or "nothing"
        if name is None:
            return ObjectiveError(f"{self._library} never says {', '.join(self._names.values())} at the same step.")
        return ObjectiveError(f"{self._library} says nothing of {name!r}, which is to be reported; it says: {said}.")


def reported(values: Mapping[str, Any] | float | None, named: Mapping[str, Any]) -> Reported:
    """Return what a call `report(step, values, name=value)` says, with plain numbers.

    Raises:
        ObjectiveError: it says nothing, or a number beside names.
    """
    if values is None or isinstance(values, Mapping):
        said = {str(name): float(value) for name, value in {**(values or {}), **named}.items()}
        if not said:
            raise ObjectiveError("report takes values, as report(epoch, loss=0.3).")
        return said
    if named:
        raise ObjectiveError(f"report takes a number or names, as report(epoch, loss=0.3); got {values!r} and {named}.")
    return float(values)


def check_parts(kept: Mapping[str, object], wanted: Mapping[str, object]) -> None:
    """Check that a checkpoint holds what is to be restored.

    Raises:
        ObjectiveError: it does not.
    """
    if kept.keys() != wanted.keys():
        raise ObjectiveError(
            f"the checkpoint holds {', '.join(kept) or 'nothing'}, and what is to be restored is "
            f"{', '.join(wanted) or 'nothing'}; an objective that has changed is another study's."
        )


def check_every(every: object) -> None:
    """Check after how many steps a checkpoint is to be written.

    Raises:
        ObjectiveError: that is no whole number above 0, nor None.
    """
    if every is not None and (type(every) is not int or every < 1):
        raise ObjectiveError(f"checkpoint_every= is a number of steps above 0, or None for none; got {every!r}.")


def _settle(folder: Path) -> None:
    """Let everything in a folder reach the disk, so that a checkpoint is not marked before it is there."""
    for path in _below(folder):
        _sync(path)


def _below(folder: Path) -> Iterable[Path]:
    for inside, _, files in os.walk(folder):
        yield from (Path(inside, name) for name in files)
        yield Path(inside)


def _sync(path: Path) -> None:
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
