"""Several fidelities at once: the diagonal, who goes along it, and by which of them trials are stopped."""

from __future__ import annotations

import math
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

import trimtab as tt
from trimtab.analysis.questions import answer
from trimtab.errors import ProblemError
from trimtab.ledger.event import Origin
from trimtab.ledger.table import COMPLETE, STOPPED
from trimtab.schedule.asha import Asha
from trimtab.schedule.median import Median
from trimtab.schedule.pasha import _curve
from trimtab.schedule.reading import rungs_of
from trimtab.schedule.rungs import MOST_RUNGS, At, at_text, diagonal, ladder
from trimtab.space.problem import Problem, counted, minimize
from trimtab.study.replay import replay
from trimtab.testing.simulated import SimulatedExecutor
from trimtab.testing.simulation import Simulation

SPACE = tt.Space(x=tt.Float(0, 1), decay=tt.Float(0, 1))
EPOCHS, SHARE = tt.Fidelity("epoch", 1, 27), tt.Fidelity("share", 1 / 9, 1)
BOTH = (EPOCHS, SHARE)


def problem(*fidelities: tt.Fidelity) -> Problem:
    return Problem(SPACE, (minimize("loss"),), fidelities)


def loss_of(params, epoch: float, share: float) -> float:
    """On less data more decay is best; training longer helps all alike."""
    return (params["x"] - 0.3) ** 2 + (params["decay"] - 0.2 / share**0.2) ** 2 + 1.0 / (epoch * share)


def train(trial: tt.Trial) -> float:
    return loss_of(trial.params, trial.fidelity["epoch"], trial.fidelity["share"])


def reporting(trial: tt.Trial) -> float:
    for epoch in trial.steps():  # of epochs, in whatever order the two are declared
        loss = loss_of(trial.params, epoch, trial.fidelity["share"])
        trial.report(epoch, loss)
    return loss


def tuned(objective, scheduler, *, fidelity=BOTH, budget=40, **more) -> tt.Study:
    executor = SimulatedExecutor(objective, workers=2)
    return tt.tune(
        objective, SPACE, minimize="loss", fidelity=list(fidelity), budget=budget, scheduler=scheduler,
        executor=executor, seed=2, progress=False, stop="never", finalize=False, **more,
    )  # fmt: skip


# The diagonal


def test_along_the_diagonal_work_grows_by_eta_and_all_rise_together() -> None:
    rungs = np.array(diagonal(problem(tt.Fidelity("a", 0.01, 1), tt.Fidelity("b", 0.1, 10.5)), 3))
    assert (np.diff(rungs, axis=0) > 0).all()
    work = rungs.prod(axis=1)
    assert work[1:-1] / work[:-2] == pytest.approx(3.0)
    assert math.sqrt(3) <= work[-1] / work[-2] < 3 * math.sqrt(3)
    assert rungs[0].tolist() == [0.01, 0.1]
    assert rungs[-1].tolist() == [1, 10.5]


def test_one_that_counts_is_whole_on_the_diagonal_and_one_that_cannot_rise_stays() -> None:
    rungs = diagonal(problem(EPOCHS, SHARE, tt.Fidelity("fold", 4, 4)), 3)
    assert [epoch for epoch, _, _ in rungs] == [1, 2, 4, 8, 14, 27]
    assert {fold for _, _, fold in rungs} == {4}
    assert rungs[-1] == (27, 1, 4)


@pytest.mark.parametrize("eta", [2, 3, 1000])
@pytest.mark.parametrize(
    "fidelities",
    [
        (EPOCHS,), BOTH, (SHARE, EPOCHS), (tt.Fidelity("a", 5e-324, 1.7e308), tt.Fidelity("b", 1, 10**18)),
        (tt.Fidelity("a", 0, 1), tt.Fidelity("b", 0, 0)), (tt.Fidelity("a", 0, 1), tt.Fidelity("b", 0, 7)),
        (tt.Fidelity("a", 2, 2), tt.Fidelity("b", 3, 3)),
    ],
    ids=["one", "two", "turned", "wide", "zero to zero", "from zero", "fixed"],
)  # fmt: skip
def test_whatever_the_bounds_the_diagonal_ascends_within_them_to_a_whole_run(fidelities, eta: int) -> None:
    its = problem(*fidelities)
    rungs = diagonal(its, eta)
    assert rungs[-1] == its.whole
    assert len(rungs) <= MOST_RUNGS + 1
    assert len(set(rungs)) == len(rungs)
    for low, high in pairwise(rungs):
        assert all(a <= b for a, b in zip(low, high, strict=True))
    for rung in rungs:
        assert its.fidelity_of(dict(zip((f.name for f in fidelities), rung, strict=True))) == rung
    if len(fidelities) == 1:
        assert rungs == tuple((rung,) for rung in ladder(EPOCHS, eta))


def test_a_fidelity_in_words() -> None:
    assert at_text(problem(*BOTH), (9.0, 0.5)) == "epoch 9 and share 0.5"


# Going along it


@pytest.mark.parametrize(
    ("scheduler", "optimizer"),
    [("sha", "random"), ("hyperband", "random"), ("pasha", "tpe"), (Asha(mode="promote"), "gp")],
    ids=["sha", "hyperband", "pasha", "asha"],
)
def test_promotions_go_along_the_diagonal_and_replay(scheduler, optimizer: str, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/t.db"
    with tuned(train, scheduler, optimizer=optimizer, store=url, budget=20) as study:
        _checked(study, diagonal(study.problem, 3))
        n = len(study.trials)
    with tuned(train, scheduler, optimizer=optimizer, store=url, budget=30) as study:  # opened again, it goes on
        _checked(study, diagonal(study.problem, 3))
        assert len(study.trials) > n


def _checked(study: tt.Study, rungs: tuple[At, ...]) -> None:
    table = study.table
    places = [rungs.index(tuple(at)) for at in table.fidelity.tolist()]
    goes_on = np.flatnonzero(table.parent >= 0).tolist()
    assert goes_on, "some were promoted"
    assert all(places[row] == places[table.parent[row]] + 1 for row in goes_on)
    assert all(" at epoch " in why and " and share " in why for why in (table.origin(row).why for row in goes_on))
    replay(study.session.journal.read()).require_equal()


def test_auto_looks_at_the_lowest_rung_where_nothing_is_reported() -> None:
    table = tuned(_priced, "auto", optimizer="random").table
    looks = (table.fidelity == np.array(diagonal(problem(*BOTH), 3)[0])).all(axis=1)
    assert not looks[:5].any(), "whole ones first"
    assert looks.any()
    assert looks[-10:].any(), "it pays, so that new trials begin there"
    first = np.flatnonzero(table.parent >= 0)[:8]
    assert looks[table.parent[first]].all()
    assert (table.fidelity[first] == np.array([27, 1])).all(), "until it is known whether it does they are run whole"


def _priced(trial: tt.Trial) -> float:
    """Takes time in proportion to the work."""
    epoch, share = trial.fidelity["epoch"], trial.fidelity["share"]
    for _ in range(max(1, round(epoch * share))):
        trial.report(epoch, loss_of(trial.params, epoch, share))
    return loss_of(trial.params, epoch, share)


# Stopping by the one that counts steps


@pytest.mark.parametrize("fidelity", [BOTH, BOTH[::-1]], ids=["epochs first", "share first"])
@pytest.mark.parametrize("scheduler", ["auto", "asha", "median"])
def test_trials_that_report_are_stopped_by_the_steps_of_the_one_that_counts_them(scheduler: str, fidelity) -> None:
    study = tuned(reporting, scheduler, fidelity=fidelity, optimizer="random")
    table = study.table
    stopped = table.rows(STOPPED)
    assert len(stopped)
    if scheduler != "median":
        assert all(study.trials[row].reason.startswith("stopped at epoch ") for row in stopped.tolist())
    assert (table.state == COMPLETE).sum() >= 5
    assert (table.fidelity == np.array(study.problem.whole)).all(), "at all of the share"
    assert " ended before epoch 27, " in answer("rungs", study.problem, table).sentence
    assert answer("curves", study.problem, table).figure.panels[0].x.label == "epoch"
    replay(study.session.journal.read()).require_equal()


def test_trials_on_less_of_another_fidelity_are_not_compared_by_their_steps() -> None:
    run = Simulation(problem(*BOTH), seed=0)
    scheduler = Asha()
    for number in range(6):
        run.put(np.array([0.1 * number, 0.5]), Origin("test"), fidelity=(27, 1 / 9 if number < 5 else 1))
        run.start(number)
        run.report(number, 1.0, loss=0.1 * number)
        assert scheduler.judge(run.table, number) is None
    [lowest, *_] = rungs_of(run.table)
    assert (lowest.level, lowest.entered) == (1, 1)


def test_where_none_counts_steps_nothing_is_stopped_and_that_is_said() -> None:
    shares = (SHARE, tt.Fidelity("width", 0.25, 1))
    assert rungs_of(Simulation(problem(*shares)).table) == []
    assert "none of the fidelities counts steps" in Asha().needs(problem(*shares))
    assert Asha(mode="promote").needs(problem(*shares)) == ""
    assert Asha().needs(problem(*BOTH)) == ""


def test_the_option_low_is_of_the_first() -> None:
    assert diagonal(problem(*BOTH), 3, 3.0)[0] == (3.0, 1 / 9)
    with pytest.raises(ProblemError):
        Asha(low=0)


# What a promotion begins with, and what it pays


def kept(trial: tt.Trial) -> float:
    """Train from the last checkpoint on."""
    loss = math.nan
    for epoch in trial.steps():
        loss = loss_of(trial.params, epoch, trial.fidelity["rows"] / 1e4)
        trial.report(epoch, loss)
        trial.mark_checkpoint(epoch)
    return loss


def test_a_promotion_whose_steps_do_not_rise_begins_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of three epochs, rounded up, several rungs have as many: with more rows, and no step to run, nothing was done."""
    monkeypatch.chdir(tmp_path)
    few = (tt.Fidelity("epoch", 1, 3), tt.Fidelity("rows", 100, 10_000, log=True))
    study = tt.tune(
        kept, SPACE, minimize="loss", fidelity=few, budget=9, scheduler="sha", optimizer="random", executor="serial",
        seed=0, progress=False, stop="never", finalize=False,
    )  # fmt: skip
    table = study.table
    assert (table.state == COMPLETE).all()
    children = np.flatnonzero(table.parent >= 0)
    rises = table.fidelity[children, 0] > table.fidelity[table.parent[children], 0]
    assert rises.any()
    assert not rises.all()
    for row, goes_on in zip(children.tolist(), rises.tolist(), strict=True):
        epochs, rows = table.fidelity[row].tolist()
        before = float(table.fidelity[table.parent[row], 0]) if goes_on else math.nan
        assert table.begins[row] == pytest.approx(before, nan_ok=True)
        share = (epochs - before) / epochs if goes_on else 1.0
        assert table.ran[row].tolist() == pytest.approx([epochs * share, rows * share])


def test_a_budget_of_one_of_several_fidelities_is_used_by_what_trials_ran() -> None:
    study = tuned(reporting, "asha", budget=tt.Budget(epochs={"share": 10.0}))
    table = study.table
    early = table.rows(STOPPED)
    assert len(early) >= 3
    steps = [table.curves.step[table.curves.reports(row)].max() for row in early.tolist()]
    assert table.ran[early] == pytest.approx(np.array([steps, np.array(steps) / EPOCHS.high]).T)
    assert 9.0 < table.ran[:, 1].sum() <= 10.0 * (1 + 1e-9)
    replay(study.session.journal.read()).require_equal()


@pytest.mark.parametrize(
    ("fidelities", "place"),
    [
        ((tt.Fidelity("share", 0, 1),), 0),  # there is no other
        ((tt.Fidelity("share", 0.1, 1), tt.Fidelity("epoch", 1, 9)), 1),
        ((tt.Fidelity("share", 0, 1), tt.Fidelity("epoch", 3, 9)), 1),  # from 0 to 1 is a share
        ((tt.Fidelity("rows", 100, 10_000), tt.Fidelity("epoch", 1, 9)), 1),  # rows from 100 on are a size
        ((tt.Fidelity("rows", 100, 10_000), tt.Fidelity("epoch", 3, 9)), 0),
        ((tt.Fidelity("epoch", 1, 9), tt.Fidelity("seeds", 1, 5)), 0),
        ((tt.Fidelity("share", 0.1, 1), tt.Fidelity("size", 0.5, 2.0)), None),
        ((), None),
    ],
)
def test_one_fidelity_counts_steps(fidelities: tuple[tt.Fidelity, ...], place: int | None) -> None:
    assert counted(fidelities) == place


@pytest.mark.parametrize("rows", [1.0, 0.1])
def test_median_compares_trials_at_the_highest_of_all_others(rows: float) -> None:
    """On few rows all is worse: such a trial is let run, and none that ran on them counts."""
    run = Simulation(problem(tt.Fidelity("rows", 0.1, 1.0), tt.Fidelity("epoch", 1, 9)), scheduler=Median(at_least=3))

    def begun(rows: float, loss: float) -> tuple[int, str]:
        number = run.put(np.array([0.5, 0.5]), Origin("random"), fidelity=(rows, 9.0))
        run.start(number)
        return number, run.report(number, 1.0, loss=loss)

    for loss in (1.0, 1.1, 1.2):
        run.tell(begun(1.0, loss)[0])
    for _ in range(9):
        run.tell(begun(0.1, 0.01)[0])
    assert not begun(1.0, 1.05)[1], "it is among the better of its equals"
    assert bool(begun(rows, 2.0)[1]) == (rows == 1.0)


def test_median_ends_none_where_no_fidelity_counts_steps() -> None:
    run = Simulation(
        problem(tt.Fidelity("rows", 0.1, 1.0), tt.Fidelity("size", 0.1, 1.0)), scheduler=Median(at_least=1)
    )
    for loss in (1.0, 1.0, 2.0):
        number = run.put(np.array([0.5, 0.5]), Origin("random"), fidelity=(1.0, 1.0))
        run.start(number)
        assert not run.report(number, 1.0, loss=loss)
        run.tell(number)
    assert Median().needs(run.problem), "and says so"


def test_of_a_line_along_several_fidelities_ends_are_those_of_the_one_that_counts_steps() -> None:
    run = Simulation(problem(tt.Fidelity("rows", 100, 900), tt.Fidelity("epoch", 1, 9)))
    parent = None
    for ends in ((100.0, 1.0), (300.0, 3.0), (900.0, 9.0)):
        parent = run.put(np.array([0.5, 0.5]), Origin("pasha"), fidelity=ends, parent=parent)
        run.start(parent)
        run.tell(parent)
    assert sorted(_curve(run.table, parent)) == [1.0, 3.0, 9.0]
