"""Whether more tuning is worth it: the odds, when they end a study, and what is said of studies of every kind."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import msgspec
import numpy as np
import pytest

import trimtab as tt
from trimtab.errors import ProblemError
from trimtab.ledger.event import Asked, Assessed, Opened, Record, Told
from trimtab.ledger.ledger import Ledger
from trimtab.ledger.table import STOPPED
from trimtab.space.parameter import Float
from trimtab.space.problem import Metric, Problem, maximize, minimize
from trimtab.space.space import Space
from trimtab.stop.budget import Budget
from trimtab.stop.forecast import chances, forecast
from trimtab.stop.path import path, path_of
from trimtab.stop.patience import Patience
from trimtab.stop.worth import LEAST_OF_ALL, UNLIKELY, Worth
from trimtab.study.replay import replay
from trimtab.testing.simulation import Simulation


def study(losses: list[float], metric: Metric | None = None, same: int = 0, **problem) -> Simulation:
    """Return a study with these results; nan fails. The last `same` configurations are one."""
    metric = minimize("loss") if metric is None else metric
    run = Simulation(Problem(Space(x=Float(0, 1)), (metric,), **problem))
    run.add(Opened())
    for i, loss in enumerate(losses):
        x = 0.5 if i >= len(losses) - same else (i + 0.5) / (len(losses) + 1)
        number = run.enqueue(np.array([x]))
        run.start(number)
        run.fail(number) if loss != loss else run.tell(number, loss)
    return run


def falling(n: int, seed: int = 0) -> list[float]:
    """Return results of independent draws."""
    return np.random.default_rng(seed).exponential(size=n).tolist()


def found_early(n: int) -> list[float]:
    """Return results of a search that found the best at the fifth trial, and nothing since."""
    return [1.0, 0.9, 0.7, 0.5, 0.1, *(0.3 + 0.01 * (i % 7) for i in range(n - 5))]


def verdict(run: Simulation, rule: Worth):
    return rule.assess(run.problem, run.table)


def test_a_run_that_is_off_is_nothing_that_a_search_has_reached() -> None:
    losses = found_early(30)
    seen = path(study([*losses, -900.0, 0.4, 0.41], same=3).table)
    assert seen.best[-1] == 0.1
    assert seen.losses[-3:].tolist() == [0.4, 0.4, 0.4]
    noisy = path(study([*losses, 0.34, 0.3, 0.31], same=3).table)
    assert noisy.losses[-3:].tolist() == [0.34, 0.3, 0.31], "no farther apart than noise may be"


# The forecast


def test_records_of_independent_draws_come_as_theory_says() -> None:
    """The chance that the best of t + k independent draws is among the last k is k / (t + k)."""
    for n, k in ((50, 50), (100, 20), (200, 20)):
        said = [
            float(chances(path_of(np.array(falling(n, seed))), np.array([1e-9]), np.array([float(k)]))[0, 0])
            for seed in range(60)
        ]
        assert np.mean(said) == pytest.approx(k / (n + k), rel=0.5)


def test_chances_fall_with_the_gain_and_rise_with_time() -> None:
    seen = path_of(np.array(falling(60)))
    gains = forecast(seen, np.array([1.0, 5.0, 20.0, 100.0]))
    assert (np.diff(gains.survival, axis=1) <= 0).all()
    assert (np.diff(gains.survival, axis=0) >= 0).all()
    assert (np.diff(gains.expected()) > 0).all()
    low, high = gains.interval(0.9)
    assert (low <= high).all()
    assert (high >= gains.quantile(0.5)).all()


def test_forecast_does_not_depend_on_the_unit() -> None:
    losses, k = np.array(falling(40)), np.array([10.0])
    one, other = forecast(path_of(losses), k), forecast(path_of(1000.0 * losses - 7.0), k)
    np.testing.assert_allclose(1000.0 * one.expected(), other.expected(), rtol=1e-9)


# Verdicts


@pytest.mark.parametrize("seed", range(5))
def test_what_fell_behind_tells_what_results_are_like_without_a_search(seed: int) -> None:
    losses = np.array(falling(30, seed))
    whole = path_of(losses)
    behind = losses > np.median(losses)
    seen = path_of(np.where(behind, np.inf, losses), 0.0, behind)
    assert 0.3 * whole.scale <= seen.scale <= 1.5 * whole.scale
    assert path_of(np.where(behind, np.inf, losses)).scale < seen.scale, "nobody knows where those would be that failed"
    assert seen.before(20).scale > 0.0


def test_what_was_run_to_its_end_last_says_how_far_the_first_were() -> None:
    fell = np.arange(25) < 23
    losses = np.where(fell, np.inf, np.where(np.arange(25) == 23, 3.0, 1.0))
    assert 1.0 <= path_of(losses, 0.0, fell).scale <= 2.0


def curve(trial: tt.Trial) -> float:
    loss = (np.log10(trial.params["lr"]) + 3.0) ** 2
    for step in trial.steps():
        trial.report(step, loss=loss + 1.0 / step)
    return loss + 1.0 / step


def test_a_scheduler_that_stops_does_not_make_every_gain_count() -> None:
    space = tt.Space(lr=tt.Float(1e-5, 1.0, log=True))
    about: dict[str, Any] = {"minimize": "loss", "fidelity": tt.Fidelity("epoch", 1, 9), "stop": "never", "seed": 0}
    stopped = tt.tune(curve, space, budget=30, optimizer="random", scheduler="asha", progress=False, **about)
    whole = tt.tune(curve, space, budget=30, optimizer="random", scheduler="whole", progress=False, **about)
    assert (stopped.table.state == STOPPED).sum() >= 10
    assert 0.5 <= stopped.worth.epsilon / whole.worth.epsilon <= 2.0


def test_nothing_is_said_of_few_results() -> None:
    run = study(found_early(LEAST_OF_ALL - 1))
    said = verdict(run, Worth(budget=Budget(trials=40)))
    assert not said.stop
    assert said.chance is None


def test_a_search_that_found_what_there_is_ends_and_says_the_odds() -> None:
    rule = Worth(budget=Budget(trials=200))
    ends = [n for n in range(20, 180, 4) if verdict(study(found_early(n)), rule).stop]
    assert ends
    said = verdict(study(found_early(ends[0])), rule)
    assert said.chance < UNLIKELY
    assert (said.n, said.until) == (ends[0], 200)
    assert said.reason.startswith("more tuning is hardly worth it: the ")
    assert f"the {200 - ends[0]} trials left" in said.reason
    assert "with a chance of" in said.reason
    assert not said.cancel


def test_a_search_that_gets_better_goes_on() -> None:
    assert not any(verdict(study([1.0 / (i + 1) for i in range(n)]), Worth(budget=Budget(trials=200))).stop
                   for n in (20, 60, 100))  # fmt: skip


def test_what_counts_may_be_given() -> None:
    run = study(falling(60))
    little, much = (verdict(run, Worth(budget=Budget(trials=80), epsilon=e)) for e in (1e-6, 10.0))
    assert (little.epsilon, much.epsilon) == (1e-6, 10.0)
    assert little.chance > UNLIKELY > much.chance
    assert much.stop
    assert not little.stop
    assert "as given" in much.reason


def test_what_would_not_end_the_study_says_the_same_and_ends_nothing() -> None:
    run = study(falling(60))
    one, other = (
        verdict(run, Worth(budget=Budget(trials=80), epsilon=10.0, is_final=final)) for final in (True, False)
    )
    assert one.stop
    assert not other.stop
    assert one.chance == other.chance


def test_a_raised_budget_goes_on_for_a_while() -> None:
    run = study(falling(60))
    small, large = (Worth(budget=Budget(trials=n), epsilon=10.0) for n in (80, 300))
    said = verdict(run, small)
    assert said.stop
    run.add(Assessed(said.stop, said.reason, said.rule, n=said.n, until=said.until))
    assert verdict(run, small).stop, "the same budget ends it again"
    assert verdict(run, Worth(budget=Budget(trials=80), epsilon=10.0)).stop
    assert not verdict(run, large).stop


def test_a_budget_that_is_nearly_used_up_is_used_up() -> None:
    assert not verdict(study(falling(60)), Worth(budget=Budget(trials=62), epsilon=10.0)).stop


@pytest.mark.parametrize(
    ("rate", "stops"), [("1 loss = 0.001 trials", True), ("1 loss = 1e6 trials", False), ("1 = 1e6 hours", False),
                        ("1 loss = 1 worker_s", True), ("1e-6 loss = 1 eur", False)]
)  # fmt: skip
def test_an_exchange_rate_ends_what_does_not_pay(rate: str, stops: bool) -> None:
    run = study(found_early(60))
    said = verdict(run, Worth(budget=Budget(trials=200), rate=rate, prices={"cpu": 0.1}))
    assert said.stop == stops
    if stops:
        assert said.reason.startswith(f"more tuning is not worth its price ({rate}): the 140 trials left")


@pytest.mark.parametrize(
    ("rate", "told"),
    [
        ("0.1 loss = 4 trials", {}),  # of which none is dearer
        ("0.1 loss = 2 worker_hours", {"seconds": 0.05 / 3600}),
        ("0.1 loss = 2 cpu_hours", {"seconds": 0.2 / 3600}),
        ("0.1 loss = 2 money", {"seconds": 0.02 / 3600}),
        ("0.1 loss = 2 hours", {"seconds": 0.025 / 3600}),  # two at a time
        (None, {}),
    ],
)
def test_what_has_to_come_of_what_is_spent(rate: str | None, told: dict[str, float]) -> None:
    run = Simulation(Problem(Space(x=Float(0, 1)), (minimize("loss"),)))
    run.add(Opened())
    for i in range(10):
        pair = run.enqueue(np.array([0.1])), run.enqueue(np.array([0.2]))
        for number in pair:
            run.start(number)
        for number in pair:
            run.add(Told(number, {"loss": float(i)}, seconds=6.0))  # each record takes a second
    rule = Worth(rate=rate, prices={"cpu": 0.1}, cpus=4.0)
    assert rule.must_gain(run.table) == pytest.approx(told, rel=0.05)


def test_what_an_improvement_is_worth_is_on_record_and_replays() -> None:
    def objective(trial: tt.Trial) -> dict[str, float]:
        return {"loss": (trial.params["x"] - 0.3) ** 2, "dollars": 100.0 ** trial.params["size"]}

    study = tt.tune(
        objective, tt.Space(x=tt.Float(0, 1), size=tt.Float(0, 1)), minimize="loss", cost="dollars", budget=16,
        worth="0.01 loss = 10 cost", optimizer="gp", seed=3, progress=False,
    )  # fmt: skip
    records = list(study.session.journal.read())
    asked = [record.event for record in records if isinstance(record.event, Asked)]
    assert all(event.remaining is not None and event.remaining.must_gain == {"cost": 0.001} for event in asked)
    assert replay(records).differing == ()
    without = [
        msgspec.structs.replace(record, event=msgspec.structs.replace(record.event, remaining=None))
        if isinstance(record.event, Asked)
        else record
        for record in records
    ]
    assert replay(without).differing


# Studies of every kind: each its own true sentence


def test_constant() -> None:
    said = verdict(study([0.5] * 40), Worth(budget=Budget(trials=100)))
    assert said.stop
    assert said.reason.startswith("nothing that was tried makes a difference: all 40 results are 0.5")
    assert not verdict(study([0.5] * 30), Worth(budget=Budget(trials=100))).stop


def test_noise_alone() -> None:
    rng = np.random.default_rng(0)
    run = study((1.0 + 0.1 * rng.normal(size=80)).tolist(), same=20)
    said = verdict(run, Worth(budget=Budget(trials=90)))
    assert path(run.table).noise == pytest.approx(0.1, rel=0.4)
    assert said.epsilon == path(run.table).noise
    assert said.stop
    assert said.reason.startswith("results of different configurations differ no more than repeats of one do")


def test_what_nothing_can_be_said_of() -> None:
    for run, why in (
        (study([]), "no trial has a result that counts yet"),
        (study([np.nan] * 30), "no trial has a result that counts yet"),
        (study([0.5]), "there is one result so far"),
        (study([0.5] * 9), "all results so far are 0.5"),
        (study([0.5] * 16 + [0.6]), "the first results were all 0.5, and none was better since"),
        (study([1.7e308, -1.7e308, 1.6e308]), "results lie too far apart to be compared"),
    ):
        found = Worth(budget=Budget(trials=100)).outlook(run.table)
        assert found.unknown == why
        assert found.sentence == f"nothing can be said of going on: {why}"
        assert not verdict(run, Worth(budget=Budget(trials=100))).stop


def test_several_objectives() -> None:
    run = Simulation(Problem(Space(x=Float(0, 1)), (minimize("a"), minimize("b"))))
    found = Worth(budget=Budget(trials=9)).outlook(run.table)
    assert "several objectives" in found.sentence


# The outlook


def test_outlook_of_what_is_maximized() -> None:
    run = study([-loss for loss in falling(50)], maximize("reward", target=10.0))
    found = Worth(budget=Budget(trials=80)).outlook(run.table)
    low, high = found.best_interval
    assert found.best == max(-loss for loss in falling(50))
    assert found.best <= low <= high
    assert found.within == 30
    assert found.is_left
    assert 0.0 < found.chance_of_target < 0.1
    fan = found.fan
    assert fan.n[0] == 50
    assert fan.n[-1] == fan.limit == 80
    assert len({len(band) for band in (fan.n, fan.median, fan.low50, fan.high50, fan.low90, fan.high90)}) == 1
    assert all(a <= b <= c <= d for a, b, c, d in zip(fan.low90, fan.low50, fan.high50, fan.high90, strict=True))
    assert found.cost == pytest.approx(30.0, rel=0.2)
    assert found.cost_interval[0] <= found.cost <= found.cost_interval[1]
    assert found.finish_at > run.table.now
    assert "the target 10 with a chance of" in found.sentence


def test_a_target_that_is_met_is_met() -> None:
    run = study(falling(50), minimize("loss", target=5.0))
    assert Worth(budget=Budget(trials=80)).outlook(run.table).chance_of_target == 1.0


def test_the_same_log_has_the_same_outlook_to_the_bit() -> None:
    run = study(falling(50))
    first, *records = run.records
    ledger = Ledger.begin(first)
    for record in records:
        ledger.apply(record)
    rule = Worth(budget=Budget(trials=80))
    assert rule.outlook(ledger.table) == rule.outlook(run.table)


def test_a_study_tells_what_going_on_would_bring() -> None:
    def objective(trial: tt.Trial) -> float:
        return trial.params["x"] ** 2

    space = tt.Space(x=tt.Float(-1, 1))
    made = tt.tune(
        objective, space, minimize="loss", budget=25, optimizer="random", seed=0, stop="never", progress=False
    )
    assert made.worth.n == 25
    assert not made.worth.is_left, "the budget is used up: as many again"
    assert made.worth.within == 25
    assert made.worth.sentence.startswith("worth going on? ")
    assert "25 more trials (about " in made.worth.sentence
    said = made.table.verdict("worth")
    assert said is not None
    assert said.until == 25


def test_the_default_ends_a_study_that_stands_still_and_a_larger_budget_goes_on() -> None:
    def objective(trial: tt.Trial) -> float:
        return 0.5

    space = tt.Space(x=tt.Float(-1, 1))
    options = {"minimize": "loss", "optimizer": "random", "seed": 0, "progress": False}
    made = tt.tune(objective, space, budget=100, **options)
    assert len(made.table) == 40
    assert made.session.ledger.assessed.rule == "worth"
    options |= {"store": made, "resume": "always"}
    assert len(tt.tune(objective, space, budget=100, **options).table) == 40, "the same budget, the same verdict"
    assert 40 < len(tt.tune(objective, space, budget=110, **options).table) < 110
    assert len(tt.tune(objective, space, budget=110, stop="never", **options).table) == 110


def square(trial: tt.Trial) -> float:
    return trial.params["x"] ** 2


LINE = tt.Space(x=tt.Float(-1, 1))
TERMS = {"minimize": "loss", "optimizer": "random", "seed": 0, "progress": False}


def test_what_a_run_was_told_of_a_gain_is_what_the_study_says_of_it() -> None:
    made = tt.tune(square, LINE, budget=30, epsilon=0.25, worth="0.01 loss = 2 trials", **TERMS)
    assert (made.worth.epsilon, made.worth.reason) == (0.25, "as given")
    assert made.worth.pays is not None
    other = made.outlook(epsilon=0.5, worth="1 loss = 1 trials")
    assert (other.epsilon, other.pays) == (0.5, False)
    again = tt.tune(square, LINE, budget=32, store=made, resume="always", **TERMS)
    assert again.worth.reason != "as given", "the last run was told nothing"
    assert again.worth.pays is None
    assert made.outlook(epsilon=0.5).epsilon == 0.5


@pytest.mark.parametrize("said", [{"epsilon": 0}, {"worth": "1 speed = 2 trials"}, {"worth": "1 loss = 2 gpu_hours"}])
def test_an_outlook_by_terms_that_are_none(said: dict[str, object]) -> None:
    made = tt.tune(square, LINE, budget=2, **TERMS)
    with pytest.raises(ProblemError):
        made.outlook(**said)


@pytest.mark.parametrize("said", [None, [], {"epsilon": -1, "rate": 3, "gpus": "two"}, {"epsilon": "x", "cpus": -1}])
def test_terms_that_a_stranger_put_on_record_count_as_not_said(said: object) -> None:
    assert Worth.of_json(said, None) == Worth()


def test_a_study_ends_at_the_same_trial_however_fast_it_runs() -> None:
    def slow(trial: tt.Trial) -> float:
        time.sleep(0.002 * (trial.number % 3))
        return square(trial)

    ends = {len(tt.tune(each, LINE, budget=300, epsilon=0.5, **TERMS).table) for each in (square, slow)}
    assert ends == {LEAST_OF_ALL}


# Patience and arguments


def test_patience() -> None:
    run = study(found_early(15))
    assert not Patience(11).assess(run.problem, run.table).stop
    said = Patience(10).assess(run.problem, run.table)
    assert said.stop
    assert said.reason == "no improvement in 10 trials: loss has stood at 0.1 since trial 5"


@pytest.mark.parametrize("n", [0, -1, 1.5, True, "ten"])
def test_patience_is_a_number_of_trials(n: object) -> None:
    with pytest.raises(ProblemError, match="patience is a number of trials"):
        Patience(n)  # type: ignore[arg-type]


@pytest.mark.parametrize("epsilon", [0, -1, float("inf"), float("nan"), "small", True])
def test_epsilon_is_a_gain(epsilon: object) -> None:
    with pytest.raises(ProblemError, match="epsilon is the gain that counts"):
        Worth(epsilon=epsilon)  # type: ignore[arg-type]


# What it costs


def folded(run: Simulation, pace: float) -> Iterator[Ledger]:
    """Yield the ledger after each record of a study, were a record `pace` seconds after the other."""
    first, *records = run.records
    ledger = Ledger.begin(Record(first.seq, first.at * pace, first.event))
    for record in records:
        ledger.apply(Record(record.seq, record.at * pace, record.event))
        yield ledger


@pytest.mark.parametrize("pace", [0.0, 0.001, 60.0])
def test_when_odds_are_looked_at_follows_from_the_number_of_results_alone(pace: float) -> None:
    """However fast results come, and however coarse the clock is: the same study ends at the same trial anywhere."""
    rule, run = Worth(budget=Budget(trials=900), epsilon=1e-9), study(falling(150))
    told = (one.table for one in folded(run, pace) if len(one.table.order) and not one.table.n_running)
    looks = sorted({len(table.order) for table in told if rule.assess(run.problem, table).chance is not None})
    assert looks == [*range(LEAST_OF_ALL, 64), *range(64, 128, 2), *range(128, 151, 4)]


def test_what_ends_a_study_is_looked_at_again_after_every_result() -> None:
    """What still runs when the odds end a study may not make the driver start more."""
    rule = Worth(budget=Budget(trials=200), epsilon=10.0)
    *_, ledger = folded(study(falling(65)), 60.0)
    assert not rule.assess(ledger.table.problem, ledger.table).stop, "65 results are none that are looked at"
    run = study(falling(64))
    run.add(Assessed(stop=True, reason="ends", rule="worth", n=64, until=200))
    number = run.enqueue(np.array([0.999]))
    run.start(number)
    run.tell(number, 5.0)
    *_, ledger = folded(run, 0.001)
    assert rule.assess(ledger.table.problem, ledger.table).stop


def test_a_free_objective_costs_no_model_and_no_scipy() -> None:
    script = """
import sys, trimtab as tt
def objective(trial):
    return sum((value - 0.3) ** 2 for value in trial.params.values())
space = tt.Space({f"x{i}": tt.Float(0, 1) for i in range(4)})
made = tt.tune(objective, space, minimize="loss", optimizer="random", budget=100, seed=1, progress=False,
               epsilon=1e-9)
assert len(made.table) == 100 and made.table.verdict("worth") is not None
print(sorted(name for name in sys.modules if name.partition(".")[0] == "scipy"))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("[]\n", "")
