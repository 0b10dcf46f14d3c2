"""`trimtab budget`, and budgets in study files and on the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

import trimtab as tt
from trimtab.errors import SpecError
from trimtab.surfaces.cli import budget, spec
from trimtab.surfaces.cli.app import cli
from trimtab.surfaces.cli.document import read_yaml

HEAD = "command: ['true']\nminimize: loss\nspace: {x: {float: [0, 1]}}\nfidelity: {name: epoch, low: 1, high: 9}\n"


@pytest.fixture
def url(tmp_path: Path) -> str:
    url = f"sqlite:///{tmp_path / 's.db'}"
    limits = tt.Budget(trials=2, epochs=20, deadline="2999-01-01 07:00")
    tt.tune(
        lambda trial: 1.0, tt.Space(x=tt.Float(0, 1)), minimize="loss", fidelity=tt.Fidelity("epoch", 1, 9),
        budget=limits, store=url, name="a", progress=False, optimizer="random",
    ).close()  # fmt: skip
    return url


def call(*words: str, exits: int = 0) -> str:
    said = CliRunner().invoke(cli, list(words), catch_exceptions=True)
    assert said.exit_code == exits, said.output + str(said.exception)
    return said.output if exits == 0 else str(said.exception)


def test_a_budget_is_shown_and_changed(url: str) -> None:
    said = call("budget", "a", "--store", url)
    assert "trials    2 of 2 spent (100%), 0 left" in said
    assert "epoch     18 of 20 spent (90%), 2 left" in said
    assert "until 2999-01-01 07:00" in said
    call(
        "budget",
        "--store",
        url,
        "--trials",
        "5",
        "--deadline",
        "none",
        "--epochs",
        "epoch=90",
        "--money",
        "3",
        "--price",
        "cpu=2",
    )
    found = json.loads(call("budget", "a", "--store", url, "--json"))["budget"]
    assert found["epoch"] == {"limit": 90, "spent": 18, "reserved": 0, "left": 72}
    assert found.keys() == {"trials", "epoch", "money"}
    shown = call("show", "a", "--store", url)
    assert "budget of epoch" in shown
    assert "trimtab.budget" not in shown, "notes of its own are not for people"
    assert json.loads(call("show", "a", "--store", url, "--json"))["budget"]["trials"]["left"] == 3


@pytest.mark.parametrize(
    "words",
    [
        ("--trials", "many"),
        ("--trials", "2.5"),
        ("--hours", "-1"),
        ("--epochs", "step=3"),
        ("--epochs", "=3"),
        ("--epochs", "3", "--epochs", "4"),
        ("--price", "3"),
        ("--money", "3"),
        ("--deadline", "noon"),
    ],
)
def test_what_is_no_budget_is_refused(url: str, words: tuple[str, ...]) -> None:
    assert call("budget", "a", "--store", url, *words, exits=1)
    assert "2 of 2 spent" in call("budget", "a", "--store", url)


def test_words_say_a_budget() -> None:
    assert budget.from_words(["300"]) == tt.Budget(trials=300)
    assert budget.from_words(["hours=8", "worker-hours=20", "epochs=500", "deadline=07:00"]) == tt.Budget(
        hours=8.0, worker_hours=20.0, epochs=500.0, deadline="07:00"
    )


def test_a_study_file_says_any_limit() -> None:
    text = HEAD + (
        "checkpoints: 20 GB\n"
        "budget: {epochs: {epoch: 500}, gpu_hours: 3, money: 10, prices: {gpu: 2.5}, deadline: 07:00}\n"
    )
    found = spec.build(read_yaml(text, "study.yaml"), Path("study.yaml")).arguments
    assert found["checkpoints"] == 20 * 10**9
    assert found["budget"] == tt.Budget(
        epochs={"epoch": 500}, gpu_hours=3, money=10, prices={"gpu": 2.5}, deadline="07:00"
    )


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("budget: {epochs: 0}", "budget.epochs: expected"),
        ("budget: {money: 3}", "budget: Budget(money=...) goes with prices="),
        ("budget: {deadline: noon}", "budget.deadline: expected a time such as 07:00"),
        ("budget: {deadline: 2026-02-30}", "budget: Budget(deadline=...) is a time"),
        ("budget: 3\ncheckpoints: 20 GX", "checkpoints: expected"),
    ],
)
def test_what_a_study_file_says_wrongly_is_told_with_its_key(line: str, said: str) -> None:
    with pytest.raises(SpecError) as caught:
        spec.build(read_yaml(HEAD + line + "\n", "study.yaml"), Path("study.yaml"))
    assert said in str(caught.value)
