"""One BLAS thread for the optimiser, whatever the user's program does with the rest.

Tuning runs beside training on the same cores: with two threads and one busy neighbour a 200 x 200 Cholesky was seen at
112 ms instead of 0.12. NumPy and SciPy bring an OpenBLAS each, so both are set, and both are put back.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_lock = threading.RLock()
_libraries: list[Any] | None = None


def _found() -> list[Any]:
    """Return the controllers of every BLAS that is loaded; found once, since looking costs a millisecond."""
    global _libraries  # noqa: PLW0603, RUF100 - what is loaded is a fact of the process
    if _libraries is None:
        import scipy.linalg  # noqa: F401 - so that SciPy's own copy is loaded and found
        import threadpoolctl

        controllers = threadpoolctl.ThreadpoolController().lib_controllers
        _libraries = [library for library in controllers if library.user_api == "blas"]
    return _libraries


@contextmanager
def one_thread() -> Iterator[None]:
    """Within this, BLAS works on one thread; afterwards on as many as before."""
    with _lock:
        libraries = _found()
        before = [library.get_num_threads() for library in libraries]
        try:
            for library, threads in zip(libraries, before, strict=True):
                if threads != 1:
                    library.set_num_threads(1)
            yield
        finally:
            for library, threads in zip(libraries, before, strict=True):
                if threads != 1:
                    library.set_num_threads(threads)
