"""The loop of one driver: what `study.driver` decides, done to the store, to the executor and for those who watch.

The loop keeps nothing that the log does not have, but for handles of running processes and at most one proposal made
ahead: kill it anywhere and the next one goes on.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING, assert_never

import numpy as np

from trimtab.errors import (
    PluginError,
    SpaceError,
    StoreCorruptError,
    StoreError,
    StoreLostError,
    StoreUnavailableError,
)
from trimtab.execute import protocol as execute
from trimtab.ledger.event import Event, Noted, Remaining, Returned
from trimtab.ledger.table import FAILED, RUNNING, WAITING, TrialTable, TrialView
from trimtab.numerics.arithmetic import quiet
from trimtab.space.condition import shown
from trimtab.stop.protocol import Looks, Rated, Stop, Verdict
from trimtab.stop.start import Start
from trimtab.study import driver
from trimtab.study.asker import Asker
from trimtab.study.collect import Collector, spent
from trimtab.study.dispatch import Admission, Dispatch
from trimtab.study.driver import Driver, Facts, admission
from trimtab.study.heart import Heart
from trimtab.study.intake import Intake
from trimtab.study.lost import is_running, lose
from trimtab.study.purse import warnings
from trimtab.study.room import TOO_FULL, Room
from trimtab.study.settings import Settings
from trimtab.study.standing import Progress, Standing, Status
from trimtab.study.starts import resources_of
from trimtab.study.verdicts import as_event, assessed, news
from trimtab.study.verdicts import must_gain as required_gain

if TYPE_CHECKING:
    from trimtab.study.finale import Finale

SHOW_S = 0.1
"""How often progress is shown at most."""

STORE_PATIENCE_S = 10.0
"""How long results are held when the store cannot be written (a full disk, a server that restarts)."""

STORE_RETRY_S = 0.5
"""How long to wait until the store is tried again, by taste."""


class Loop:
    """Runs one study on one executor until a stopping rule ends it.

    Attributes:
        reason: how the run was cut short, and how to go on; empty while it was not.
    """

    def __init__(
        self,
        dispatch: Dispatch,
        executor: execute.Executor,
        stops: Sequence[Stop],
        settings: Settings,
        progress: Progress,
        finale: Finale | None = None,
    ) -> None:
        self._dispatch = dispatch
        self._session = session = dispatch.session
        self._executor = executor
        self._stops = stops
        self._settings = settings
        self._progress = progress
        self._driver = Driver(settings.workers, settings.retries)
        self._finale = finale
        self._asker = Asker(dispatch)
        self._claims_since: int | None = None
        self._heart = Heart(dispatch, settings.lease_s)
        self._collector = Collector(session.files)
        self._room = None if settings.room is None else Room(session.files, settings.room)
        dispatch.remaining = self._remaining
        dispatch.lacks = self._lacks
        dispatch.resources = resources_of(settings.resources)
        dispatch.limit_s = settings.resources.limit_s
        self._standing = Standing(session, settings.purse, next((s for s in stops if isinstance(s, Looks)), None))
        self._rated = next((s for s in stops if isinstance(s, Rated)), None)
        self._now: Callable[[], float] = time.monotonic
        if isinstance(executor, execute.Timed):
            self._now = executor.clock.now
            session.go_by(executor.clock.now)
        self._shown_at = 0.0
        self._note = self._waits_for = ""
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
            if self._settings.purse is not None:
                self._settings.purse.since = session.ledger.head
            session.begin()  # before anything is assessed: time and failures count from here
            return self._end_with(self._over())
        except BaseException as error:
            self._asker.close()
            self.reason = self._cut_short(error)
            verdict = Verdict(stop=True, reason=self.reason, rule="interrupted")
            if self._settings.is_interactive and isinstance(error, KeyboardInterrupt):
                self._release()
                return self._end_with(verdict)
            if not isinstance(error, StoreUnavailableError):
                self._release()  # first, so that nothing is said to run that does not
            self._progress.close(self._status(verdict.reason))
            if isinstance(error, StoreUnavailableError):
                self._release()  # last, since it may wait for the store once more
                raise StoreLostError(
                    f"{error} The study ended there: what was told until then is on record, the trials that ran will "
                    f"run again under their numbers, and the same command goes on once the store works."
                ) from error
            raise
        finally:
            self._dispatch.finale = None
            self._dispatch.remaining = lambda: None  # whoever asks by hand from here on has no budget
            self._dispatch.lacks = lambda table, start: ""  # noqa: ARG005 - as it is called
            self._asker.close()
            self._heart.stop()
            self._executor.close()
            if isinstance(self._executor, execute.Timed):
                session.go_by(session.store.now)  # its clock stands still from here on

    def _over(self) -> Verdict:
        """Search until a verdict ends that, then run the best again where that is due, and return the last verdict.

        Where those runs show that there is no noise, the search goes on with what is left.
        """
        finale = self._finale
        if finale is None:
            return self._verdict()
        if finale.is_settled:
            return finale.verdict()
        while True:
            if not finale.is_open:
                over = self._verdict()
                if not finale.begin(over):
                    return finale.verdict() if finale.is_over else over
            self._dispatch.finale = finale
            self._show(is_news=True)  # it may be over before the next line is due
            self._driver = Driver(self._settings.workers, self._settings.retries)
            over = self._verdict()
            self._dispatch.finale = None
            self._driver = Driver(self._settings.workers, self._settings.retries)
            if finale.is_open or not finale.is_exact:
                return over

    def _verdict(self) -> Verdict:
        """Do what the driver decides until it ends the run, and return its verdict."""
        came: driver.Came = driver.Began()
        while True:
            due = self._driver.step(came, self._facts())
            if isinstance(came, driver.Submitted):
                self._claims_since = None  # it is held from here on
            self._do(due.first)
            if isinstance(due.then, driver.Finish):
                return due.then.verdict
            came = self._come_of(due.then)

    def on_message(self, message: execute.Message) -> str | None:
        """Take in one message from an executor that runs trials in this very thread; return a reason to halt."""
        self._record([message])
        self._do(self._driver.heard([message], self._session.table))
        if not isinstance(message, execute.Reported):
            return None
        if self._driver.is_due(self._now()):
            came = self._look()
            self._do(self._driver.looked(came, self._facts()))
        self._show()
        return self._driver.halts(message.number, self._facts())

    # What the driver looks at

    def _facts(self) -> Facts:
        session = self._session
        return Facts(self._now(), self._executor.free(), session.table, session.ledger.head, self._assess)

    @quiet()
    def _assess(self) -> Verdict:
        """Return the first verdict that ends the study, else the first that ends it once its lines are at their ends.

        Else one that lets it go on.
        """
        session = self._session
        verdict = Verdict(stop=False, reason="", rule="")
        with session.lock:  # a trial may be claimed aside
            session.ledger.tick(session.clock.now())
            if self._finale is not None and self._dispatch.finale is not None:
                return self._finale.verdict()
            for stop in self._stops:
                said = assessed(stop, session.table)
                if said.stop and not said.continues:
                    return said
                if said.stop and not verdict.stop:
                    verdict = said
            if self._finale is not None and not verdict.stop:
                verdict = self._finale.kept() or verdict
        return verdict

    def _remaining(self) -> Remaining | None:
        """Return what is left of the budget, and what has to come of it."""
        purse, table = self._settings.purse, self._session.table
        left = None if purse is None else purse.of(table).remaining(table)
        must_gain = {} if self._rated is None else required_gain(self._rated, table)
        if not must_gain:
            return left
        left = left or Remaining()
        return Remaining(left.trials, left.seconds, left.cost, left.units, must_gain)

    @quiet()
    def _lacks(self, table: TrialTable, start: Start) -> str:
        """Return why the budget does not cover what is to start; empty where it does."""
        purse = self._settings.purse
        return "" if purse is None else purse.of(table).lacks(table, start)

    # What something comes of

    def _come_of(self, due: driver.Instruction) -> driver.Came:
        """Do what is next, and return what came of it."""
        match due:
            case driver.Look():
                return self._look()
            case driver.Claim():
                return self._claim()
            case driver.Submit():
                return self._submit(due.number)
            case driver.Poll():
                return self._poll(due.timeout)
            case driver.Reap():
                return driver.Reaped(len(self._dispatch.reap(self._settings.retries)))
            case driver.Pause():
                time.sleep(due.seconds)
                return driver.Paused()
            case driver.Finish():
                raise ValueError("nothing comes of the end.")
        assert_never(due)

    def _look(self) -> driver.Looked:
        attached: dict[int, str] = {}
        patiently(partial(self._see_others, attached))
        return driver.Looked(attached)

    def _see_others(self, attached: dict[int, str]) -> None:
        self._session.sync()
        self._session.commit(self._warnings)
        if self._is_durable:
            self._attach(attached)
        self._dispatch.reap(self._settings.retries)

    def _attach(self, attached: dict[int, str]) -> None:
        """Take up what an executor runs that outlives drivers, and whose driver is gone."""
        table = self._session.table
        for number in self._dispatch.abandoned():
            handle = table.handle(number)
            if self._dispatch.hold(number, handle, lease_s=self._settings.lease_s):
                self._heart.take_over(number, int(table.attempt[number]))
                attached[number] = handle
                self._executor.attach([handle])

    def _claim(self) -> driver.Answered:
        """Take a trial; while that takes its time and trials run that may have something to say, say so."""
        if self._claims_since is None or not self._asker.is_busy:
            self._session.sync()
            self._claims_since = self._session.ledger.head
        claim = partial(self._dispatch.claim, lease_s=self._settings.lease_s, admit=self._admit)
        return driver.Answered(self._asker.ask(claim, aside=self._is_aside), self._claims_since)

    def _admit(self) -> Admission:
        return admission(self._assess())

    @property
    def _is_aside(self) -> bool:
        """Whether trials run that may have something to say while a proposal is made."""
        return bool(self._driver.held) and "in_process" not in self._executor.traits

    def _submit(self, number: int) -> driver.Submitted:
        task = self._dispatch.task(number, self._settings.resources)
        self._heart.hold(number, task.attempt)
        origin = self._session.table.origin(number)
        self._note = f"trial {number} ({origin.by}): {origin.why}" if origin.why else f"trial {number}: {origin.by}"
        said: object = self._executor.submit(task)
        if not isinstance(said, str) or not said:  # on record it would be a log that nobody can read
            raise PluginError(
                f"the executor {type(self._executor).__name__} names what it runs by a text that is not empty; "
                f"it said {shown(said)} of trial {number}."
            )
        handle = str(said)
        if self._is_durable:
            self._dispatch.hold(number, handle, lease_s=self._settings.lease_s)
        return driver.Submitted(number, handle)

    @property
    def _is_durable(self) -> bool:
        return "durable" in self._executor.traits

    def _poll(self, timeout: float) -> driver.Said:
        messages = self._executor.poll(timeout)
        self._record(messages)
        return driver.Said(messages, timeout)

    def _record(self, messages: Sequence[execute.Message]) -> None:
        """Put a batch of messages on record in one commit, and what the stopping rules make of it in another."""
        if not messages:
            return
        patiently(lambda: self._session.commit(lambda: self._events(messages)))
        if any(isinstance(message, execute.Exited) for message in messages):
            patiently(lambda: self._session.commit(self._verdicts))
            patiently(lambda: self._session.commit(self._warnings))

    def _events(self, messages: Sequence[execute.Message]) -> list[Event]:
        settings, table = self._settings, self._session.table
        budget = None if settings.purse is None else settings.purse.of(table)
        is_reported = any(isinstance(message, execute.Reported) for message in messages)
        intake = Intake(
            table, retries=settings.retries, cost_required=budget is not None and budget.cost is not None,
            need=self._session.plan.needs(table.problem) if is_reported else "",
        )  # fmt: skip
        return intake.events(messages)

    @quiet()
    def _verdicts(self) -> list[Event]:
        """Return what the stopping rules have to say that is new."""
        return list(news(self._stops, self._session.table))

    @quiet()
    def _warnings(self) -> list[Noted]:
        """Return what is new to say of limits that are half spent, or more."""
        purse, table = self._settings.purse, self._session.table
        return [] if purse is None else warnings(purse.of(table), table)

    # What is done by the way

    def _do(self, asides: Iterable[driver.Aside]) -> None:
        for aside in asides:
            match aside:
                case driver.End():
                    self._executor.halt(aside.handle, aside.reason)
                    self._executor.cancel(aside.handle, self._settings.grace_s)
                case driver.Release():
                    self._heart.release(aside.number)
                    self._dispatch.forget(aside.number)
                    self._look_for_failure(aside.number)
                case driver.Collect():
                    self._collect()
                case driver.Prepare():
                    self._asker.prepare(aside=self._is_aside)
                case driver.GiveBack():
                    self._give_back(aside.number)
                case driver.Share():
                    if isinstance(self._executor, execute.SharesFolds):
                        self._executor.share()
                case driver.Show():
                    self._waits_for = aside.waits_for
                    self._show()
                case _:
                    assert_never(aside)

    def _collect(self) -> None:
        """Remove checkpoints from which nobody can go on."""
        with self._session.lock:  # a trial may be claimed aside
            table = self._session.table
            may_continue = self._session.plan.may_continue(table)
            rows = [] if may_continue is None else spent(table, may_continue).tolist()
            still = table.frozen() if self._room is not None else table
        self._collector.collect(rows)
        if self._room is not None:
            self._say_once(TOO_FULL, self._room.make(still, may_continue, self._is_free))

    def _is_free(self, row: int) -> bool:
        """Return whether no trial has begun, or waits, that goes on with this one."""
        with self._session.lock:
            table = self._session.table
            return not np.isin(table.state[table.parent == row], (WAITING, RUNNING)).any()

    def _say_once(self, key: str, text: str) -> None:
        """Write down about the study what people must know, if it was not written down before."""
        if text and key not in self._session.table.notes:
            self._note = f"{key}: {text}"
            patiently(
                lambda: self._session.commit(
                    lambda: [] if key in self._session.table.notes else [Noted(key, text)],
                )
            )

    def _look_for_failure(self, number: int) -> None:
        """Remember the first trial that failed for good, and show it at once."""
        if self._failure is None and self._session.table.state[number] == FAILED:
            with self._session.lock:
                self._failure = self._session.table.trial(number)
            self._progress.update(self._status())

    def _give_back(self, number: int) -> None:
        """Put back in line what was claimed aside while a verdict ended the study, so that it never ran."""
        session, attempt = self._session, int(self._session.table.attempt[number])
        session.commit(
            lambda: [Returned(number, "the study ended", attempt)] if is_running(session.table, number, attempt) else []
        )

    def _show(self, *, is_news: bool = False) -> None:
        """Show how things stand, not more often than people can read, but for news."""
        now = time.monotonic()
        if is_news or now - self._shown_at >= SHOW_S:
            self._shown_at = now
            self._progress.update(self._status())

    def _status(self, reason: str = "") -> Status:
        with self._session.lock:  # a trial may be claimed aside
            return self._standing.status(
                note=self._note, reason=reason, failure=self._failure, waits_for=self._waits_for,
                finale="" if self._dispatch.finale is None else self._dispatch.finale.said,
            )  # fmt: skip

    # The end

    def _end_with(self, verdict: Verdict) -> Verdict:
        self._put_on_record(verdict)
        self._progress.close(self._status(verdict.reason))
        return verdict

    def _put_on_record(self, verdict: Verdict) -> None:
        """Put the last verdict on record, once."""
        event = as_event(verdict)
        if self._session.ledger.assessed != event:
            self._session.commit(lambda: [] if self._session.ledger.assessed == event else [event])

    def _cut_short(self, error: BaseException) -> str:
        """Return how this run ended without a verdict of its own, and how to go on: what is true of this study."""
        if isinstance(error, StoreCorruptError):
            return "the store is damaged"
        how = "ended by an error" if isinstance(error, Exception) else "interrupted"
        if isinstance(error, StoreUnavailableError):
            how = "the store failed"
        is_returned = self._settings.is_interactive and isinstance(error, KeyboardInterrupt)
        if isinstance(error, SpaceError):
            return how  # so would the same command
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

    def _ours(self) -> list[int]:
        """Return what this driver runs, or was just about to run when it was interrupted."""
        table = self._session.table
        since = self._claims_since
        return [
            n
            for n in table.running
            if table.worker(n) == self._session.worker
            and not (self._is_durable and table.handle(n))  # it goes on without us
            and (n in self._driver.held or (since is not None and table.touched[n] > since))
        ]


def patiently(
    act: Callable[[], object],
    *,
    now: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Do what needs the store, and wait for a while if it cannot be had.

    Args:
        act: what is done, again and again until the store can be had.
        now: tells the time.
        sleep: lets it pass.

    Raises:
        StoreUnavailableError: it could not be had for as long as that.
    """
    deadline = now() + STORE_PATIENCE_S
    while True:
        try:
            act()
            return
        except StoreUnavailableError:
            if now() > deadline:
                raise
            sleep(STORE_RETRY_S)
