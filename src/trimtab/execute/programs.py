"""Trials as programs: one for each, whose reports come as JSON lines (see `program.py`)."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from trimtab.errors import ExecutorError
from trimtab.execute import gpus as devices
from trimtab.execute.command import Command, holds_something
from trimtab.execute.local import LocalExecutor
from trimtab.execute.program import Program
from trimtab.execute.protocol import Exited, Noted, Reported, Resources, Started, Task
from trimtab.execute.shared import Shared
from trimtab.execute.supervise import require_system
from trimtab.ledger.curves import AT_END
from trimtab.text import valid

CLOSE_S = 1.0
"""Seconds that programs have to end by themselves when the executor closes."""

REPORTS_EVERY_S = 0.05
"""How often the report files are looked at."""


class ProgramExecutor(LocalExecutor):
    """Runs one program per trial.

    Args:
        command: what to run.
        environments: for each place, what its environment has beyond this process's.
    """

    traits = frozenset({"gpu"})
    name = "command"

    def __init__(self, command: Command, environments: Sequence[dict[str, str]]) -> None:
        self._command = command
        self._environments = environments
        self._programs: dict[str, Program] = {}
        super().__init__(len(environments))

    def _start(self, task: Task) -> None:
        if self._command.is_by_fold(task):
            if not task.helper:
                folds = tuple(range(task.folds or 0)) if task.cells is None else task.cells
                self._shared[task.number, task.attempt] = Shared(task, folds)
            self._run(task, self._ask(task)[1])
            return
        program = self._spawn(task)
        if program is not None:
            self._emit(Started(task.number, task.attempt, program.kept.pid))
            self._attend(program)

    def _run(self, task: Task, fold: int | None) -> None:
        """Run the next fold of an attempt; without one it is over, and has no result but its folds.

        The study makes one of them.
        """
        shared = self._shared.get((task.number, task.attempt))
        if fold is None or shared is None:
            watch = None if shared is None else shared.watch
            self._over(task, Exited(task.number, task.attempt, seconds=0.0 if watch is None else watch.seconds))
            return
        program = self._spawn(replace(task, cells=(fold,), log_dir=shared.task.log_dir / f"fold-{fold}"))
        if program is None:
            return
        if shared.watch is None:
            self._emit(Started(task.number, task.attempt, program.kept.pid))
        else:
            program.watch.go_on(shared.watch)
        if not task.helper:
            shared.watch = program.watch
        self._attend(program)

    def _go_on(self, shared: Shared, fold: int | None) -> None:
        self._run(shared.task, fold)

    def _spawn(self, task: Task) -> Program | None:
        slot = min(set(range(self._n_slots)) - {program.slot for program in self._programs.values()})
        try:
            return Program(self._guardian, self._command, task, slot, self._environments[slot])
        except (OSError, ValueError) as error:
            self._over(task, Exited(task.number, task.attempt, failure="exception", error=_not_started(error)))
            return None

    def _attend(self, program: Program) -> None:
        handle = program.task.handle
        self._programs[handle] = program
        self._watches[handle] = program.watch
        if program.note is not None:
            self._pass_on(program.task, program.note)
        self._listen(program.out, lambda: self._hear(program))
        self._listen(program.kept.fileno(), lambda: self._finish(program))

    def _halt(self, handle: str, reason: str) -> None:
        with contextlib.suppress(OSError):  # a full disk: the program is then ended by `cancel`
            self._programs[handle].halt(reason)

    def _look(self, now: float) -> float:
        due = super()._look(now)
        for program in list(self._programs.values()):
            self._pass_on_all(program, program.read_reports())
            due = min(due, now + REPORTS_EVERY_S)
        return due

    def _pass_on_all(self, program: Program, messages: Sequence[Reported | Noted]) -> None:
        for message in messages:
            self._pass_on(program.task, message)

    def _hear(self, program: Program) -> None:
        said = program.hear()
        if said is None:
            self._ignore(program.out)
        else:
            self._pass_on_all(program, said)

    def _finish(self, program: Program) -> None:
        """Take in that a program has ended, and with it what it started."""
        if not program.kept.take_in():
            return
        self._pass_on_all(program, program.last_words())
        self._ignore(program.out)
        self._ignore(program.kept.fileno())
        ended = program.ended()
        task, watch = program.task, program.watch
        del self._programs[task.handle], self._watches[task.handle]
        if program.fold is None or not isinstance(ended, Exited) or ended.failure or ended.stopped:
            self._over(task, ended)
            return
        if isinstance(ended.values, dict):
            self._pass_on(task, Reported(task.number, task.attempt, AT_END, ended.values, program.fold))
        if watch.halted is not None:
            self._over(task, Exited(task.number, task.attempt, stopped=watch.halted, seconds=watch.seconds))
            return
        is_answered, fold = self._ask(task)
        self._see_apart(task)
        if is_answered:
            self._run(task, fold)

    def _see_apart(self, task: Task) -> None:
        """See whether this program's folds can be run apart: what it leaves in its folder is of one of them alone."""
        shared = self._shared.get((task.number, task.attempt))
        uses_folder = not {"checkpoint_dir", "resume_from"}.isdisjoint(self._command.fields)
        if shared is not None and shared.is_tried:
            self._learn(is_apart=shared.is_apart and not uses_folder and not holds_something(task.checkpoint_dir))

    def _end_all(self) -> None:
        for program in self._programs.values():
            program.kept.signal(signal.SIGTERM)
        deadline = time.monotonic() + CLOSE_S
        for program in self._programs.values():
            program.kept.wait(deadline - time.monotonic())
        for program in self._programs.values():
            program.kept.kill()
        for program in self._programs.values():
            program.last_words()
            program.ended()
        self._programs.clear()


def open_command(
    command: Command,
    *,
    workers: int = 1,
    resources: Resources | None = None,
    gpus: Sequence[int | str] | None = None,
) -> ProgramExecutor:
    """Return an executor that runs `command` as a program per trial, `workers` of them at once.

    Args:
        command: what to run.
        workers: how many trials run at once.
        resources: what each of them needs.
        gpus: numbers or UUIDs of the GPUs to use; by default those in CUDA_VISIBLE_DEVICES, else all.

    Raises:
        ExecutorError: there is no such program, or this machine has not what `resources` asks for.
    """
    resources = resources or Resources()
    require_system(workers, resources, "command")
    _require_program(command)
    return ProgramExecutor(command.rooted(), devices.assign(workers, resources.gpus, gpus))


def _require_program(command: Command) -> None:
    folder = command.cwd or Path()
    if not folder.is_dir():
        raise ExecutorError(f"the command is to run in {folder}, which is no folder.")
    program = command.program
    if program is None:
        return
    path = command.env.get("PATH", os.environ.get("PATH"))
    found = os.access(folder / program, os.X_OK) if os.sep in program else shutil.which(program, path=path) is not None
    if not found:
        there = os.sep in program and (folder / program).exists()
        hint = f"; make it executable: chmod +x {program}" if there else "; check its spelling and PATH"
        raise ExecutorError(f"there is no program {program!r} that can be run{hint}.")


def _not_started(error: OSError | ValueError) -> str:
    reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    what = f" {error.filename}" if isinstance(error, OSError) and error.filename else ""
    return valid(f"the program could not be started: {reason}{what}.")
