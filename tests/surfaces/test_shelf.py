"""The commands by which a team finds its way: labels, search, putting away, copies, lineages, the next study."""

from __future__ import annotations

import json
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

import trimtab as tt
from trimtab.errors import TrimtabError
from trimtab.surfaces.cli.app import cli

SPACE = tt.Space(lr=tt.Float(1e-4, 1e-1, log=True), act=tt.Categorical(["relu", "gelu"], role="scientific"))


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)
    for name, metric in (("resnet", "loss"), ("vit", "error")):
        study = tt.create_study(
            SPACE, minimize=metric, store="sqlite:///trimtab.db", name=name, seed=0, optimizer="random"
        )
        for i in range(8):
            study.tell(study.ask(), 1.0 / (i + 1))
        study.close()
    return "sqlite:///trimtab.db"


def run(*words: str, code: int = 0) -> Result:
    done = CliRunner().invoke(cli, list(words), standalone_mode=False)
    refused = isinstance(done.exception, TrimtabError | click.ClickException)  # these exit with 2, see `app.run`
    found = 2 if refused else done.exit_code or done.return_value or 0
    assert found == code, f"{done.output}\n{done.exception!r}"
    return done


def names(*words: str) -> list[str]:
    return [one["name"] for one in json.loads(run(*words, "--json").stdout)]


def test_labels_are_searched(store: str) -> None:
    run("label", "resnet", "--project", "Vision", "--data", "cifar10", "--tag", "good")
    said = json.loads(run("label", "resnet", "--json").stdout)
    assert said == {"study": "resnet", "project": "Vision", "data": "cifar10", "tags": ["good"], "archived": False}
    for words in (("--data", "CIFAR10"), ("--tag", "good"), ("--project", "vision"), ("-m", "loss"), ("cifar",)):
        assert names("search", *words) == ["resnet"], words
    assert names("search", "-p", "lr") == ["resnet", "vit"]
    assert run("search", "-p", "lr", "--tag", "bad", code=1).stdout == ""
    text = run("list").stdout
    assert "project" in text
    assert "Vision" in text
    assert "good" in text
    run("label", "resnet", "--remove", "good", "--project", "")
    assert "no label" not in run("label", "resnet").stdout
    assert "good" not in run("list").stdout


def test_what_is_put_away_is_listed_only_when_asked_for(store: str) -> None:
    run("archive", "vit")
    assert names("list") == ["resnet"]
    assert names("list", "--all") == names("search", "-p", "lr") == ["resnet", "vit"]
    run("archive", "vit", "--undo")
    assert names("list") == ["resnet", "vit"]


def test_a_copy_replays_in_its_store(store: str) -> None:
    run("copy", "resnet", "sqlite:///other.db")
    run("replay", "resnet", "--store", "sqlite:///other.db")
    with tt.load_study("sqlite:///other.db", "resnet") as copied, tt.load_study(store, "resnet") as study:
        assert [trial.metrics for trial in copied.trials] == [trial.metrics for trial in study.trials]
    run("copy", "resnet", "sqlite:///other.db", code=2)
    run("copy", "resnet", store, code=2)
    run("copy", "resnet", store, "--name", "again")
    assert names("list") == ["resnet", "vit", "again"]


def test_lineages_stand_together_and_follow_a_new_name(store: str) -> None:
    said = json.loads(run("refine", "resnet", "--widen", "lr=:1.0", "--hold", "act=relu", "--json").stdout)
    assert said["study"] == "resnet-2"
    assert said["evidence"] == 8
    run("refine", "resnet-2", "--narrow", "lr=1e-3:")
    assert names("list") == ["resnet", "resnet-2", "resnet-3", "vit"]
    run("rename", "resnet", "first")
    listed = {one["name"]: one["refined_from"] for one in json.loads(run("list", "--json").stdout)}
    assert listed == {"first": None, "resnet-2": "first", "resnet-3": "resnet-2", "vit": None}
    assert "from" in run("list").stdout


def test_the_next_study_by_command(store: str) -> None:
    run("refine", "vit", "--add", "wd={float: [0, 1], default: 0.1}", "--widen", "act=[1,2]", code=2)
    run("refine", "vit", "--add", "wd={float: [0, 1], default: 0.1}", "--widen", 'act="a, b",tanh', "--name", "next")
    with tt.load_study(store, "next") as study:
        assert study.space["wd"] == tt.Float(0, 1, default=0.1)
        assert study.space["act"] == tt.Categorical(["relu", "gelu", "a, b", "tanh"], role="scientific")
        assert study.trials[0].params["wd"] == 0.1
    run("refine", "next", "--drop", "wd", "--free", "act", code=0)
    for words in (
        ("--widen", "lr"),
        ("--hold", "lr="),
        ("--add", "lr={flot: [0, 1]}"),
        (),
        ("--narrow", "lr=0.5:0.2"),
    ):
        assert str(run("refine", "vit", *words, code=2).exception).count("\n") == 0


def test_two_trials_and_two_studies_beside_each_other(store: str) -> None:
    said = json.loads(run("diff", "resnet", "0", "1", "--json").stdout)
    assert said["trials"] == [0, 1]
    assert said["better"] == {"loss": 1}
    assert "trial 1 is better" in run("diff", "resnet", "0", "1").stdout
    run("diff", "resnet", "0", code=2)
    assert "act=" in run("compare", "resnet").stdout
    run("compare", "resnet", "vit", code=2)  # another metric
    run("copy", "resnet", store, "--name", "again")
    said = json.loads(run("compare", "resnet", "again", "--json").stdout)
    assert said["differences"][0]["probability"] == pytest.approx(0.5, abs=0.05)


def test_advice_by_command(store: str) -> None:
    done = run("advise", "resnet")
    assert done.stdout == ""
    assert json.loads(run("advise", "resnet", "--json").stdout) == []


STUDY_FILE = """
name: next
function: objective.py:train
minimize: loss
space:
  lr: {float: [1e-4, 1e-1], log: true}
  act: {categorical: [relu, gelu]}
budget: 3
learn_from: [project:vision]
seed: 0
"""


def test_a_study_file_learns_from_what_was_filed(store: str, tmp_path: Path) -> None:
    (tmp_path / "objective.py").write_text("def train(trial):\n    return trial.params['lr']\n", encoding="utf-8")
    (tmp_path / "study.yaml").write_text(STUDY_FILE, encoding="utf-8")
    run("label", "resnet", "--project", "Vision")
    assert "first trial" in run("run", "study.yaml", "--dry-run").stdout
    run("run", "study.yaml", "--quiet")
    assert "resnet: 8 configurations of 8 trials" in run("show", "next").stdout
    [lesson] = json.loads(run("show", "next", "--json").stdout)["learned"]
    assert (lesson["study"], lesson["taken"], lesson["metric"]) == ("resnet", 8, "loss")
    assert "did well in resnet" in run("show", "next", "1").stdout
    run("replay", "next")
    run("report", "next", "-o", "report.md")
    assert "learns from: resnet" in (tmp_path / "report.md").read_text(encoding="utf-8")
    run("run", "study.yaml", "--quiet", "--name", "other", "--learn-from", "vit", "--learn-from", "res*")
    assert "its error is read as loss" in " ".join(run("show", "other").stdout.split())
    run("run", "study.yaml", "--quiet", "--learn-from", "vit", code=2)  # it keeps what it has
    plain = (tmp_path / "study.yaml").read_text(encoding="utf-8")
    new = plain.replace("lr:", "rate:").replace("objective.py", "rated.py")
    new = new.replace("[project:vision]", "{res*: {lr: rate}, vit: {}}")
    (tmp_path / "renamed.yaml").write_text(new, encoding="utf-8")
    (tmp_path / "rated.py").write_text("def train(trial):\n    return trial.params['rate']\n", encoding="utf-8")
    run("run", "renamed.yaml", "--quiet", "--name", "new")
    assert "lr is rate here" in " ".join(run("show", "new").stdout.split())
    run("run", "renamed.yaml", "--quiet", "--name", "newer", "--learn-from", "vit", "--renamed", "lr=rate")
    assert "lr is rate here" in " ".join(run("show", "newer").stdout.split())
    assert "the old name first" in str(run("run", "renamed.yaml", "--renamed", "lr", code=2).exception)
    run("archive", "resnet")
    run("run", "study.yaml", "--quiet", "--name", "third")  # which no pattern means any more
    assert "no study is meant by project:vision" in " ".join(run("show", "third").stdout.split()), run(
        "show", "third"
    ).stdout
