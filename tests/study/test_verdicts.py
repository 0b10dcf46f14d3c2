"""Verdicts of stopping rules on record: each rule's for itself, when it changes, and once per result."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

import trimtab as tt
from trimtab.errors import PluginError
from trimtab.ledger.event import Assessed, Told
from trimtab.ledger.table import COMPLETE
from trimtab.stop.protocol import Verdict
from trimtab.study.verdicts import news

SPACE = tt.Space(x=tt.Float(0, 1))


class Worth:
    """Expects less and less, and stops below a limit: what a stranger would write."""

    def __init__(self, limit: float = 0.0, shrinks: float = 0.5, rule: str = "worth") -> None:
        self.limit = limit
        self.shrinks = shrinks
        self.rule = rule
        self.asked: list[int] = []

    def assess(self, problem, table):
        n = len(table.rows(COMPLETE))
        self.asked.append(n)
        gain = self.shrinks**n
        return Verdict(
            stop=gain < self.limit, reason=f"a gain of {gain:.3g} is expected", rule=self.rule, expected_gain=gain,
            gain_interval=(0.0, 2 * gain), next_cost=1.0,
        )  # fmt: skip


def verdicts(study: tt.Study) -> list[Assessed]:
    return [record.event for record in study.session.journal.read() if isinstance(record.event, Assessed)]


def tuned(*stops, budget: int = 10, workers: int = 1) -> tt.Study:
    return tt.tune(
        objective, SPACE, minimize="loss", budget=budget, stop=list(stops), optimizer="random", seed=0, workers=workers,
        progress=False,
    )  # fmt: skip


def objective(trial: tt.Trial) -> float:
    return trial.params["x"]


@pytest.mark.parametrize("workers", [1, 2])
def test_each_result_has_one_verdict_where_it_changes_something(workers: int) -> None:
    with tuned(Worth(0.1), workers=workers) as study:
        said = verdicts(study)
        told = [record.seq for record in study.session.journal.read() if isinstance(record.event, Told)]
        assert len(said) <= len(told)
        stops = [event.stop for event in said]
        assert stops == sorted(stops)
        assert stops[-1]
        assert said[-1] == study.table.verdict("worth") == study.session.ledger.assessed
        assert said[-1].expected_gain == 0.5 ** math.ceil(math.log2(10)) or workers > 1
        assert [event for _, event in study.table.verdicts] == said
        assert [event for event in study.table.since(told[0]).verdicts] == said


def test_what_hardly_changes_is_not_put_on_record_again() -> None:
    with tuned(Worth(shrinks=0.97)) as study:
        gains = [event.expected_gain for event in verdicts(study) if event.rule == "worth"]
        assert gains == [0.97, 0.97**5, 0.97**9]


def test_rules_are_told_apart() -> None:
    with tuned(Worth(rule="one"), Worth(0.2, rule="other")) as study:
        table = study.table
        assert table.verdict("one").expected_gain == table.verdict("other").expected_gain == 0.125
        assert (table.verdict("one").stop, table.verdict("other").stop) == (False, True)
        assert table.verdict("budget") is None
        assert news([Worth(rule="one"), Worth(0.2, rule="other")], table) == []


def test_rules_that_only_count_speak_at_the_end() -> None:
    with tuned(budget=3) as study:
        [said] = verdicts(study)
        assert (said.rule, said.reason) == ("budget", "the budget of 3 trials is used up")


class Saying:
    """Says what it is told to say."""

    def __init__(self, said: object) -> None:
        self.said = said

    def assess(self, problem, table):
        return self.said


FINE = Verdict(stop=False, reason="more is to be had", rule="worth")


@pytest.mark.parametrize(
    ("estimates", "kept"),
    [
        ({"expected_gain": math.nan, "next_cost": 1.0}, (None, None, 1.0)),
        ({"expected_gain": math.inf, "next_cost": -math.inf}, None),
        ({"next_cost": 1.0, "gain_interval": (0.0, math.inf)}, (None, None, 1.0)),
        ({"expected_gain": np.float32(0.5), "gain_interval": np.array([0.25, 1.0])}, (0.5, (0.25, 1.0), None)),
        ({"expected_gain": 10**400, "next_cost": 2}, (None, None, 2.0)),
    ],
)
def test_what_is_not_known_yet_ends_no_study(estimates, kept) -> None:
    with tuned(Saying(replace(FINE, **estimates)), budget=3) as study:
        said = [event for event in verdicts(study) if event.rule == "worth"]
        assert [(e.expected_gain, e.gain_interval, e.next_cost) for e in said] == ([] if kept is None else [kept])
        assert len(study.table) == 3


def test_a_truth_of_numpy_ends_a_study() -> None:
    with tuned(Saying(replace(FINE, stop=np.True_))) as study:
        assert [(event.stop, len(study.table)) for event in verdicts(study)] == [(True, 0)]


@pytest.mark.parametrize(
    ("said", "message"),
    [
        (None, "assesses a study with a Verdict; it said None"),
        ((True, "enough"), "assesses a study with a Verdict; it said"),
        (replace(FINE, stop=math.nan), "says whether to stop with True or False; it said nan"),
        (replace(FINE, cancel="no"), "says whether to cancel with True or False; it said 'no'"),
        (replace(FINE, reason=None), "gives its reason as text; it said None"),
        (replace(FINE, rule=3), "gives its rule as text; it said 3"),
        (replace(FINE, expected_gain="much"), "gives its expected_gain as a number or None; it said 'much'"),
        (replace(FINE, gain_interval=(0.0, 1.0, 2.0)), "gives its gain_interval as two numbers or None"),
        (replace(FINE, gain_interval=0.5), "gives its gain_interval as two numbers or None"),
    ],
)
def test_what_is_no_verdict_is_refused(said, message: str) -> None:
    with pytest.raises(PluginError, match=f"the stopping rule Saying {message}"):
        tuned(Saying(said))
