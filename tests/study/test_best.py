from __future__ import annotations

import numpy as np
import pytest

import trimtab as tt
from trimtab.errors import TrialError
from trimtab.ledger.event import Origin
from trimtab.ledger.table import COMPLETE
from trimtab.space.parameter import Float
from trimtab.space.problem import Problem, at_least, maximize, minimize
from trimtab.space.space import Space
from trimtab.study import best
from trimtab.study.best import best_row, candidates, front_rows, require_best, why_no_best
from trimtab.testing.simulation import Simulation

X = np.array([0.5])


def told(metrics, *rows) -> Simulation:
    run = Simulation(Problem(Space(x=Float(0, 1)), metrics))
    for i, y in enumerate(rows):
        number = run.enqueue(np.array([i / len(rows)]))
        run.start(number)
        run.tell(number, *y)
    return run


def test_the_best_is_the_earliest_of_the_smallest_losses():
    assert best_row(told([minimize("loss")], [2.0], [1.0], [1.0], [3.0]).table) == 1
    assert best_row(told([maximize("accuracy")], [2.0], [1.0], [3.0]).table) == 2


def test_of_several_objectives_the_best_is_on_the_front():
    metrics = [minimize("a"), maximize("b")]
    assert best_row(told(metrics, [0.0, 1.0], [0.0, 9.0], [1.0, 99.0], [0.0, 9.0]).table) == 1
    run = Simulation(Problem(Space(x=Float(0, 1)), metrics))
    for x, a, b in [(0.1, 0.0, 1.0), (0.2, 0.0, 5.0), (0.1, 0.0, 1.0), (0.2, 0.0, 5.0)]:
        number = run.enqueue(np.array([x]))
        run.start(number)
        run.tell(number, a, b)
    assert best_row(run.table) == 1, "of repeats too"


def test_only_complete_trials_count():
    run = told([minimize("loss")], [2.0])
    for fate in (run.fail, lambda n: run.stop(n, loss=0.0)):
        number = run.enqueue(X)
        run.start(number)
        fate(number)
    run.enqueue(X)
    assert candidates(run.table).tolist() == [0]


def test_of_a_line_of_descent_only_the_end_counts():
    run = told([minimize("loss")], [0.0], [2.0])
    number = run.put(run.table.x[0], Origin("asha", "promoted"), parent=0)
    run.start(number)
    run.tell(number, 1.0)
    assert candidates(run.table).tolist() == [1, 2]
    assert best_row(run.table) == 2


def test_of_repeats_the_mean_counts_and_its_error():
    run = Simulation(Problem(Space(x=Float(0, 1)), [minimize("loss")]))
    for x, y in [(0.1, 1.0), (0.2, 0.97), (0.1, 1.1), (0.1, 0.9), (0.3, 2.0)]:
        number = run.enqueue(np.array([x]))
        run.start(number)
        run.tell(number, y)
    assert best_row(run.table) == 0, "a mean of three at 1.0 is more to be relied on than one run at 0.97"
    number = run.enqueue(np.array([0.2]))
    run.start(number)
    run.tell(number, 0.87)
    assert best_row(run.table) in (1, 5), "confirmed"


def test_constraints_come_before_the_objective():
    metrics = [minimize("loss"), at_least("recall", 0.9)]
    run = told(metrics, [0.0, 0.89], [2.0, 0.9], [3.0, 1.0])
    assert candidates(run.table).tolist() == [1, 2]
    assert best_row(run.table) == 1


def test_the_front_is_what_nothing_dominates():
    metrics = [minimize("loss"), maximize("speed")]
    run = told(metrics, [1.0, 1.0], [2.0, 2.0], [2.0, 1.0], [0.5, 0.5], [1.0, 1.0], [3.0, 1.9])
    assert front_rows(run.table).tolist() == [0, 1, 3, 4]


def test_the_front_is_what_its_definition_says():
    losses = np.random.default_rng(0).integers(0, 6, (60, 3)).astype(float)
    run = told([minimize("a"), minimize("b"), minimize("c")], *losses.tolist())
    beaten = [bool(np.any(np.all(losses <= row, axis=1) & np.any(losses < row, axis=1))) for row in losses]
    assert front_rows(run.table).tolist() == np.flatnonzero(~np.array(beaten)).tolist()


def test_the_front_of_one_objective_is_the_best_and_its_equals():
    assert front_rows(told([minimize("loss")], [1.0], [2.0], [1.0]).table).tolist() == [0, 2]


def test_it_says_why_there_is_none():
    run = told([minimize("loss"), at_least("recall", 0.9)])
    assert why_no_best(run.table) == "no trial is complete yet."
    assert front_rows(run.table).tolist() == []
    run.enqueue(X)
    run.start(0)
    run.fail(0, "oom")
    assert "1 failed (1 x oom)" in why_no_best(run.table)
    for recall in (0.2, 0.8, 0.5):
        number = run.enqueue(X)
        run.start(number)
        run.tell(number, 0.0, recall)
    with pytest.raises(TrialError, match=r"none of the 3 .*; trial 2 comes nearest with recall = 0\.8"):
        require_best(run.table)


@pytest.mark.parametrize("seed", range(20))
def test_the_ranking_begins_with_the_best_and_holds_each_configuration_once(seed):
    rng = np.random.default_rng(seed)
    study = tt.create_study(
        tt.Space(x=tt.Int(0, 6)), objectives=[tt.maximize("a"), tt.minimize("b")], optimizer="random", seed=seed
    )
    for _ in range(int(rng.integers(1, 30))):
        trial = study.ask()
        if rng.random() < 0.2:
            study.tell(trial, failed="exception")
        else:
            study.tell(trial, {"a": float(rng.integers(0, 3)), "b": float(rng.integers(0, 2))})
    ranked = best.ranking(study.table)
    assert (ranked[0].row if ranked else None) == best.best_row(study.table)
    complete = study.table.rows(COMPLETE)
    xs = study.table.x[complete, 0]
    assert sorted(study.table.x[one.row, 0] for one in ranked) == sorted(set(xs.tolist()))
    for one in ranked:
        runs = complete[xs == study.table.x[one.row, 0]]
        assert one.n_runs == len(runs)
        assert one.mean == pytest.approx(study.table.y[runs, 0].mean())


def test_the_ranking_is_by_means_over_runs():
    study = tt.create_study(tt.Space(x=tt.Float(0, 10)), minimize="loss", seed=0)
    for x, loss in ((1.0, 0.0), (1.0, 4.0), (2.0, 1.0), (2.0, 1.0), (3.0, 5.0)):
        study.enqueue({"x": x})
        study.tell(study.ask(), loss)
    ranked = best.ranking(study.table)
    assert [(study.table.x[one.row, 0], one.mean, one.n_runs) for one in ranked] == [(2, 1, 2), (1, 2, 2), (3, 5, 1)]


def test_what_failed_says_why_there_is_no_best():
    study = tt.create_study(tt.Space(x=tt.Float(0, 10)), minimize="loss", seed=0)
    study.tell(study.ask(), failed="oom", error="RuntimeError: no memory left.\nTraceback ...")
    with pytest.raises(
        TrialError, match=r"^no trial is complete: 1 failed \(1 x oom\); trial 0: RuntimeError: no memory left\.$"
    ):
        _ = study.best
    assert repr(study) == "<Study 'study': 1 trials, 1 failed>"
