"""One BLAS thread within an ask of the model, and what the user's program had before and after it."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.linalg
import threadpoolctl

from tools import needed
from trimtab.numerics import blas
from trimtab.numerics.gp import Posterior
from trimtab.optim.gp import Gp
from trimtab.optim.tpe import Tpe
from trimtab.testing.simulation import PROBLEMS, Simulation, plain_history

MANY = 3
"""The user's number of threads in these tests."""


def threads() -> dict[str, int]:
    """Return the number of threads of every BLAS in the process that threadpoolctl tells this thread, by its file."""
    found = threadpoolctl.threadpool_info()
    return {entry["filepath"]: entry["num_threads"] for entry in found if entry["user_api"] == "blas"}


def real_threads() -> dict[str, int]:
    """Return the number of threads that every BLAS in the process works with, whatever threadpoolctl says."""
    return {library.controller.filepath: library.get() for library in blas._found()}


def in_thread(call: Callable[[], Any]) -> Any:
    """Return what `call` returns in a thread of its own, which is over then."""
    found: list[Any] = []
    thread = threading.Thread(target=lambda: found.append(call()))
    thread.start()
    thread.join()
    return found[0]


@pytest.fixture
def before() -> Iterator[dict[str, int]]:
    scipy.linalg.cholesky(np.eye(2))  # both copies are loaded
    with threadpoolctl.threadpool_limits(MANY, "blas"):
        found = threads()
        assert found
        assert set(found.values()) == {MANY}
        yield found
        assert threads() == real_threads() == found, "they are the user's again"


def simulation(engine: Gp | Tpe) -> Simulation:
    run = Simulation(PROBLEMS["continuous"], engine)
    plain_history(run, 12)
    return run


def test_the_copies_of_numpy_and_of_scipy_are_both_known(before: dict[str, int]) -> None:
    """Wheels bring one each; a build that shares one BLAS has one."""
    files = {library.controller.filepath for library in blas._found()}
    assert files == set(before)
    if any("numpy.libs" in file for file in before):
        assert any("scipy.libs" in file for file in before), "SciPy's copy is loaded"


@pytest.mark.parametrize("engine", [Gp(), Tpe()], ids=["gp", "tpe"])
@pytest.mark.parametrize("n", [1, 4])
def test_after_an_ask_they_are_as_before(before: dict[str, int], engine: Gp | Tpe, n: int) -> None:
    run = simulation(engine)
    assert run.propose(n).by in ("gp", "tpe")
    assert threads() == before


def test_within_an_ask_there_is_one(before: dict[str, int], monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[dict[str, int]] = []
    predict = Posterior.predict

    def spied(self: Posterior, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        seen.append(threads())
        return predict(self, z)

    run = simulation(Gp())
    monkeypatch.setattr(Posterior, "predict", spied)
    run.propose()
    assert seen
    assert all(set(each.values()) == {1} for each in seen)
    assert threads() == before


@pytest.mark.parametrize("place", ["__init__", "predict", "predict_with_gradient", "condition"])
def test_after_an_ask_that_raises_they_are_as_before(
    before: dict[str, int], monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    run = simulation(Gp())
    monkeypatch.setattr(Posterior, place, broken)
    with pytest.raises(KeyboardInterrupt):
        run.propose(2)  # the second of a batch is conditioned on the first
    assert threads() == before
    monkeypatch.undo()
    assert run.propose().by == "gp", "the guard is free again"
    assert threads() == before


def test_a_number_that_the_user_sets_between_asks_is_kept(before: dict[str, int]) -> None:
    run = simulation(Gp())
    run.propose()
    with threadpoolctl.threadpool_limits(2, "blas"):
        run.propose()
        assert set(threads().values()) == {2}
    assert threads() == before


def test_asks_in_several_threads_leave_them_as_before(before: dict[str, int]) -> None:
    """Were the guards to cross, the last one out would put back the one thread that it found."""
    runs = [simulation(Gp()) for _ in range(3)]
    expected = [run.propose().x for run in runs]
    found: list[np.ndarray | None] = [None] * len(runs)

    def ask(i: int) -> None:
        for _ in range(3):
            found[i] = runs[i].propose().x

    workers = [threading.Thread(target=ask, args=(i,)) for i in range(len(runs))]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert threads() == before
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one, other)


class Guarded(threading.Thread):
    """A thread that is within the guard from its start to `leave`."""

    def __init__(self) -> None:
        super().__init__()
        self._entered, self._leaving = threading.Event(), threading.Event()
        self.start()
        assert self._entered.wait(30)

    def run(self) -> None:
        with blas.one_thread():
            self._entered.set()
            self._leaving.wait(30)

    def leave(self) -> None:
        self._leaving.set()
        self.join()


def test_another_thread_is_told_its_own_number_within_an_ask(before: dict[str, int]) -> None:
    ask = Guarded()
    assert set(real_threads().values()) == {1}
    assert threads() == before
    ask.leave()


def test_a_limit_that_is_set_within_an_ask_holds_from_its_end_on(before: dict[str, int]) -> None:
    """As scikit-learn sets one within a fit: what it finds it puts back, which must not be our one thread."""
    ask = Guarded()
    with threadpoolctl.threadpool_limits(2, "blas"):
        assert set(threads().values()) == {2}
        assert set(real_threads().values()) == {1}, "the ask is not disturbed"
        ask.leave()
        assert set(real_threads().values()) == {2}
    assert threads() == real_threads() == before


def test_a_limit_that_is_set_before_an_ask_and_given_back_within(before: dict[str, int]) -> None:
    with threadpoolctl.threadpool_limits(2, "blas"):
        ask = Guarded()
    assert threads() == before
    assert set(real_threads().values()) == {1}
    ask.leave()


def test_a_limit_that_is_set_and_given_back_within_an_ask(before: dict[str, int]) -> None:
    ask = Guarded()
    with threadpoolctl.threadpool_limits(2, "blas"):
        pass
    assert set(real_threads().values()) == {1}
    ask.leave()


def test_asks_that_overlap_in_any_order(before: dict[str, int]) -> None:
    first, second = Guarded(), Guarded()
    first.leave()
    assert set(real_threads().values()) == {1}, "the second still computes"
    third = Guarded()
    second.leave()
    assert set(real_threads().values()) == {1}
    third.leave()


def test_limits_work_in_another_thread_after_an_ask(before: dict[str, int]) -> None:
    """threadpoolctl lets one thread control OpenBLAS, until it is done: that is never ours."""
    simulation(Gp()).propose()

    def limited() -> tuple[set[int], set[int]]:
        with threadpoolctl.threadpool_limits(2, "blas"):
            return set(threads().values()), set(real_threads().values())

    threadpoolctl_keeps_to_one = getattr(threadpoolctl.OpenBLASController, "clear_controlling_thread", None)
    if threadpoolctl_keeps_to_one is not None:  # the fixture's limit has it
        threadpoolctl_keeps_to_one(force=True)
    assert in_thread(limited) == ({2}, {2})


def test_an_ask_in_a_second_thread_has_one_too(before: dict[str, int]) -> None:
    def guarded() -> set[int]:
        with blas.one_thread():
            return set(real_threads().values())

    assert guarded() == {1}
    assert in_thread(guarded) == {1}
    assert in_thread(guarded) == {1}


def test_a_number_that_is_set_past_threadpoolctl_is_kept(before: dict[str, int]) -> None:
    with blas.one_thread():
        for library in blas._found():
            library.set(2)
    assert set(real_threads().values()) == {2}
    for library in blas._found():
        library.set(MANY)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")  # of Pythons that warn of threads: they are the point
@pytest.mark.parametrize("in_forking_thread", [True, False])
def test_a_child_that_was_forked_within_an_ask(before: dict[str, int], in_forking_thread: bool) -> None:
    """In the child only the thread that forked goes on, so only its guard does."""
    ask = None if in_forking_thread else Guarded()
    reading, writing = os.pipe()
    if in_forking_thread:
        with blas.one_thread():
            child = _forked(writing, {1})
    else:
        child = _forked(writing, {MANY})
    if child == 0:
        os._exit(0 if set(real_threads().values()) == {MANY} else 1)  # pragma: no cover
    os.close(writing)
    with os.fdopen(reading) as pipe:
        assert pipe.read() == "as it should be"
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    if ask is not None:
        assert set(real_threads().values()) == {1}
        ask.leave()


def _forked(writing: int, expected: set[int]) -> int:
    """Fork; the child writes whether the real number of threads is as expected."""
    child = os.fork()
    if child == 0:  # pragma: no cover
        fine = set(real_threads().values()) == expected
        os.write(writing, b"as it should be" if fine else repr(real_threads()).encode())
        os.close(writing)
    return child


OPENMP = r"""
#include <omp.h>
int openblas_get_num_threads(void) { return omp_get_max_threads(); }
void openblas_set_num_threads(int n) { omp_set_num_threads(n); }
int openblas_get_parallel(void) { return 2; }
char *openblas_get_config(void) { return "OpenBLAS 0.3.99 of a test"; }
char *openblas_get_corename(void) { return "Test"; }
"""
"""What an OpenBLAS that was built with OpenMP says of itself; its number of threads is each thread's own."""

IN_THREADS = """
import ctypes, sys, threading
openmp = ctypes.CDLL(sys.argv[1])
from trimtab.numerics import blas
n = lambda: openmp.omp_get_max_threads()
assert any(not library.is_shared for library in blas._found())
openmp.omp_set_num_threads(3)
with blas.one_thread():
    assert n() == 1
    def other():
        openmp.omp_set_num_threads(5)
        with blas.one_thread():
            found.append(n())
            with blas.one_thread():
                found.append(n())
            found.append(n())
        found.append(n())
    found = []
    thread = threading.Thread(target=other); thread.start(); thread.join()
    assert found == [1, 1, 1, 5], found
    assert n() == 1
assert n() == 3
"""


def test_a_blas_with_openmp_is_guarded_in_each_thread(tmp_path: Path) -> None:
    source, library = tmp_path / "blas.c", tmp_path / "libopenblas_of_a_test.so"
    source.write_text(OPENMP)
    built = subprocess.run([needed("gcc"), "-shared", "-fPIC", "-fopenmp", source, "-o", library], capture_output=True)
    assert built.returncode == 0, built.stderr
    done = subprocess.run([sys.executable, "-c", IN_THREADS, library], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_the_guard_within_itself(before: dict[str, int]) -> None:
    with blas.one_thread():
        with blas.one_thread():
            assert set(threads().values()) == {1}
        assert set(threads().values()) == {1}
    assert threads() == before
