"""A trial or a driver that changes its working directory loses nothing: every path was taken in full."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import trimtab as tt

SPACE = tt.Space(x=tt.Float(0.0, 1.0))
EPOCHS = tt.Fidelity("epoch", 1, 4)


def wanders(trial: tt.Trial) -> float:
    """Change the folder, mark a checkpoint, and be killed once."""
    Path("elsewhere").mkdir(exist_ok=True)
    steps = trial.steps()
    os.chdir("elsewhere")
    for epoch in steps:
        trial.mark_checkpoint(epoch)
        trial.report(epoch, loss=1.0)
        if epoch == 2 and trial.attempt == 1:
            os.kill(os.getpid(), signal.SIGKILL)
    trial.note("began with", steps[0])
    print("wrote this")
    return trial.params["x"]


def leaves(trial: tt.Trial) -> float:
    (trial.checkpoint_dir / "made").touch()
    os.chdir("/")
    return trial.params["x"]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # undone at the end, so that what the objective does is undone too


@pytest.mark.parametrize("store", ["sqlite:///t.db", "t.db", "sqlite:///sub/../t.db"])
def test_a_relative_store_keeps_checkpoints_and_logs_in_one_place(store: str, tmp_path: Path) -> None:
    Path("sub").mkdir()
    study = tt.tune(wanders, SPACE, minimize="loss", fidelity=EPOCHS, budget=1, workers=2, store=store, name="s")
    view = study.table.trial(0)
    assert (view.attempt, view.notes["began with"]) == (2, 3), "the second attempt goes on after the checkpoint"
    logs = list((tmp_path / "t-files").glob("s-*/trials/000000/attempt-2/stdout.log"))
    assert [log.read_text() for log in logs] == ["wrote this\n"]
    assert [folder.name for folder in tmp_path.rglob("*-files")] == ["t-files"]
    study.close()


def test_a_serial_objective_that_leaves_takes_no_file_with_it(tmp_path: Path) -> None:
    study = tt.tune(leaves, SPACE, minimize="loss", budget=3, store="sqlite:///t.db", name="s")
    assert len(list((tmp_path / "t-files").glob("s-*/lines/*/made"))) == 3
    study.close()


def test_a_driver_that_has_moved_on_starts_workers_where_it_began(tmp_path: Path) -> None:
    """Also those that replace a dead one; and modules are found by the path that was relative then."""
    Path("lib").mkdir()
    Path("lib/job_here.py").write_text(
        "import os, signal\n"
        "def objective(trial):\n"
        "    if trial.attempt == 1:\n"
        "        os.kill(os.getpid(), signal.SIGKILL)\n"
        "    trial.note('cwd', os.getcwd())\n"
        "    return 1.0\n"
    )

    class Moves:
        """Leaves as soon as there is something to show."""

        def update(self, status: object) -> None:
            os.chdir("/")

        def close(self, status: object) -> None: ...

    sys.path.insert(0, "lib")
    try:
        import job_here

        study = tt.tune(job_here.objective, SPACE, minimize="loss", budget=2, workers=2, progress=Moves())
    finally:
        sys.path.remove("lib")
    assert {study.table.trial(n).notes["cwd"] for n in range(2)} == {str(tmp_path)}


def test_a_command_runs_where_the_study_began(tmp_path: Path) -> None:
    class Moves:
        def update(self, status: object) -> None:
            os.chdir("/")

        def close(self, status: object) -> None: ...

    Path("train.py").write_text(
        "import trimtab, os\ntrimtab.report(loss=1.0, here=float(os.path.exists('train.py')))\n"
    )
    command = tt.Command([sys.executable, "train.py", "{x}"])
    study = tt.tune(command, SPACE, minimize="loss", budget=3, store="sqlite:///t.db", progress=Moves())
    assert [study.table.trial(n).metrics.get("here") for n in range(3)] == [1.0] * 3
    study.close()


@pytest.mark.parametrize(
    ("script", "begins_in"),
    [
        (
            "os.makedirs('out', exist_ok=True); os.chdir('out')\nimport trimtab as tt\nrate = open('../rate').read()\n",
            "out",
        ),
        ("import trimtab as tt\nrate = open('rate').read()\n", ""),
        ("import sys; sys.path.insert(0, 'lib')\nimport trimtab as tt\nfrom deep import rate\n", ""),
    ],
    ids=["at its top", "in its main part", "after a relative path"],
)
def test_a_script_that_changes_its_directory_is_loaded_where_it_began(
    script: str, begins_in: str, tmp_path: Path
) -> None:
    (tmp_path / "jobs").mkdir()
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "deep.py").write_text("rate = 3\n")
    (tmp_path / "rate").write_text("3")
    (tmp_path / "jobs" / "job.py").write_text(
        f"import os\n{script}"
        "def objective(trial):\n    trial.note('cwd', os.getcwd())\n    return float(rate)\n"
        "if __name__ == '__main__':\n"
        "    if not os.getcwd().endswith('out'):\n        os.makedirs('run'); os.chdir('run')\n"
        "    study = tt.tune(objective, tt.Space(x=tt.Float(0, 1)), minimize='loss', budget=3, workers=2)\n"
        "    assert {trial.notes['cwd'] for trial in study.trials} == {os.getcwd()}, study.trials\n"
        "    assert [trial.state for trial in study.trials] == ['complete'] * 3, study.trials\n"
    )
    done = subprocess.run(
        [sys.executable, "jobs/job.py"], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert not (tmp_path / begins_in / "out" / "out").exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted({"jobs", "lib", "rate", begins_in or "run"})
