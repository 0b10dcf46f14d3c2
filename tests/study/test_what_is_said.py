"""What a study says while it runs, where there is no terminal: its start, its first failure, its end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import trimtab as tt
from trimtab.errors import SpaceError

SPACE = tt.Space(x=tt.Float(0.0, 1.0))


def fails_once(trial: tt.Trial) -> float:
    if trial.number == 2:
        raise ValueError("no such data set")
    return trial.params["x"]


def breaks(trial: tt.Trial) -> float:
    raise ValueError("no such data set")


@pytest.mark.parametrize("workers", [1, 2])
def test_without_a_terminal_start_first_failure_and_end_are_said(
    workers: int, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    url = f"sqlite:///{tmp_path}/a b.db"
    study = tt.tune(fails_once, SPACE, minimize="loss", budget=6, store=url, workers=workers, seed=0)
    study.close()
    begin, failure, *_, end, worth = capfd.readouterr().err.splitlines()
    assert begin == "fails_once: begins, to minimize loss within 6 trials"
    assert failure.startswith("fails_once: trial 2 failed (exception): ValueError: no such data set (")
    assert failure.endswith(f"; all of it: trimtab show fails_once 2 --store '{url}'")
    assert end.startswith("fails_once: 6 of 6 trials, 1 failed, ")
    assert worth.startswith("fails_once: worth going on? after 5 results little is known: 20 more trials (about ")
    shown = subprocess.run(
        [sys.executable, "-m", "trimtab", *failure.partition("trimtab ")[2].replace(f"'{url}'", "").split(), url],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "ValueError: no such data set" in shown.stdout


def test_of_several_objectives_the_front_and_of_constraints_the_share_that_meets_them(
    capfd: pytest.CaptureFixture[str],
) -> None:
    def objective(trial: tt.Trial) -> dict[str, float]:
        return {"loss": trial.number, "speed": trial.number, "ms": 20.0 * trial.number}

    goals = [tt.minimize("loss"), tt.maximize("speed")]
    for bound, found in [
        (30, "2 of 4 feasible (50%), 2 trials are on the front of min loss and max speed; "),
        (-5, "none of 4 feasible, trial 0 comes nearest with ms = 0, 5 above its bound of -5; "),
    ]:
        study = tt.tune(objective, SPACE, objectives=goals, constraints=[tt.at_most("ms", bound)], budget=4, seed=0)
        begin, *_, end = capfd.readouterr().err.splitlines()
        assert begin == f"objective: begins, to minimize loss and maximize speed at ms <= {bound} within 4 trials"
        assert found in end
        assert len(study.best_trials) == (2 if bound == 30 else 0)


def test_the_first_failure_is_said_while_the_study_still_runs(capfd: pytest.CaptureFixture[str]) -> None:
    seen = []

    def objective(trial: tt.Trial) -> float:
        if trial.number == 0:
            raise ValueError("no such data set")
        seen.append(capfd.readouterr().err)
        return 1.0

    study = tt.tune(objective, SPACE, minimize="loss", budget=3, seed=0)
    assert "trial 0 failed (exception): ValueError: no such data set" in seen[0]
    assert "all of it: study.trials[0].error" in seen[0]
    assert repr(study).startswith("<Study 'objective': 3 trials, 1 failed, best loss")


def test_those_who_want_no_progress_hear_of_failures_alone(capfd: pytest.CaptureFixture[str]) -> None:
    tt.tune(lambda trial: 1.0, SPACE, minimize="loss", budget=3, seed=0, progress=False)
    assert capfd.readouterr().err == ""
    study = tt.tune(breaks, SPACE, minimize="loss", budget=3, seed=0, progress=False)
    first, last = capfd.readouterr().err.splitlines()
    assert "trial 0 failed" in first
    assert last == "breaks: 3 of 3 trials failed; the budget of 3 trials is used up"
    with pytest.raises(
        tt.errors.TrialError, match=r"3 failed \(3 x exception\); trial 0: ValueError: no such data set"
    ):
        _ = study.best


def test_many_trials_make_few_lines(capfd: pytest.CaptureFixture[str]) -> None:
    tt.tune(lambda trial: trial.params["x"], SPACE, minimize="loss", budget=300, optimizer="random", seed=0)
    assert len(capfd.readouterr().err.splitlines()) <= 13


def test_nohup_and_a_closed_stderr(tmp_path: Path) -> None:
    script = tmp_path / "job.py"
    script.write_text(
        textwrap.dedent("""
            import trimtab as tt
            study = tt.tune(lambda t: 1 / 0, tt.Space(x=tt.Float(0, 1)), minimize="loss", budget=3, seed=0)
            print(len(study.trials))
        """)
    )
    with (tmp_path / "nohup.out").open("w") as out:
        subprocess.run(["nohup", sys.executable, script], stdout=out, stderr=out, stdin=subprocess.DEVNULL, check=True)
    assert "trial 0 failed (exception): ZeroDivisionError" in (tmp_path / "nohup.out").read_text()
    closed = subprocess.run(
        ["sh", "-c", f"{sys.executable} {script} 2>&-"], capture_output=True, text=True, check=False
    )
    assert (closed.returncode, closed.stdout) == (0, "3\n")


# Interrupts

SLOW = """
import time
import trimtab as tt
def objective(trial):
    if trial.number >= 3:
        print("runs", flush=True)
        time.sleep(60)
    return trial.params["x"]
space = tt.Space(x=tt.Float(0, 1))
"""


def interrupted(command: list[str], folder: Path, typed: str = "") -> tuple[str, str, int]:
    """Run a program, interrupt it once its objective says that it runs, and return what it printed."""
    running = subprocess.Popen(
        [sys.executable, *command],
        cwd=folder,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
    )
    assert running.stdin is not None
    assert running.stdout is not None
    running.stdin.write(typed)
    running.stdin.flush()
    said = running.stdout.readline()
    while "runs" not in said:
        said = running.stdout.readline()
        assert said, running.communicate()[1]
    running.send_signal(signal.SIGINT)
    out, err = running.communicate(timeout=30)
    return out, err, running.returncode


@pytest.mark.parametrize(
    ("store", "ends"),
    [
        (
            "",
            "interrupted; the study was kept in memory alone and is lost: "
            "store='sqlite:///trimtab.db' keeps the next one",
        ),
        (", store='sqlite:///t.db'", "interrupted; the same command goes on"),
    ],
)
def test_a_script_ends_and_says_what_is_true(store: str, ends: str, tmp_path: Path) -> None:
    (tmp_path / "job.py").write_text(f"{SLOW}\ntt.tune(objective, space, minimize='loss', budget=5, seed=0{store})\n")
    _, err, code = interrupted(["job.py"], tmp_path)
    assert code == -signal.SIGINT
    assert err.splitlines()[-1].endswith(ends)
    assert "running" not in err.splitlines()[-1]  # what ran is in line again
    assert "Traceback" not in err


def test_a_space_in_which_nothing_may_be_is_not_said_to_go_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    space, kept = tt.Space(x=tt.Float(0, 1), require=["x > 2"]), {"store": f"sqlite:///{tmp_path}/t.db", "name": "a"}
    with pytest.raises(SpaceError, match="accepted 0 of 100,000"):
        tt.tune(lambda trial: 0.0, space, minimize="loss", budget=3, seed=0, **kept)
    assert capsys.readouterr().err.splitlines()[-1] == "a: 0 of 3 trials; ended by an error"


def test_a_quiet_script_says_that_it_was_interrupted_too(tmp_path: Path) -> None:
    (tmp_path / "job.py").write_text(
        f"{SLOW}\ntt.tune(objective, space, minimize='loss', budget=5, store='sqlite:///t.db', progress=False)\n"
    )
    _, err, code = interrupted(["job.py"], tmp_path)
    assert (err, code) == ("objective: interrupted; the same command goes on\n", -signal.SIGINT)


@pytest.mark.parametrize(
    ("handler", "shown", "ends"),
    [
        ("except KeyboardInterrupt: print('caught', file=sys.stderr)", ["caught"], 0),
        ("except KeyboardInterrupt: raise ValueError('mine')", ["Traceback", "ValueError: mine"], 1),
        (
            "finally: sys.excepthook = lambda *error: print('hook', error[0].__name__, file=sys.stderr)",
            ["hook Key"],
            -2,
        ),
    ],
)
def test_who_deals_with_an_interrupt_has_it_as_before(
    handler: str, shown: list[str], ends: int, tmp_path: Path
) -> None:
    call = "tt.tune(objective, space, minimize='loss', budget=5, seed=0)"
    (tmp_path / "job.py").write_text(f"import sys\n{SLOW}\ntry:\n    {call}\n{handler}\n")
    _, err, code = interrupted(["job.py"], tmp_path)
    assert code == ends
    assert [word for word in shown if word not in err] == []


def test_an_interrupt_that_is_not_of_tune_is_shown_as_ever(tmp_path: Path) -> None:
    (tmp_path / "job.py").write_text(
        f"{SLOW}\ntry:\n    tt.tune(objective, space, minimize='loss', budget=5, seed=0)\n"
        "except KeyboardInterrupt:\n    pass\nraise KeyboardInterrupt\n"
    )
    _, err, _ = interrupted(["job.py"], tmp_path)
    assert err.endswith("KeyboardInterrupt\n")
    assert "Traceback" in err


def test_a_script_that_ends_at_a_prompt_gets_the_study_back(tmp_path: Path) -> None:
    """By `-i`, by PYTHONINSPECT in the environment or set late, and at the prompt of pdb."""
    call = "study = tt.tune(objective, space, minimize='loss', budget=5, seed=0)"
    script = f"{SLOW}\n{call}\nprint('kept', len(study.trials))\n"
    (tmp_path / "late.py").write_text(f"import os\nos.environ['PYTHONINSPECT'] = '1'\n{script}")
    (tmp_path / "stops.py").write_text(SLOW)
    out, err, _ = interrupted(["late.py"], tmp_path)
    assert "kept 4" in out, err
    typed = f"from stops import *\n!{call}\n"
    out, err, _ = interrupted(["-m", "pdb", "stops.py"], tmp_path, f"{typed}!print('kept', len(study.trials))\nq\n")
    assert "kept 4" in out, err


@pytest.mark.parametrize("flags", [["-i"], ["-i", "-q"]])
def test_a_prompt_gets_the_study_back_and_can_go_on_with_it(flags: list[str], tmp_path: Path) -> None:
    typed = SLOW.replace("space =", "\nspace =") + (
        "study = tt.tune(objective, space, minimize='loss', budget=5, seed=0)\n"
        "print('verdict', study.session.ledger.assessed.reason)\n"
        "print('kept', [trial.state for trial in study.trials])\n"
        "study = tt.tune(lambda trial: 1.0, space, minimize='loss', budget=5, store=study, resume='always')\n"
        "print('in the end', [trial.state for trial in study.trials], study.name)\n"
    )
    out, err, code = interrupted(flags, tmp_path, typed)
    assert code == 0, err
    assert "verdict interrupted; the study so far is returned, and tune(..., store=study) goes on with it" in out
    assert "kept ['complete', 'complete', 'complete', 'waiting']" in out
    assert "in the end ['complete', 'complete', 'complete', 'complete', 'complete'] objective" in out


def test_going_on_with_a_study_in_memory() -> None:
    study = tt.tune(breaks, SPACE, minimize="loss", budget=2, seed=3, name="mine", progress=False)
    again = tt.tune(fails_once, SPACE, minimize="loss", budget=6, store=study, progress=False)
    assert again.name == "mine"
    assert len(again.trials) == 6
    assert again.table.elapsed >= 0
    with pytest.raises(tt.errors.StudyMismatchError):
        tt.tune(fails_once, SPACE, maximize="loss", budget=6, store=again, progress=False)
    assert len(again.trials) == 6
