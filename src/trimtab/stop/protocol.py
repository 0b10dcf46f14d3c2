"""What a stopping rule is: a verdict on the whole study, from the table alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from trimtab.ledger.table import TrialTable
from trimtab.space.problem import Problem

if TYPE_CHECKING:
    from trimtab.stop.outlook import Outlook


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether to start another trial, and why (not).

    Attributes:
        stop: True when no further trial should start.
        reason: a sentence for a person; empty while there is nothing to say.
        rule: the rule's name, under which its verdicts are kept (`table.verdict(rule)`).
        cancel: True when running trials should be ended too.
        wait: True when nothing may start now, and it is too early to end the study.
        remaining: how many more trials may start now; None where the rule does not count.
        continues: True when, all the same, trials may start that go on with others: they are no configurations more.
        expected_gain: by how much going on would better the objective, in its own unit; None where the rule does not
            know.
        gain_interval: (low, high) between which that gain lies, by the rule's own lights.
        next_cost: what the next trial is expected to cost, in the unit of the cost metric, or in seconds. Of these
            three, what is not finite counts as not known.
        epsilon: the gain that counts; chance: of more than that, by going on.
        chance_of_target: of reaching the target by going on.
        n: configurations that are over; until: how many will be when the budget ends.
    """

    stop: bool
    reason: str
    rule: str
    cancel: bool = False
    wait: bool = False
    remaining: int | None = None
    continues: bool = False
    expected_gain: float | None = None
    gain_interval: tuple[float, float] | None = None
    next_cost: float | None = None
    epsilon: float | None = None
    chance: float | None = None
    chance_of_target: float | None = None
    n: int | None = None
    until: int | None = None


@runtime_checkable
class Stop(Protocol):
    """Says whether a whole study goes on. No base class is needed: `tune(..., stop=[Mine()])`.

    **Life cycle.** In `tune` and `trimtab run`, `assess` is called before each trial that is to start, when one has
    ended, and every half second while trials run, on all rules in turn: target and budget first, then those of `stop=`.
    The first that says `stop` ends the study: nothing new starts, what runs goes on to its end, or is ended where it
    says `cancel`. Where a rule estimates gain or cost, that is put on record once a trial has ended and it differs by a
    tenth from what is there. Who asks and tells by hand decides alone.

    **What is kept where.** A rule is its settings. It is not on record, and is not told when a study goes on in another
    process: what it says follows from the table, `table.now` included, the time of the last record or look at the
    clock, in seconds since the epoch. `table.elapsed` are the seconds for which the study was worked on.

    **Threads.** One rule is asked at a time, under the lock of the study, but not always in the same thread. Whoever
    reports waits meanwhile: take milliseconds at most, and read columns, not trials one by one.

    **Errors.** What it raises ends the run; what ran is put back in line.

    `trimtab.testing.stops.StopContract` holds all of this as tests.
    """

    def assess(self, problem: Problem, table: TrialTable) -> Verdict:
        """Return whether another trial may start. Changes nothing.

        Args:
            problem: what is tuned.
            table: all that is on record.
        """
        ...


@runtime_checkable
class Looks(Protocol):
    """A stopping rule that can tell people what going on would bring, whether or not it would end the study."""

    def outlook(self, table: TrialTable) -> Outlook:
        """Return what going on would bring and cost. Changes nothing."""
        ...


@runtime_checkable
class Rated(Protocol):
    """A stopping rule that knows what an improvement is worth, as engines are told.

    Of the rules of a run the first one that does is asked, before each proposal, under the lock of the study. What it
    says is told as `request.remaining.must_gain`, whatever the engine makes of it, and stands on record with the
    proposal: a study is replayed without its rules. It follows from the table alone, as a verdict does.
    """

    def must_gain(self, table: TrialTable) -> dict[str, float]:
        """Return by how much the objective must get better for each of the "seconds" or the "cost" that is spent.

        Of every second or unit of cost that a trial takes, in the objective's own unit, 0 or more: {"cost": 0.01}.
        Anything else ends the run (`PluginError`). Empty where nobody knows. Changes nothing.
        """
        ...
