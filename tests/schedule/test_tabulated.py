"""Tables as objectives in simulated time."""

from __future__ import annotations

import pytest

import trimtab as tt
from trimtab.errors import ProblemError
from trimtab.schedule.asha import Asha
from trimtab.testing.simulated import Tabulated

SPACE = tt.Space(x=tt.Float(0, 1))
EPOCHS = tt.Fidelity("epoch", 1, 9)


def look(params, epoch):
    return {"loss": params["x"] + 1.0 / epoch, "speed": 2.0}, 60.0 * epoch + 5.0


def tuned(table: Tabulated, **more) -> tt.Study:
    options = {"budget": 9, "scheduler": Asha(mode="promote"), "workers": 1} | more
    return tt.tune(
        table, SPACE, minimize="loss", fidelity=EPOCHS, optimizer="random", seed=0, progress=False,
        executor=table.executor(options["workers"]), **options,
    )  # fmt: skip


@pytest.mark.parametrize(("carries_over", "seconds"), [(True, 120.0), (False, 185.0)])
def test_a_promotion_pays_for_what_is_new_or_for_all(carries_over: bool, seconds: float) -> None:
    study = tuned(Tabulated(look, carries_over=carries_over))
    table = study.table
    [row] = [n for n in range(len(table)) if table.parent[n] >= 0 and table.fidelity[n, 0] == 3][:1]
    assert table.seconds[row] == pytest.approx(seconds)
    assert study.curve(row)["step"].tolist() == ([2, 3] if carries_over else [1, 2, 3])
    assert table.seconds[0] == pytest.approx(65.0)
    assert study.trials[0].metrics["speed"] == 2.0


def test_reports_come_where_they_are_wanted() -> None:
    study = tuned(Tabulated(look, steps=[3]), scheduler="whole", budget=1)
    assert study.curve(0)["step"].tolist() == [3, 9]
    once = tuned(Tabulated(look, steps=()), scheduler="whole", budget=1)
    assert once.curve(0)["step"].tolist() == [9]
    assert once.table.seconds[0] == pytest.approx(545.0)


def test_a_stopped_trial_has_paid_for_what_it_reported() -> None:
    study = tuned(Tabulated(look, steps=[1, 3]), scheduler="asha", budget=12)
    stopped = [trial for trial in study.trials if trial.state == "stopped"]
    assert {trial.seconds for trial in stopped} <= {65.0, 185.0}
    assert len(stopped) > 3


def test_it_is_an_objective_for_other_executors_too() -> None:
    table = Tabulated(look)
    study = tt.tune(
        table, SPACE, minimize="loss", fidelity=EPOCHS, budget=2, optimizer="random", scheduler="whole", seed=0,
        progress=False,
    )  # fmt: skip
    assert study.table.y.tolist() == tuned(Tabulated(look), scheduler="whole", budget=2).table.y.tolist()


def test_32_workers_take_a_32nd_of_the_time() -> None:
    times = []
    for workers in (1, 32):
        table = Tabulated(look, steps=())
        study = tuned(table, workers=workers, scheduler="whole", budget=64, stop="never")
        times.append(study.table.elapsed)
    assert times[0] / times[1] == pytest.approx(32.0, rel=0.01)


def test_steps_out_of_order_are_refused() -> None:
    with pytest.raises(ProblemError, match=r"steps= in ascending order, each once; got \[3, 1\]"):
        Tabulated(look, steps=[3, 1])
