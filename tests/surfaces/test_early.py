"""What commands and notebooks say of early stopping, beside the captures of it."""

from __future__ import annotations

import io
import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner
from studies import write_early

import trimtab as tt
from trimtab.schedule.reading import Rung, rungs_of
from trimtab.study.savings import Savings
from trimtab.study.standing import Status
from trimtab.study.unheard import unheard
from trimtab.surfaces.cli import facts, rungs, trial_table
from trimtab.surfaces.cli.app import cli
from trimtab.surfaces.render import html
from trimtab.surfaces.render.progress import Line, Lines


@pytest.fixture
def early(tmp_path: Path) -> Iterator[tt.Study]:
    url = f"sqlite:///{tmp_path}/trimtab.db"
    write_early(url)
    with tt.load_study(url, "early") as study:
        yield study


def rung(level: float, unchosen: float, n: int, entered: int = 20) -> Rung:
    return Rung(level, entered, 5, 10, 0.5, 0.5, 8, unchosen, n, 0, 0, 0.0)


def test_programs_are_told_what_was_saved_and_what_was_seen_at_rungs(early: tt.Study) -> None:
    told = facts.study_facts(early)
    assert told["saved"]["share"] == pytest.approx(1 - (6 * 27 + 6 * 3 + 2 * 9) / (14 * 27))
    assert (told["saved"]["n_early"], told["saved"]["seconds"]) == (8, pytest.approx(6 * 48.0 + 2 * 36.0))
    assert [one["level"] for one in told["rungs"]] == [1, 3, 9, 27]
    assert [one["misleads"] for one in told["rungs"]] == [True, False, False, False]
    assert told["rungs"][-1]["correlation"] is None, "nan is no JSON"


def test_a_study_without_early_looks_has_no_rungs() -> None:
    study = tt.create_study(tt.Space(x=tt.Float(0, 1)), minimize="loss", fidelity=tt.Fidelity("epoch", 1, 27))
    study.tell(study.ask().number, 0.5)
    assert (rungs.seen(study), facts.study_facts(study)["saved"]) == ([], None)
    assert "curve" not in trial_table.Columns(study).usual


@pytest.mark.parametrize(
    ("below", "said"),
    [
        ([rung(1, 0.9, 12), rung(3, 0.95, 12)], []),
        ([rung(1, 0.12, 12), rung(3, 0.95, 12)], ["early looks mislead at epoch 1: ", "(correlation 0.12)"]),
        (
            [rung(1, -0.4, 9), rung(3, 0.1, 9), rung(9, math.nan, 9)],
            ["at epoch 1, 3 and 9: ", "(correlation -0.40, 0.10 and none)"],
        ),
        ([rung(1, 0.12, 4), rung(3, math.nan, 0)], ["is not known: fewer than 5 trials"]),
        ([rung(1, math.nan, 0, entered=0), rung(3, 0.9, 12)], []),
    ],
)
def test_it_is_said_where_early_looks_mislead(below: list[Rung], said: list[str]) -> None:
    text = " ".join(rungs.remarks("epoch", [*below, rung(27, 1.0, 12)]))
    assert bool(text) == bool(said)
    assert all(part in text for part in said)


def test_a_notebook_shows_at_the_end_what_was_saved() -> None:
    saved = Savings(14, 30, True, False, "epoch", 0.617)
    ended = Status("a", "loss", "minimize", n_complete=30, reason="the budget is used up", saved=saved, need="<b>x")
    shown = html.running(ended)
    assert "14 of 30 trials stopped early; 61% of the epochs were not spent" in shown
    assert "&lt;b&gt;x" in shown


def test_a_study_says_once_what_early_stopping_would_need(capsys: pytest.CaptureFixture[str]) -> None:
    def train(trial: tt.Trial) -> float:
        for step in (1, 2, 3):
            trial.report(step, loss=1.0 / step)
        return 0.5

    for scheduler, is_said in (("auto", True), ("whole", False), ("median", True), ("asha", True)):
        tt.tune(
            train, tt.Space(x=tt.Float(0, 1)), minimize="loss", budget=3, optimizer="random", scheduler=scheduler,
            seed=0,
        )  # fmt: skip
        said = capsys.readouterr().err
        assert said.count("none is ended early, since nothing says how far they go") == is_said


LACKS = {
    "right": ({"loss": 1}, 9, ""),
    "nothing": ({}, 9, "report nothing on their way"),
    "another name": ({"los": 1}, 9, "report los, and never loss"),
    "batches": ({"loss": 1}, 900, 'declare what the steps count, as fidelity=tt.Fidelity("epoch", 1, 900)'),
}


@pytest.mark.parametrize("name", LACKS)
def test_a_loop_whose_reports_end_nothing_early_is_told_while_it_runs(
    name: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    names, last, wanted = LACKS[name]
    told: list[int] = []

    def train(trial: tt.Trial) -> float:
        told.append(capsys.readouterr().err.count(wanted))
        for step in range(last // 9, last + 1, last // 9):
            if names:
                trial.report(step, **{key: trial.params["x"] + 1.0 / step for key in names})
        return trial.params["x"]

    kept = {"store": f"sqlite:///{tmp_path / 'a.db'}", "name": "a"}
    study = tt.tune(
        train, tt.Space(x=tt.Float(0, 1)), minimize="loss", budget=4, fidelity=tt.Fidelity("epoch", 1, 9), seed=0,
        optimizer="random", **kept,
    )  # fmt: skip
    assert unheard(study.table) == "" if not wanted else wanted in unheard(study.table)
    if wanted:
        told.append(capsys.readouterr().err.count(wanted))
        assert sum(told) == 1
        shown = CliRunner().invoke(cli, ["show", "a", "--store", kept["store"]])
        assert "early stopping" in shown.output


def test_what_early_stopping_would_need_is_said_while_there_is_time_to_mend_it() -> None:
    out = io.StringIO()
    lines = Lines("a", out)
    status = Status("a", "loss", "minimize", n_complete=1)
    lines.update(status)
    for _ in range(2):
        lines.update(replace(status, need="report it"))
    assert out.getvalue().count("report it") == 1
    lines.close(replace(status, need="report it", reason="the budget is used up"))
    assert out.getvalue().count("report it") == 1


def test_news_are_broken_between_words_and_the_command_that_shows_a_failure_is_whole(
    monkeypatch: pytest.MonkeyPatch, early: tt.Study
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    out = io.StringIO()
    look = "trimtab show early 0 --store sqlite:///somewhere.db"
    status = Status("a", "loss", "minimize", n_complete=1, failure=early.table.trial(0), look=look)
    Line("a", out).update(replace(status, need="trials report los, and never loss, by which they are compared"))
    lines = out.getvalue().replace("\r", "\n").splitlines()
    assert look in lines
    assert all(len(line) <= 40 for line in lines if line != look)
    assert "trials report los, and never loss, by" in "\n".join(lines)


def test_trials_say_how_far_each_was_run(early: tt.Study) -> None:
    url = early.session.store.url
    said = CliRunner().invoke(cli, ["trials", "early", "--columns", "trial,state,epoch", "--store", url]).output
    stopped = next(trial for trial in early.trials if trial.state == "stopped")
    [line] = [line for line in said.splitlines() if line.split()[:1] == [f"{stopped.number}"]]
    reached = early.curve(stopped.number)["step"][-1]
    assert line.split()[2:] == [f"{reached:g}", "of", f"{stopped.fidelity['epoch']:g}"]


def test_what_was_not_seen_at_a_rung_did_not_go_on_from_there() -> None:
    def train(trial: tt.Trial) -> float:
        if trial.number == 0:
            trial.report(1, loss=1.0)
        return trial.params["x"]

    study = tt.tune(
        train, tt.Space(x=tt.Float(0, 1)), minimize="loss", budget=4, fidelity=tt.Fidelity("epoch", 1, 9), seed=0,
        optimizer="random", progress=False,
    )  # fmt: skip
    assert [(one.entered, one.went_on) for one in rungs_of(study.table)] == [(1, 1), (0, 0), (4, 0)]
