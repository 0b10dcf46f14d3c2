"""Errors after which a process is of no more use: a device whose context is broken, a communicator that is dead.

A kernel that fails leaves an error with its process that every later call to the device meets, whoever makes it. Only
a new process is rid of it. What libraries call these errors is text; `MARKS` is what is looked for in it.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator

MARKS = re.compile(
    r"""
      CUDA[ ]error | cudaError[A-Z] | CUDA_ERROR_ | UNKNOWN_CUDA_ERROR | CUDA[ ]driver[ ]error
    | CUDA[ ](?:driver|context)\b.{0,80}(?:fail|destroyed|invalid|corrupt|not[ ]initiali)
    | device-side[ ]assert | illegal[ ]memory[ ]access | unspecified[ ]launch[ ]failure | misaligned[ ]address
    | CU(?:BLAS|DNN|SOLVER|SPARSE)_STATUS_(?:NOT_INITIALIZED|EXECUTION_FAILED|INTERNAL_ERROR|MAPPING_ERROR)
    | (?:CUBLAS|CUSOLVER|CUSPARSE|CURAND)_STATUS_(?:ALLOC|LAUNCH)_?FAIL | CURAND_STATUS_(?:INTERNAL_ERROR|PREEXISTING)
    | CUDNN_BACKEND_API_FAILED | CUFFT_(?:INTERNAL_ERROR|EXEC_FAILED|SETUP_FAILED|INVALID_PLAN)
    | (?:cuDNN|cuBLAS|cuFFT|cuSOLVER|cuSPARSE|cuRAND)\b.{0,40}(?:not[ ]initiali[sz]ed|execution[ ]failed)
    | (?:failed|unable)[ ]to[ ](?:create|initiali[sz]e)[ ](?:cuBLAS|cuDNN|cuFFT|cuSolver|cuSPARSE|cuRAND)
    | HIP[ ]error | hipError[A-Z] | HIP_ERROR_ | hipErrorNoBinary | HSA_STATUS_ERROR | miopenStatus(?:Internal|Unknown)
    | (?:HIPBLAS|HIPFFT|HIPSOLVER|HIPSPARSE|ROCBLAS)_STATUS_\w*(?:NOT_INITIALIZED|EXECUTION_FAILED|INTERNAL_ERROR)
    | rocblas_status_internal_error | HIPFFT_(?:INTERNAL_ERROR|EXEC_FAILED|SETUP_FAILED)
    | (?:NCCL|RCCL)\b.{0,80}(?:error|abort|timed?[ ]?out|watchdog|fail)
    | nccl(?:Unhandled|System|Internal|Remote)\w*Error
    | (?:watchdog|collective)\b.{0,80}(?:NCCL|RCCL) | initiali[sz]e[ ]the[ ]default[ ]process[ ]group[ ]twice
    | (?:DNN|cuDNN|cuBLAS|cuFFT|cuSOLVER|cuRAND)\b.{0,40}(?:initiali[sz]ation[ ]failed|failed[ ]to[ ]initiali[sz]e)
    | cublas(?:Lt)?[ ]ran[ ]into[ ]an[ ]error | CUDA[ ]unknown[ ]error | cu(?:BLAS|SOLVER|SPARSE)[ ]error:?[ ]\d
    | launch[ ]timed[ ]out[ ]and[ ]was[ ]terminated | illegal[ ]instruction[ ]was[ ]encountered | uncorrectable[ ]ECC
    | command[ ]buffer[ ]exited[ ]with[ ]error | context[ ]is[ ]destroyed | CUDA-capable[ ]devices?[ ]\w+[ ]busy
    | GPU[ ]sync[ ]failed | Blas[ ]\w+[ ]launch[ ]failed | without[ ]BLAS[ ]support
    | INTERNAL:.{0,200}(?:CUDA|cuda|GPU|gpu|stream|kernel) | DEVICE_LOST | GPU[ ]has[ ]fallen[ ]off[ ]the[ ]bus
    """,
    re.VERBOSE,
)
"""Of PyTorch, JAX (XLA), TensorFlow, CuPy, Numba, on CUDA and HIP: broken contexts, handles that could not be had or
whose calls failed, dead groups of NCCL, and a process group that an earlier trial left behind.

An error that is none of these (a driver that is too old, a device that is not there) may match as well; it costs a
process, and is met again in the new one."""

TYPES = frozenset(
    {"AcceleratorError", "CUDARuntimeError", "CUDADriverError", "CudaAPIError", "CudaDriverError", "NcclError"}
)
"""Names by which libraries call the exceptions for such errors (PyTorch, CuPy, Numba)."""

MOST_CHAINED = 20
"""Exceptions of a chain of causes that are looked at."""


def is_broken(error: BaseException) -> bool:
    """Return whether an exception, or one that it was raised from or after, says that its process is of no more use."""
    return any(
        bool(TYPES.intersection(cls.__name__ for cls in type(link).__mro__)) or bool(MARKS.search(_text(link)))
        for link in _chain(error)
    )


def is_device_broken() -> bool | None:
    """Return whether the GPU that this process uses through PyTorch still answers; None if it uses none.

    Kernels run behind the program's back: a trial may be over before the error of its last one is known, or may have
    caught it. Asking waits for what still runs.
    """
    torch = sys.modules.get("torch")
    cuda = getattr(torch, "cuda", None)
    try:
        if cuda is None or not cuda.is_initialized():
            return None
        cuda.synchronize()
    except Exception as error:
        return True if is_broken(error) else None  # anything else is no answer, as of a module that only looks like it
    return False


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Go from an exception to what it was raised from, or after; an `ExceptionGroup` has several."""
    waiting, seen = [error], set[int]()
    while waiting and len(seen) < MOST_CHAINED:
        link = waiting.pop()
        if id(link) in seen:
            continue
        seen.add(id(link))
        yield link
        waiting += [after for after in (link.__cause__, link.__context__) if after is not None]
        if isinstance(link, BaseExceptionGroup):
            waiting += link.exceptions


def _text(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:
        return ""
