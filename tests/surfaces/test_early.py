"""What commands and notebooks say of early stopping, beside the captures of it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import pytest
from studies import write_early

import trimtab as tt
from trimtab.schedule.reading import Rung
from trimtab.study.savings import Savings
from trimtab.study.standing import Status
from trimtab.surfaces.cli import facts, rungs, trial_table
from trimtab.surfaces.render import html


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


def test_a_study_says_at_its_end_what_early_stopping_would_need(capsys: pytest.CaptureFixture[str]) -> None:
    def train(trial: tt.Trial) -> float:
        for step in (1, 2, 3):
            trial.report(step, loss=1.0 / step)
        return 0.5

    for scheduler, is_said in (("auto", True), ("whole", False), ("median", True), ("asha", True)):
        tt.tune(
            train, tt.Space(x=tt.Float(0, 1)), minimize="loss", budget=3, optimizer="random", scheduler=scheduler,
            seed=0,
        )  # fmt: skip
        last = capsys.readouterr().err.splitlines()[-1]
        assert ("none is ended early, since nothing says how far they go" in last) == is_said
