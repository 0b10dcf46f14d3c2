"""Several threads that ask and tell one study, or one each: the same suggestions, at the same price."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest
import threadpoolctl

import trimtab as tt
from trimtab.arrays import Ints
from trimtab.ledger.table import TrialTable
from trimtab.study.replay import replay

N_THREADS = 8


def new_study() -> tt.Study:
    return tt.create_study(tt.Space(**{name: tt.Float(0, 1) for name in "abcd"}), minimize="loss", seed=3)


def ask_and_tell(study: tt.Study, n: int) -> None:
    for _ in range(n):
        trial = study.ask()
        study.tell(trial, sum((value - 0.3) ** 2 for value in trial.params.values()))


def in_threads(n: int, work: Callable[[int], None]) -> float:
    """Do `work` in `n` threads at once, and return the processor time that it took."""
    failed: list[BaseException] = []

    def guarded(i: int) -> None:
        try:
            work(i)
        except BaseException as error:
            failed.append(error)
            raise

    threads = [threading.Thread(target=guarded, args=(i,)) for i in range(n)]
    began = time.process_time()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed
    return time.process_time() - began


def check(each: int) -> None:
    in_threads(1, lambda _: ask_and_tell(new_study(), 20))  # everything is imported
    before = threadpoolctl.threadpool_info()
    one, many = new_study(), new_study()
    alone = in_threads(1, lambda _: ask_and_tell(one, N_THREADS * each))
    together = in_threads(N_THREADS, lambda _: ask_and_tell(many, each))
    assert replay(many.session.journal.read()).differing == ()
    assert len(many.table) == N_THREADS * each
    assert together <= 1.5 * alone, f"{together:.2f} s of the processor instead of {alone:.2f}"
    assert threadpoolctl.threadpool_info() == before


def test_threads_that_share_a_study() -> None:
    check(16)


@pytest.mark.soak
def test_threads_that_share_a_study_for_long() -> None:
    check(250)


def test_threads_with_a_study_each() -> None:
    """What they are told is the same, so what they are asked is, while all compute at once."""
    expected = new_study()
    ask_and_tell(expected, 16)
    studies = [new_study() for _ in range(N_THREADS)]

    def work(i: int) -> None:
        if i:
            ask_and_tell(studies[i], 16)
            return
        with threadpoolctl.threadpool_limits(2, "blas"):  # as scikit-learn does within a fit
            ask_and_tell(studies[i], 16)

    before = threadpoolctl.threadpool_info()  # `expected` has loaded every BLAS
    in_threads(N_THREADS, work)
    assert all((study.table.x == expected.table.x).all() for study in studies)
    assert all(replay(study.session.journal.read()).differing == () for study in studies)
    assert threadpoolctl.threadpool_info() == before


def test_whoever_looks_while_others_tell_sees_one_moment(monkeypatch) -> None:
    study = tt.create_study(tt.Space(x=tt.Float(0, 1)), minimize="loss", optimizer="random", seed=0)
    study.tell(study.ask(), 1.0)
    rows = TrialTable.rows

    def slowly(table: TrialTable, *states: int) -> Ints:
        """Take so long that another thread asks for a trial, and tells it."""
        found, n = rows(table, *states), len(study.table)
        thread = threading.Thread(target=ask_and_tell, args=(study, 1))
        thread.start()
        thread.join()
        assert len(study.table) > n
        assert len(table) == n
        return found

    monkeypatch.setattr(TrialTable, "rows", slowly)
    assert study.best.number == 0
    assert [trial.number for trial in study.best_trials] != []
    assert repr(study).startswith("<Study 'study': ")
