"""Training in a group of processes: rank 0 reports, and all ranks take the same steps and end at the same one."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from trainings import EndsOdd, tuned

import trimtab as tt

pytestmark = [pytest.mark.integrations, pytest.mark.filterwarnings("ignore")]
PROGRAM = Path(__file__).with_name("group_program.py")
TORCHRUN = ["{python}", "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", str(PROGRAM)]


@pytest.fixture
def seen(tmp_path, monkeypatch):
    """Return what a rank did: {epoch: its loss}."""
    import group_program

    folder = tmp_path / "seen"
    folder.mkdir()
    monkeypatch.setenv(group_program.SEEN, str(folder))
    monkeypatch.setenv("GLOO_SOCKET_IFNAME", "lo")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    return lambda rank: group_program.seen(folder, rank)


def in_a_group(trial):
    """Train with this process as rank 0, and a program of its own as rank 1, which has no trial."""
    import group_program

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    group = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": "2"}
    with (
        subprocess.Popen([sys.executable, PROGRAM], env={**os.environ, **group, "RANK": "1"}) as other,
        pytest.MonkeyPatch.context() as here,  # what trains later in this process is of no group
    ):
        for name, value in {**group, "RANK": "0"}.items():
            here.setenv(name, value)
        try:
            result = group_program.rank_of_a_group(trial)
            assert other.wait(60) == 0
        finally:
            other.kill()  # it would wait for ever for a rank 0 that failed
    return result


@pytest.mark.parametrize("ends", [0, 1], ids=["whole", "stopped"])
def test_an_objective_that_is_rank_0(seen, tmp_path, ends):
    study = tuned(in_a_group, scheduler=EndsOdd(ends), budget=1)
    [trial] = study.trials
    assert trial.state == ("stopped" if ends else "complete"), trial.error
    assert list(seen(0)) == list(seen(1)) == list(range(1, 4 if ends else 7))
    assert study.curve(0)["loss"].tolist() == pytest.approx(list(seen(0).values())), "what rank 0 measured"
    assert seen(0) != seen(1)


def test_a_program_of_torchrun_is_stopped(seen, tmp_path, monkeypatch):
    monkeypatch.setenv("TRIMTAB_TEST_PAUSE", "0.3")
    epochs = tt.Fidelity("epoch", 1, 200)
    study = tuned(tt.Command(TORCHRUN), scheduler=EndsOdd(1), budget=1, fidelity=epochs)
    [trial] = study.trials
    assert (trial.state, trial.reason) == ("stopped", "odd trials end early"), trial.error
    assert 3 <= len(seen(0)) < 200
    assert list(seen(0)) == list(seen(1))


def test_a_program_of_torchrun_that_is_killed_goes_on_from_its_checkpoint(seen, tmp_path, monkeypatch):
    whole = tuned(tt.Command(TORCHRUN), budget=1)
    losses = seen(0), seen(1)
    monkeypatch.setenv("TRIMTAB_TEST_DIE_AT", "4")
    study = tuned(tt.Command(TORCHRUN), budget=1)
    [trial] = study.trials
    assert (trial.state, trial.attempt) == ("complete", 2), trial.error
    curves = study.table.curves
    assert curves.step[curves.attempt == 2].tolist() == [4, 5, 6]
    assert (seen(0), seen(1)) == losses, "each rank draws on as it would have"
    assert trial.metrics == whole.trials[0].metrics


def test_what_goes_wrong_on_rank_0_is_heard_by_all(seen):
    """No trial, as where a script was started by hand: both ranks end, and none waits for the other."""
    alone = [word.format(python=sys.executable) for word in TORCHRUN]
    done = subprocess.run(alone, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 1
    assert "ObjectiveError: Report takes the Trial" in done.stderr
    assert "ObjectiveError: rank 0 could not go on: ObjectiveError: Report takes the Trial" in done.stderr


@pytest.mark.parametrize("library", ["lightning", "transformers"])
def test_trainers_end_on_all_ranks_at_once(library, seen, tmp_path, monkeypatch):
    """Each rank gets the same trial, and the word to end reaches rank 0 alone."""
    monkeypatch.setenv("TRIMTAB_TEST_PAUSE", "0.3")
    torchrun = [*TORCHRUN[:-1], str(PROGRAM.with_name("group_trainer.py")), library]
    epochs = tt.Fidelity("epoch", 1, 200)
    store = f"sqlite:///{tmp_path / 'group.db'}"
    study = tuned(tt.Command(torchrun), scheduler=EndsOdd(1), budget=1, fidelity=epochs, store=store)
    [trial] = study.trials
    assert (trial.state, trial.reason) == ("stopped", "odd trials end early"), trial.error
    steps = study.table.curves.step.tolist()
    assert steps == list(range(1, len(steps) + 1)), "each once: rank 0 alone reports"
    assert 3 <= len(steps) < 200
    assert {path.name for path in (tmp_path / "seen").iterdir()} == {"0", "1"}, "both came to the end of their training"
    kept = study.session.files.checkpoint(0)
    assert [path.name for path in kept.glob("*step*")] == [f"step-{len(steps)}"]
