"""The loop of one driver: hand out trials, take in what they say, and stop when a verdict says so.

The loop keeps nothing that the log does not have, but for handles of running processes and at most one proposal made
ahead: kill it anywhere and the next one goes on.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from trimtab.errors import PluginError, StoreCorruptError, StoreError, StoreLostError, StoreUnavailableError
from trimtab.execute import protocol as execute
from trimtab.ledger.event import Event, Remaining, Returned
from trimtab.ledger.table import FAILED, TrialView
from trimtab.numerics.arithmetic import quiet
from trimtab.schedule.protocol import Wait
from trimtab.space.condition import shown
from trimtab.stop.protocol import Stop, Verdict
from trimtab.study.asker import BUSY, Asker, Busy
from trimtab.study.collect import Collector, spent
from trimtab.study.heart import Heart
from trimtab.study.intake import Intake
from trimtab.study.lost import is_running, lose
from trimtab.study.session import Admission, Session
from trimtab.study.settings import Settings
from trimtab.study.standing import Progress, Standing, Status
from trimtab.study.verdicts import as_event, assessed, news

TICK_S = 0.5
"""How long the loop waits for a message before it looks at the clock and at other drivers."""

ASKING_S = 0.005
"""How long it waits for a message while a proposal is made aside, and a worker for that."""

SHOW_S = 0.1
"""How often progress is shown at most."""

STORE_PATIENCE_S = 10.0
"""How long results are held when the store cannot be written (a full disk, a server that restarts)."""


class Driver:
    """Runs one study on one executor until a stopping rule ends it.

    Attributes:
        reason: how the run was cut short, and how to go on; empty while it was not.
    """

    def __init__(
        self,
        session: Session,
        executor: execute.Executor,
        stops: Sequence[Stop],
        settings: Settings,
        progress: Progress,
    ) -> None:
        self._session = session
        self._executor = executor
        self._stops = stops
        self._settings = settings
        self._progress = progress
        self._handles: dict[int, str] = {}
        self._ending: set[int] = set()
        self._alone: int | None = None
        self._asker = Asker(session)
        self._claims_since: int | None = None
        self._heart = Heart(session, settings.lease_s)
        self._collector = Collector(session.files)
        session.remaining = self._remaining
        self._standing = Standing(session, settings.limits)
        self._now: Callable[[], float] = time.monotonic
        if isinstance(executor, execute.Timed):
            self._now = executor.clock.now
            session.go_by(executor.clock.now)
        self._looked_at = -math.inf
        self._shown_at = 0.0
        self._note = ""
        self.reason = ""
        self._failure: TrialView | None = None

    def run(self) -> Verdict:
        """Run until a verdict ends the study and nothing of ours runs; return that verdict.

        What runs when this is interrupted (Ctrl-C, an error of the store) is put back in line. At a prompt an interrupt
        is a verdict too, so that whoever interrupts gets the study; elsewhere it is passed on.

        Raises:
            StoreLostError: the store failed and did not come back in time.
            StoreCorruptError: what is stored is damaged.
        """
        session = self._session
        try:
            session.begin()  # before anything is assessed: time and failures count from here
            self._attach()
            while True:
                self._look_around()
                verdict = self._fill()
                self._show()
                if not self._handles:
                    if verdict is None:
                        continue
                    if session.reap(self._settings.retries) or (session.table.n_again and not verdict.cancel):
                        continue
                    if verdict.wait:
                        time.sleep(TICK_S)
                        continue
                    break
                self._absorb(self._wait(prepare=verdict is None))
            self._give_back()
            return self._end_with(verdict)
        except BaseException as error:
            self._asker.close()
            self.reason = self._cut_short(error)
            verdict = Verdict(stop=True, reason=self.reason, rule="interrupted")
            if self._settings.is_interactive and isinstance(error, KeyboardInterrupt):
                self._release()
                return self._end_with(verdict)
            self._progress.close(self._status(verdict.reason))
            self._release()
            if isinstance(error, StoreUnavailableError):
                raise StoreLostError(
                    f"{error} The study ended there: what was told until then is on record, the trials that ran will "
                    f"run again under their numbers, and the same command goes on once the store works."
                ) from error
            raise
        finally:
            session.remaining = lambda: None  # whoever asks by hand from here on has no budget
            self._asker.close()
            self._heart.stop()
            self._executor.close()
            if isinstance(self._executor, execute.Timed):
                session.go_by(session.store.now)  # its clock stands still from here on

    # Handing out

    @quiet()
    def _assess(self) -> Verdict:
        """Return the first verdict that ends the study, else the first that ends it once its lines are at their ends.

        Else one that lets it go on.
        """
        session = self._session
        verdict = Verdict(stop=False, reason="", rule="")
        with session.lock:  # a trial may be claimed aside
            session.ledger.tick(session.clock.now())
            for stop in self._stops:
                said = assessed(stop, session.table)
                if said.stop and not said.continues:
                    return said
                if said.stop and not verdict.stop:
                    verdict = said
        return verdict

    def _admit(self) -> Admission:
        verdict = self._assess()
        if not verdict.stop:
            return Admission.EVERYTHING
        return Admission.CONTINUATIONS if verdict.continues else Admission.NOTHING

    def _remaining(self) -> Remaining | None:
        """Return what is left of the budget."""
        trials, seconds, cost = self._settings.limits
        if trials is None and seconds is None and cost is None:
            return None
        table = self._session.table
        return Remaining(
            None if trials is None else max(0, trials - table.n_begun),
            None if seconds is None else round(max(0.0, seconds - table.elapsed), 3),
            None if cost is None else cost - float(np.nansum(table.cost)),
        )

    def _fill(self) -> Verdict | None:
        """Keep every worker busy; return the verdict if nothing more is to be started, None if all are busy."""
        while self._free() > 0:
            verdict = self._assess()
            if verdict.cancel:
                self._end_all(verdict.reason)
                return verdict
            if self._handles and (self._alone is not None or self._is_suspect(self._session.table.first_again)):
                return None
            if not self._asker.is_busy:
                self._session.sync()
                self._claims_since = self._session.ledger.head
            number = self._claim()
            if number is BUSY:
                return None
            if isinstance(number, int):
                self._submit(number)
                self._claims_since = None
                continue
            if not self._handles and self._session.ledger.head != self._claims_since:
                continue  # the answer is older than what ended meanwhile
            verdict = self._assess()
            if verdict.stop and (number is None or not verdict.continues):
                return verdict
            if number is None:
                return Verdict(stop=True, reason="every configuration has been tried", rule="exhausted")
            if self._session.table.n_running:
                return Verdict(stop=True, reason=number.reason, rule="scheduler", wait=True)
            return verdict if verdict.stop else Verdict(stop=True, reason=number.reason, rule="scheduler")
        return None

    def _free(self) -> int:
        """Return how many more trials may be submitted."""
        free = self._executor.free()
        return self._settings.workers - len(self._handles) if free is None else free

    def _claim(self) -> int | Wait | Busy | None:
        """Take a trial; while that takes its time and trials run that may have something to say, say so."""
        claim = partial(self._session.claim, lease_s=self._settings.lease_s, admit=self._admit)
        return self._asker.ask(claim, aside=self._is_aside)

    @property
    def _is_aside(self) -> bool:
        """Whether trials run that may have something to say while a proposal is made."""
        return bool(self._handles) and "in_process" not in self._executor.traits

    def _submit(self, number: int) -> None:
        task = self._session.task(number, self._settings.resources)
        if self._is_suspect(number):
            self._alone = number
        self._heart.hold(number, task.attempt)
        origin = self._session.table.origin(number)
        self._note = f"trial {number} ({origin.by}): {origin.why}" if origin.why else f"trial {number}: {origin.by}"
        said: object = self._executor.submit(task)
        if not isinstance(said, str) or not said:  # on record it would be a log that nobody can read
            raise PluginError(
                f"the executor {type(self._executor).__name__} names what it runs by a text that is not empty; "
                f"it said {shown(said)} of trial {number}."
            )
        handle = self._handles[number] = str(said)
        if self._is_durable:
            self._session.hold(number, handle, lease_s=self._settings.lease_s)

    @property
    def _is_durable(self) -> bool:
        return "durable" in self._executor.traits

    def _attach(self) -> None:
        """Take up what an executor runs that outlives drivers, and whose driver is gone."""
        if not self._is_durable:
            return
        table = self._session.table
        for number in self._session.abandoned():
            handle = table.handle(number)
            if self._session.hold(number, handle, lease_s=self._settings.lease_s):
                self._heart.take_over(number, int(table.attempt[number]))
                self._handles[number] = handle
                self._executor.attach([handle])

    def _is_suspect(self, number: int | None) -> bool:
        """Return whether a trial fails if its driver is killed once more.

        It then runs alone: of several that run when their driver is killed, any may be to blame, and the others must
        not fail with it.
        """
        table = self._session.table
        return number is not None and bool(
            table.n_lost_with_driver[number] and table.n_lost[number] >= self._settings.retries
        )

    def _end_all(self, reason: str) -> None:
        """Ask every running trial to end, and see to it that it does."""
        for number in self._handles.keys() - self._ending:
            self._end(number, reason)

    def _end(self, number: int, reason: str) -> None:
        self._ending.add(number)
        self._executor.halt(self._handles[number], reason)
        self._executor.cancel(self._handles[number], self._settings.grace_s)

    def _look_around(self) -> None:
        """Now and then: read what others wrote, take over from the dead, and see whether all is over."""
        now = self._now()
        if now - self._looked_at < TICK_S:
            return
        self._looked_at = now
        self._patiently(self._see_others)
        if self._handles:
            verdict = self._assess()
            if verdict.cancel:
                self._end_all(verdict.reason)

    def _see_others(self) -> None:
        self._session.sync()
        self._attach()
        self._session.reap(self._settings.retries)

    def _patiently(self, act: Callable[[], object]) -> None:
        """Do what needs the store, and wait for a while if it cannot be had.

        Raises:
            StoreUnavailableError: it could not be had for as long as that.
        """
        deadline = time.monotonic() + STORE_PATIENCE_S
        while True:
            try:
                act()
                return
            except StoreUnavailableError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.5)

    # Taking in

    def _wait(self, *, prepare: bool) -> Sequence[execute.Message]:
        """Return what happened, waiting for it; while nothing has, make the next proposal ahead."""
        messages = self._executor.poll(0.0)
        if messages:
            return messages
        if self._asker.is_busy:
            return self._executor.poll(ASKING_S)
        if prepare and self._admit() is Admission.EVERYTHING:
            self._asker.prepare(aside=self._is_aside)
        return self._executor.poll(TICK_S)

    def on_message(self, message: execute.Message) -> str | None:
        """Take in one message from an executor that runs trials in this very thread; return a reason to halt."""
        self._absorb([message])
        if isinstance(message, execute.Reported):
            self._look_around()
            self._show()
            reason = self._session.table.halted(message.number)
            if not reason and message.number in self._ending:
                return self._assess().reason or "the study is over"
            return reason or None
        return None

    def _absorb(self, messages: Sequence[execute.Message]) -> None:
        """Put a batch of messages on record in one commit, and let the scheduler judge what was reported."""
        if not messages:
            return
        self._patiently(lambda: self._session.commit(lambda: self._events(messages)))
        table = self._session.table
        if any(isinstance(message, execute.Exited) for message in messages):
            self._patiently(lambda: self._session.commit(self._verdicts))
        for message in messages:
            if isinstance(message, (execute.Exited, execute.Lost)):
                self._forget(message.number)
                self._look_for_failure(message.number)
            elif isinstance(message, execute.Reported) and message.number in self._handles.keys() - self._ending:
                reason = table.halted(message.number)
                if reason:
                    self._end(message.number, reason)
        if any(isinstance(message, (execute.Exited, execute.Lost)) for message in messages):
            self._collect()

    @quiet()
    def _verdicts(self) -> list[Event]:
        """Return what the stopping rules have to say that is new."""
        return list(news(self._stops, self._session.table))

    def _collect(self) -> None:
        """Remove checkpoints from which nobody can go on."""
        with self._session.lock:  # a trial may be claimed aside
            table = self._session.table
            may_continue = self._session.plan.may_continue(table)
            rows = [] if may_continue is None else spent(table, may_continue).tolist()
        self._collector.collect(rows)

    def _look_for_failure(self, number: int) -> None:
        """Remember the first trial that failed for good, and show it at once."""
        if self._failure is None and self._session.table.state[number] == FAILED:
            with self._session.lock:
                self._failure = self._session.table.trial(number)
            self._progress.update(self._status())

    def _forget(self, number: int) -> None:
        self._handles.pop(number, None)
        self._ending.discard(number)
        self._alone = None if self._alone == number else self._alone
        self._heart.release(number)
        self._session.forget(number)

    def _events(self, messages: Sequence[execute.Message]) -> list[Event]:
        settings, table = self._settings, self._session.table
        is_reported = any(isinstance(message, execute.Reported) for message in messages)
        intake = Intake(
            table, retries=settings.retries, cost_required=settings.cost_required,
            need=self._session.plan.needs(table.problem) if is_reported else "",
        )  # fmt: skip
        return intake.events(messages)

    # The end

    def _end_with(self, verdict: Verdict) -> Verdict:
        self._record(verdict)
        self._progress.close(self._status(verdict.reason))
        return verdict

    def _cut_short(self, error: BaseException) -> str:
        """Return how this run ended without a verdict of its own, and how to go on: what is true of this study."""
        if isinstance(error, StoreCorruptError):
            return "the store is damaged"
        how = "ended by an error" if isinstance(error, Exception) else "interrupted"
        if isinstance(error, StoreUnavailableError):
            how = "the store failed"
        is_returned = self._settings.is_interactive and isinstance(error, KeyboardInterrupt)
        if self._session.files.is_kept:
            return f"{how}; the same {'call' if self._settings.is_interactive else 'command'} goes on"
        if is_returned:
            return f"{how}; the study so far is returned, and tune(..., store=study) goes on with it"
        return f"{how}; the study was kept in memory alone and is lost: store='sqlite:///trimtab.db' keeps the next one"

    def _release(self) -> None:
        """Put what runs back in line, as far as the store can be written; what outlives this process goes on."""
        try:
            self._session.sync()
            self._session.commit(
                lambda: [lose(self._session.table, n, "its driver was interrupted") for n in self._ours()]
            )
        except StoreError:
            return  # the leases run out, or the next driver sees that we are gone

    def _give_back(self) -> None:
        """Put back in line what was claimed aside while a verdict ended the study, so that it never ran."""
        session, number = self._session, self._claim() if self._asker.is_busy else None
        if isinstance(number, int):
            attempt = int(session.table.attempt[number])
            session.commit(
                lambda: (
                    [Returned(number, "the study ended", attempt)] if is_running(session.table, number, attempt) else []
                )
            )

    def _ours(self) -> list[int]:
        """Return what this driver runs, or was just about to run when it was interrupted."""
        table = self._session.table
        since = self._claims_since
        return [
            n
            for n in table.running
            if table.worker(n) == self._session.worker
            and not (self._is_durable and table.handle(n))  # it goes on without us
            and (n in self._handles or (since is not None and table.touched[n] > since))
        ]

    def _record(self, verdict: Verdict) -> None:
        """Put the last verdict on record, once."""
        event = as_event(verdict)
        if self._session.ledger.assessed != event:
            self._session.commit(lambda: [] if self._session.ledger.assessed == event else [event])

    def _show(self) -> None:
        """Show how things stand, not more often than people can read."""
        now = time.monotonic()
        if now - self._shown_at >= SHOW_S:
            self._shown_at = now
            self._progress.update(self._status())

    def _status(self, reason: str = "") -> Status:
        with self._session.lock:  # a trial may be claimed aside
            return self._standing.status(note=self._note, reason=reason, failure=self._failure)
