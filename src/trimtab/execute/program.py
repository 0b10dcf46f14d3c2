"""One program that runs as a trial: its files, what it says, and how it ended.

A program speaks in either of two ways, and may mix them: it appends lines to the file that TRIMTAB_REPORT_FILE names
(`trimtab.report`, `trimtab report`), or it prints them. A line `{"step": 3, "loss": 0.4}` is an intermediate value,
a line `{"loss": 0.3}` a result; several results are put together, the later one counts. Where the problem has a
fidelity, its name stands for "step" as well; of several, that of the one that counts steps.
"""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from trimtab.errors import ExecutorError
from trimtab.execute import parameters, regular
from trimtab.execute.command import Command
from trimtab.execute.descent import take_over
from trimtab.execute.fold import take_fold
from trimtab.execute.hook import HALT_SUFFIX, HALTED_SUFFIX, REPORT_FILE
from trimtab.execute.keeping import Guardian
from trimtab.execute.lines import Lines, ends_with_object, objects
from trimtab.execute.logs import STDERR, Logs, last_lines
from trimtab.execute.outcome import DEVICE_FULL, OUT_OF_MEMORY
from trimtab.execute.plain import as_number
from trimtab.execute.protocol import Exited, Lost, Noted, Reported, Task
from trimtab.execute.reports import ReportFile
from trimtab.execute.supervise import Watch, name_of
from trimtab.execute.this_trial import TRIAL_FILE
from trimtab.ledger.curves import AT_END
from trimtab.text import hide_secrets, valid

TERM_S = 2.0
"""Seconds between SIGTERM and SIGKILL for a program that is ended by force."""

MOST_LAST_WORDS = 256
"""Chunks of 64 KiB that are still read from a program that has ended."""

ABOUT, REPORTS = "trial.json", "reports.jsonl"


class Program:
    """One running program.

    Attributes:
        task, watch: what it runs, and its limits.
        home: where its files belong.
        fold: the fold of the trial that it is run for; None where it is the whole trial.
        slot: which of the executor's places it takes.
        results: what it has given as its result so far.
        note: what went wrong around it that is no fault of its own, for the record; None if nothing did.
    """

    def __init__(
        self, guardian: Guardian, command: Command, task: Task, slot: int, environment: dict[str, str]
    ) -> None:
        self.slot = slot
        self._command = command
        self.home = task.log_dir
        self.fold = task.cells[0] if task.cells and command.is_by_fold(task) else None
        self.results: dict[str, Any] = {}
        self.note: Noted | None = None
        self._n_steps = 0
        self._n_without_step = self._n_cells = 0
        self._prints = False
        self._hidden = ""
        self._instead: tempfile.TemporaryDirectory[str] | None = None
        self.task = self._with_files(task)
        self.watch = Watch(self.task, TERM_S)
        self._report_file = ReportFile(self._reports)
        self._printed_lines = Lines()
        try:
            self.out, theirs = os.pipe()
            os.set_blocking(self.out, False)
            try:
                self.kept = guardian.spawn(
                    command.render(self.task),
                    self._environment() | command.env | environment,
                    [theirs, self._logs.err],
                    folder=None if command.cwd is None else str(command.cwd),
                )
            except BaseException:
                os.close(self.out)
                raise
            finally:
                os.close(theirs)
        except BaseException:
            self._close_files()
            raise
        self.watch.begin(self.kept)

    @property
    def _reports(self) -> Path:
        return self.task.log_dir.absolute() / REPORTS

    @property
    def _halt_file(self) -> Path:
        return self._reports.with_name(REPORTS + HALT_SUFFIX)

    @property
    def _halted_file(self) -> Path:
        return self._reports.with_name(REPORTS + HALTED_SUFFIX)

    def _with_files(self, task: Task) -> Task:
        """Write the files of an attempt, and return it; in a temporary folder if they cannot be where they belong.

        Raises:
            ExecutorError: they can be written nowhere.
        """
        try:
            self._open_files(task)
        except OSError as error:
            self.note = Noted(task.number, task.attempt, "output", f"it was not kept: {error}.")
            try:
                self._instead = tempfile.TemporaryDirectory(prefix="trimtab-", ignore_cleanup_errors=True)
                self._open_files(replace(task, log_dir=Path(self._instead.name) / "attempt"))
            except OSError:
                raise ExecutorError(f"the files of trial {task.number} cannot be written: {error}.") from None
        return self.task

    def _open_files(self, task: Task) -> None:
        self.task = task
        self._logs = Logs(task.log_dir)
        try:
            self._write_files()
        except OSError:
            self._logs.close()
            raise

    def _close_files(self) -> None:
        self._logs.close()
        if self._instead is not None:
            self._instead.cleanup()

    def _write_files(self) -> None:
        task = self.task
        for leftover in (
            self._reports,
            self._halt_file,
            self._halted_file,
        ):  # of a study that was deleted, or of an earlier attempt
            regular.clear(leftover)
        about = {
            "study": task.study,
            "number": task.number,
            "attempt": task.attempt,
            "params": task.params,
            "fidelity": dict(task.fidelity),
            "start": dict(task.start),
            "counts": task.counts,
            "parent": task.resume_from,
            "metrics": list(task.metrics),
            "folds": task.folds,
            "fold_names": list(task.fold_names),
            "cells": [self.fold] if self.fold is not None else None if task.cells is None else list(task.cells),
            "seed": task.seed,
            "token": task.token,
            "names": list(task.names),
            "checkpoint_dir": str(task.checkpoint_dir.absolute()),
        }
        regular.write(task.log_dir / ABOUT, json.dumps(about, indent=1) + "\n")
        for name, text in self._command.files(task).items():
            regular.write(task.log_dir / name, text)
        take_over(task)
        with contextlib.suppress(OSError):  # a program that needs it will say so
            task.checkpoint_dir.mkdir(parents=True, exist_ok=True)

    def _environment(self) -> dict[str, str]:
        told = {
            TRIAL_FILE: str(self.task.log_dir.absolute() / ABOUT),
            REPORT_FILE: str(self._reports),
            "PYTHONUNBUFFERED": os.environ.get("PYTHONUNBUFFERED", "1"),  # else printed reports arrive at the end
        }
        return {**os.environ, **told, **parameters.environment(self.task.params, self.task.names)}

    def halt(self, reason: str) -> None:
        """Tell the program to end: by a file that its next report looks at, or by SIGTERM if it only prints.

        Raises:
            OSError: the file cannot be written.
        """
        draft = self._halt_file.with_suffix(".draft")
        regular.write(draft, reason)
        draft.replace(self._halt_file)
        if (self._prints or self.fold is not None) and not self._report_file.is_used:
            self.watch.end("killed", "the trial was halted.")

    def hear(self) -> list[Reported | Noted] | None:
        """Return what the program printed since the last time; None when it closed its output.

        At most one chunk is read, so that one talkative program does not keep the others waiting.
        """
        chunk = self._chunk()
        return None if chunk == b"" else self._take(self._printed_lines.feed(chunk or b""), printed=True)

    def read_reports(self) -> list[Reported | Noted]:
        """Return what the program wrote to its report file since the last time."""
        return self._take(self._report_file.read(), printed=False)

    def last_words(self) -> list[Reported | Noted]:
        """Return what is left to be read from a program that has ended, and what could not be read of it."""
        said: list[Reported | Noted] = []
        for _ in range(MOST_LAST_WORDS):
            chunk = self._chunk()
            if not chunk:
                break
            said += self._take(self._printed_lines.feed(chunk), printed=True)
        said += self._take(self._printed_lines.end(), printed=True)
        said += self._take(self._report_file.rest(), printed=False)
        if self._report_file.fault:
            fault = f"its report file {self._report_file.fault}."
            said.append(Noted(self.task.number, self.task.attempt, "unread reports", fault))
        return said

    def ended(self) -> Exited | Lost:
        """Return how it ended; its process has."""
        self.kept.close()
        status = self.kept.status or 0
        os.close(self.out)
        try:
            return self._how(status)
        finally:
            self._close_files()

    def _how(self, status: int) -> Exited | Lost:
        if self.watch.halted is not None and (self.watch.ending is not None or self._halted_file.exists()):
            return self.watch.exited(
                "", ""
            )  # it was told: a result that it gave all the same is not that of a whole run
        missing = [name for name in self.task.metrics if name not in self.results]
        if status == 0 and not self.results and self._n_cells:  # the study makes a result of them
            return Exited(self.task.number, self.task.attempt, None, seconds=self.watch.seconds)
        if status == 0 and not missing:
            return Exited(self.task.number, self.task.attempt, self.results, seconds=self.watch.seconds)
        if self.watch.ending is not None or status < 0:
            return self.watch.died(status, "program")
        if status == 0 and not self.results and self._n_steps:  # the study may make one of what was reported
            seconds = self.watch.seconds
            return Exited(self.task.number, self.task.attempt, None, error=self._missing(missing), seconds=seconds)
        if status == 0:
            return self.watch.exited("exception", self._missing(missing))
        lines = last_lines(self.task.log_dir / STDERR, 30)
        text = "\n".join(lines)
        kind = "oom" if any(mark in text for mark in (*OUT_OF_MEMORY, *DEVICE_FULL, "MemoryError")) else "exception"
        child = f" (128 + {status - 128}: {name_of(status - 128)})" if 128 < status < 160 else ""
        last = f": {lines[-1].strip()}" if lines else ""
        return self.watch.exited(
            kind,
            valid("\n".join(map(hide_secrets, [f"the program ended with exit code {status}{child}{last}", *lines]))),
        )

    def _missing(self, missing: Sequence[str]) -> str:
        wanted = ", ".join(map(repr, missing))
        seen = f"results {', '.join(map(repr, self.results))}" if self.results else "no result"
        steps = f" and {self._n_steps} reports with a step" if self._n_steps else ""
        steps += f" and {self._n_without_step} of a fold without a step" if self._n_without_step else ""
        why = f"; its report file {self._report_file.fault}" if self._report_file.fault else self._hidden
        return (
            f"the program ended well but gave no {wanted}: it gave {seen}{steps}{why}; print or report a JSON line "
            f'like {{"{missing[0]}": 0.5}} at its end.'
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

    def _take(self, lines: Sequence[bytes], *, printed: bool) -> list[Reported | Noted]:
        said: list[Reported | Noted] = []
        for line in lines:
            if b"{" not in line:  # as are most, and a program may print millions
                continue
            found = objects(line)
            if not found and printed and not self._hidden:
                self._look_for_hidden(line)
            for values in found:
                if printed and not any(name in values for name in self.task.metrics):
                    continue  # a line of the program's own log
                self._prints |= printed
                said += self._report(values)
        return said

    def _report(self, values: dict[str, Any]) -> list[Reported | Noted]:
        """Take one report: a result is kept, an intermediate value returned."""
        counter = self._counter(values)
        step = None if counter is None else as_number(values.pop(counter))
        if self.task.counts is not None:
            for name in self.task.fidelity:  # what it was given besides is no metric
                if name not in (self.task.counts, *self.task.metrics):
                    values.pop(name, None)
        fold = take_fold(values, self.task.metrics)
        if counter is not None and fold is None:
            fold = self.fold
        if counter is None:
            if fold is not None and self.task.folds is None:
                return self._without_step()
            if fold is not None:
                self._n_cells += 1
                return [Reported(self.task.number, self.task.attempt, AT_END, values, fold)]
            self.results.update(values)
            return []
        if step is None:
            return []
        self._n_steps += 1
        return [Reported(self.task.number, self.task.attempt, step, values, fold)]

    def _without_step(self) -> list[Reported | Noted]:
        """Say once that the values of one fold are no result, which would pass for that of the whole trial.

        Nobody said of how many folds it is one.
        """
        self._n_without_step += 1
        if self._n_without_step > 1:
            return []
        example = f'{{"step": 1, "fold": 0, "{self.task.metrics[0]}": 0.5}}'
        said = f"the values of a fold are no result: declare folds=5, say, or give them a step, as {example}."
        return [Noted(self.task.number, self.task.attempt, "unusable report", said)]

    def _counter(self, values: dict[str, Any]) -> str | None:
        """Return under which name the step stands: "step", or a fidelity's; None where there is none, in a result.

        Of several fidelities that is the one that counts steps: how many rows there are is the same all along.
        """
        counts = self.task.fidelity if self.task.counts is None else (self.task.counts,)
        names = (name for name in ("step", *counts) if name in values)
        return next((name for name in names if name == "step" or name not in self.task.metrics), None)

    def _look_for_hidden(self, line: bytes) -> None:
        """Take note of what would be a result if it stood on a line of its own, in case there is no other."""
        if any(f'"{name}"'.encode() in line for name in self.task.metrics) and ends_with_object(line):
            self._hidden = "; a JSON object that has other text before it on its line is no report"
