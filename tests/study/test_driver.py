"""What a driver decides, from inputs that are written by hand: no store, no executor, no time that passes."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest

from trimtab.errors import StoreCorruptError, StoreUnavailableError
from trimtab.execute.protocol import Exited, Lost, Message, Reported, Started
from trimtab.ledger.event import Failed, Judged
from trimtab.schedule.protocol import Wait
from trimtab.stop.protocol import Verdict
from trimtab.study.asker import BUSY
from trimtab.study.dispatch import Admission
from trimtab.study.driver import (
    ASKING_S,
    TICK_S,
    Answered,
    Began,
    Came,
    Claim,
    Collect,
    Driver,
    End,
    Facts,
    Finish,
    GiveBack,
    Look,
    Looked,
    Next,
    Pause,
    Paused,
    Poll,
    Prepare,
    Reap,
    Reaped,
    Release,
    Said,
    Share,
    Show,
    Submit,
    Submitted,
    admission,
)
from trimtab.study.loop import STORE_PATIENCE_S, STORE_RETRY_S, patiently
from trimtab.testing.simulation import PROBLEMS, Simulation

GO_ON = Verdict(stop=False, reason="", rule="")
OVER = Verdict(stop=True, reason="the budget of 3 trials is used up", rule="budget")
LINES = Verdict(stop=True, reason="the budget of 3 configurations is used up", rule="budget", continues=True)
CANCEL = Verdict(stop=True, reason="the budget of 1 hours is used up", rule="budget", cancel=True)


class Situation:
    """A driver of up to two trials, and how things stand around it."""

    def __init__(self, free: int | None = 2, workers: int = 2, folds: int | None = None) -> None:
        self.run = Simulation(replace(PROBLEMS["continuous"], folds=folds))
        self.driver = Driver(workers, retries=2)
        self.now = 100.0
        self.free = free
        self.verdict = GO_ON
        self.driver.is_due(self.now)  # it has just looked around

    def look(self, came: Looked | None = None) -> Next:
        """Let it look around, and return what it does then."""
        self.now += TICK_S
        assert self.step(Paused()) == Next(Look())
        return self.step(Looked() if came is None else came)

    def step(self, came: Came) -> Next:
        return self.driver.step(came, self.facts)

    @property
    def facts(self) -> Facts:
        return Facts(self.now, self.free, self.run.table, self.run.ledger.head, lambda: self.verdict)

    def trial(self, *, started: bool = True) -> int:
        number = self.run.enqueue(np.array([0.5, 0.0, 1.5e6]))
        if started:
            self.run.start(number)
        return number

    def runs(self, number: int | None = None) -> int:
        """Have the executor run a trial, a new one by default, and return its number."""
        number = self.trial() if number is None else number
        self.submitted(number)
        return number

    def submitted(self, number: int) -> Next:
        if self.free is not None:
            self.free -= 1
        return self.step(Submitted(number, f"job {number}"))

    def answered(self, said: object, since: int | None = None) -> Next:
        return self.step(Answered(said, self.run.ledger.head if since is None else since))

    def exited(self, number: int) -> Next:
        self.run.tell(number)
        if self.free is not None:
            self.free += 1
        return self.step(Said([Exited(number, 1)]))

    def lose(self, number: int) -> None:
        """Lose the driver of a trial that runs."""
        self.run.add(Failed(number, "lost", "its driver is gone", 1, again=True, blame="driver"))


@pytest.fixture
def it() -> Situation:
    return Situation()


def test_it_looks_around_and_then_keeps_every_worker_busy(it: Situation) -> None:
    assert Driver(2, 2).step(Began(), it.facts) == Next(Look())
    assert it.look() == Next(Claim())
    for expected in (Claim(), Poll(0.0)):
        number = it.trial()
        assert it.answered(number) == Next(Submit(number))
        assert it.submitted(number).then == expected
    assert it.driver.held == {0: "job 0", 1: "job 1"}
    assert it.exited(0) == Next(Claim(), (Release(0), Collect()))


def test_an_executor_that_takes_any_number_gets_as_many_as_there_are_workers() -> None:
    it = Situation(free=None, workers=3)
    assert [it.submitted(it.trial()).then for _ in range(3)] == [Claim(), Claim(), Poll(0.0)]
    assert it.exited(1).then == Claim()


def test_where_no_place_is_free_and_nothing_of_ours_runs_it_looks_again_soon() -> None:
    it = Situation(free=0)
    assert it.look() == Next(Pause(ASKING_S), (Show(),))
    it.free = 1
    assert it.step(Paused()) == Next(Claim())


def test_it_looks_around_twice_a_second(it: Situation) -> None:
    it.now += TICK_S / 2
    number = it.runs()
    started = Said([Started(number, 1)])
    assert it.step(started).then == Claim()
    it.now += TICK_S / 2
    assert it.step(started).then == Look()
    assert it.step(started).then == Claim(), "not again at once"


# Waiting for messages


def test_it_makes_a_proposal_ahead_where_nothing_was_said_and_something_may_start(it: Situation) -> None:
    it.runs()
    assert it.submitted(it.trial()) == Next(Poll(0.0), (Show(),))
    assert it.step(Said([])) == Next(Poll(TICK_S), (Prepare(),))
    assert it.step(Said([], TICK_S)).then == Poll(0.0), "the next round"


@pytest.mark.parametrize("verdict", [OVER, LINES])
def test_nothing_is_made_ahead_where_nothing_new_may_start(it: Situation, verdict: Verdict) -> None:
    it.runs()
    it.submitted(it.trial())
    it.verdict = verdict
    assert it.step(Said([])) == Next(Poll(TICK_S))


def test_while_a_proposal_is_made_aside_it_asks_again_soon(it: Situation) -> None:
    it.runs()
    assert it.answered(BUSY) == Next(Poll(0.0), (Show(),))
    assert it.step(Said([])) == Next(Poll(ASKING_S)), "and makes none ahead"
    assert it.step(Said([], ASKING_S)).then == Claim()
    number = it.trial()
    assert it.answered(number).then == Submit(number)


# Trials under suspicion


def suspect(it: Situation) -> int:
    """Return a trial that fails if its driver is killed once more, in line again."""
    number = it.trial()
    for attempt in (1, 2):
        it.run.add(Failed(number, "lost", "its driver is gone", attempt, again=True, blame="driver"))
        if attempt == 1:
            it.run.start(number)
    return number


def test_a_suspect_is_not_claimed_while_anything_runs(it: Situation) -> None:
    other = it.runs()
    number = suspect(it)
    assert it.run.table.first_again == number
    assert it.look().then == Poll(0.0), "a place is free, and the suspect is next"
    assert it.exited(other).then == Claim()


def test_a_suspect_runs_alone(it: Situation) -> None:
    number = suspect(it)
    it.run.start(number)
    assert it.answered(number) == Next(Submit(number))
    assert it.submitted(number).then == Poll(0.0), "though a place is free"
    it.trial(started=False)
    assert it.look().then == Poll(0.0)
    assert it.exited(number).then == Claim(), "it was not to blame"


def test_one_that_was_lost_once_is_no_suspect(it: Situation) -> None:
    number = it.trial()
    it.lose(number)
    it.run.start(number)
    assert it.answered(number) == Next(Submit(number))
    assert it.submitted(number).then == Claim()


# Verdicts


def test_a_verdict_that_cancels_ends_what_runs_once(it: Situation) -> None:
    one, other = it.runs(), it.runs()
    it.verdict = CANCEL
    ends = tuple(End(number, f"job {number}", CANCEL.reason) for number in (one, other))
    assert it.look() == Next(Poll(0.0), (*ends, Show())), "where all places are taken, too"
    assert it.exited(one) == Next(Poll(0.0), (Release(one), Collect(), Show()))
    assert it.exited(other) == Next(Reap(), (Release(other), Collect()))
    it.lose(it.trial())
    assert it.step(Reaped(0)) == Next(Finish(CANCEL)), "what is in line again stays there"


def test_what_is_claimed_while_a_verdict_cancels_never_runs(it: Situation) -> None:
    running = it.runs()
    it.answered(BUSY)
    it.verdict = CANCEL
    it.exited(running)
    assert it.step(Reaped(0)) == Next(Claim()), "somebody has to take the answer"
    number = it.trial()
    assert it.answered(number) == Next(Finish(CANCEL), (GiveBack(number),))


def test_where_the_claim_comes_to_nothing_nothing_is_given_back(it: Situation) -> None:
    running = it.runs()
    it.answered(BUSY)
    it.verdict = CANCEL
    it.exited(running)
    it.step(Reaped(0))
    assert it.answered(None) == Next(Finish(CANCEL))


def test_a_verdict_that_is_taken_back_is_forgotten(it: Situation) -> None:
    running = it.runs()
    it.verdict = CANCEL
    it.look()
    it.verdict = GO_ON
    assert it.exited(running).then == Claim()
    number = it.trial()
    assert it.answered(number).then == Submit(number)


def test_a_verdict_lets_what_runs_end(it: Situation) -> None:
    number = it.runs()
    it.verdict = OVER
    assert it.answered(None) == Next(Poll(0.0), (Show(),))
    assert it.exited(number).then == Claim(), "what was lost meanwhile would run"
    assert it.answered(None) == Next(Reap())
    assert it.step(Reaped(0)) == Next(Finish(OVER))


def test_a_verdict_may_let_lines_end(it: Situation) -> None:
    it.verdict = LINES
    assert it.look().then == Claim()
    child = it.trial()
    assert it.answered(child).then == Submit(child)
    it.submitted(child)
    assert it.answered(Wait("rungs fill")).then == Poll(0.0), "the scheduler waits for what runs"
    it.exited(child)
    assert it.answered(Wait("all is done")).then == Reap()
    assert it.step(Reaped(0)) == Next(Finish(LINES)), "the verdict's reason, not the scheduler's"


def test_what_comes_back_in_line_keeps_a_study_going(it: Situation) -> None:
    it.verdict = OVER
    it.answered(None)
    it.now += 1
    assert it.step(Reaped(1)).then == Look()
    it.step(Looked())
    it.answered(None)
    it.lose(it.trial())
    assert it.step(Reaped(0)).then == Claim(), "it is in line again already"


def test_a_rule_that_waits_is_asked_again(it: Situation) -> None:
    it.trial()
    it.verdict = Verdict(stop=True, reason="the first trial's cost is awaited", rule="budget", wait=True)
    it.answered(None)
    said = "waits for trial 0, which is run by others: the first trial's cost is awaited"
    assert it.step(Reaped(0)) == Next(Pause(TICK_S), (Show(said),))


# What the scheduler and the engine say


def test_a_scheduler_that_waits_while_ours_run(it: Situation) -> None:
    number = it.runs()
    assert it.answered(Wait("the rung is not full")) == Next(Poll(0.0), (Show(),))
    assert it.exited(number).then == Claim()


def test_idle_workers_help_where_there_are_folds_and_nothing_else_can_be_started() -> None:
    it = Situation(free=3, workers=3, folds=4)
    it.runs()
    assert it.answered(BUSY) == Next(Poll(0.0), (Show(),)), "a trial is about to start"
    assert it.answered(Wait("the rung is not full")) == Next(Poll(0.0), (Share(), Show()))
    assert it.answered(None) == Next(Poll(0.0), (Share(), Show()))
    it.verdict = OVER
    assert it.answered(None) == Next(Poll(0.0), (Share(), Show()))
    it.verdict = CANCEL
    assert Share() not in it.answered(None).first


def test_a_scheduler_that_waits_while_only_others_run_is_not_waited_for_in_silence(it: Situation) -> None:
    it.trial()
    assert it.answered(Wait("the rung is not full")) == Next(Reap())
    said = "waits for trial 0, which is run by others: the rung is not full"
    assert it.step(Reaped(0)) == Next(Pause(TICK_S), (Show(said),))
    assert it.look() == Next(Claim())


def test_of_many_trials_that_are_waited_for_a_few_are_named(it: Situation) -> None:
    for _ in range(7):
        it.trial()
    it.answered(Wait("the rung is not full"))
    [shown] = it.step(Reaped(0)).first
    assert isinstance(shown, Show)
    assert shown.waits_for == "waits for trials 0, 1, 2, 3, 4, ..., which are run by others: the rung is not full"


def test_a_scheduler_that_waits_while_nothing_runs_is_through(it: Situation) -> None:
    assert it.answered(Wait("all brackets are done")) == Next(Reap())
    finish = Finish(Verdict(stop=True, reason="all brackets are done", rule="scheduler"))
    assert it.step(Reaped(0)) == Next(finish)


def test_when_nothing_is_left_to_try_it_ends(it: Situation) -> None:
    number = it.runs()
    assert it.answered(None).then == Poll(0.0)
    it.exited(number)
    it.answered(None)
    finish = Finish(Verdict(stop=True, reason="every configuration has been tried", rule="exhausted"))
    assert it.step(Reaped(0)) == Next(finish)


@pytest.mark.parametrize("said", [None, Wait("the rung is not full")])
def test_an_answer_that_is_older_than_what_ended_meanwhile_is_asked_for_again(it: Situation, said: Wait | None) -> None:
    number, since = it.runs(), it.run.ledger.head
    it.answered(BUSY)
    it.exited(number)
    assert it.answered(said, since) == Next(Claim()), "the answer did not know that trial"
    assert it.answered(said).then == Reap()


def test_while_something_runs_an_old_answer_will_do(it: Situation) -> None:
    it.runs()
    since = it.run.ledger.head
    it.trial()
    assert it.answered(Wait("the rung is not full"), since).then == Poll(0.0)


# Trials that are to end


def halted(it: Situation, number: int, reason: str) -> Message:
    it.run.report(number, 1.0, loss=0.5)
    it.run.add(Judged(number, reason, it.run.ledger.head, 1))
    return Reported(number, 1, 1.0, {"loss": 0.5})


def test_a_trial_that_the_scheduler_halts_is_ended_once(it: Situation) -> None:
    number, other = it.runs(), it.runs()
    message = halted(it, number, "worse than most")
    spared = Reported(other, 1, 1.0, {"loss": 0.1})
    end = End(number, f"job {number}", "worse than most")
    assert it.driver.heard([message, spared], it.run.table) == [end]
    assert it.driver.heard([message], it.run.table) == []
    assert it.driver.halts(number, it.facts) == "worse than most"
    assert it.driver.halts(other, it.facts) is None


def test_what_ends_by_a_verdict_hears_its_reason(it: Situation) -> None:
    number = it.runs()
    it.verdict = CANCEL
    it.driver.looked(Looked(), it.facts)
    assert it.driver.halts(number, it.facts) == CANCEL.reason
    it.verdict = GO_ON
    assert it.driver.halts(number, it.facts) == "the study is over"


def test_one_that_is_lost_is_let_go_of_too(it: Situation) -> None:
    number, other = it.runs(), it.runs()
    it.run.add(Failed(number, "lost", "its machine is gone", 1, again=True))
    assert it.driver.heard([Lost(number, 1, "its machine is gone")], it.run.table) == [Release(number), Collect()]
    assert it.driver.held == {other: f"job {other}"}


def test_what_a_driver_before_ran_is_held_and_ended_like_its_own(it: Situation) -> None:
    number = it.trial()
    it.verdict = CANCEL
    assert it.look(Looked({number: "spool 1"})).first[0] == End(number, "spool 1", CANCEL.reason)
    it.verdict = GO_ON
    it.exited(number)
    assert it.driver.held == {}


def test_what_a_verdict_admits() -> None:
    assert admission(GO_ON) is Admission.EVERYTHING
    assert admission(LINES) is Admission.CONTINUATIONS
    assert admission(OVER) is admission(CANCEL) is Admission.NOTHING


def test_rules_are_asked_when_it_matters_only(it: Situation) -> None:
    asked = itertools.count()
    facts = Facts(it.now, 0, it.run.table, 1, lambda: (next(asked), GO_ON)[1])
    it.driver.step(Submitted(it.trial(), "job"), facts)
    it.driver.step(Said([Started(0, 1)]), facts)
    assert next(asked) == 0
    assert facts.verdict is facts.verdict
    assert next(asked) == 2, "once for all that is decided of one moment"


# A store that cannot be had


class Time:
    def __init__(self) -> None:
        self.now = 0.0
        self.slept: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


def test_a_store_that_comes_back_is_waited_for() -> None:
    time, failures = Time(), iter([True, True, False])

    def act() -> None:
        if next(failures):
            raise StoreUnavailableError("the disk is full.")

    patiently(act, now=lambda: time.now, sleep=time.sleep)
    assert time.slept == [STORE_RETRY_S] * 2
    assert next(failures, None) is None


def test_a_store_that_stays_away_is_lost() -> None:
    time = Time()

    def act() -> None:
        raise StoreUnavailableError("the server is away.")

    with pytest.raises(StoreUnavailableError, match="the server is away"):
        patiently(act, now=lambda: time.now, sleep=time.sleep)
    assert STORE_PATIENCE_S < time.now <= STORE_PATIENCE_S + 2 * STORE_RETRY_S


def test_a_store_that_is_damaged_is_not_waited_for() -> None:
    time = Time()

    def act() -> None:
        raise StoreCorruptError("record 3 is damaged.")

    with pytest.raises(StoreCorruptError):
        patiently(act, now=lambda: time.now, sleep=time.sleep)
    assert time.slept == []
