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
from trimtab.execute.command import Command
from trimtab.execute.local import LocalExecutor
from trimtab.execute.program import Program
from trimtab.execute.protocol import Exited, Message, Reported, Resources, Started, Task
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
        slot = min(set(range(self._n_slots)) - {program.slot for program in self._programs.values()})
        if self._command.is_by_fold(task):
            cells = tuple(range(task.folds or 0)) if task.cells is None else task.cells
            if not cells:  # an attempt before this one was lost once it had reported them all
                self._emit(Exited(task.number, task.attempt))
                return
            task = _of_fold(task, cells)
        program = self._spawn(task, slot)
        if program is not None:
            self._emit(Started(task.number, task.attempt, program.kept.pid))
            self._attend(program)

    def _spawn(self, task: Task, slot: int) -> Program | None:
        try:
            return Program(self._guardian, self._command, task, slot, self._environments[slot])
        except (OSError, ValueError) as error:
            self._emit(Exited(task.number, task.attempt, failure="exception", error=_not_started(error)))
            return None

    def _attend(self, program: Program) -> None:
        handle = program.task.handle
        self._programs[handle] = program
        self._watches[handle] = program.watch
        if program.note is not None:
            self._emit(program.note)
        self._listen(program.out, lambda: self._hear(program))
        self._listen(program.kept.fileno(), lambda: self._finish(program))

    def _halt(self, handle: str, reason: str) -> None:
        with contextlib.suppress(OSError):  # a full disk: the program is then ended by `cancel`
            self._programs[handle].halt(reason)

    def _look(self, now: float) -> float:
        due = super()._look(now)
        for program in list(self._programs.values()):
            self._emit_all(program.read_reports())
            due = min(due, now + REPORTS_EVERY_S)
        return due

    def _emit_all(self, messages: Sequence[Message]) -> None:
        for message in messages:
            self._emit(message)

    def _hear(self, program: Program) -> None:
        said = program.hear()
        if said is None:
            self._ignore(program.out)
        else:
            self._emit_all(said)

    def _finish(self, program: Program) -> None:
        """Take in that a program has ended, and with it what it started."""
        if not program.kept.take_in():
            return
        self._emit_all(program.last_words())
        self._ignore(program.out)
        self._ignore(program.kept.fileno())
        ended = program.ended()
        del self._programs[program.task.handle], self._watches[program.task.handle]
        if program.fold is None or not isinstance(ended, Exited) or ended.failure or ended.stopped:
            self._emit(ended)
        else:
            self._next_fold(program, ended)

    def _next_fold(self, program: Program, ended: Exited) -> None:
        """Report what a program gave for its fold, and run the next one in its place; after the last the trial is over.

        The trial has no result but its folds, of which the study makes one.
        """
        task, watch = program.task, program.watch
        number, attempt, cells = task.number, task.attempt, task.cells or ()
        if isinstance(ended.values, dict):
            self._emit(Reported(number, attempt, AT_END, ended.values, program.fold))
        if len(cells) == 1 or watch.halted is not None:
            self._emit(Exited(number, attempt, stopped=watch.halted, seconds=watch.seconds))
            return
        following = self._spawn(_of_fold(task, cells[1:], program.home.parent), program.slot)
        if following is not None:
            following.watch.go_on(watch)
            self._attend(following)

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


def _of_fold(task: Task, cells: tuple[int, ...], log_dir: Path | None = None) -> Task:
    """Return the part of an attempt that is its next fold, with a folder of its own for what it prints and reports."""
    return replace(task, cells=cells, log_dir=(log_dir or task.log_dir) / f"fold-{cells[0]}")


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
