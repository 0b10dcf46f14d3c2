"""Results of one objective are not given out as those of another."""

from __future__ import annotations

import functools
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import trimtab as tt
from trimtab.errors import ProblemError, StudyExistsError, StudyMismatchError

SPACE = tt.Space(x=tt.Float(0.0, 1.0))
TRIMTAB = [sys.executable, "-m", "trimtab.surfaces.cli"]


def tune(objective: Callable[[tt.Trial], object] | tt.Command, folder: Path, **more: object) -> tt.Study:
    more = {"minimize": "loss", "budget": 4, "seed": 0, "progress": False} | more
    study = tt.tune(objective, SPACE, store=f"sqlite:///{folder}/t.db", **more)  # type: ignore[arg-type]
    study.close()
    return study


def make(scale: float) -> Callable[[tt.Trial], float]:
    def objective(trial: tt.Trial) -> float:
        return scale * trial.params["x"]

    return objective


def test_two_closures_of_one_name_do_not_share_their_results(tmp_path: Path) -> None:
    tune(make(1.0), tmp_path)
    with pytest.raises(
        StudyMismatchError, match=r"4 results of another objective \(scale was 1.0 and is 100.0\)"
    ) as told:
        tune(make(100.0), tmp_path)
    assert "name=" in str(told.value)
    assert 'resume="always"' in str(told.value)
    assert len(tune(make(1.0), tmp_path).table) == 4, "the old one is as it was"
    assert len(tune(make(100.0), tmp_path, name="second").table) == 4


def test_going_on_all_the_same_is_said_and_on_record(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tune(make(1.0), tmp_path)
    assert capsys.readouterr().err == ""
    study = tune(make(2.0), tmp_path, budget=6, resume="always")
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "the objective is not the one that ran before (scale was 1.0 and is 2.0)" in said
    assert study.table.notes == {"objective changed": "from trial 4 on: scale was 1.0 and is 2.0"}
    again = tune(make(2.0), tmp_path, budget=8)
    assert capsys.readouterr().err == "", "the one that ran last is the one to compare with"
    assert len(again.table) == 8
    last = tune(make(3.0), tmp_path, budget=9, resume="always").table.notes["objective changed"]
    assert last == "from trial 4 on: scale was 1.0 and is 2.0; from trial 8 on: scale was 2.0 and is 3.0"
    shown = subprocess.run(
        [*TRIMTAB, "show", "--store", f"sqlite:///{tmp_path}/t.db"], capture_output=True, text=True, check=True
    )
    assert "objective changed: from trial 4 on: scale was 1.0 and is 2.0" in shown.stdout


def test_what_only_failed_stands_in_the_way_of_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Mending what made every trial fail is the usual reason to change an objective."""

    def wrong(trial: tt.Trial) -> float:
        return trial.params["y"]

    def right(trial: tt.Trial) -> float:
        return trial.params["x"]

    tune(wrong, tmp_path, name="s", budget=2)
    capsys.readouterr()
    study = tune(right, tmp_path, name="s")
    assert study.best.number >= 2
    assert "the code of the objective differs" in capsys.readouterr().err


def test_never(tmp_path: Path) -> None:
    tune(make(1.0), tmp_path, resume="never")
    with pytest.raises(StudyExistsError, match='is there, and resume="never"'):
        tune(make(1.0), tmp_path, resume="never")
    with pytest.raises(ProblemError, match='resume is "same"'):
        tune(make(1.0), tmp_path, resume="sometimes")


def test_a_study_whose_objective_nobody_knows_goes_on(tmp_path: Path) -> None:
    """Studies of the first release, and those that were asked and told by hand, have no fingerprint."""
    with tt.create_study(SPACE, minimize="loss", store=f"sqlite:///{tmp_path}/t.db", name="objective", seed=0) as study:
        study.tell(study.ask(), 1.0)
    assert len(tune(make(1.0), tmp_path).table) == 4


def test_lambdas_and_partials_have_names_of_their_own(tmp_path: Path) -> None:
    def train(trial: tt.Trial, depth: int) -> float:
        return trial.params["x"] * depth

    names = {tune(functools.partial(train, depth=depth), tmp_path).name for depth in (1, 2)}
    assert names == {"train(depth=1)", "train(depth=2)"}
    assert tune(lambda trial: 1.0, tmp_path).name == "test_same_objective-lambda"
    with pytest.raises(StudyMismatchError, match="another objective"):
        tune(lambda trial: 2.0, tmp_path)


@pytest.mark.parametrize("workers", [1, 2])
def test_a_script_that_was_mended(workers: int, tmp_path: Path) -> None:
    text = """
import trimtab as tt
def train(x):
    return x + 1  # the loss
def objective(trial):
    return train(trial.params["x"])
if __name__ == "__main__":
    tt.tune(objective, tt.Space(x=tt.Float(0, 1)), minimize="loss", budget=4, store="sqlite:///t.db", workers=WORKERS)
""".replace("WORKERS", str(workers))

    def run(changed: str) -> subprocess.CompletedProcess[str]:
        (tmp_path / "job.py").write_text(changed)
        return subprocess.run([sys.executable, "job.py"], cwd=tmp_path, capture_output=True, text=True, check=False)

    assert run(text).returncode == 0
    assert run("# a comment\n" + text.replace("# the loss", "# what it costs")).returncode == 0
    mended = run(text.replace("x + 1", "x - 1"))
    assert mended.returncode == 1
    assert "holds 4 results of another objective (the code of train differs)" in mended.stderr.splitlines()[-1]


STUDY = """
command: ["{python}", train.py, "{x}"]
minimize: loss
space: {x: {float: [0, 1]}}
budget: 2
"""


def test_a_program_that_was_mended(tmp_path: Path) -> None:
    program = "import sys, json\nprint(json.dumps({'loss': float(sys.argv[1])}))\n"
    (tmp_path / "study.yaml").write_text(STUDY)

    def run(*more: str) -> subprocess.CompletedProcess[str]:
        command = [*TRIMTAB, "run", "study.yaml", *more]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    (tmp_path / "train.py").write_text(program)
    assert run().returncode == 0
    (tmp_path / "train.py").write_text(program + "# mended\n")
    assert run().returncode == 0
    (tmp_path / "train.py").write_text(program.replace("sys.argv[1])", "sys.argv[1]) + 1"))
    refused = run()
    assert refused.returncode == 2
    assert "another objective (file train.py differs)" in refused.stderr
    assert refused.stderr.count("\n") == 1
    assert run("--resume", "never").returncode == 2
    assert run("--resume", "always", "--budget", "3").returncode == 0
    (tmp_path / "study.yaml").write_text(STUDY.replace('"{x}"]', '"{x}", more]') + "resume: always\nname: train\n")
    went_on = run("--budget", "4")
    assert went_on.returncode == 0, went_on.stderr
    assert "the command line differs" in went_on.stderr
