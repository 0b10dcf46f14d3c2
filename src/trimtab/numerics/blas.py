"""One BLAS thread for the optimizer, whatever the user's program does with the rest.

Tuning runs beside training on the same cores: with two threads and one busy neighbour a 200 x 200 Cholesky was seen at
112 ms instead of 0.12. And sums come out otherwise on another number of threads, so that a log would not replay.

NumPy and SciPy bring an OpenBLAS each, with pthreads, whose number of threads belongs to the process. So the first of
our threads that comes sets it to one, and the last that leaves puts it back. What other threads ask of threadpoolctl in
between (`threadpool_limits`, and scikit-learn within its fits) is answered with the user's number, and kept for then.
threadpoolctl lets one thread at a time set that number, until it is done; we go past that, and never take its place.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from trimtab import forks


class _Guard:
    """The guard's lock, and what becomes of the guard in a child."""

    def __init__(self) -> None:
        self.lock = threading.RLock()

    def rest(self) -> None:
        """Nothing needs to be let go of."""

    def begin_anew(self, *, torn: bool) -> None:  # noqa: ARG002 - what is held with the lock takes microseconds
        self.lock = threading.RLock()
        _forked()


_guard = _Guard()
_libraries: list[_Library] | None = None
_numpys: list[_Library] = []
"""Those that were there before SciPy was, where only they were asked for."""
_holders: dict[int, int] = {}
"""How deep each thread is within the guard, by its identity."""
_kept: dict[str, int] = {}
"""The user's number of threads of each library of the whole process, by its file, while the guard is in force."""


class _Library:
    """One BLAS that is loaded, past what threadpoolctl allows a thread.

    Attributes:
        controller: threadpoolctl's.
        is_shared: whether its number of threads belongs to the process; that of OpenMP belongs to each thread.
    """

    def __init__(self, controller: Any) -> None:
        self.controller = controller
        self.is_shared = getattr(controller, "threading_layer", None) != "openmp"
        self._get, self._set = _accessors(type(controller))

    def get(self) -> int:
        return int(self._get(self.controller) or 1)

    def set(self, threads: int) -> None:
        self._set(self.controller, threads)


@contextmanager
def one_thread(*, is_numpy: bool = False) -> Iterator[None]:
    """Within this, BLAS works on one thread; afterwards on as many as the user wants.

    Args:
        is_numpy: that nothing within uses SciPy, so that its BLAS need not be loaded, which takes most of a second.
    """
    me = threading.get_ident()
    depth = _holders.get(me, 0)
    own: dict[str, int] = {}
    try:
        _enter(me, own, is_numpy=is_numpy)
        yield
    finally:
        _leave(me, depth, own)


def versions() -> list[str]:
    """Return what the BLAS of NumPy calls itself: its name, its version, and the kind of processor it computes for.

    That of SciPy's wheels goes with SciPy's version and is left out, since it may not be loaded yet.
    """
    import threadpoolctl

    found = []
    for entry in threadpoolctl.threadpool_info():
        if entry["user_api"] == "blas" and "scipy.libs" not in entry["filepath"]:
            parts = (entry.get(key) for key in ("internal_api", "version", "architecture"))
            found.append(" ".join(str(part) for part in parts if part))
    return sorted(set(found))


def _found(*, is_numpy: bool = False) -> list[_Library]:
    """Return every BLAS that is loaded; found once, since looking costs a millisecond."""
    global _libraries  # noqa: PLW0603, RUF100 - what is loaded is a fact of the process
    if _libraries is None:
        if is_numpy and "scipy.linalg" not in sys.modules:
            _numpys[:] = _numpys or _loaded()
            return _numpys
        import scipy.linalg  # noqa: F401 - so that SciPy's own copy is loaded and found

        _libraries = _loaded()
    return _libraries


def _loaded() -> list[_Library]:
    import threadpoolctl

    controllers = threadpoolctl.ThreadpoolController().lib_controllers
    return [_Library(controller) for controller in controllers if controller.user_api == "blas"]


def _enter(me: int, own: dict[str, int], *, is_numpy: bool) -> None:
    with _guard.lock:
        for library in _found(is_numpy=is_numpy):
            file, threads = library.controller.filepath, library.get()
            if not library.is_shared:
                own[file] = threads
            elif file not in _kept:
                _kept[file] = threads
            if threads != 1:
                library.set(1)
        _holders[me] = _holders.get(me, 0) + 1


def _leave(me: int, depth: int, own: dict[str, int]) -> None:
    """Put back what is no longer guarded; fit to be called after an interrupted `_enter` too."""
    with _guard.lock:
        if depth:
            _holders[me] = depth
        else:
            _holders.pop(me, None)
        for library in _libraries or _numpys:
            file = library.controller.filepath
            wanted = 1 if _holders else _kept.pop(file, 1)
            if not library.is_shared:
                wanted = own.pop(file, 1)
            if wanted != 1 and library.get() == 1:  # else somebody set it past threadpoolctl
                library.set(wanted)


_originals: dict[type[Any], tuple[Any, Any]] = {}


def _accessors(kind: type[Any]) -> tuple[Any, Any]:
    """Return how a kind of threadpoolctl's controllers gets and sets; from here on others get and set past the guard.

    In threadpoolctl 3.8 a thread that is not in control does not reach `_real_set_num_threads`; before, each did.
    """
    for base in kind.__mro__:
        if base in _originals:
            return _originals[base]
    setter = "_real_set_num_threads" if hasattr(kind, "_real_set_num_threads") else "set_num_threads"
    get, set_ = kind.get_num_threads, getattr(kind, setter)
    _originals[kind] = get, set_

    def get_num_threads(self: Any) -> Any:
        with _guard.lock:
            return _kept[self.filepath] if _is_kept(self.filepath) else get(self)

    def set_num_threads(self: Any, num_threads: int) -> Any:
        with _guard.lock:
            if not _is_kept(self.filepath):
                return set_(self, num_threads)
            _kept[self.filepath] = num_threads
            return None

    kind.get_num_threads = get_num_threads
    setattr(kind, setter, set_num_threads)
    return get, set_


def _is_kept(file: str) -> bool:
    """Return whether this thread is to see the user's number: the guard is in force, and not this thread's."""
    return file in _kept and threading.get_ident() not in _holders


def _forked() -> None:
    """In a child, of all threads the one that forked is left: the guard of others ends with them."""
    me = threading.get_ident()
    for other in _holders.keys() - {me}:
        del _holders[other]
    if not _holders and _kept:
        _leave(me, 0, {})


forks.register(_guard, innermost=True)
