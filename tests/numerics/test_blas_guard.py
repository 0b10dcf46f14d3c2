"""One BLAS thread within an ask of the model, and what the user's program had before and after it."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import numpy as np
import pytest
import scipy.linalg
import threadpoolctl

from trimtab.numerics import blas
from trimtab.numerics.gp import Posterior
from trimtab.optim.gp import Gp
from trimtab.optim.tpe import Tpe
from trimtab.testing.simulation import PROBLEMS, Simulation, plain_history

MANY = 3
"""The user's number of threads in these tests."""


def threads() -> dict[str, int]:
    """Return the number of threads of every BLAS in the process, by its file."""
    found = threadpoolctl.threadpool_info()
    return {entry["filepath"]: entry["num_threads"] for entry in found if entry["user_api"] == "blas"}


@pytest.fixture
def before() -> Iterator[dict[str, int]]:
    scipy.linalg.cholesky(np.eye(2))  # both copies are loaded
    with threadpoolctl.threadpool_limits(MANY, "blas"):
        found = threads()
        assert found
        assert set(found.values()) == {MANY}
        yield found


def simulation(engine: Gp | Tpe) -> Simulation:
    run = Simulation(PROBLEMS["continuous"], engine)
    plain_history(run, 12)
    return run


def test_the_copies_of_numpy_and_of_scipy_are_both_known(before: dict[str, int]) -> None:
    """Wheels bring one each; a build that shares one BLAS has one."""
    files = {library.filepath for library in blas._found()}
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


def test_a_thread_of_the_user_is_slowed_down_only_while_an_ask_lasts(before: dict[str, int]) -> None:
    """The number belongs to the process, so the user's threads see one thread during an ask, and theirs right after."""
    run = simulation(Gp())
    run.propose()
    seen: list[tuple[float, int, float]] = []
    done = threading.Event()

    def watch() -> None:
        while not done.is_set():
            seen.append((time.perf_counter(), max(threads().values()), time.perf_counter()))

    watcher = threading.Thread(target=watch)
    watcher.start()
    asks: list[tuple[float, float]] = []
    for _ in range(3):
        time.sleep(0.05)
        began = time.perf_counter()
        run.propose()
        asks.append((began, time.perf_counter()))
    time.sleep(0.05)
    done.set()
    watcher.join()
    outside = [n for start, n, end in seen if all(end < began or ended < start for began, ended in asks)]
    assert outside
    assert set(outside) == {MANY}
    assert threads() == before


def test_the_guard_within_itself(before: dict[str, int]) -> None:
    with blas.one_thread():
        with blas.one_thread():
            assert set(threads().values()) == {1}
        assert set(threads().values()) == {1}
    assert threads() == before
