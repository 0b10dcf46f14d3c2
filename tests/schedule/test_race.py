"""Racing over folds: who is ended, and who never is."""

from __future__ import annotations

from statistics import NormalDist

import numpy as np
import pytest

import trimtab as tt
from trimtab.errors import PluginError, ProblemError
from trimtab.ledger.curves import AT_END
from trimtab.ledger.event import Origin
from trimtab.ledger.table import COMPLETE, STOPPED
from trimtab.model.folds import FoldEffects
from trimtab.schedule.auto import Auto
from trimtab.schedule.folds import FIRST, TELLING, Race, odds_to_beat, shuffled
from trimtab.schedule.protocol import Fresh, Halt
from trimtab.space.problem import Problem, at_most, maximize, minimize
from trimtab.study.replay import replay
from trimtab.testing.schedulers import SchedulerContract
from trimtab.testing.simulation import Simulation

SPACE = tt.Space(x=tt.Float(0.0, 1.0))
K = 4
HARD = np.array([0.0, 0.1, 0.2, 5.0])
"""What each fold adds to every loss: the last is another kind of data."""


def begun(*metrics, losses=(), scheduler=None, folds=K, **options) -> Simulation:
    """Return a study in which trials of these losses have all their folds."""
    run = Simulation(
        Problem(SPACE, metrics or (minimize("loss"),), folds=folds, **options), scheduler=scheduler or Auto()
    )
    for i, loss in enumerate(losses):
        number = run.put(np.array([i / 100]), Origin("user"))
        run.start(number)
        said = [cell(run, number, fold, loss) for fold in range(folds)]
        assert not any(said), "none ends before its time"
        run.tell(number, *(float(np.mean(loss + HARD)) for _ in run.problem.metrics))
    return run


def cell(run: Simulation, number: int, fold: int, loss: float, rest: float = 0.02) -> str:
    rng = np.random.default_rng((number, fold))
    return run.report(number, AT_END, fold, loss=loss + HARD[fold] + rest * float(rng.normal()))


def raced(run: Simulation, loss: float, *folds: int) -> str:
    number = run.put(np.array([0.9]), Origin("user"))
    run.start(number)
    return [cell(run, number, fold, loss) for fold in folds][-1]


GOOD = (0.6, 0.7, 0.5, 0.45, 0.4)
"""Each that comes when others may be ended is better than all before."""


@pytest.mark.parametrize("fold", range(K))
def test_a_bad_trial_ends_after_any_one_fold(fold):
    said = raced(begun(losses=GOOD), 0.9, fold)
    assert said.startswith("stopped after 1 of 4 folds: its loss there is ")
    assert ", that of trial 4 " in said
    assert said.endswith("; the chance that it is better over all 4 is 0%")


@pytest.mark.parametrize("fold", range(K))
def test_a_good_one_ends_after_none_however_hard_it_is(fold):
    assert not raced(begun(losses=GOOD), 0.3, fold)


def test_one_that_is_as_good_to_the_last_bit_needs_no_more_folds():
    run = Simulation(Problem(SPACE, (minimize("error"),), folds=K), scheduler=Auto())
    for i in range(FIRST + 1):
        run.start(run.put(np.array([i / 100]), Origin("user")))
        for fold in range(K):
            said = run.report(i, AT_END, fold, error=0.0)
            if i == FIRST:
                assert "the chance that it is better over all 4 is 0%" in said
                break
        else:
            run.tell(i, 0.0)


def test_odds_are_those_of_a_simulation():
    rng = np.random.default_rng(0)
    n, m, k = 400_000, 2, 5
    distance = 0.3 + 0.5 * rng.normal(size=n)
    folds = distance[:, None] + 0.8 * rng.normal(size=(n, k))
    off = folds[:, :m].mean(axis=1)
    for seen in (-0.4, 0.0, 0.3):
        near = np.abs(off - seen) < 0.02
        odds = odds_to_beat(*(np.array([each]) for each in (seen,)), m, k, *map(np.array, (0.8, 0.3, 0.5, 0.0)))
        assert NormalDist().cdf(float(odds[0])) == pytest.approx((folds[near].mean(axis=1) < 0).mean(), abs=0.02)


def test_nobody_ends_before_some_have_all_their_folds():
    assert not raced(begun(losses=GOOD[: FIRST - 1]), 99.0, 0, 1)
    assert raced(begun(losses=GOOD[:FIRST]), 99.0, 0)


def test_who_has_all_folds_is_through():
    run = begun(losses=GOOD)
    number = run.put(np.array([0.9]), Origin("user"))
    run.start(number)
    assert not [said for fold in range(K) if (said := cell(run, number, fold, 0.3 if fold < K - 1 else 99.0))]


def test_one_trial_that_went_very_wrong_does_not_hide_what_folds_do():
    run = begun(losses=GOOD[:-1])
    number = run.put(np.array([0.5]), Origin("user"))
    run.start(number)
    for fold in range(K):
        run.report(number, AT_END, fold, loss=1e6 * (fold + 1))
    run.tell(number, 2.5e6)
    assert raced(run, 0.9, 3)
    assert not raced(run, 0.3, 3)


def test_a_report_on_the_way_is_none_of_a_fold():
    run = begun(losses=GOOD)
    number = run.put(np.array([0.9]), Origin("user"))
    run.start(number)
    assert not run.report(number, 1.0, 0, loss=99.0)
    assert not run.report(number, 1.0, loss=99.0)


def test_race_is_turned_off():
    assert not raced(begun(losses=GOOD, scheduler=Auto(race=False)), 99.0, 0)
    assert Auto().to_json() == {"name": "auto", "eta": 3, "low": None}, "as before folds raced"
    assert Auto(race=False).to_json() == {"name": "auto", "eta": 3, "low": None, "race": False}
    with pytest.raises(ProblemError, match="Auto expects race="):
        Auto(race=1)  # type: ignore[arg-type]


def test_with_constraints_only_a_trial_that_met_them_ends_others():
    run = begun(minimize("loss"), at_most("size", 0.0), losses=GOOD)
    assert not raced(run, 99.0, 0)


def test_with_several_objectives_it_must_be_worse_in_all():
    def study() -> Simulation:
        run = Simulation(Problem(SPACE, (minimize("loss"), maximize("score")), folds=K), scheduler=Auto())
        for i, loss in enumerate(GOOD):
            run.start(run.put(np.array([i / 100]), Origin("user")))
            for fold in range(K):
                run.report(i, AT_END, fold, loss=loss + HARD[fold], score=loss)
            run.tell(i, loss, loss)
        run.start(run.put(np.array([0.9]), Origin("user")))
        return run

    assert not study().report(len(GOOD), AT_END, 0, loss=99.0, score=0.75), "better than any in one"
    assert "better over all 4 in all 2 objectives is" in study().report(len(GOOD), AT_END, 0, loss=99.0, score=0.1)


def test_effects_of_folds_are_found():
    rng = np.random.default_rng(0)
    losses = rng.normal(size=(200, 1, 1)) + HARD[None, :, None] + 0.1 * rng.normal(size=(200, K, 1))
    found = FoldEffects.of(losses)
    np.testing.assert_allclose(found.effects[:, 0], HARD - HARD.mean(), atol=0.05)
    assert found.rest[0] == pytest.approx(0.1, rel=0.1)
    assert found.uncertainty(K)[0] == 0.0, "over all folds nothing is left to be known"
    assert found.uncertainty(1)[0] == pytest.approx(found.rest[0] * (1 - 1 / K) ** 0.5)


def noisy(trial: tt.Trial) -> None:
    rng = np.random.default_rng(trial.seed)
    rest = 0.02 * rng.normal(size=K)
    for fold in trial.folds():
        trial.report(fold=fold, loss=(trial.params["x"] - 0.3) ** 2 + HARD[fold] + rest[fold])


def tuned(**options) -> tt.Study:
    defaults = {"minimize": "loss", "folds": K, "budget": 16, "seed": 1, "progress": False, "optimizer": "random"}
    return tt.tune(noisy, SPACE, **(defaults | options))


@pytest.mark.parametrize(
    "options", [{}, {"optimizer": "gp", "budget": 11}, {"workers": 2}], ids=["random", "gp", "workers"]
)
def test_a_study_races_and_replays(options):
    study = tuned(**options)
    table = study.table
    stopped = table.rows(STOPPED)
    if "workers" not in options:  # where a fold takes no time, a verdict may come after the last one
        assert len(stopped), "some are"
        assert len(table.curves) < len(table) * K
    assert table.state[study.best.number] == COMPLETE
    for row in stopped.tolist():
        view = study.trials[row]
        known = study.table.loss_curve(row)
        assert view.reason.startswith("stopped after "), view
        assert "loss" in view.metrics, f"the mean over the folds that it has: {known}"
    replay(study.session.journal.read()).require_equal()


def test_race_false_runs_every_fold():
    study = tuned(race=False, budget=8)
    assert len(study.table.curves) == 8 * K
    with pytest.raises(ProblemError, match="race is True or False"):
        tuned(race="no")


def test_a_trial_that_the_race_ended_by_hand_is_stopped_by_telling_nothing():
    study = tt.create_study(SPACE, minimize="loss", folds=K, seed=0, optimizer="random")
    for i in range(FIRST + 1):
        trial = study.ask()
        for fold in trial.folds():
            trial.report(fold=fold, loss=0.5 + 0.01 * i + HARD[fold] + 0.001 * fold * i + (i == FIRST), raises=False)
        study.tell(trial)
    assert study.trials[FIRST].state == "stopped"
    assert study.trials[FIRST].reason.startswith("stopped after 1 of 4 folds")
    assert all(trial.state == "complete" for trial in study.trials[:FIRST])


class ByWorstFold:
    """A stranger's: ends whoever has a fold worse than the worst of the first trial; begins with the last fold."""

    def assign(self, table, request):
        return Fresh(table.problem.whole)

    def judge(self, table, row):
        if row == 0 or table.state[0] != COMPLETE:
            return None
        worst = max(table.loss_curve(0, fold)[1].max() for fold in table.curves.folds(0))
        mine = max(table.loss_curve(row, fold)[1].max() for fold in table.curves.folds(row))
        return Halt("its worst fold is worse than that of trial 0") if mine > worst else None

    def folds(self, table, row, seed):
        return [np.int64(fold) for fold in reversed(range(table.problem.folds))]

    def to_json(self):
        return {}


def test_a_stranger_judges_and_orders_folds():
    study = tuned(scheduler=ByWorstFold())
    curves = study.table.curves
    assert curves.fold[curves.reports(0)].tolist() == [3, 2, 1, 0]
    stopped = [trial for trial in study.trials if trial.state == "stopped"]
    assert stopped
    assert {trial.reason for trial in stopped} == {"its worst fold is worse than that of trial 0"}
    replay(study.session.journal.read(), scheduler=ByWorstFold()).require_equal()


def test_folds_that_are_none_are_refused():
    class Odd(ByWorstFold):
        def folds(self, table, row, seed):
            return [0, 1, 1, 3]

    with pytest.raises(PluginError, match=r"goes through folds 0 to 3, each once; it said \[0, 1, 1, 3\]"):
        tuned(scheduler=Odd())


class TestContract(SchedulerContract):
    problems = ("folds",)
    n_trials = 24

    @pytest.fixture
    def make(self):
        return Auto


def test_a_shuffled_order_has_each_fold_once():
    assert sorted(shuffled(7, 10)) == list(range(10))
    assert shuffled(7, 10) == shuffled(7, 10)


def test_the_fold_that_tells_the_most_comes_first_and_the_log_says_so():
    def objective(trial: tt.Trial) -> None:
        rest = np.array([2.0, 2.0, 0.001, 2.0]) * np.random.default_rng(trial.seed).normal(size=K)
        for fold in trial.folds():
            trial.report(fold=fold, loss=trial.params["x"] + HARD[fold] + rest[fold])

    study = tt.tune(
        objective, SPACE, minimize="loss", folds=K, budget=TELLING + 8, seed=1, progress=False, optimizer="random",
        scheduler=Auto(race=True),
    )  # fmt: skip
    curves = study.table.curves
    orders = [curves.fold[curves.reports(row)].tolist() for row in range(len(study.table))]
    usual = shuffled(1, K)
    assert all(order == usual[: len(order)] for order in orders[:TELLING])
    again = Race()
    for row, order in enumerate(orders):
        assert again.order(study.table, row, 1)[: len(order)] == order, "it follows from the log, whenever it is asked"
    assert len({tuple(again.order(study.table, row, 1)) for row in range(len(orders))}) > 1
