"""Every executor keeps the contract."""

from __future__ import annotations

import contextlib

import pytest

from trimtab.execute.command import Command
from trimtab.execute.processes import ProcessExecutor, open_processes
from trimtab.execute.programs import open_command
from trimtab.execute.protocol import Resources
from trimtab.execute.serial import open_serial
from trimtab.testing.executors import (
    BEHAVIOURS,
    Bench,
    ExecutorContract,
    IsolatedExecutorContract,
    SharingExecutorContract,
)

SCRIPTS = {
    "returns": """echo '{{"loss": {x}}}'""",
    "raises": "echo a fault of the objective >&2; exit 1",
    "reports": """for i in 1 2 3 4 5; do echo "{{\\"step\\": $i, \\"loss\\": $i}}"; done; echo '{{"loss": 5}}'""",
    "folds": """for fold in 0 1 2; do for i in 1 2; do
echo "{{\\"step\\": $i, \\"fold\\": $fold, \\"loss\\": $i}}"; done
done; echo '{{"step": 2, "loss": 2}}'; echo '{{"loss": 2}}'""",
    "divides": """sleep 0.1; echo '{{"loss": {fold}}}'""",
    "goes_on": """i=1; while true; do echo "{{\\"step\\": $i, \\"loss\\": 1}}"; i=$((i + 1)); sleep 0.01; done""",
    "hangs": "sleep 3600",
    "resists": """trap '' TERM; echo '{{"step": 1, "loss": 1}}'; while true; do sleep 3600; done""",
    "prints": """echo to stdout; echo to stderr >&2; echo '{{"loss": 0}}'""",
    "ends_its_process": "exit 3",
    "crashes": "kill -SEGV $$",
    "devours": "exec {python} -S -c 'import time; held = bytearray(400_000_000); time.sleep(3600)'",
}


class TestSerial(ExecutorContract):
    @pytest.fixture
    def make(self):
        return lambda behaviour, workers, resources: open_serial(
            BEHAVIOURS[behaviour], workers=workers, resources=resources
        )


class TestProcesses(IsolatedExecutorContract, SharingExecutorContract):
    @pytest.fixture
    def make(self):
        return lambda behaviour, workers, resources: open_processes(
            BEHAVIOURS[behaviour], workers=workers, resources=resources
        )


class TestCommand(IsolatedExecutorContract, SharingExecutorContract):
    @pytest.fixture
    def make(self):
        return lambda behaviour, workers, resources: open_command(
            Command(["sh", "-c", SCRIPTS[behaviour]]), workers=workers, resources=resources
        )


def test_every_behaviour_has_its_script():
    assert SCRIPTS.keys() == BEHAVIOURS.keys()


class Twofold(ProcessExecutor):
    """Gives the fold that comes first to whoever asks first, and to whoever asks after that."""

    def _ask(self, task):
        is_answered, fold = super()._ask(task)
        return (True, 2) if task.helper else (is_answered, fold)


def test_the_contract_bites_who_runs_a_fold_twice(tmp_path, monkeypatch):
    monkeypatch.setattr("trimtab.execute.processes.ProcessExecutor", Twofold)
    executor = open_processes(BEHAVIOURS["divides"], workers=2)
    contract = SharingExecutorContract()
    with contextlib.closing(executor), pytest.raises(AssertionError):
        contract.test_idle_workers_help_and_each_fold_is_run_once(
            lambda *_, **__: Bench(executor, tmp_path, Resources())
        )
