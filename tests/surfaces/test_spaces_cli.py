"""`trimtab init --for`, `trimtab check`, and what is said of a space as a study begins."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

import trimtab as tt
from trimtab.errors import SpecError
from trimtab.spaces import build, library
from trimtab.spaces.sizes import Sizes
from trimtab.surfaces.cli import for_family, spec
from trimtab.surfaces.cli.app import cli

MODELS = [
    name
    for name, family in library.families().items()
    if family.entries and not (family.module and (set(family.classes) & for_family._STEPS))
]


@pytest.mark.parametrize("name", MODELS)
def test_a_study_file_for_a_family_reads_as_its_space(name: str, tmp_path: Path) -> None:
    path, program = tmp_path / "study.yaml", tmp_path / "train.py"
    study, code = for_family.texts(name, Path(path.name), Path(program.name))
    path.write_text(study)
    program.write_text(code)
    compile(code, "train.py", "exec")
    read = spec.load(path)
    family = library.family(name)
    known = {entry.name for entry in build.entries(family, Sizes(family.task or "classification"))}
    assert set(read.space.names) <= known
    assert read.space.satisfied(read.space.default_row())
    assert all(len(line) <= 120 for line in study.splitlines() + code.splitlines() if "{" not in line)


def test_what_is_written_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", list(sys.path))
    runner = CliRunner()
    for name, trials in (("tree", "2"), ("adamw", "3")):
        monkeypatch.delitem(sys.modules, "train", raising=False)  # the one before
        path = tmp_path / name / "study.yaml"
        assert runner.invoke(cli, ["init", "--for", name, str(path)], standalone_mode=False).exception is None
        store = f"sqlite:///{tmp_path / name}.db"
        done = runner.invoke(cli, ["run", str(path), "--budget", trials, "--store", store, "-q", "--json"])
        assert done.exit_code == 0, done.output
        assert json.loads(done.stdout)["best"] is not None


@pytest.mark.parametrize("name", ["pca", "tfidf", "scalers", "knn_imputer"])
def test_a_step_is_no_model(name: str, tmp_path: Path) -> None:
    with pytest.raises(click.UsageError, match="is a step of a pipeline, no model by itself"):
        for_family.texts(name, tmp_path / "a.yaml", tmp_path / "train.py")


def test_a_family_that_there_is_not_is_answered(tmp_path: Path) -> None:
    with pytest.raises(click.UsageError, match="did you mean 'lightgbm'"):
        for_family.texts("lightgmb", tmp_path / "a.yaml", tmp_path / "train.py")


def test_a_library_that_is_not_there_is_said_with_how_to_install_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setitem(sys.modules, "catboost", None)  # as Python knows one that is not there
    monkeypatch.setattr(build, "installed", lambda package: "")
    monkeypatch.delitem(sys.modules, "train", raising=False)
    path = tmp_path / "study.yaml"
    made = CliRunner().invoke(cli, ["init", "--for", "catboost", str(path)], standalone_mode=False)
    assert "catboost is not installed: pip install catboost; then: trimtab run" in made.output
    with pytest.raises(SpecError, match=r"pip install catboost\."):
        spec.load(path).objective()


WRONG = """\
command: "true {C} {gamma}"
minimize: loss
space:
  C: {float: [0.001, 1000]}
  gamma: {float: [1e-4, 1], log: true}
budget: 5
"""


def test_check_says_what_is_likely_wrong_and_exits_0(tmp_path: Path) -> None:
    path = tmp_path / "study.yaml"
    path.write_text(WRONG)
    done = CliRunner().invoke(cli, ["check", str(path)], standalone_mode=False)
    assert done.exception is None
    assert "2 parameters, 1 hint\n" in done.output
    assert "C from 0.001 to 1000 is linear" in done.output
    said = json.loads(CliRunner().invoke(cli, ["check", "--json", str(path)], standalone_mode=False).output)
    assert (said["parameters"], len(said["hints"])) == (2, 1)
    path.write_text(WRONG.replace("1000]", "1000], log: true"))
    assert "nothing to remark" in CliRunner().invoke(cli, ["check", str(path)], standalone_mode=False).output


LACKS = """\
command: ["{python}", "train.py", "--lr={lr}"]
minimize: loss
space:
  lr: {float: [1e-5, 1e-1]}
  layers: {int: [1, 8]}
budget: 1
"""


def checked(path: Path) -> list[str]:
    said = json.loads(CliRunner().invoke(cli, ["check", "--json", str(path)], standalone_mode=False).output)
    hints: list[str] = said["hints"]
    return hints


def test_check_says_which_parameters_the_command_leaves_out(tmp_path: Path) -> None:
    path, program = tmp_path / "study.yaml", tmp_path / "train.py"
    path.write_text(LACKS)
    (hint, other) = checked(path)
    assert hint.startswith("layers is tuned, and the command does not say it: write --layers={layers} into it")
    assert "TRIMTAB_PARAM_LAYERS" in hint
    assert other.endswith("write log: true, from 1e-05."), "as the file is written, not as Python"
    program.write_text("import os\n\nlayers = int(os.environ['TRIMTAB_PARAM_LAYERS'])\n")
    assert checked(path) == [other], "the program asks its environment"
    program.write_text("import sys\n")
    assert len(checked(path)) == 2


@pytest.mark.parametrize(
    ("command", "n"),
    [
        ("[./train, '--lr={lr}', '--layers={layers}']", 0),
        ("[./train, '{params_file}']", 0),
        ("[./train, '{flat_params_json}']", 0),
        ("[./train]", 0),  # which may ask its environment: nobody can look
        ("[python, train.py]", 1),
        ("[python, -m, train]", 1),
        ("[./train, '--layers={layers}']", 1),
        ("[sh, -c, 'train --lr {lr} --layers $TRIMTAB_PARAM_LAYERS']", 0),
        ("[sh, reads.sh, '{lr}']", 0),
        ("[sh, calls.sh]", 0),
        ("[sh, calls.sh, '{lr}']", 1),
    ],
)
def test_what_a_command_hands_over_in_other_ways_is_not_missed(tmp_path: Path, command: str, n: int) -> None:
    (tmp_path / "train.py").write_text("import sys\n")
    (tmp_path / "reads.sh").write_text("train --lr $1 --layers $TRIMTAB_PARAM_LAYERS\n")
    (tmp_path / "calls.sh").write_text("train --lr $1\n")
    path = tmp_path / "study.yaml"
    path.write_text(
        LACKS.replace('["{python}", "train.py", "--lr={lr}"]', command).replace("1e-1]}", "1e-1], log: true}")
    )
    assert len(checked(path)) == n


def test_what_only_others_are_active_under_need_not_be_handed_over(tmp_path: Path) -> None:
    path = tmp_path / "study.yaml"
    path.write_text(
        "command: './train --lr={lr} --momentum={momentum}'\nminimize: loss\nbudget: 1\nspace:\n"
        "  lr: {float: [1e-5, 1e-1], log: true}\n  has_momentum: {categorical: [true, false]}\n"
        "  momentum: {float: [0.5, 0.9], when: {has_momentum: true}}\n  held: {int: [1, 8], default: 2, role: fixed}\n"
    )
    assert checked(path) == []


def test_a_run_of_a_file_gives_its_hints_as_the_file_is_written(tmp_path: Path) -> None:
    path = tmp_path / "study.yaml"
    path.write_text(LACKS)
    (tmp_path / "train.py").write_text("print('{\"loss\": 1}')\n")
    asked = ["run", str(path), "--store", f"sqlite:///{tmp_path}/a.db"]
    first = CliRunner().invoke(cli, asked, standalone_mode=False)
    assert "train: hint: layers is tuned" in first.output + first.stderr
    assert "write log: true" in first.output + first.stderr
    assert "log=True" not in first.output + first.stderr
    again = CliRunner().invoke(cli, [*asked, "--budget", "2"], standalone_mode=False)
    assert "hint" not in again.output + again.stderr
    assert (
        "hint: layers is tuned"
        in CliRunner().invoke(cli, ["run", str(path), "--dry-run"], standalone_mode=False).output
    )


def test_check_refuses_what_cannot_be_read(tmp_path: Path) -> None:
    path = tmp_path / "study.yaml"
    path.write_text(WRONG.replace("float", "flaot"))
    with pytest.raises(SpecError):
        CliRunner().invoke(cli, ["check", str(path)], standalone_mode=False, catch_exceptions=False)


# As a study begins


def objective(trial: tt.Trial) -> float:
    return 1.0


def said(space: tt.Space, capsys: pytest.CaptureFixture[str], store: str, budget: int, progress: object = True) -> str:
    tt.tune(
        objective, space, minimize="loss", budget=budget, store=store, optimizer="random", seed=0, progress=progress
    )
    return capsys.readouterr().err


def test_a_run_says_once_what_is_likely_wrong(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    space = tt.Space(C=tt.Float(0.001, 1000), gamma=tt.Float(1e-4, 1, log=True))
    store = f"sqlite:///{tmp_path}/a.db"
    first = said(space, capsys, store, 1)
    assert first.count("hint: C from 0.001 to 1000 is linear") == 1
    assert "hint" not in said(space, capsys, store, 2), "and not when it goes on"
    assert "hint" not in said(space, capsys, f"sqlite:///{tmp_path}/b.db", 1, progress=False)
    assert "hint" not in said(tt.spaces.svc(), capsys, f"sqlite:///{tmp_path}/c.db", 1)


def test_more_than_three_hints_are_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    space = tt.Space({f"part{i}_lr": tt.Float(0.0, 1.0) for i in range(5)})
    text = said(space, capsys, f"sqlite:///{tmp_path}/a.db", 1)
    assert text.count("hint: ") == 3
    assert "2 more hints: tt.spaces.check(space)" in text
