"""Workers whose device a trial has broken: replaced, and no other trial is blamed. The device is made up."""

from __future__ import annotations

import json
import sys
import types

import device_objectives as objectives
import numpy as np
import pytest
from execution import make_task, run

import trimtab as tt
from trimtab.errors import ExecutorError
from trimtab.execute import serial, worker_process
from trimtab.execute.broken import is_broken, is_device_broken
from trimtab.execute.processes import open_processes
from trimtab.execute.protocol import Lost
from trimtab.execute.serial import open_serial
from trimtab.ledger.event import Failed

BROKEN = [
    "CUDA error: device-side assert triggered",
    "CUDA error: an illegal memory access was encountered",
    "CUDA error: unspecified launch failure",
    "CUDA error: misaligned address",
    "CUDA error: the launch timed out and was terminated",
    "CUDA error: uncorrectable ECC error encountered",
    "CUDA error: CUBLAS_STATUS_NOT_INITIALIZED when calling `cublasCreate(handle)`",
    "CUDA error: CUBLAS_STATUS_EXECUTION_FAILED when calling `cublasSgemm( handle, ...)`",
    "cuDNN error: CUDNN_STATUS_EXECUTION_FAILED",
    "cuDNN error: CUDNN_STATUS_NOT_INITIALIZED",
    "cuFFT error: CUFFT_INTERNAL_ERROR",
    "CUDA driver error: unknown error",
    "cudaErrorLaunchFailure: unspecified launch failure",
    "[700] Call to cuMemcpyDtoH results in UNKNOWN_CUDA_ERROR",
    "Call to cuMemFree results in CUDA_ERROR_ILLEGAL_ADDRESS",
    "INTERNAL: Failed to launch CUDA kernel: fusion_3 with block dimensions: 128x1x1",
    "INTERNAL: CUDA_ERROR_ILLEGAL_ADDRESS: an illegal memory access was encountered",
    "INTERNAL: stream is uninitialized or in an error state",
    "GPU sync failed",
    "Blas GEMM launch failed : a.shape=(32, 64)",
    "Attempting to perform BLAS operation using StreamExecutor without BLAS support",
    "HIP error: an illegal memory access was encountered",
    "hipErrorLaunchFailure",
    "HIPBLAS_STATUS_INTERNAL_ERROR",
    "NCCL error in: ProcessGroupNCCL.cpp:1275, unhandled system error, NCCL version 2.19.3",
    "ncclUnhandledCudaError: Call to CUDA function failed.",
    "NCCL communicator was aborted on rank 1.",
    "[Rank 0] Watchdog caught collective operation timeout: WorkNCCL(SeqNum=3, OpType=ALLREDUCE)",
    "trying to initialize the default process group twice!",
    "UR error: UR_RESULT_ERROR_DEVICE_LOST",
    "DNN library initialization failed. Look at the errors above for more details.",
    "This is probably because cuDNN failed to initialize, so try looking to see if a warning was printed above.",
    "cublasLt ran into an error!",
    "CUDA initialization: CUDA unknown error - this may be due to an incorrectly set up environment",
    "cuBLAS error: 14",
    "the launch timed out and was terminated",
    "an illegal instruction was encountered",
    "uncorrectable ECC error encountered",
    "MPS backend: command buffer exited with error status",
    "context is destroyed",
    "all CUDA-capable devices are busy or unavailable",
]

SOUND = [
    "a ValueError of the objective",
    "the loss is nan",
    "expected a CUDA tensor, got a CPU tensor",
    "Expected all tensors to be on the same device, but found at least two devices, cuda:0 and cpu!",
    "INTERNAL: the data base does not answer",
    "cublas is a library",
    "mat1 and mat2 shapes cannot be multiplied (3x4 and 5x6)",
    "Cannot re-initialize CUDA in forked subprocess. To use CUDA with multiprocessing, you must use 'spawn'",
]


@pytest.mark.parametrize("text", BROKEN)
def test_errors_after_which_a_process_is_of_no_more_use(text):
    assert is_broken(RuntimeError(f"{text}\nand more"))


@pytest.mark.parametrize("text", SOUND)
def test_errors_after_which_it_is_as_good_as_before(text):
    assert not is_broken(RuntimeError(text))


def test_the_error_may_be_behind_another_or_in_a_group():
    def chained(link):
        try:
            try:
                raise RuntimeError(BROKEN[0])
            except RuntimeError as error:
                link(error)
        except BaseException as outer:
            return outer

    def raise_from(error):
        raise ValueError("training failed") from error

    def raise_after(error):
        raise ValueError("training failed")

    def raise_group(error):
        raise ExceptionGroup("several", [ValueError("one"), error])

    assert all(is_broken(chained(link)) for link in (raise_from, raise_after, raise_group))
    loop = ValueError("its own cause")
    loop.__cause__ = loop
    assert not is_broken(loop)


@pytest.mark.parametrize("how", ["raises", "catches", "hides", "forgets"])
@pytest.mark.parametrize("error", [objectives.ASSERT, "NCCL communicator was aborted on rank 0"])
def test_one_broken_device_fails_one_trial(tmp_path, how, error):
    objective = objectives.UsesTheDevice(tmp_path, how, 5, error)
    space = tt.Space(x=tt.Float(0, 1))
    study = tt.tune(
        objective, space, minimize="loss", budget=40, workers=2, optimizer="random", seed=0, retries=0, stop="never"
    )
    failed = [view for view in map(study.table.trial, range(40)) if view.state == "failed"]
    assert [view.number for view in failed] == ([] if how == "catches" else [5])
    lost = [r.event for r in study.session.journal.read() if isinstance(r.event, Failed) and r.event.again]
    assert [(event.blame, event.attempt) for event in lost] in ([], [("", 1)]), "the first that met it, if in doubt"
    pids = {path.name.split("-")[2] for path in tmp_path.iterdir()}
    # Two workers; the broken one replaced, once more for the one that is to blame; and the other, where it was idle
    # before the replacement had started, since a trial in doubt begins in a process that ran none before.
    assert len(pids) <= 5


def stand_in_for_torch(error=None, *, is_used=True):
    """Return what `is_device_broken` asks of PyTorch, on a machine without a GPU."""

    def synchronize():
        if error is not None:
            raise error

    cuda = types.SimpleNamespace(is_initialized=lambda: is_used, synchronize=synchronize)
    return types.SimpleNamespace(cuda=cuda)


@pytest.mark.parametrize(
    ("torch", "said"),
    [
        (None, None),
        (types.SimpleNamespace(), None),
        (stand_in_for_torch(is_used=False), None),
        (stand_in_for_torch(), False),
        (stand_in_for_torch(RuntimeError(BROKEN[1])), True),
        (stand_in_for_torch(AttributeError("no such thing")), None),
    ],
)
def test_a_device_is_asked_whether_it_still_answers(monkeypatch, torch, said):
    monkeypatch.setitem(sys.modules, "torch", torch)
    assert is_device_broken() is said


def test_where_the_device_answered_before_an_error_is_the_trials_own(tmp_path):
    executor = open_processes(objectives.with_a_device_that_answers, workers=1)
    ended, _ = run(executor, *(make_task(tmp_path, number) for number in range(4)))
    assert [message.failure for message in ended] == [None, None, "exception", None]
    executor.close()


def test_a_trial_that_breaks_every_device_is_blamed_after_one_more_attempt(tmp_path):
    executor = open_processes(objectives.says, workers=1)
    tasks = [make_task(tmp_path, number, params={"text": json.dumps(BROKEN[number])}) for number in range(3)]
    ended, _ = run(executor, *tasks)
    assert [message.failure for message in ended] == ["exception"] * 3, "each was the first in its process"
    executor.close()


def test_an_error_that_may_be_of_an_earlier_trial_is_tried_in_a_new_worker(tmp_path):
    executor = open_processes(objectives.says, workers=1)
    harmless, culprit = '"harmless"', '"CUDA error: device-side assert triggered"'
    run(executor, make_task(tmp_path, 0, params={"text": harmless}))
    [lost], _ = run(executor, make_task(tmp_path, 1, params={"text": culprit}))
    assert isinstance(lost, Lost)
    assert "an earlier trial may have spoilt its worker, which met RuntimeError: CUDA error" in lost.reason
    run(executor, make_task(tmp_path, 2, params={"text": harmless}))
    [failed], _ = run(executor, make_task(tmp_path, 1, attempt=2, params={"text": culprit}))
    assert failed.failure == "exception", "in a process where none ran before, it is its own"
    executor.close()


def test_a_worker_that_hangs_as_it_ends_is_killed(tmp_path, monkeypatch):
    monkeypatch.setattr(worker_process, "TIDY_S", 0.3)
    executor = open_processes(objectives.hangs_as_it_ends, workers=1)
    ended, _ = run(executor, make_task(tmp_path, 0), make_task(tmp_path, 1), patience=20)
    assert (ended[0].failure, ended[1].failure) == ("exception", None)
    executor.close()


@pytest.mark.parametrize(
    ("how", "failure", "said"),
    [
        ("cuda", "exception", "RuntimeError: CUDA error: device-side assert triggered"),
        ("memory", "oom", "MemoryError: host"),
        ("odd", "exception", "KeyError: 'odd'"),
    ],
)
def test_an_error_as_a_result_is_converted_is_the_trials(tmp_path, how, failure, said):
    executor = open_processes(objectives.returns_a_late_error, workers=1)
    ended, heard = run(executor, *(make_task(tmp_path, number, params={"how": how}) for number in range(2)))
    assert [message.failure for message in ended] == [failure] * 2
    assert ended[0].error.startswith(said)
    started = {message.pid for message in heard if type(message).__name__ == "Started"}
    assert len(started) == (1 if how == "odd" else 2), "a broken process is replaced"
    executor.close()


def test_an_error_as_a_report_is_converted_is_the_trials(tmp_path):
    executor = open_processes(objectives.reports_a_late_error, workers=1)
    [ended], _ = run(executor, make_task(tmp_path))
    assert ended.error.startswith("RuntimeError: CUDA error: device-side assert")
    executor.close()


@pytest.fixture
def device(monkeypatch):
    """A device of this very process."""
    monkeypatch.setattr(objectives, "BROKEN", [])
    monkeypatch.setattr(serial, "_spoilt_by", [])


@pytest.mark.usefixtures("device")
def test_in_the_users_own_process_the_study_ends_and_blames_nobody_else(tmp_path):
    executor = open_serial(objectives.UsesTheDevice(tmp_path, "raises", 1))
    ended, _ = run(executor, *(make_task(tmp_path, number) for number in range(2)))
    assert [message.failure for message in ended] == [None, "exception"]
    executor.submit(make_task(tmp_path, 2))
    with pytest.raises(
        ExecutorError, match=r"trial 2 met what an earlier trial left in this process \(RuntimeError: CUDA"
    ):
        executor.poll(0)
    again = open_serial(objectives.UsesTheDevice(tmp_path, "raises", 1))  # as in a notebook
    again.submit(make_task(tmp_path, 2, attempt=2))
    with pytest.raises(ExecutorError, match='executor="processes"'):
        again.poll(0)


@pytest.mark.usefixtures("device")
def test_a_device_that_works_again_is_forgiven(tmp_path):
    executor = open_serial(objectives.UsesTheDevice(tmp_path, "raises", 1))
    run(executor, make_task(tmp_path, 1))
    objectives.BROKEN.clear()
    run(executor, make_task(tmp_path, 2))
    [ended], _ = run(executor, make_task(tmp_path, 1))
    assert ended.failure == "exception"


@pytest.mark.parametrize("value", [1 + 2j, np.complex128(1 + 0j), np.complex64(1), np.array(1j)])
@pytest.mark.parametrize("executor", ["serial", "told"])
def test_a_complex_result_is_refused(value, executor):
    study = tt.create_study(tt.Space(x=tt.Float(0, 1)), minimize="loss", seed=0)
    if executor == "serial":
        study = tt.tune(lambda trial: value, tt.Space(x=tt.Float(0, 1)), minimize="loss", budget=1, seed=0)
        said = study.table.trial(0).error
    else:
        with pytest.raises(tt.errors.ObjectiveError) as refused:
            study.tell(study.ask(), value)
        said = str(refused.value)
    assert said.endswith("; a metric is a real number.")


def test_a_complex_report_is_noted_and_not_taken():
    def objective(trial):
        trial.report(1, loss=np.complex128(1j))
        return 1

    study = tt.tune(objective, tt.Space(x=tt.Float(0, 1)), minimize="loss", budget=1, seed=0)
    assert "a metric is a real number" in study.table.trial(0).notes["unusable report"]
