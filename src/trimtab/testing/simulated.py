"""An executor in simulated time: the objectives are real, and so are their reports, but no trial takes any time.

    executor = SimulatedExecutor(train, workers=4, seconds=lambda task, step: 60.0)
    study = tt.tune(train, space, minimize="loss", budget=1000, executor=executor)

A report takes as many simulated seconds as `seconds` says; what would happen first in a real study happens first here,
in the same order each time. Thousands of trials pass in seconds, so that schedulers and loops can be tried out.

Where results are on file, as those of a benchmark are, `Tabulated` makes an objective of them:

    table = Tabulated(lambda params, epoch: ({"loss": losses[params["row"]][epoch]}, 60.0 * epoch))
    study = tt.tune(table, space, minimize="loss", fidelity=epochs, budget=1000, executor=table.executor(workers=32))
"""

from __future__ import annotations

import heapq
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import count
from typing import Any, TypeAlias

from trimtab.clock import SimulatedClock
from trimtab.errors import ExecutorError, ProblemError
from trimtab.execute import outcome
from trimtab.execute.outcome import DriverFault
from trimtab.execute.protocol import Exited, Lost, Message, Reported, Started, Task
from trimtab.execute.trial import Trial

Look: TypeAlias = Callable[[Mapping[str, Any], float], tuple[Mapping[str, float] | float, float]]
"""Of a configuration and a fidelity: the metrics, and the seconds that it takes to get there from the beginning."""


class SimulatedExecutor:
    """Runs objectives in this process, each in a thread of its own of which one runs at a time; `Tabulated` needs none.

    Args:
        objective: a function of a `tt.Trial`.
        workers: how many trials run at once; None for as many as there are.
        seconds: what a report takes, of the task and the step; a second if left out.

    Attributes:
        clock: the simulated time.
        began: how often each trial was begun, by number.
    """

    traits = frozenset({"in_process"})

    def __init__(
        self,
        objective: Callable[[Trial], object],
        *,
        workers: int | None = 1,
        seconds: Callable[[Task, float], float] = lambda task, step: 1.0,  # noqa: ARG005 - what is passed is named so
    ) -> None:
        self.clock = SimulatedClock()
        self.began: dict[int, int] = {}
        self._objective = objective
        self._workers = workers
        self._seconds = seconds
        self._running: dict[str, _Running | _Looked] = {}
        self._due: list[tuple[float, int, _Running | _Looked]] = []
        self._to_resume: list[_Running | _Looked] = []
        self._order = count()
        self._messages: list[Message] = []

    def free(self) -> int | None:
        return None if self._workers is None else self._workers - len(self._running)

    def submit(self, task: Task) -> str:
        """Begin a task.

        Raises:
            ExecutorError: all workers are busy.
        """
        if self.free() == 0:
            raise ExecutorError(f"all {self._workers} simulated workers are busy.")
        self.began[task.number] = self.began.get(task.number, 0) + 1
        now, table = self.clock.now(), self._objective
        begun = _Looked(table, task, now) if isinstance(table, Tabulated) else _Running(self._objective, task, now)
        running = self._running[task.handle] = begun
        self._messages.append(Started(task.number, task.attempt))
        self._resume(running)
        return task.handle

    def poll(self, timeout: float) -> Sequence[Message]:  # noqa: ARG002 - simulated time does not wait
        """Return what happens next; nothing if nothing runs."""
        waiting, self._to_resume = self._to_resume, []
        for running in waiting:  # those whose reports were taken in: whoever is to end knows by now
            if running.handle in self._running:
                self._resume(running)
        while not self._messages and self._due:
            at, _, running = heapq.heappop(self._due)
            self.clock.advance(at - self.clock.now())
            if running.handle in self._running:
                self._emit(running)
        messages, self._messages = self._messages, []
        return messages

    def _resume(self, running: _Running | _Looked) -> None:
        """Let a trial run up to its next report, or its end, and see when that is."""
        last = running.go_on()
        seconds = self._seconds(running.task, last.step) if isinstance(last, Reported) else 0.0
        heapq.heappush(self._due, (self.clock.now() + seconds, next(self._order), running))

    def _emit(self, running: _Running | _Looked) -> None:
        said, running.said = running.said, []
        for message in said:
            if isinstance(message, Exited):
                del self._running[running.handle]
                message = replace(message, seconds=self.clock.now() - running.began_at)
            self._messages.append(message)
        if running.handle in self._running:
            self._to_resume.append(running)

    def halt(self, handle: str, reason: str) -> None:
        if handle in self._running:
            self._running[handle].reason = reason

    def cancel(self, handle: str, grace: float) -> None:  # noqa: ARG002 - as in `poll`
        """End a trial by force, unless it was halted and so ends at its next report."""
        running = self._running.get(handle)
        if running is not None and running.reason is None:
            self._abandon(running)
            seconds = self.clock.now() - running.began_at
            task = running.task
            self._messages.append(
                Exited(task.number, task.attempt, failure="killed", error="it was cancelled.", seconds=seconds)
            )

    def lose(self, number: int, reason: str = "its simulated machine was lost") -> None:
        """Lose the worker of a trial that runs."""
        for running in [each for each in self._running.values() if each.task.number == number]:
            self._abandon(running)
            self._messages.append(Lost(number, running.task.attempt, reason))

    def _abandon(self, running: _Running | _Looked) -> None:
        del self._running[running.handle]
        running.end()

    def attach(self, handles: Iterable[str]) -> None:
        raise ExecutorError(f"the simulated executor cannot take up trials of another process: {', '.join(handles)}.")

    def close(self) -> None:
        for running in list(self._running.values()):
            self._abandon(running)


class _Running:
    """One trial in its thread, which runs only while `go_on` waits for it; it is the trial's channel as well.

    Attributes:
        said: what it has said and is not told yet.
        reason: why it is to end; None while it is not.
    """

    def __init__(self, objective: Callable[[Trial], object], task: Task, began_at: float) -> None:
        self.task = task
        self.handle = task.handle
        self.began_at = began_at
        self.said: list[Message] = []
        self.reason: str | None = None
        self._is_abandoned = False
        self._its_turn, self._our_turn = threading.Semaphore(0), threading.Semaphore(0)
        self._thread = threading.Thread(target=self._run, args=(objective,), daemon=True)
        self._thread.start()

    def go_on(self) -> Message:
        """Let it run until it has reported or ended, and return that message."""
        self._its_turn.release()
        self._our_turn.acquire()
        return self.said[-1]

    def end(self) -> None:
        """Let it unwind, as at the end of its process."""
        self._is_abandoned = True
        self._its_turn.release()
        self._thread.join()

    def send(self, message: Message) -> None:
        if self._is_abandoned:
            raise DriverFault
        self.said.append(message)
        if isinstance(message, Reported):
            self._our_turn.release()
            self._its_turn.acquire()
            if self._is_abandoned:
                raise DriverFault

    def halted(self) -> str | None:
        return self.reason

    def _run(self, objective: Callable[[Trial], object]) -> None:
        self._its_turn.acquire()
        try:
            if not self._is_abandoned:
                ended = outcome.run(objective, self.task, self).message
                self.said.append(ended)
        except DriverFault:
            return
        finally:
            self._our_turn.release()


class Tabulated:
    """An objective whose results and times are looked up, for problems with one fidelity.

    A trial reports at each step up to its assigned fidelity, and each report takes the simulated seconds since the one
    before. One object serves one study.

    Args:
        look: of (params, fidelity) the metrics, or a number where there is one, and the seconds that it takes to get
            there from the beginning, which do not become fewer.
        steps: where trials report before their end; whole numbers if None, nowhere if empty.
        carries_over: whether a trial that goes on with another begins where that one ended, as from a checkpoint. If
            not, it begins anew and pays for all of it, as on a larger share of the data.

    Raises:
        ProblemError: steps are not in ascending order.
    """

    def __init__(self, look: Look, *, steps: Sequence[float] | None = None, carries_over: bool = True) -> None:
        if steps is not None and sorted(set(steps)) != list(steps):
            raise ProblemError(f"Tabulated expects steps= in ascending order, each once; got {list(steps)}.")
        self._look = look
        self._steps = steps
        self._carries_over = carries_over
        self._reached: dict[int, float] = {}
        self._paid: dict[str, float] = {}

    def executor(self, workers: int | None = 1) -> SimulatedExecutor:
        """Return an executor on which this objective takes its tabulated time.

        Args:
            workers: how many trials run at once; None for as many as there are.
        """
        return SimulatedExecutor(self, workers=workers, seconds=self._seconds)

    def __call__(self, trial: Trial) -> Mapping[str, float] | float:
        """Run a trial: report at each step, and return what it is worth at its assigned fidelity."""
        [end] = trial.fidelity.values()
        for step, values in self._way(trial.number, trial.params, trial.parent, end):
            trial.report(step, values)
        return values

    def _way(
        self, number: int, params: Mapping[str, Any], parent: int | None, end: float
    ) -> Iterator[tuple[float, Mapping[str, float] | float]]:
        """Yield what a trial reports, up to its end."""
        begun = self._begun(parent)
        steps = range(1, int(end) + 1) if self._steps is None else self._steps
        for step in [*(step for step in steps if begun < step < end), end]:
            self._reached[number] = step
            yield step, self._look(params, step)[0]

    def _begun(self, parent: int | None) -> float:
        """Return where a trial begins that goes on with another."""
        return self._reached.get(parent, 0.0) if self._carries_over and parent is not None else 0.0

    def _seconds(self, task: Task, step: float) -> float:
        """Return what a report takes: the seconds since the one before."""
        if task.handle not in self._paid:
            begun = self._begun(task.resume_from)
            self._paid[task.handle] = self._look(task.params, begun)[1] if begun else 0.0
        before, now = self._paid[task.handle], self._look(task.params, step)[1]
        self._paid[task.handle] = now
        return max(0.0, now - before)


class _Looked:
    """A trial whose results are looked up: what `_Running` is, without a thread.

    Attributes:
        said: what it has said and is not told yet.
        reason: why it is to end; None while it is not.
    """

    def __init__(self, table: Tabulated, task: Task, began_at: float) -> None:
        self.task = task
        self.handle = task.handle
        self.began_at = began_at
        self.said: list[Message] = []
        self.reason: str | None = None
        self._values: Mapping[str, float] = {}
        [end] = task.fidelity.values()
        self._way = table._way(task.number, task.params, task.resume_from, end)

    def go_on(self) -> Message:
        """Return its next report, or its end."""
        number, attempt = self.task.number, self.task.attempt
        if self.reason is not None:
            self.said.append(Exited(number, attempt, stopped=self.reason))
            return self.said[-1]
        step, values = next(self._way, (None, self._values))
        self._values = dict(values) if isinstance(values, Mapping) else {self.task.metrics[0]: values}
        if step is None:
            self.said.append(Exited(number, attempt, self._values))
        else:
            self.said.append(Reported(number, attempt, step, self._values))
        return self.said[-1]

    def end(self) -> None:
        """Nothing unwinds."""
