"""The last runs of a noisy study: when there are any, that they replay and outlive a kill, and what they come to."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

import trimtab as tt
from trimtab.analysis.noise import noise
from trimtab.errors import NoBestError, ProblemError, StudyMismatchError
from trimtab.ledger.event import FINALIZE
from trimtab.ledger.table import COMPLETE
from trimtab.stop.path import noise as path_noise
from trimtab.study.best import far_off
from trimtab.study.finale import reserve
from trimtab.study.replay import replay
from trimtab.study.standing import Status
from trimtab.surfaces.cli.app import cli

SPACE = tt.Space(x=tt.Float(-5.0, 5.0, default=4.0), y=tt.Float(-5.0, 5.0))


def value(params: dict[str, float]) -> float:
    return params["x"] ** 2 + params["y"] ** 2


def noisy(trial: tt.Trial) -> float:
    return value(trial.params) + float(np.random.default_rng(trial.seed).normal(0, 2.0))


def exact(trial: tt.Trial) -> float:
    return value(trial.params)


def tuned(objective=noisy, space=SPACE, **more) -> tt.Study:
    options = {"minimize": "loss", "budget": 40, "optimizer": "random", "seed": 0, "progress": False} | more
    return tt.tune(objective, space, **options)


def replicates(study: tt.Study) -> list[int]:
    return [row for row in range(len(study.table)) if study.table.is_replicate(row)]


class Recorder:
    def __init__(self) -> None:
        self.seen: list[Status] = []

    def update(self, status: Status) -> None:
        self.seen.append(status)

    close = update


@pytest.mark.parametrize(("executor", "workers"), [("serial", 1), ("processes", 3)])
def test_a_noisy_study_ends_with_its_finalists_run_again_from_its_budget(executor: str, workers: int) -> None:
    shown = Recorder()
    study = tuned(executor=executor, workers=workers, progress=shown)
    rows = replicates(study)
    assert len(study.table) == 40
    assert rows == list(range(40 - reserve(40), 40))
    found = study.final
    assert found is not None
    assert any("run again on fresh seeds, 12 trials" in status.finale for status in shown.seen)
    over = "the search has used its part of the budget, all but the last 12 trials; then the best were run again"
    assert study.session.ledger.assessed.reason == f"{over}: {found}"
    assert study.session.ledger.assessed.rule == FINALIZE
    assert replay(study.session.journal.read()).differing == ()
    # the figures are those of the log
    fresh = [
        row for row in rows if study.trials[row].params == found.params and "for its figure" in study.trials[row].why
    ]
    assert found.n_runs == len(fresh)
    assert found.mean == pytest.approx(study.table.y[fresh, 0].mean())
    assert found.interval is not None
    assert found.interval[0] < found.mean < found.interval[1]
    assert found.gain == pytest.approx(found.default_mean - found.mean)
    assert found.improves, "the default lies at 16 and more, the best near 0"
    assert study.best.number == found.trial
    assert study.best.figure == f"a fresh run: {found}"
    assert sum(one.is_default for one in found.finalists) == 1


def test_runs_again_have_fresh_seeds() -> None:
    seeds: list[int] = []
    tuned(lambda trial: seeds.append(trial.seed) or noisy(trial))
    assert len(set(seeds)) == 40


def test_nothing_runs_again_where_there_is_no_noise() -> None:
    for optimizer in ("random", "tpe"):
        study = tuned(exact, optimizer=optimizer, stop="never")
        assert len(study.table) == 40
        assert replicates(study) == []
        assert study.final is None
        assert study.best.figure == "search score"
        assert study.session.ledger.assessed.reason == "the budget of 40 trials is used up"


def test_where_it_was_asked_for_one_run_shows_that_there_is_no_noise_and_the_search_goes_on() -> None:
    study = tuned(exact, finalize=True, stop="never")
    [row] = replicates(study)
    assert row == 40 - reserve(40)
    assert len(study.table) == 40
    assert study.final is None, "the search went on"
    assert replay(study.session.journal.read()).differing == ()
    study = tuned(exact, finalize=True, stop=[_Until(20)])
    assert study.final is not None
    assert study.final.is_exact
    assert study.final.interval is None
    assert study.final.mean == study.best.metrics["loss"]


class _Until:
    def __init__(self, n: int) -> None:
        self._n = n

    def assess(self, problem: tt.Problem, table: tt.TrialTable):
        from trimtab.stop.protocol import Verdict

        n = sum(not table.is_replicate(row) for row in range(len(table)))
        return Verdict(stop=n >= self._n, reason="enough", rule="until")


def test_a_verdict_of_another_rule_leaves_the_last_runs_to_be_done() -> None:
    study = tuned(stop=[_Until(20)], finalize=True)
    assert len(replicates(study)) == reserve(40)
    assert len(study.table) == 20 + reserve(40)
    assert study.final is not None


def test_false_turns_it_off() -> None:
    study = tuned(finalize=False)
    assert replicates(study) == []
    assert study.final is None


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(ProblemError, match="which takes a budget of 17 trials; got 10"):
        tuned(finalize=True, budget=10)
    with pytest.raises(ProblemError, match="needs one objective"):
        tuned(finalize=True, minimize=None, objectives=[tt.minimize("a"), tt.minimize("b")])
    with pytest.raises(ProblemError, match="finalize is True"):
        tuned(finalize="yes")


def test_by_hand_and_only_with_the_objective_on_record() -> None:
    study = tuned(finalize=False)
    with pytest.raises(ProblemError, match="at least 6"):
        study.finalize(noisy, trials=2)
    with pytest.raises(StudyMismatchError):
        study.finalize(exact, progress=False)
    found = study.finalize(noisy, trials=18, progress=False)
    assert found is not None
    assert found == study.final
    assert len(study.table) == 58
    assert study.finalize(noisy, trials=18, progress=False) == found, "nothing was found since"
    assert len(study.table) == 58
    with pytest.raises(NoBestError):
        tt.create_study(SPACE, minimize="loss").finalize(noisy)


def test_the_search_may_go_on_and_ends_with_runs_of_its_own(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/t.db"
    first = tuned(store=url)
    before = first.final
    again = tuned(store=url)
    assert len(again.table) == 40
    assert again.final == before
    study = tuned(store=url, budget=80, stop="never")  # by the odds more search would not be worth it
    assert len(study.table) == 80
    assert len(replicates(study)) == reserve(40) + reserve(40), "of the 40 that are new"
    assert study.final is not None
    assert study.final != before
    assert replay(study.session.journal.read()).differing == ()


def test_a_killed_study_comes_back_to_its_last_runs(tmp_path: Path) -> None:
    job = tmp_path / "job.py"
    job.write_text(
        textwrap.dedent(
            """
            import os, signal, sys
            import numpy as np
            import trimtab as tt

            def noisy(trial):
                if os.environ.get("DIES_AT") == str(trial.number):
                    os.kill(os.getpid(), signal.SIGKILL)
                return trial.params["x"] ** 2 + float(np.random.default_rng(trial.seed).normal(0, 2.0))

            tt.tune(noisy, tt.Space(x=tt.Float(-5.0, 5.0)), minimize="loss", budget=40, optimizer="random", seed=0,
                    store="sqlite:///t.db", name="s", progress=False, resume="always")
            """
        )
    )
    for dies_at in ("28", "34", ""):
        ended = subprocess.run(
            [sys.executable, str(job)], cwd=tmp_path, env=os.environ | {"DIES_AT": dies_at}, timeout=120, check=False
        )
        assert ended.returncode == (-signal.SIGKILL if dies_at else 0)
    with tt.load_study(f"sqlite:///{tmp_path}/t.db", "s") as study:
        assert len(study.table) == 40
        assert len(replicates(study)) == reserve(40)
        assert (study.table.state == COMPLETE).all()
        assert study.final is not None
        assert replay(study.session.journal.read()).differing == ()


def test_failing_runs_are_told_and_no_reason_to_win() -> None:
    def fails(trial: tt.Trial) -> float:
        if trial.number >= 28 and trial.number % 3 == 0:
            raise ValueError("bad luck")
        return noisy(trial)

    study = tuned(fails)
    found = study.final
    assert found is not None
    assert sum(one.n_failed for one in found.finalists) + found.n_failed > 0
    assert replay(study.session.journal.read()).differing == ()


def test_constraints_are_kept_in_the_mean() -> None:
    def train(trial: tt.Trial) -> dict[str, float]:
        rng = np.random.default_rng(trial.seed)
        return {"loss": value(trial.params) + float(rng.normal(0, 2)), "size": trial.params["x"] + float(rng.normal())}

    study = tuned(train, constraints=[tt.at_least("size", 1.0)], budget=60)
    found = study.final
    assert found is not None
    assert found.params["x"] > 0


def test_a_bigger_score_is_better() -> None:
    study = tuned(lambda trial: -noisy(trial), minimize=None, maximize="score")
    found = study.final
    assert found is not None
    assert found.gain > 0
    assert found.default_mean < found.mean
    assert found.improves


def test_a_budget_of_hours_keeps_a_share() -> None:
    from trimtab.testing.simulated import SimulatedExecutor

    def slow(trial: tt.Trial) -> float:
        trial.report(1, loss=0.0)
        return noisy(trial)

    executor = SimulatedExecutor(slow, workers=2, seconds=lambda task, step: 360.0)
    study = tuned(slow, executor=executor, budget=tt.Budget(hours=3), workers=2)
    assert executor.clock.now() <= 3 * 3600
    assert 6 <= len(replicates(study)) <= 24
    assert study.final is not None


def test_folds_run_all_again_and_are_not_raced() -> None:
    def train(trial: tt.Trial) -> None:
        rng = np.random.default_rng(trial.seed)
        for fold in trial.folds():
            trial.report(fold=fold, loss=value(trial.params) + fold + float(rng.normal(0, 2)))

    study = tuned(train, folds=3, budget=24)
    rows = replicates(study)
    assert len(rows) == reserve(24)
    assert all(study.table.curves.folds(row) == [0, 1, 2] for row in rows)
    assert (study.table.state[rows] == COMPLETE).all()
    assert study.final is not None
    assert study.final.why == "results are means over 3 folds"
    assert replay(study.session.journal.read()).differing_verdicts == ()


def test_folds_without_noise_cost_one_run_that_shows_it() -> None:
    def train(trial: tt.Trial) -> None:
        for fold in trial.folds():
            trial.report(fold=fold, loss=value(trial.params) + fold)

    study = tuned(train, folds=3, budget=24)
    assert len(study.table) == 24
    assert len(replicates(study)) == 1


def test_a_budget_of_epochs_keeps_a_share() -> None:
    def train(trial: tt.Trial) -> float:
        return noisy(trial)

    study = tuned(
        train, fidelity=tt.Fidelity("epoch", 1, 10), scheduler="whole", budget=tt.Budget(epochs=400), finalize=True
    )
    assert len(study.table) <= 40
    assert len(replicates(study)) >= 6
    assert study.final is not None


def test_the_same_call_again_leaves_what_was_found(tmp_path: Path) -> None:
    """The odds ended the search with some trials left, and last runs were made: nobody asked for more."""

    def train(trial: tt.Trial) -> float:
        luck = np.random.default_rng(trial.seed).normal(0.0, 0.03)
        return float(0.2 + 0.1 * np.log10(trial.params["lr"] / 1e-2) ** 2 + luck)

    def run(**more: Any) -> tt.Study:
        space = tt.Space(lr=tt.Float(1e-4, 1e-1, log=True, default=1e-3))
        arguments = {"budget": 60, "seed": 1, "store": f"sqlite:///{tmp_path}/t.db", "progress": False} | more
        return tt.tune(train, space, minimize="loss", **arguments)

    first, again = run(), run()
    assert len(first.table) == len(again.table) < 60
    assert first.final is not None
    assert first.final == again.final
    assert len(run(stop="never").table) == 60


# Runs that diverge by bad luck


def diverging(trial: tt.Trial) -> float:
    """Give a noisy bowl, and now and then a result that is a thousand times too large, whatever the configuration."""
    rng = np.random.default_rng(trial.seed)
    found = 1.0 + 0.1 * value(trial.params) + float(rng.normal(0, 0.02))
    return found * 1000 if rng.random() < 0.2 else found


@pytest.fixture(scope="module")
def spoilt(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tt.Study]:
    url = f"sqlite:///{tmp_path_factory.mktemp('spoilt') / 't.db'}"
    first = tuned(diverging, budget=24, finalize=False, store=url, name="a")  # and some run again, by hand
    for row in (5, 6, 7, 5, 6, 7):
        first.enqueue(first.table.trial(row).params)
    tuned(diverging, budget=30, finalize=False, store=url, name="a").close()
    with tuned(diverging, budget=48, finalize=True, store=url, name="a") as study:
        yield study


def test_the_figures_of_a_study_are_not_those_of_a_run_that_diverged(spoilt: tt.Study) -> None:
    found = spoilt.final
    assert found is not None
    truth = 1.0 + 0.1 * value(found.params)
    assert found.mean == pytest.approx(truth, abs=0.05)
    assert found.interval[1] - found.interval[0] < 0.2
    assert found.n_off > 0
    assert f"({found.n_off} more, off by orders of magnitude, left out)" in str(found)
    assert replay(spoilt.session.journal.read()).differing == ()


def test_a_run_that_diverged_is_no_noise(spoilt: tt.Study) -> None:
    table = spoilt.table
    rows = table.rows(COMPLETE)
    assert np.ptp(table.y[rows, 0]) > 500
    assert 0.0 < path_noise(table, rows, 0) < 0.1
    assert not noise(table).is_measured or "differ by 0.0" in noise(table).why


def test_results_that_are_off_are_shown(spoilt: tt.Study) -> None:
    off = far_off(spoilt.table)
    assert len(off) == int((spoilt.table.y[spoilt.table.rows(COMPLETE), 0] > 500).sum()) > 0
    shown = CliRunner().invoke(cli, ["show", "a", "--store", spoilt.session.store.url]).output
    assert f"{len(off)} results, of trials {off[0]}, {off[1]}" in " ".join(shown.split())
    assert not len(far_off(tuned(budget=20, finalize=False).table))
