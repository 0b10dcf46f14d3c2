"""What a driver does next: a function of what came in, of the table, of the verdicts and of the time.

A driver has no effects. `step` takes what came of the last instruction and returns the next one; whoever performs it
(`study.loop`) tells what came of that, and so on until `Finish`. It keeps only what no log has: what the executor runs
for it, and how far it is.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple, TypeAlias, assert_never

from trimtab.execute import protocol as execute
from trimtab.ledger.table import TrialTable
from trimtab.schedule.protocol import Wait
from trimtab.stop.protocol import Verdict
from trimtab.study.asker import BUSY, Busy
from trimtab.study.dispatch import Admission, Uncovered

TICK_S = 0.5
"""How long a driver waits for a message before it looks at the clock and at other drivers."""

ASKING_S = 0.005
"""How long it waits for a message while a proposal is made aside, and a worker for that; or for a place to become free
that nothing of ours takes."""


class Facts:
    """How things stand at one moment.

    Args:
        now: the time in seconds, by the executor's clock.
        free: how many more trials the executor takes; None if any number.
        table: the trials.
        head: of the log.
        assess: says what the stopping rules have to say; asked when that is in question.
    """

    def __init__(
        self, now: float, free: int | None, table: TrialTable, head: int, assess: Callable[[], Verdict]
    ) -> None:
        self.now = now
        self.free = free
        self.table = table
        self.head = head
        self._assess = assess

    @cached_property
    def verdict(self) -> Verdict:
        """The verdict of the stopping rules."""
        return self._assess()


# What is to be done


@dataclass(frozen=True, slots=True)
class Look:
    """Read what others wrote, and take over from the dead. Comes to: `Looked`."""


@dataclass(frozen=True, slots=True)
class Claim:
    """Take a trial. Comes to: `Answered`."""


@dataclass(frozen=True, slots=True)
class Submit:
    """Have the executor run a trial. Comes to: `Submitted`."""

    number: int


@dataclass(frozen=True, slots=True)
class Poll:
    """Hear what the executor has to say, and put it on record. Comes to: `Said`.

    Attributes:
        timeout: seconds to wait for the first message.
    """

    timeout: float


@dataclass(frozen=True, slots=True)
class Reap:
    """Put trials back in line whose driver is gone. Comes to: `Reaped`."""


@dataclass(frozen=True, slots=True)
class Pause:
    """Let time pass. Comes to: `Paused`."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Finish:
    """The run is over: put the verdict on record. Nothing comes of it."""

    verdict: Verdict


@dataclass(frozen=True, slots=True)
class End:
    """Ask a trial to end, and see to it that it does."""

    number: int
    handle: str
    reason: str


@dataclass(frozen=True, slots=True)
class Release:
    """A trial is over: let go of what was kept for it."""

    number: int


@dataclass(frozen=True, slots=True)
class Collect:
    """Remove checkpoints that nobody needs."""


@dataclass(frozen=True, slots=True)
class Prepare:
    """Have the next proposal made ahead."""


@dataclass(frozen=True, slots=True)
class GiveBack:
    """Put a trial back in line that was claimed and never ran."""

    number: int


@dataclass(frozen=True, slots=True)
class Share:
    """Have workers that are idle help with the folds of what runs."""


@dataclass(frozen=True, slots=True)
class Show:
    """Show people how things stand.

    Attributes:
        waits_for: what is waited for that others do, a sentence; empty while something of ours goes on.
    """

    waits_for: str = ""


Instruction: TypeAlias = Look | Claim | Submit | Poll | Reap | Pause | Finish
"""What something comes of."""

Aside: TypeAlias = End | Release | Collect | Prepare | GiveBack | Share | Show
"""What is done on the way to it, and nothing comes of."""


class Next(NamedTuple):
    """What is to be done next.

    Attributes:
        then: what the next step is about.
        first: what is done before it, in this order.
    """

    then: Instruction
    first: tuple[Aside, ...] = ()

    def after(self, asides: Iterable[Aside]) -> Next:
        """Return the same with more to do before it all."""
        return Next(self.then, (*asides, *self.first))


# What came of it


@dataclass(frozen=True, slots=True)
class Began:
    """The run begins."""


@dataclass(frozen=True, slots=True)
class Looked:
    """Others' records were read.

    Attributes:
        attached: what was taken up of what a driver before this one ran, the handles by number.
    """

    attached: Mapping[int, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Answered:
    """The answer to a claim.

    Attributes:
        said: the trial's number; `Wait` where the scheduler wants something to end first; `Uncovered` where the budget
            does not cover the next trial; `BUSY` where a proposal is still being made; None where nothing new is
            admitted or left to try.
        since: the head of the log when it was asked.
    """

    said: int | Wait | Uncovered | Busy | None
    since: int


@dataclass(frozen=True, slots=True)
class Submitted:
    """The executor runs a trial, under a handle."""

    number: int
    handle: str


@dataclass(frozen=True, slots=True)
class Said:
    """What the executor said, and is on record.

    Attributes:
        messages: in the order in which they came.
        timeout: for how long they were waited for at most.
    """

    messages: Sequence[execute.Message]
    timeout: float = 0.0


@dataclass(frozen=True, slots=True)
class Reaped:
    """So many trials were put back in line."""

    n: int


@dataclass(frozen=True, slots=True)
class Paused:
    """Time has passed."""


Came: TypeAlias = Began | Looked | Answered | Submitted | Said | Reaped | Paused


class Driver:
    """Decides what one driver of a study does next.

    Args:
        workers: how many trials run at once, where the executor would take any number.
        retries: how often a trial is run again whose worker, or driver, was killed.

    Attributes:
        held: what the executor runs for it, the handles by number.
    """

    def __init__(self, workers: int, retries: int) -> None:
        self.held: dict[int, str] = {}
        self._workers = workers
        self._retries = retries
        self._ending: set[int] = set()
        self._alone: int | None = None
        self._is_asking = False  # a claim is being answered
        self._is_uncovered = False  # the budget does not cover the next trial, be it one that was begun
        self._looked_at = -math.inf
        self._over: Verdict | None = None  # why nothing more is to be started; None while something may be

    def step(self, came: Came, facts: Facts) -> Next:
        """Return what to do next; `Finish` ends the run.

        Args:
            came: of the last instruction.
            facts: how things stand now.
        """
        match came:
            case Began() | Paused():
                return self._go_on(facts)
            case Looked():
                asides = self.looked(came, facts)  # before it decides: this changes what is held
                return self._fill(facts).after(asides)
            case Answered():
                return self._answered(came, facts)
            case Submitted():
                self.held[came.number] = came.handle
                return self._fill(facts)
            case Said():
                return self._said(came, facts)
            case Reaped():
                return self._reaped(came, facts)
        assert_never(came)

    def is_due(self, now: float) -> bool:
        """Return whether it is time to look at others and at the clock; from then on it is not."""
        if now - self._looked_at < TICK_S:
            return False
        self._looked_at = now
        return True

    def looked(self, came: Looked, facts: Facts) -> Sequence[Aside]:
        """Return whom to end after a look at others and at the clock."""
        self.held.update(came.attached)
        return self._end_all(facts.verdict) if self.held and facts.verdict.cancel else []

    def heard(self, messages: Iterable[execute.Message], table: TrialTable) -> Sequence[Aside]:
        """Return what follows at once from messages that are on record."""
        due: list[Aside] = []
        for message in messages:
            number = message.number
            if isinstance(message, execute.Exited | execute.Lost):
                self.held.pop(number, None)
                self._ending.discard(number)
                self._alone = None if self._alone == number else self._alone
                due.append(Release(number))
            elif isinstance(message, execute.Reported) and number in self.held and number not in self._ending:
                reason = table.halted(number)
                if reason:
                    due.append(self._end(number, reason))
        if any(isinstance(each, Release) for each in due):
            due.append(Collect())
        return due

    def halts(self, number: int, facts: Facts) -> str | None:
        """Return why a trial is to end that has just reported; None if it goes on."""
        reason = facts.table.halted(number)
        if not reason and number in self._ending:
            return facts.verdict.reason or "the study is over"
        return reason or None

    # One round: look around, keep every worker busy, wait for what they say

    def _go_on(self, facts: Facts) -> Next:
        return Next(Look()) if self.is_due(facts.now) else self._fill(facts)

    def _fill(self, facts: Facts) -> Next:
        """Claim a trial if one may be started; else wait for what runs, or end."""
        free = self._workers - len(self.held) if facts.free is None else facts.free
        if free <= 0:
            return self._wait(facts, None)
        if facts.verdict.cancel:
            return self._wait(facts, facts.verdict).after(self._end_all(facts.verdict))
        if self.held and (self._alone is not None or self._is_suspect(facts.table.first_again, facts.table)):
            return self._wait(facts, None)
        self._over = None
        return Next(Claim())

    def _answered(self, came: Answered, facts: Facts) -> Next:
        said, table = came.said, facts.table
        self._is_asking = said is BUSY
        if isinstance(said, Busy):
            return self._wait(facts, None)
        if not self.held and self._over is not None and self._over.cancel:  # it was claimed while a verdict came
            return Next(Finish(self._over), (GiveBack(said),) if isinstance(said, int) else ())
        if isinstance(said, int):
            if self._is_suspect(said, table):
                self._alone = said
            return Next(Submit(said))
        if not self.held and facts.head != came.since:
            return self._fill(facts)  # the answer is older than what ended meanwhile
        self._is_uncovered = isinstance(said, Uncovered)
        if isinstance(said, Uncovered):  # what runs may take less than was reserved for it
            return self._wait(facts, Verdict(stop=True, reason=said.reason, rule="budget", wait=bool(table.n_running)))
        verdict = facts.verdict
        if verdict.stop and (said is None or not verdict.continues):
            return self._wait(facts, verdict)
        if said is None:
            return self._wait(facts, Verdict(stop=True, reason="every configuration has been tried", rule="exhausted"))
        waits = Verdict(stop=True, reason=said.reason, rule="scheduler", wait=bool(table.n_running))
        return self._wait(facts, verdict if verdict.stop and not waits.wait else waits)

    def _wait(self, facts: Facts, over: Verdict | None) -> Next:
        """Wait for what runs; where nothing does, see whether something is to be started after all.

        Args:
            facts: how things stand.
            over: why nothing more is to be started; None where something may be.
        """
        self._over = over
        if self.held:
            helps = over is not None and not over.cancel and facts.table.problem.folds is not None
            return Next(Poll(0.0), (Share(), Show()) if helps else (Show(),))
        return Next(Reap()) if over is not None else Next(Pause(ASKING_S), (Show(),))

    def _reaped(self, came: Reaped, facts: Facts) -> Next:
        over = self._over
        if over is None or came.n or (facts.table.n_again and not over.cancel and not self._is_uncovered):
            return self._go_on(facts)
        if over.wait:
            return Next(Pause(TICK_S), (Show(_others(facts.table, over.reason)),))
        return Next(Claim() if self._is_asking else Finish(over))

    def _said(self, came: Said, facts: Facts) -> Next:
        if came.messages or came.timeout:
            asides = self.heard(came.messages, facts.table)  # likewise
            return self._go_on(facts).after(asides)
        if self._is_asking:
            return Next(Poll(ASKING_S))
        if self._over is None and admission(facts.verdict) is Admission.EVERYTHING:
            return Next(Poll(TICK_S), (Prepare(),))
        return Next(Poll(TICK_S))

    def _end_all(self, verdict: Verdict) -> list[End]:
        return [self._end(number, verdict.reason) for number in self.held if number not in self._ending]

    def _end(self, number: int, reason: str) -> End:
        self._ending.add(number)
        return End(number, self.held[number], reason)

    def _is_suspect(self, number: int | None, table: TrialTable) -> bool:
        """Return whether a trial fails if its driver is killed once more.

        It then runs alone: of several that run when their driver is killed, any may be to blame, and the others must
        not fail with it.
        """
        return number is not None and bool(table.n_lost_with_driver[number] and table.n_lost[number] >= self._retries)


def admission(verdict: Verdict) -> Admission:
    """Return what may start under a verdict."""
    if not verdict.stop:
        return Admission.EVERYTHING
    return Admission.CONTINUATIONS if verdict.continues else Admission.NOTHING


MOST_NAMED = 5
"""How many of the trials that are waited for are named, by taste."""


def _others(table: TrialTable, reason: str) -> str:
    """Return what is waited for that others run, perhaps by hand and for ever."""
    rows = table.running
    if not rows:
        return f"waits: {reason}"
    named = ", ".join(map(str, rows[:MOST_NAMED])) + (", ..." if len(rows) > MOST_NAMED else "")
    trials = f"trial {named}, which is" if len(rows) == 1 else f"trials {named}, which are"
    return f"waits for {trials} run by others: {reason}"
