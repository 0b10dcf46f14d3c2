"""The command line as people and programs use it: real processes, real signals, real files."""

from __future__ import annotations

import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

import trimtab as tt
from trimtab.ledger.event import Asked
from trimtab.schedule.asha import Asha
from trimtab.storage.url import open_store

TRIMTAB = (sys.executable, "-m", "trimtab.surfaces.cli")

STUDY = """\
name: quick
command: ["sh", "-c", "echo '{{\\"loss\\": {x}}}'"]
minimize: loss
space: {x: {float: [0.0, 1.0]}}
optimizer: random
budget: 6
seed: 1
"""


def start(folder: Path, *argv: str, env: dict[str, str] | None = None) -> subprocess.Popen[str]:
    environment = {key: value for key, value in os.environ.items() if key != "TRIMTAB_STORE"} | (env or {})
    return subprocess.Popen(
        [*TRIMTAB, *argv], cwd=folder, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


def call(folder: Path, *argv: str, exits: int = 0, env: dict[str, str] | None = None) -> str:
    process = start(folder, *argv, env=env)
    out, err = process.communicate(timeout=120)
    assert process.returncode == exits, f"{argv}\n{out}\n{err}"
    assert "Traceback" not in err
    return out if exits == 0 else err


def read(folder: Path, *argv: str, exits: int = 0) -> Any:
    process = start(folder, *argv, "--json")
    out, err = process.communicate(timeout=120)
    assert process.returncode == exits, err
    return json.loads(out)


@pytest.fixture
def quick(tmp_path: Path) -> Path:
    (tmp_path / "study.yaml").write_text(STUDY)
    call(tmp_path, "run", "study.yaml", "-q")
    return tmp_path


def test_init_writes_a_study_that_runs(tmp_path: Path) -> None:
    call(tmp_path, "init", "sub/mine.yaml")
    found = read(tmp_path, "run", "sub/mine.yaml", "-q", "--budget", "4")
    assert (found["name"], found["states"]) == ("mine", {"complete": 4})
    assert "--force" in call(tmp_path, "init", "sub/mine.yaml", exits=2)
    call(tmp_path, "init", "sub/mine.yaml", "--force")


def test_run_resumes_and_counts_all_runs_together(quick: Path) -> None:
    again = start(quick, "run", "study.yaml")
    out, err = again.communicate(timeout=60)
    assert again.returncode == 0
    assert "goes on, with 6 trials on record" in err
    assert "6 trials: 6 complete; the budget of 6 trials is used up" in out
    assert read(quick, "run", "study.yaml", "-q", "--budget", "9")["trials"] == 9
    assert (quick / "trimtab.db").is_file()


def test_run_exits_1_when_nothing_succeeds(tmp_path: Path) -> None:
    (tmp_path / "study.yaml").write_text(STUDY.replace("echo", "exit 7; echo"))
    found = read(tmp_path, "run", "study.yaml", "-q", exits=1)
    assert (found["states"], found["best"]) == ({"failed": 6}, None)
    for more in ([], ["--params"], ["-n", "2"], ["--json"]):
        said = call(tmp_path, "best", *more, exits=1)
        assert "6 failed (6 x exception); trial 0: " in said
        assert "exit code 7" in said


def test_best_exits_1_where_no_trial_has_run(tmp_path: Path) -> None:
    (tmp_path / "study.yaml").write_text(STUDY)
    call(tmp_path, "ask", "--file", "study.yaml")
    assert "no trial is complete yet" in call(tmp_path, "best", exits=1)
    assert "there is no study 'other'" in call(tmp_path, "best", "other", exits=2)


def test_a_dry_run_runs_nothing(tmp_path: Path) -> None:
    (tmp_path / "study.yaml").write_text(STUDY)
    said = call(tmp_path, "run", "study.yaml", "--dry-run")
    assert "first trial: {'x'" in said
    assert not (tmp_path / "trimtab.db").exists()


def test_no_password_is_shown_of_a_command_line_and_of_what_a_program_printed(tmp_path: Path) -> None:
    (tmp_path / "study.yaml").write_text(
        "name: s\nminimize: loss\nspace: {x: {float: [0, 1]}}\nbudget: 1\n"
        'command: ["sh", "-c", "echo $0 >&2; exit 1", "postgresql://ann:hunter2@h/d", "--password", "hunter2"]\n'
    )
    said = call(tmp_path, "run", "study.yaml", "--dry-run")
    call(tmp_path, "run", "study.yaml", exits=1)
    said += call(tmp_path, "show", "s", "0")
    assert "it would run" in said
    assert "end of stderr" in said
    assert said.count("postgresql://ann:***@h/d") >= 2
    assert "hunter2" not in said.replace("\n  postgresql://ann:***@h/d hunter2", "")  # a mere word is nothing known


def test_a_dry_run_says_that_there_are_too_few_gpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    (tmp_path / "study.yaml").write_text(STUDY + "resources: {gpus: 1}\nworkers: 2\n")
    said = call(tmp_path, "run", "study.yaml", "--dry-run", exits=1)
    assert "2 workers with 1 GPUs each need more GPUs than there are: there are 1 (0); 1 would fit." in said
    assert "first trial" in call(tmp_path, "run", "study.yaml", "--dry-run", "--workers", "1")


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupted_run_goes_on(tmp_path: Path, number: signal.Signals, code: int) -> None:
    (tmp_path / "study.yaml").write_text(STUDY.replace("echo", "sleep 0.2; echo").replace("budget: 6", "budget: 12"))
    process = start(tmp_path, "run", "study.yaml")
    wait_for(lambda: list((tmp_path / "trimtab-files").glob("quick-*/trials/000002")))
    process.send_signal(number)
    _, err = process.communicate(timeout=30)
    assert process.returncode == code, err
    assert "interrupted; the same command goes on" in err
    assert "Traceback" not in err
    assert read(tmp_path, "run", "study.yaml", "-q")["states"] == {"complete": 12}
    assert read(tmp_path, "replay")["differing"] == []


def wait_for(happened, seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_python_function_beside_the_file_runs_in_workers(tmp_path: Path) -> None:
    folder = tmp_path / "job"
    folder.mkdir()
    (folder / "train.py").write_text("def train(trial):\n    return trial.params['x'] ** 2\n")
    (folder / "study.yaml").write_text(
        "function: train.py:train\nminimize: loss\nspace: {x: {float: [-1, 1]}}\nbudget: 5\nworkers: 2\nseed: 0\n"
    )
    found = read(tmp_path, "run", "job/study.yaml", "-q")
    assert (found["name"], found["states"]) == ("train", {"complete": 5})


def test_looking(quick: Path) -> None:
    (listed,) = read(quick, "list")
    assert (listed["name"], listed["trials"], listed["objective"]) == ("quick", 6, "minimize loss")
    assert "quick" in call(quick, "list")
    study = read(quick, "show")
    best = read(quick, "best", "quick")
    assert study["best"] == best
    assert study["seed"] == 1
    assert study["provenance"]["argv"][-3:] == ["run", "study.yaml", "-q"]
    rows = read(quick, "trials", "--sort", "loss")
    losses = [row["metrics"]["loss"] for row in rows]
    assert losses == sorted(losses)
    assert rows[0] == best
    assert read(quick, "best", "--params") == best["params"]
    assert len(call(quick, "trials", "quick", "--limit", "2", "--reverse").splitlines()) == 3
    one = read(quick, "show", "quick", "3")
    assert (one["number"], one["state"], one["origin"]) == (3, "complete", "random")
    shown = call(quick, "show", "3")
    assert "trial 3 of quick" in shown
    assert '{"loss": ' in shown, "the end of its output"
    assert "there is no trial 6" in call(quick, "show", "quick", "6", exits=2)
    assert read(quick, "trials", "--state", "failed") == []


def test_an_objective_is_sorted_from_the_best_on(tmp_path: Path) -> None:
    (tmp_path / "study.yaml").write_text(STUDY.replace("minimize", "maximize"))
    call(tmp_path, "run", "study.yaml", "-q")
    losses = [row["metrics"]["loss"] for row in read(tmp_path, "trials", "--sort", "loss")]
    assert losses == sorted(losses, reverse=True)
    values = [row["params"]["x"] for row in read(tmp_path, "trials", "--sort", "x")]
    assert values == sorted(values)


def test_exporting(quick: Path) -> None:
    call(quick, "export", "trials.csv")
    call(quick, "export", "quick", "trials.jsonl")
    assert len((quick / "trials.csv").read_text().splitlines()) == 7
    first = json.loads((quick / "trials.jsonl").read_text().splitlines()[0])
    assert first["state"] == "complete"
    assert "trials.xlsx" in call(quick, "export", "trials.xlsx", exits=2)
    assert ".csv" in call(quick, "export", exits=2)


def test_ask_and_tell_from_any_language(tmp_path: Path) -> None:
    (tmp_path / "study.yaml").write_text(STUDY)
    first = read(tmp_path, "ask", "--file", "study.yaml")
    second = read(tmp_path, "ask", "--file", "study.yaml")
    assert (first["number"], second["number"]) == (0, 1)
    call(tmp_path, "tell", "quick", "0", "0.25")
    call(tmp_path, "tell", "quick", "1", "loss=0.5", "accuracy=0.9")
    third = read(tmp_path, "ask")["number"]
    assert read(tmp_path, "tell", "quick", str(third), "--failed", "oom", "--error", "CUDA") == {
        "number": 2,
        "state": "failed",
        "best_trial": 0,
    }
    assert "told once" in call(tmp_path, "tell", "quick", "0", "0.1", exits=2)
    assert "is not a number" in call(tmp_path, "tell", "quick", "0", "loss=low", exits=2)
    assert "--failed" in call(tmp_path, "tell", "quick", "0", exits=2)
    assert read(tmp_path, "best")["number"] == 0


def test_a_result_that_is_nan_is_a_failure(tmp_path: Path) -> None:
    (tmp_path / "study.yaml").write_text(STUDY)
    call(tmp_path, "ask", "--file", "study.yaml")
    assert read(tmp_path, "tell", "quick", "0", "nan")["state"] == "failed"


def test_a_program_may_say_its_standard_error(tmp_path: Path) -> None:
    (tmp_path / "study.yaml").write_text(
        """command: ["sh", "-c", 'echo "{{\\"loss\\": 0.5, \\"loss_se\\": 0.25}}"']\n"""
        "name: sure\nobjectives: [{minimize: loss, error: loss_se}]\nspace: {x: {float: [0, 1]}}\nbudget: 2\n"
    )
    assert read(tmp_path, "run", "study.yaml", "-q")["best"]["metrics"] == {"loss": 0.5, "loss_se": 0.25}
    assert "loss = 0.5 ± 0.25" in call(tmp_path, "best")
    call(tmp_path, "ask", "sure")
    call(tmp_path, "tell", "sure", "2", "loss=0.25", "loss_se=0.125")
    call(tmp_path, "export", "trials.jsonl")
    rows = [json.loads(line) for line in (tmp_path / "trials.jsonl").read_text().splitlines()]
    assert [row["metrics_loss_se"] for row in rows] == [0.25, 0.25, 0.125]


def test_report_speaks_to_the_trial_that_it_runs_in(tmp_path: Path) -> None:
    report = " ".join(TRIMTAB) + " report"
    script = f"set -e; {report} 1 loss=0.7; {report} 2 loss={{x}}; {report} loss={{x}}"
    study = tt.tune(tt.Command(["sh", "-c", script]), tt.Space(x=tt.Float(0.2, 0.4)), minimize="loss", budget=1, seed=0)
    steps, y = study.table.curves.of(0)
    assert steps.tolist() == [1.0, 2.0]
    assert y[:, 0].tolist() == [0.7, study.best.params["x"]]
    assert study.best.metrics == {"loss": study.best.params["x"]}


def test_report_says_when_to_end(tmp_path: Path) -> None:
    reports = tmp_path / "reports"
    (tmp_path / "reports.halt").write_text("too slow")
    said = call(tmp_path, "report", "3", "loss=0.5", exits=1, env={"TRIMTAB_REPORT_FILE": str(reports)})
    assert "the trial is to end: too slow" in said
    assert json.loads(reports.read_text()) == {"step": 3, "loss": 0.5}


def test_replay_exits_1_where_a_suggestion_differs(quick: Path) -> None:
    assert "all the same, bit for bit" in call(quick, "replay")
    store = open_store(f"sqlite:///{quick}/trimtab.db")
    events = [record.event for record in store.open("quick").read()]
    at = next(i for i, event in enumerate(events) if isinstance(event, Asked) and event.number == 4)
    events[at] = msgspec.structs.replace(events[at], x=(0.123,) * len(events[at].x))
    store.create("other", events)
    store.close()
    assert read(quick, "replay", "other", exits=1)["differing"] == [4]
    assert "first that of trial 4" in call(quick, "replay", "other", exits=1)


def test_one_damaged_study_is_named_and_the_others_are_listed(quick: Path) -> None:
    store = open_store(f"sqlite:///{quick}/trimtab.db")
    events = [record.event for record in store.open("quick").read()]
    store.create("damaged", [msgspec.structs.replace(events[0], name="damaged"), *events[1:]])
    store.close()
    with sqlite3.connect(quick / "trimtab.db") as db:
        db.execute(
            "update event set body = replace(body, '\"number\":4', '\"number\":5') where study = 2 and kind = 'asked'"
        )
    db.close()
    fine, damaged = read(quick, "list", exits=1)
    assert (fine["name"], fine["trials"], "error" in fine) == ("quick", 6, False)
    assert (damaged["name"], "trials" in damaged) == ("damaged", False)
    assert re.search(r"record \d+ of study 'damaged' in .* is not as it was written", damaged["error"])
    out, err = start(quick, "list").communicate(timeout=60)
    assert "quick" in out
    assert "damaged" not in out
    assert "trimtab: damaged cannot be read: record" in err
    assert "6 complete" in call(quick, "show", "quick")
    assert "is not as it was written" in call(quick, "show", "damaged", exits=1)
    assert "is not as it was written" in call(quick, "replay", "damaged", exits=1)
    assert "damaged" in call(quick, "show", exits=2), "which of the two is still asked for"


def test_doctor_says_what_is_left_of_a_damaged_study_and_copies_it(quick: Path) -> None:
    assert "with 20 records read from beginning to end" in call(quick, "doctor")
    call(quick, "run", "study.yaml", "-q", "--name", "other")
    with sqlite3.connect(quick / "trimtab.db") as db:
        db.execute("delete from event where study = 2 and seq = 9")
    db.close()
    before = (quick / "trimtab.db").read_bytes()
    what = "study 'other' can be read up to record 8 of 20: record 9 of study 'other'"
    found = read(quick, "doctor", exits=1)
    [damage] = [one for one in found if one["what"].startswith(what)]
    assert damage["level"] == "error"
    assert "--repair sqlite:///repaired.db" in damage["remedy"]
    copy = ("--store", "sqlite:///repaired.db")
    copied = read(quick, "doctor", "--repair", copy[1], exits=1)
    assert [one["level"] for one in copied] == ["ok", "error"]
    assert copied[0]["what"] == "study 'quick' was whole and was copied: 20 records"
    assert "those before it were copied" in copied[1]["what"]
    assert (quick / "trimtab.db").read_bytes() == before
    assert [one["trials"] for one in read(quick, "list", *copy)] == [6, 3]
    assert "6 complete" in call(quick, "show", "quick", *copy)
    call(quick, "replay", "other", *copy)
    read(quick, "doctor", *copy)
    call(quick, "run", "study.yaml", "-q", "--name", "other", *copy)
    assert "holds studies" in call(quick, "doctor", "--repair", copy[1], exits=2)
    assert "is the one that is read" in call(quick, "doctor", "--repair", "./trimtab.db", exits=2)


def test_doctor_reads_what_is_left_of_a_file_whose_end_is_gone(quick: Path) -> None:
    content = (quick / "trimtab.db").read_bytes()
    (quick / "trimtab.db").write_bytes(content[: len(content) - 4096])
    found = read(quick, "doctor", exits=1)
    assert any("is damaged" in one["what"] for one in found)
    [copied] = read(quick, "doctor", "--repair", "sqlite:///repaired.db")
    assert copied["what"] == "study 'quick' was whole and was copied: 20 records", "that page held no record"
    (quick / "trimtab.db").write_bytes(content[:4096])
    [nothing] = read(quick, "doctor", "--repair", "sqlite:///nothing.db", exits=1)
    assert nothing["what"].startswith("nothing was copied: no study was found")
    (quick / "trimtab.db").write_bytes(content[:1])
    assert "is not a database file" in call(quick, "doctor", "--repair", "sqlite:///more.db", exits=2)


def test_doctor(quick: Path) -> None:
    levels = {finding["level"] for finding in read(quick, "doctor")}
    assert levels <= {"ok", "warning"}
    (quick / "notes.db").write_text("my notes\n" * 100)
    found = read(quick, "doctor", "--store", "sqlite:///notes.db", exits=1)
    assert any(f["level"] == "error" and "not a database" in f["what"] for f in found)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_prints_a_script(tmp_path: Path, shell: str) -> None:
    assert "_TRIMTAB_COMPLETE" in call(tmp_path, "completion", shell)


def test_completion_knows_studies(quick: Path) -> None:
    done = subprocess.run(
        TRIMTAB,
        cwd=quick,
        env=os.environ | {"_TRIMTAB_COMPLETE": "bash_complete", "COMP_LINE": "trimtab show q", "COMP_FRAGMENT": "q"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "quick" in done.stdout


def test_a_store_may_come_from_the_environment(tmp_path: Path) -> None:
    (tmp_path / "study.yaml").write_text(STUDY)
    env = {"TRIMTAB_STORE": f"sqlite:///{tmp_path}/other.db"}
    call(tmp_path, "run", "study.yaml", "-q", env=env)
    assert (tmp_path / "other.db").is_file()
    assert not (tmp_path / "trimtab.db").exists()
    assert "quick" in call(tmp_path, "list", env=env)


def test_a_reader_that_has_seen_enough_is_no_error(quick: Path) -> None:
    line = " ".join(TRIMTAB) + " trials --json | head -n 1; echo ${PIPESTATUS[0]}"
    done = subprocess.run(["bash", "-c", line], cwd=quick, capture_output=True, text=True, check=False)
    assert done.stdout.splitlines() == ["[", "0"]
    assert done.stderr == ""


def test_several_studies_must_be_named(quick: Path) -> None:
    call(quick, "run", "study.yaml", "-q", "--name", "second")
    assert "holds 2 studies, so say which: quick, second" in call(quick, "show", exits=2)
    assert read(quick, "show", "second")["name"] == "second"


def test_help_names_every_command(tmp_path: Path) -> None:
    said = call(tmp_path, "--help")
    commands: Sequence[str] = (
        *("init", "run", "list", "show", "best", "trials", "export", "ask", "tell", "report", "replay", "doctor"),
    )
    assert [name for name in commands if f"  {name} " not in said] == []


# -- what the tables say ---------------------------------------------------------------------------------------------


@pytest.fixture
def repeated(tmp_path: Path) -> Path:
    """A study in which the best configuration was run three times, and another was lucky once and bad once."""
    study = tt.create_study(
        tt.Space(x=tt.Float(0.0, 1.0)),
        objectives=[tt.minimize("loss")],
        constraints=[tt.at_most("mb", 10)],
        optimizer="random",
        seed=0,
        store=f"sqlite:///{tmp_path}/trimtab.db",
        name="repeated",
    )
    for x, loss, mb in [
        *((0.25, 0.2, 1), (0.25, 0.21, 1), (0.25, 0.19, 1), (0.5, 0.1, 1), (0.5, 0.9, 1), (0.75, 0.05, 99)),
    ]:
        study.enqueue({"x": x})
        study.tell(study.ask().number, {"loss": loss, "mb": mb})
    study.tell(study.ask().number, failed="oom")
    study.close()
    return tmp_path


def test_sorting_puts_what_broke_a_constraint_after_what_met_it_and_marks_it(repeated: Path) -> None:
    lines = [line.split() for line in call(repeated, "trials", "--sort", "loss").splitlines()[1:]]
    assert [line[:2] for line in lines] == [
        ["3", "complete"], ["2", "complete"], ["0", "complete"], ["1", "complete"], ["4", "complete"],
        ["5", "infeasible"], ["6", "failed"],
    ]  # fmt: skip
    shown = call(repeated, "show", "5")
    assert "complete, infeasible" in shown
    assert "mb = 99 (mb <= 10: missed by 89)" in shown
    assert [row["number"] for row in read(repeated, "trials", "--sort", "metrics_loss")][-2:] == [5, 6]


def test_a_best_that_is_not_the_first_of_the_sorted_says_why(repeated: Path) -> None:
    why = "the best configuration is that of trial 0 (loss = 0.2, the mean of its 3 runs); the best single result is"
    process = start(repeated, "trials", "--sort", "loss")
    assert why in process.communicate(timeout=60)[1]
    assert why in call(repeated, "best")
    shown = call(repeated, "show")
    assert why in shown
    assert "that of trial 3 (loss = 0.1, of 2 runs with the mean 0.5)" in shown
    assert "trial 0: loss = 0.2" in shown
    assert why not in call(repeated, "best", "--params")


def test_nothing_is_explained_where_nothing_disagrees(quick: Path) -> None:
    process = start(quick, "trials", "--sort", "loss")
    assert process.communicate(timeout=60)[1] == ""
    assert "mean" not in call(quick, "best")


def test_two_objectives_are_both_named_and_the_front_is_explained(tmp_path: Path) -> None:
    study = tt.create_study(
        tt.Space(x=tt.Float(0.0, 1.0)),
        objectives=[tt.minimize("loss"), tt.maximize("speed")],
        optimizer="random",
        seed=0,
        store=f"sqlite:///{tmp_path}/trimtab.db",
        name="two",
    )
    for loss, speed in [(0.1, 10), (0.2, 20), (0.3, 5)]:
        study.tell(study.ask().number, {"loss": loss, "speed": speed})
    assert repr(study) == "<Study 'two': 3 trials, 2 on the front of min loss and max speed>"
    assert "minimize loss, maximize speed" in call(tmp_path, "list")
    assert "front of 2" in call(tmp_path, "list")
    (listed,) = read(tmp_path, "list")
    assert (listed["objective"], listed["front"]) == ("minimize loss, maximize speed", [0, 1])
    for said in (call(tmp_path, "show"), call(tmp_path, "best")):
        assert "2 trials are on the front of min loss and max speed" in " ".join(said.split())
        rows = [line.split()[:3] for line in said.splitlines()]
        at = rows.index(["trial", "min", "loss"])
        assert rows[at + 1 : at + 3] == [["0", "0.1", "10"], ["1", "0.2", "20"]]
        assert "up: max speed; across: min loss" in said
        assert "Choose by what they are worth to you" in said


@pytest.fixture
def tradeoff(tmp_path: Path) -> Path:
    """A study of which trials 0, 1 and 2 are on the front, 3 is beaten and 4 misses its constraint by 5."""
    study = tt.create_study(
        tt.Space(x=tt.Float(0.0, 1.0)),
        objectives=[tt.maximize("accuracy"), tt.minimize("size")],
        constraints=[tt.at_most("ms", 30)],
        optimizer="random",
        seed=0,
        store=f"sqlite:///{tmp_path}/trimtab.db",
        name="tradeoff",
    )
    for accuracy, size, ms in [(0.9, 100, 1), (0.899, 20, 2), (0.5, 7, 3), (0.5, 50, 4), (0.99, 1, 35)]:
        study.tell(study.ask(), {"accuracy": accuracy, "size": size, "ms": ms})
    study.close()
    return tmp_path


def test_a_preference_takes_one_trial_from_the_front(tradeoff: Path) -> None:
    for way, number in [
        (["--knee"], 1),
        (["--order", "size"], 2),
        (["--order", "accuracy,size", "--within", "accuracy=1%"], 1),
        (["--order", "accuracy, size", "--within", "accuracy=0.0001"], 0),
        (["--weights", "size=0"], 0),
        (["--reference", "accuracy=0.9", "--reference", "size=90"], 1),
    ]:
        assert read(tradeoff, "best", *way)["number"] == number, way
    assert "trial 1 is the knee of the front." in call(tradeoff, "best", "--knee")
    said = call(tradeoff, "best", "--order", "accuracy,size", "--within", "accuracy=1%")
    assert "trial 1 is within 1% of the best accuracy, the best in size." in said
    assert "1◆" in said
    assert list(read(tradeoff, "best", "--knee", "--params")) == ["x"]


def test_a_preference_that_means_nothing_is_refused(tradeoff: Path) -> None:
    for way, why in [
        (["--knee", "--order", "size"], "choose by one of"),
        (["--within", "size=1"], "--within is for --order"),
        (["--knee", "--limit", "2"], "goes without --knee"),
        (["--weights", "speed=1"], "names no objective with 'speed'"),
        (["--weights", "size"], "name=number"),
        (["--weights", "size=1,error=2"], "each by itself"),
        (["--weights", "size=1", "--weights", "size=2"], "said twice"),
        (["--order", "size", "--within", "size"], "NAME=VALUE"),
        (["--order", "size", "--within", "size=x%"], 'a share as "1%"'),
    ]:
        assert why in call(tradeoff, "best", *way, exits=2), way


def test_a_front_is_sorted_by_the_first_objective_and_may_be_thinned(tradeoff: Path) -> None:
    assert [trial["number"] for trial in read(tradeoff, "best")] == [0, 1, 2]
    assert [trial["number"] for trial in read(tradeoff, "best", "--limit", "2")] == [0, 2]
    assert "1 of the 3 on the front are left out" in call(tradeoff, "best", "--limit", "2")


def test_programs_are_told_what_is_feasible(tradeoff: Path) -> None:
    (listed,) = read(tradeoff, "list")
    assert (listed["best"], listed["feasible"], listed["constraints"]) == (None, 4, ["ms <= 30"])
    shown = read(tradeoff, "show")
    assert (shown["best"], sorted(shown["front"]), shown["feasible"], shown["lack"]) == (None, [0, 1, 2], 4, None)
    trials = read(tradeoff, "trials")
    assert [trial["feasible"] for trial in trials] == [True, True, True, True, False]
    assert trials[4]["missed"] == {"ms": 5}
    assert "missed" not in trials[0]


def test_where_nothing_is_feasible_it_says_what_comes_nearest(tmp_path: Path) -> None:
    study = tt.create_study(
        tt.Space(x=tt.Float(0.0, 1.0)),
        minimize="loss",
        constraints=[tt.at_most("ms", 30), tt.at_least("recall", 0.9)],
        optimizer="random",
        seed=0,
        store=f"sqlite:///{tmp_path}/trimtab.db",
    )
    for ms, recall in [(40, 0.95), (31, 0.95), (50, 0.5)]:
        study.tell(study.ask(), {"loss": 0.1, "ms": ms, "recall": recall})
    study.close()
    nearest = "trial 1 comes nearest with ms = 31, 1 above its bound of 30"
    farthest = "Farthest from being met is ms <= 30: no trial meets it, and trial 1 misses it by least, by 1."
    for said in (call(tmp_path, "best", exits=1), call(tmp_path, "show")):
        assert nearest in said
        assert farthest in said
    assert read(tmp_path, "show")["lack"] == {
        "nearest": 1, "missed": {"ms": 1}, "farthest": "ms", "met": 0, "closest": 1, "by": 1,
    }  # fmt: skip
    assert "none feasible" in call(tmp_path, "list")


def test_columns_are_chosen_by_name(repeated: Path) -> None:
    assert call(repeated, "trials", "-c", "trial,x,loss", "-n", "1") == "trial     x  loss\n    0  0.25   0.2\n"
    assert call(repeated, "trials", "-c", "params_x,metrics_loss", "-n", "1").split() == ["x", "loss", "0.25", "0.2"]
    assert call(repeated, "trials", "-c", "all").splitlines()[0].split()[:4] == ["trial", "state", "loss", "mb"]
    said = call(repeated, "trials", "-c", "lost", exits=2)
    assert "there is no column 'lost'; there are: trial, state, loss, mb, x, took, why" in said


def test_names_that_columns_have_already(tmp_path: Path) -> None:
    """A parameter and a metric of one name, and names of the table's own columns."""
    study = tt.create_study(
        tt.Space(state=tt.Float(0.0, 1.0), loss=tt.Float(0.0, 1.0), why=tt.Categorical(["a"]), all=tt.Int(1, 2)),
        minimize="loss",
        optimizer="random",
        seed=0,
        store=f"sqlite:///{tmp_path}/trimtab.db",
    )
    study.enqueue({"state": 0.25, "loss": 0.5, "why": "a", "all": 2})
    study.tell(study.ask().number, 0.125)
    head, row = (line.split() for line in call(tmp_path, "trials").splitlines())
    assert head[:7] == ["trial", "state", "loss", "params_state", "params_loss", "params_why", "params_all"]
    assert row[:7] == ["0", "complete", "0.125", "0.25", "0.5", "a", "2"]
    chosen = call(tmp_path, "trials", "-c", "state,loss,params_loss,params_state,params_all").splitlines()
    assert chosen[0].split() == ["state", "loss", "params_loss", "params_state", "params_all"]
    assert chosen[1].split() == ["complete", "0.125", "0.5", "0.25", "2"]


def test_parameters_to_copy_have_all_their_digits(tmp_path: Path) -> None:
    study = tt.create_study(
        tt.Space(lr=tt.Float(0.01, 10.0, log=True), x=tt.Float(0.0, 1.0), n=tt.Int(1, 10**15)),
        minimize="loss",
        optimizer="random",
        seed=3,
        store=f"sqlite:///{tmp_path}/trimtab.db",
    )
    asked = call(tmp_path, "ask")
    params = study.table.trial(0).params if len(study.table) else read(tmp_path, "show", "0")["params"]
    call(tmp_path, "tell", "study", "0", "0.5")
    for said in (asked, call(tmp_path, "best", "--params"), call(tmp_path, "best"), call(tmp_path, "show", "0")):
        for name, value in params.items():
            assert f"{name} = {value!r}" in said or re.search(rf"{name} +{re.escape(repr(value))}\n", said)


def test_curves_that_were_not_declared_are_shown_and_exported(tmp_path: Path) -> None:
    store = f"sqlite:///{tmp_path}/trimtab.db"
    space = tt.Space(x=tt.Float(0.0, 1.0))
    study = tt.create_study(space, minimize="loss", optimizer="random", seed=0, store=store)
    trial = study.ask()
    for step in (1, 2, 3):
        trial.report(step, loss=1 / step, accuracy=step / 4, grad=float("inf") if step == 2 else 1.0)
    study.tell(0, 0.5)
    assert "accuracy ▁▅█  0.25 → 0.75 at step 3" in call(tmp_path, "show", "0")
    curve = read(tmp_path, "show", "0")["curve"]
    assert curve == {"step": [1, 2, 3], "loss": [1, 0.5, 1 / 3], "accuracy": [0.25, 0.5, 0.75], "grad": [1, "inf", 1]}
    assert "the curves of 1 trials" in call(tmp_path, "export", "study", "curves.csv", "--curves")
    assert (tmp_path / "curves.csv").read_text().splitlines()[:2] == [
        "number,attempt,fold,step,metric,value",
        "0,1,,1.0,loss,1.0",
    ]


def test_of_several_fidelities_it_is_shown_how_far_a_stopped_trial_came_in_each(tmp_path: Path) -> None:
    store = f"sqlite:///{tmp_path}/trimtab.db"

    def train(trial: tt.Trial) -> float:
        for epoch in trial.steps():
            trial.report(epoch, loss=float(trial.number + 1) / epoch)
        return float(trial.number)

    tt.tune(
        train,
        tt.Space(x=tt.Float(0.0, 1.0)),
        minimize="loss",
        fidelity=[tt.Fidelity("rows", 100, 10_000), tt.Fidelity("epoch", 1, 9)],
        optimizer="random",
        scheduler=Asha(),
        budget=tt.Budget(trials=4, epochs={"rows": 50_000}),
        seed=0,
        store=store,
        name="study",
        progress=False,
    )
    [*_, last] = [trial for trial in read(tmp_path, "trials") if trial["state"] == "stopped"]
    shown = call(tmp_path, "show", str(last["number"]))
    reached = max(read(tmp_path, "show", str(last["number"]))["curve"]["step"])
    assert "fidelity  rows = 10000\n" in shown
    assert f"epoch = {reached:g} of 9\n" in shown
    study = call(tmp_path, "show")
    ran = read(tmp_path, "show")["ran"]
    part = f"rows {ran['rows']:.0f} of 40000 and epoch {ran['epoch']:.0f} of 36"
    assert f"which ran, of what whole trials take, {part}" in study
    saved = read(tmp_path, "show")["saved"]
    assert (saved["unit"], [one["unit"] for one in saved["others"]]) == ("epoch", ["rows"])
    assert saved["share"] == pytest.approx(1 - ran["epoch"] / 36)
    assert f"of 50000 spent ({100 * ran['rows'] / 50_000:.0f}%)" in study


def test_it_is_shown_what_the_scheduler_saved_and_how_far_a_stopped_trial_came(tmp_path: Path) -> None:
    store = f"sqlite:///{tmp_path}/trimtab.db"

    def train(trial: tt.Trial) -> float:
        for epoch in trial.steps():
            trial.report(epoch, loss=float(trial.number))
        return float(trial.number)

    end = tt.Fidelity("epoch", 1, 9)
    space = tt.Space(x=tt.Float(0.0, 1.0))
    tt.tune(
        train,
        space,
        minimize="loss",
        fidelity=end,
        optimizer="random",
        scheduler=Asha(),
        budget=4,
        seed=0,
        store=store,
        name="study",
        progress=False,
    )
    stopped = [trial for trial in read(tmp_path, "trials") if trial["state"] == "stopped"]
    assert stopped, "each trial is worse than the ones before it, and some have to end early"
    reached = {trial["number"]: max(read(tmp_path, "show", str(trial["number"]))["curve"]["step"]) for trial in stopped}
    run = sum(reached.values()) + 9 * (4 - len(stopped))
    shown = call(tmp_path, "show")
    assert re.search(
        rf"scheduler +asha, which ran {run / 36:.0%} of what whole trials take: epoch {run:g} of 36\n", shown
    )
    for number, steps in reached.items():
        assert f"fidelity  epoch = {steps:g} of 9\n" in call(tmp_path, "show", str(number))
    assert "fidelity  epoch = 9\n" in call(tmp_path, "show", "0")


def test_the_heading_of_a_bounded_metric_leaves_its_confidence_to_show(tmp_path: Path) -> None:
    store = f"sqlite:///{tmp_path}/trimtab.db"
    bound = tt.at_most("ms", 30, confidence=0.95)
    space = tt.Space(x=tt.Float(0.0, 1.0))
    study = tt.create_study(
        space, minimize="loss", constraints=[bound], optimizer="random", seed=0, store=store, name="study"
    )
    study.tell(study.ask().number, {"loss": 1.0, "ms": 12.0})
    assert re.match(r"trial +state +loss +ms <= 30 +x ", call(tmp_path, "trials"))
    assert "ms <= 30 with a confidence of 0.95" in call(tmp_path, "show")


@pytest.mark.parametrize(
    ("runs", "said"),
    [
        ([29.0, 33.0], "the 2 runs of this configuration do not meet the constraints on average (ms misses by 1): not"),
        ([29.0, 30.5], "the 2 runs of this configuration meet the constraints on average"),
        ([31.0, 28.0], "the 2 runs of this configuration meet the constraints on average"),
        ([29.0], ""),
    ],
    ids=["lucky", "met", "unlucky", "once"],
)
def test_show_says_what_the_runs_of_a_configuration_come_to(tmp_path: Path, runs: list[float], said: str) -> None:
    store = f"sqlite:///{tmp_path}/trimtab.db"
    study = tt.create_study(
        tt.Space(x=tt.Float(0.0, 1.0)),
        minimize="loss",
        constraints=[tt.at_most("ms", 30)],
        optimizer="random",
        seed=0,
        store=store,
        name="study",
    )
    for ms in runs:
        study.enqueue({"x": 0.5})
        study.tell(study.ask().number, {"loss": 1.0, "ms": ms})
    shown = call(tmp_path, "show", "0")
    assert ("runs  " in shown) == bool(said)
    assert said in " ".join(shown.split())
    assert ("infeasible" in shown) == (runs[0] > 30)  # the trial's own mark says what it measured


def test_where_there_is_no_study_it_says_how_another_store_is_named(tmp_path: Path) -> None:
    for argv in (("best",), ("show", "digits")):
        assert "with --store or TRIMTAB_STORE" in call(tmp_path, *argv, exits=2)
    assert "TRIMTAB_STORE" not in call(tmp_path, "show", "digits", "--store", "sqlite:///named.db", exits=2)


def test_folds_are_shown_and_exported(tmp_path: Path) -> None:
    store = f"sqlite:///{tmp_path}/trimtab.db"
    space = tt.Space(x=tt.Float(0.0, 1.0))
    study = tt.create_study(space, minimize="loss", optimizer="random", seed=0, store=store, folds=3)
    trial = study.ask()
    for fold in (0, 2):
        for step in (1, 2, 3):
            trial.report(step, loss=fold + 1 / step, fold=fold)
    trial.report(3, loss=0.5, fold=1)
    trial.report(3, loss=0.75)
    study.tell(0, 0.75)
    shown = call(tmp_path, "show", "0")
    assert re.search(r"fold 0 +loss █▃▁  1 → 0\.3333 at step 3\n", shown), shown
    assert re.search(r"fold 1 +loss = 0\.5\n", shown), shown
    facts = read(tmp_path, "show", "0")
    assert facts["curve"] == {"step": [3], "loss": [0.75]}
    assert facts["folds"] == {
        "0": {"step": [1, 2, 3], "loss": [1, 0.5, 1 / 3]},
        "1": {"step": [3], "loss": [0.5]},
        "2": {"step": [1, 2, 3], "loss": [3, 2.5, 2 + 1 / 3]},
    }
    call(tmp_path, "export", "study", "curves.csv", "--curves")
    rows = (tmp_path / "curves.csv").read_text().splitlines()
    assert (rows[1], rows[4], rows[-1]) == ("0,1,0,1.0,loss,1.0", "0,1,2,1.0,loss,3.0", "0,1,,3.0,loss,0.75")


def test_very_many_curves_are_shown_in_part(tmp_path: Path) -> None:
    study = tt.create_study(
        tt.Space(x=tt.Float(0.0, 1.0)), minimize="loss", optimizer="random", store=f"sqlite:///{tmp_path}/trimtab.db"
    )
    trial = study.ask()
    for fold in range(100):
        trial.report(1, loss=0.5, grad=1.0, fold=fold)
    shown = call(tmp_path, "show", "0")
    assert "fold 19" in shown
    assert "fold 20" not in shown
    assert "there are more: `trimtab export --curves` writes all" in shown


# -- many trials -----------------------------------------------------------------------------------------------------

MANY = 40_000
MOST_MB = 150
"""What a process may take for so many trials; it was 350 MB while all rows were held, and is about 75."""


@pytest.mark.skipif(sys.platform != "linux", reason="the peak of memory is read from /proc")
def test_many_trials_are_listed_in_little_memory(tmp_path: Path) -> None:
    import numpy as np

    from trimtab.ledger.event import Asked, Created, Origin, Started, Told
    from trimtab.space.problem import Metric, Problem
    from trimtab.storage.url import open_store

    space = tt.Space({f"parameter_{i}": tt.Float(0, 1) for i in range(10)})
    problem = Problem(space, (Metric("loss", "minimize"),))
    store = open_store(f"sqlite:///{tmp_path}/trimtab.db")
    log = store.create("many", [Created(1, "many", problem.to_json(), 0, {"name": "random"}, {"name": "whole"})])
    events: list[Any] = []
    for i, row in enumerate(space.sample(np.random.default_rng(0), MANY).tolist()):
        events += [Asked(i, tuple(row), 1, Origin("random", "drawn")), Started(i, "node", 1), Told(i, {"loss": row[0]})]
    log.append(events, after=log.head(), at=1.0)
    store.close()
    out = tmp_path / "out.json"
    with out.open("wb") as file:
        program = [sys.executable, "-c", WITH_PEAK, "trials", "--json"]
        done = subprocess.run(program, cwd=tmp_path, stdout=file, stderr=subprocess.PIPE, check=True, timeout=120)
    assert int(done.stderr) / 1024 < MOST_MB
    assert len(json.loads(out.read_bytes())) == MANY


WITH_PEAK = """
import sys
from pathlib import Path
from trimtab.surfaces.cli.app import run
try:
    run()
finally:  # what getrusage says is of the parent, if that was larger
    sys.stderr.write(next(line.split()[1] for line in Path("/proc/self/status").open() if line.startswith("VmHWM")))
"""


def test_trials_are_compared_at_one_fidelity_and_it_is_said_which(tmp_path: Path) -> None:
    with tt.create_study(
        tt.Space(x=tt.Float(0, 1)), minimize="loss", fidelity=tt.Fidelity("epoch", 1, 9), optimizer="random", seed=0,
        store=f"sqlite:///{tmp_path}/trimtab.db", name="rungs",
    ) as study:  # fmt: skip
        for x, epoch, loss in ((0.1, 3, 0.1), (0.2, 3, 0.2), (0.3, 9, 0.5)):
            study.enqueue({"x": x}, fidelity={"epoch": epoch})
            study.tell(study.ask(), loss)
    assert read(tmp_path, "best")["number"] == 2
    assert read(tmp_path, "best", "--fidelity", "epoch=3")["number"] == 0
    shown = call(tmp_path, "show")
    assert "compared at epoch 9: 1 complete trial; there are others at epoch 3" in " ".join(shown.split())
    facts = read(tmp_path, "show")
    assert (facts["compared_at"], facts["best"]["number"]) == ({"epoch": 9.0}, 2)
    assert read(tmp_path, "list")[0]["best_trial"] == 2
    assert "there are some at epoch 3; at epoch 9" in call(tmp_path, "best", "--fidelity", "epoch=5", exits=1)
    assert "there is no fidelity 'step'" in call(tmp_path, "best", "--fidelity", "step=5", exits=2)
    assert "NAME=VALUE" in call(tmp_path, "best", "--fidelity", "5", exits=2)
