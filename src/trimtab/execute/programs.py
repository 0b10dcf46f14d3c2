"""Trials as programs: one process group per trial, whose reports come as JSON lines.

A program speaks in either of two ways, and may mix them: it appends lines to the file that TRIMTAB_REPORT_FILE names
(`trimtab.report`, `trimtab report`), or it prints them. A line `{"step": 3, "loss": 0.4}` is an intermediate value,
a line `{"loss": 0.3}` a result; several results are put together, the later one counts.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from trimtab.errors import ExecutorError
from trimtab.execute import gpus as devices
from trimtab.execute.command import Command
from trimtab.execute.hook import HALT_SUFFIX, REPORT_FILE
from trimtab.execute.local import LocalExecutor
from trimtab.execute.logs import STDERR, Logs, last_lines
from trimtab.execute.outcome import OUT_OF_MEMORY
from trimtab.execute.parameters import environment as parameters
from trimtab.execute.plain import as_number, clean
from trimtab.execute.protocol import Exited, Message, Reported, Resources, Started, Task
from trimtab.execute.supervise import Watch, exit_file, kill, name_of, require_system, signal_group

TERM_S = 2.0
"""Seconds between SIGTERM and SIGKILL for a program that is ended by force."""

CLOSE_S = 1.0
"""Seconds that programs have to end by themselves when the executor closes."""

REPORTS_EVERY_S = 0.05
"""How often the report files are looked at."""

LONGEST_LINE = 1 << 20
"""Bytes of a printed line that are kept to see whether it is a report."""

MOST_LAST_WORDS = 256
"""Chunks of 64 KiB that are still read from a program that has ended."""

TRIAL_FILE, REPORTS = "trial.json", "reports.jsonl"


class Lines:
    """Cuts a stream of bytes into lines; a line that never ends is thrown away."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, chunk: bytes) -> list[bytes]:
        """Return the lines that are now complete."""
        *lines, rest = (self._rest + chunk).split(b"\n")
        self._rest = rest if len(rest) <= LONGEST_LINE else b""
        return lines

    def end(self) -> list[bytes]:
        """Return what came after the last line break."""
        rest, self._rest = self._rest, b""
        return [rest] if rest else []


class Program:
    """One running program.

    Attributes:
        task, watch: what it runs, and its limits.
        slot: which of the executor's places it takes.
        results: what it has given as its result so far.
    """

    def __init__(self, command: Command, task: Task, slot: int, environment: dict[str, str]) -> None:
        self.task = task
        self.slot = slot
        self.watch = Watch(task, TERM_S)
        self.results: dict[str, Any] = {}
        self._n_steps = 0
        self._prints = False
        self._reports = task.log_dir.absolute() / REPORTS
        self._halt_file = self._reports.with_name(REPORTS + HALT_SUFFIX)
        self._read = 0
        self._report_lines, self._printed_lines = Lines(), Lines()
        try:
            self._logs = Logs(task.log_dir)
            self._write_files(command)
        except OSError as error:
            raise ExecutorError(f"the files of trial {task.number} cannot be written: {error}.") from None
        try:
            self.out, theirs = os.pipe()
            os.set_blocking(self.out, False)
            try:
                self.process = subprocess.Popen(
                    command.render(task),
                    cwd=command.cwd,
                    stdin=subprocess.DEVNULL,
                    stdout=theirs,
                    stderr=self._logs.err,
                    env=self._environment() | command.env | environment,
                    start_new_session=True,
                )
            except BaseException:
                os.close(self.out)
                raise
            finally:
                os.close(theirs)
        except BaseException:
            self._logs.close()
            raise
        self.exit_fd = exit_file(self.process.pid)
        self.watch.begin(self.process.pid)

    def _write_files(self, command: Command) -> None:
        task = self.task
        for leftover in (self._reports, self._halt_file):  # of a study of this name that was deleted
            leftover.unlink(missing_ok=True)
        about = {
            "study": task.study,
            "number": task.number,
            "attempt": task.attempt,
            "params": task.params,
            "fidelity": dict(task.fidelity),
            "start": dict(task.start),
            "parent": task.parent,
            "metrics": list(task.metrics),
            "seed": task.seed,
            "checkpoint_dir": str(task.checkpoint_dir.absolute()),
        }
        (task.log_dir / TRIAL_FILE).write_text(json.dumps(about, indent=1) + "\n")
        for name, text in command.files(task).items():
            (task.log_dir / name).write_text(text)
        task.checkpoint_dir.mkdir(parents=True, exist_ok=True)

    def _environment(self) -> dict[str, str]:
        told = {
            "TRIMTAB_TRIAL_FILE": str(self.task.log_dir.absolute() / TRIAL_FILE),
            REPORT_FILE: str(self._reports),
            "PYTHONUNBUFFERED": os.environ.get("PYTHONUNBUFFERED", "1"),  # else printed reports arrive at the end
        }
        return {**os.environ, **told, **parameters(self.task.params, self.task.names)}

    def halt(self, reason: str) -> None:
        """Tell the program to end: by a file that its next report looks at, or by SIGTERM if it only prints."""
        draft = self._halt_file.with_suffix(".draft")
        draft.write_text(reason, encoding="utf-8", errors="backslashreplace")
        draft.replace(self._halt_file)
        if self._prints and not self._read:
            self.watch.end("killed", "the trial was halted.")

    def hear(self) -> list[Reported] | None:
        """Return what the program printed since the last time; None when it closed its output.

        At most one chunk is read, so that one talkative program does not keep the others waiting.
        """
        chunk = self._chunk()
        return None if chunk == b"" else self._take(self._printed_lines.feed(chunk or b""), printed=True)

    def read_reports(self) -> list[Reported]:
        """Return what the program wrote to its report file since the last time."""
        try:
            with self._reports.open("rb") as file:
                file.seek(self._read)
                new = file.read()
        except FileNotFoundError:
            return []
        self._read += len(new)
        return self._take(self._report_lines.feed(new), printed=False)

    def last_words(self) -> list[Reported]:
        """Return what is left to be read from a program that has ended."""
        said: list[Reported] = []
        for _ in range(MOST_LAST_WORDS):
            chunk = self._chunk()
            if not chunk:
                break
            said += self._take(self._printed_lines.feed(chunk), printed=True)
        said += self._take(self._printed_lines.end(), printed=True)
        said += self.read_reports()
        return said + self._take(self._report_lines.end(), printed=False)

    def ended(self) -> Message:
        """Return how it ended; its process has."""
        status = self.process.wait()
        os.close(self.out)
        if self.exit_fd is not None:
            os.close(self.exit_fd)
        lines = last_lines(self.task.log_dir / STDERR, 30)
        self._logs.close()
        missing = [name for name in self.task.metrics if name not in self.results]
        if status == 0 and not missing:
            return Exited(self.task.number, self.task.attempt, self.results, seconds=self.watch.seconds)
        if self.watch.ending is not None or status < 0:
            return self.watch.died(status, "program")
        if status == 0:
            return self.watch.exited("exception", self._missing(missing))
        text = "\n".join(lines)
        kind = (
            "oom"
            if any(name in text for name in (*OUT_OF_MEMORY, "MemoryError", "CUDA out of memory"))
            else "exception"
        )
        child = f" (128 + {status - 128}: {name_of(status - 128)})" if 128 < status < 160 else ""
        last = f": {lines[-1].strip()}" if lines else ""
        return self.watch.exited(
            kind, clean("\n".join([f"the program ended with exit code {status}{child}{last}", *lines]))
        )

    def _missing(self, missing: Sequence[str]) -> str:
        wanted = ", ".join(map(repr, missing))
        seen = f"results {', '.join(map(repr, self.results))}" if self.results else "no result"
        steps = f" and {self._n_steps} reports with a step" if self._n_steps else ""
        return (
            f"the program ended well but gave no {wanted}: it gave {seen}{steps}; print or report a JSON line like "
            f'{{"{missing[0]}": 0.5}} at its end.'
        )

    def _chunk(self) -> bytes | None:
        """Return some of what was printed; None if there is nothing now, empty if there will be no more."""
        try:
            chunk = os.read(self.out, 1 << 16)
        except BlockingIOError:
            return None
        with contextlib.suppress(OSError):  # a full disk must not end the trial over its log
            os.write(self._logs.out, chunk)
        return chunk

    def _take(self, lines: Sequence[bytes], *, printed: bool) -> list[Reported]:
        said = []
        for line in lines:
            values = _parse(line)
            if values is None or (printed and not any(name in values for name in self.task.metrics)):
                continue  # a line of the program's own log
            self._prints |= printed
            if "step" not in values:
                self.results.update(values)
                continue
            step = as_number(values.pop("step"))
            if step is not None:
                self._n_steps += 1
                said.append(Reported(self.task.number, self.task.attempt, step, values))
        return said


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
        try:
            program = Program(self._command, task, slot, self._environments[slot])
        except (OSError, ValueError) as error:
            self._emit(Exited(task.number, task.attempt, failure="exception", error=_not_started(error)))
            return
        self._programs[task.handle] = program
        self._watches[task.handle] = program.watch
        self._guardian.add(program.process.pid)
        self._emit(Started(task.number, task.attempt, program.process.pid))
        self._listen(program.out, lambda: self._hear(program))
        if program.exit_fd is None:
            self._polls_exits = True
        else:
            self._listen(program.exit_fd, lambda: self._finish(program))

    def _halt(self, handle: str, reason: str) -> None:
        with contextlib.suppress(OSError):  # a full disk: the program is then ended by `cancel`
            self._programs[handle].halt(reason)

    def _look(self, now: float) -> float:
        due = super()._look(now)
        for program in list(self._programs.values()):
            self._emit_all(program.read_reports())
            due = min(due, now + REPORTS_EVERY_S)
            if self._polls_exits and program.process.poll() is not None:
                self._finish(program)
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
        """Take in that a program has ended; what it started ends with it."""
        signal_group(program.process.pid, signal.SIGKILL)
        program.watch.sweep()
        self._emit_all(program.last_words())
        self._ignore(program.out)
        if program.exit_fd is not None:
            self._ignore(program.exit_fd)
        ended = program.ended()
        self._guardian.remove(program.process.pid)
        del self._programs[program.task.handle], self._watches[program.task.handle]
        self._emit(ended)

    def _end_all(self) -> None:
        for program in self._programs.values():
            signal_group(program.process.pid, signal.SIGTERM)
        deadline = time.monotonic() + CLOSE_S
        for program in self._programs.values():
            with contextlib.suppress(subprocess.TimeoutExpired):
                program.process.wait(max(0.0, deadline - time.monotonic()))
        for program in self._programs.values():
            kill(program.process.pid)
            program.last_words()
            program.ended()
        self._programs.clear()


def open_programs(
    command: Command, workers: int, resources: Resources, gpus: Sequence[int | str] | None
) -> ProgramExecutor:
    """Return the executor behind `open_command`.

    Raises:
        ExecutorError: as there.
    """
    require_system(workers, resources, "command")
    _require_program(command)
    return ProgramExecutor(command, devices.assign(workers, resources.gpus, gpus))


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


def _parse(line: bytes) -> dict[str, Any] | None:
    """Return the JSON object that a line holds; None if it holds none."""
    if not line.lstrip().startswith(b"{"):
        return None
    try:
        values = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return values if isinstance(values, dict) else None


def _not_started(error: OSError | ValueError) -> str:
    reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    what = f" {error.filename}" if isinstance(error, OSError) and error.filename else ""
    return clean(f"the program could not be started: {reason}{what}.")
