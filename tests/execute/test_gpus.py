"""Which GPUs a worker sees."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from trimtab.errors import ExecutorError
from trimtab.execute import gpus
from trimtab.execute.protocol import Resources
from trimtab.execute.serial import open_serial

WHOLE = """\
GPU 0: NVIDIA H100 80GB HBM3 (UUID: GPU-1c2d)
GPU 1: NVIDIA H100 80GB HBM3 (UUID: GPU-3e4f)
"""

DIVIDED = """\
GPU 0: NVIDIA H100 80GB HBM3 (UUID: GPU-1c2d)
  MIG 3g.40gb     Device  0: (UUID: MIG-aaaa)
  MIG 3g.40gb     Device  1: (UUID: MIG-bbbb)
GPU 1: NVIDIA H100 80GB HBM3 (UUID: GPU-3e4f)
"""


def seen(environments):
    return [environment["CUDA_VISIBLE_DEVICES"] for environment in environments]


@pytest.fixture(autouse=True)
def no_gpus(monkeypatch):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.delenv("CUDA_DEVICE_ORDER", raising=False)


def test_no_gpus_wanted_leaves_the_environment_alone():
    assert gpus.assign(2, 0) == [{}, {}]


def test_each_worker_gets_its_own():
    assert seen(gpus.assign(2, 1, [0, 1])) == ["0", "1"]
    assert seen(gpus.assign(2, 2, [0, 1, 2, 3])) == ["0,1", "2,3"]
    assert seen(gpus.assign(1, 1, ["GPU-1c2d", "GPU-3e4f"])) == ["GPU-1c2d"]


def test_fractions_share():
    assert seen(gpus.assign(4, 0.5, [0, 1])) == ["0", "1", "0", "1"]
    assert seen(gpus.assign(3, 1 / 3, [5])) == ["5", "5", "5"]


@pytest.mark.parametrize(
    ("workers", "each", "said"),
    [
        (3, 1, "3 workers with 1 GPUs each need more GPUs than there are: there are 2 (0, 1); 2 would fit."),
        (3, 0.6, "there are 2 (0, 1); 2 would fit."),
        (1, 4, "there are 2 (0, 1)."),
        (1, 1.5, "a whole number or a fraction below 1, got 1.5"),
    ],
)
def test_more_than_there_are(workers, each, said):
    with pytest.raises(ExecutorError) as caught:
        gpus.assign(workers, each, [0, 1])
    assert said in str(caught.value)


def test_devices_that_are_named_without_an_amount_are_seen_by_all():
    assert seen(gpus.assign(2, 0, [1])) == ["1", "1"]


@pytest.mark.parametrize(
    ("value", "devices"),
    [("0,1", ["0", "1"]), (" 2 , 3 ", ["2", "3"]), ("", []), ("-1", []), ("0,-1,1", ["0"]), ("NoDevFiles", [])],
)
def test_the_environment_says_which_may_be_used(monkeypatch, value, devices):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", value)
    assert gpus.find() == devices


def test_a_listing_is_read():
    assert gpus.parse(WHOLE) == ["0", "1"]
    assert gpus.parse(DIVIDED) == ["MIG-aaaa", "MIG-bbbb", "1"]
    assert gpus.parse("No devices found.\n") == []


def test_the_listing_program_is_asked(monkeypatch, tmp_path):
    program = tmp_path / "nvidia-smi"
    program.write_text(f"#!/bin/sh\ncat <<'E'\n{WHOLE}E\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    assert gpus.assign(2, 1) == [
        {"CUDA_VISIBLE_DEVICES": "0", "CUDA_DEVICE_ORDER": "PCI_BUS_ID"},
        {"CUDA_VISIBLE_DEVICES": "1", "CUDA_DEVICE_ORDER": "PCI_BUS_ID"},
    ]
    program.write_text("#!/bin/sh\nexit 9\n")
    with pytest.raises(ExecutorError, match="there is none"):
        gpus.assign(1, 1)


def test_without_a_listing_program_there_is_none(monkeypatch, tmp_path: Path):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert gpus.find() == []


def test_a_trial_in_this_process_needs_them_too(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ExecutorError, match="1 workers with 1 GPUs each need more GPUs than there are: there is none"):
        open_serial(lambda trial: 0.0, resources=Resources(gpus=1))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3")
    open_serial(lambda trial: 0.0, resources=Resources(gpus=1)).close()
