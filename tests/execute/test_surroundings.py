"""What a trial changes in its process is put back before the next one."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import messy_objectives as objectives
import pytest
from execution import make_task, run

from trimtab.execute.place import file_mode_mask, kept_place
from trimtab.execute.processes import open_processes
from trimtab.execute.serial import open_serial

HERE = Path(__file__).parent


def test_the_next_trial_finds_everything_as_the_first_one_did(tmp_path):
    executor = open_processes(objectives.makes_a_mess, workers=1)
    tasks = [make_task(tmp_path, number) for number in range(3)]
    ended, _ = run(executor, *tasks)
    executor.close()
    assert [message.failure for message in ended] == [None] * 3, [message.error for message in ended]
    first, *others = (message.values["found"] for message in ended)
    assert others == [first, first], "in one and the same process"
    for task in tasks:
        out = (task.log_dir / "stdout.log").read_text()
        assert sorted(out.splitlines()) == ["by its number", f"to stdout {task.number}"]
        assert (task.log_dir / "stderr.log").read_text() == f"to stderr {task.number}\n"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may raise a hard limit again")
def test_a_worker_in_which_something_cannot_be_put_back_is_replaced(tmp_path):
    executor = open_processes(objectives.lowers_a_hard_limit, workers=1)
    ended, _ = run(executor, *(make_task(tmp_path, number) for number in range(2)))
    executor.close()
    assert len({message.values["pid"] for message in ended}) == 2
    assert ended[0].values["hard"] == ended[1].values["hard"]


@pytest.mark.parametrize("way", ["effective user", "user", "niceness"])
def test_the_next_trial_has_the_same_user_and_niceness(tmp_path, way):
    """In the same process where that can be put back, else in another one."""
    if "user" in way and os.geteuid() != 0:
        pytest.skip("only root can become somebody else")
    executor = open_processes(objectives.becomes_another, workers=1)
    ended, _ = run(executor, *(make_task(tmp_path, number, params={"way": way}) for number in range(2)))
    executor.close()
    assert [message.failure for message in ended] == [None] * 2, [message.error for message in ended]
    assert ended[0].values["found"] == ended[1].values["found"]


def test_the_users_own_process_gets_its_folder_and_its_mask_back(tmp_path):
    folder, mask = os.getcwd(), file_mode_mask()
    executor = open_serial(objectives.moves)
    ended, _ = run(executor, *(make_task(tmp_path, number) for number in range(3)))
    assert [message.failure for message in ended] == [None, "exception", None]
    assert all(ended[i].values["folder"] == folder and ended[i].values["umask"] == mask for i in (0, 2))
    assert (os.getcwd(), file_mode_mask()) == (folder, mask)


def test_a_folder_is_found_again_under_another_name(tmp_path, monkeypatch):
    (tmp_path / "before").mkdir()
    monkeypatch.chdir(tmp_path / "before")
    with kept_place():
        os.chdir("/")
        (tmp_path / "before").rename(tmp_path / "after")
    assert os.getcwd() == str(tmp_path / "after")


def test_workers_rely_on_no_signal_that_they_inherit(tmp_path):
    """As under nohup, and in batch systems: a driver that ignores and blocks signals, and workers that heed them."""
    program = textwrap.dedent(
        f"""
        import signal, sys
        sys.path.insert(0, {str(HERE)!r})
        for signum in (signal.SIGHUP, signal.SIGTERM, signal.SIGINT, signal.SIGUSR1):
            signal.signal(signum, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_BLOCK, {{signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1}})
        import execution_objectives as objectives
        from execution import make_task, run
        from trimtab.execute.processes import open_processes
        executor = open_processes(objectives.dies_by_signal, workers=1)
        for number, signum in enumerate([signal.SIGHUP, signal.SIGTERM, signal.SIGINT]):
            [ended], _ = run(executor, make_task({str(tmp_path)!r}, number, params={{"signal": int(signum)}}))
            print(type(ended).__name__, getattr(ended, "reason", "") or ended.error.splitlines()[0])
        executor.close()
        """
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.splitlines() == [
        "Lost the worker was killed (SIGHUP)",
        "Lost the worker was killed (SIGTERM)",
        "Exited the trial was interrupted (SIGINT).",
    ]


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGKILL", "SIGQUIT", "SIGUSR1"])
def test_a_signal_to_a_worker_that_loads_ends_nothing_but_the_worker(tmp_path, monkeypatch, name):
    loading = tmp_path / "loading"
    module = f"slow_to_load_{name.lower()}"
    (tmp_path / f"{module}.py").write_text(
        "import os, time, pathlib\n"
        f"loading = pathlib.Path({str(loading)!r})\n"
        "if 'TRIMTAB_WORKER' in os.environ and not loading.exists():\n"
        "    draft = loading.with_suffix('.draft')\n"
        "    draft.write_text(str(os.getpid()))\n"
        "    draft.rename(loading)\n"
        "    time.sleep(60)\n"
        "def objective(trial):\n"
        "    return 1\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    objective = __import__(module).objective
    killer = subprocess.Popen(
        [
            "sh",
            "-c",
            f'until [ -e "{loading}" ]; do sleep 0.01; done; kill -{signal.Signals[name].value} $(cat "{loading}")',
        ]
    )
    executor = open_processes(objective, workers=1)
    assert killer.wait() == 0
    [ended], _ = run(executor, make_task(tmp_path))
    assert ended.values == 1
    executor.close()
