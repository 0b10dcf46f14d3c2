"""How one call of an objective becomes one message."""

from __future__ import annotations

import math
import sys

import pytest

from trimtab.errors import TrialStopped
from trimtab.execute import outcome
from trimtab.execute.protocol import Task


class Silence:
    def __init__(self, reason=None):
        self.reason = reason

    def send(self, message):
        pass

    def halted(self):
        return self.reason


@pytest.fixture
def run(tmp_path):
    task = Task(
        number=1,
        attempt=1,
        token="",
        params={"lr": 0.1},
        fidelity={},
        resume_from=None,
        metrics=("loss",),
        checkpoint_dir=tmp_path,
        log_dir=tmp_path,
    )
    return lambda objective, reason=None: outcome.run(objective, task, Silence(reason)).message


def deep(n):
    if n:
        return deep(n - 1)
    raise ValueError("at the bottom\nand a second line")


def test_the_first_line_says_it_all(run):
    ended = run(lambda trial: deep(3))
    first, *rest = ended.error.splitlines()
    assert first.startswith("ValueError: at the bottom (")
    assert first.endswith(", in deep)")
    assert rest[0] == "Traceback (most recent call last):"
    assert rest[-2:] == ["ValueError: at the bottom", "and a second line"]
    assert "execute/outcome.py" not in ended.error, "our own frames tell a user nothing"


def test_a_long_traceback_keeps_its_end(run):
    ended = run(lambda trial: exec("\n".join(["def f(n):", " f(n - 1) if n else 1 / 0", "f(100)"]), {}))
    lines = ended.error.splitlines()
    assert len(lines) <= outcome.LAST_LINES + 1
    assert lines[-1] == "ZeroDivisionError: division by zero"


def test_a_long_message_is_cut(run):
    def objective(trial):
        raise ValueError("x" * 10**6)

    assert len(run(objective).error) < 10_000


class UnspeakableError(Exception):
    def __str__(self):
        raise RuntimeError("no words")


def test_an_exception_without_words(run):
    def objective(trial):
        raise UnspeakableError

    assert "UnspeakableError" in run(objective).error.splitlines()[0]


def test_a_message_that_is_no_unicode(run):
    def objective(trial):
        raise ValueError("caf\udce9")

    run(objective).error.encode()


class OutOfMemoryError(RuntimeError):
    """As torch has it."""


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"),
        RuntimeError("RESOURCE_EXHAUSTED: Out of memory while trying to allocate 8 bytes."),
    ],
)
def test_full_memory_has_its_own_kind(run, error):
    def objective(trial):
        raise error

    assert run(objective).failure == "oom"


def test_sys_exit_is_a_failed_trial(run):
    ended = run(lambda trial: sys.exit(3))
    assert ended.failure == "exception"
    assert "sys.exit(3)" in ended.error.splitlines()[0]


def test_an_interrupt_passes_through(run):
    def objective(trial):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(objective)


def test_a_trial_that_was_told_to_end_is_stopped_however_it_ends(run):
    def cleans_up_badly(trial):
        try:
            trial.report(1, loss=1)
        except TrialStopped:
            raise ValueError("while cleaning up") from None

    def carries_on(trial):
        try:
            trial.report(1, loss=1)
        except TrialStopped:
            return {"loss": 1}

    for objective in (cleans_up_badly, carries_on, lambda trial: trial.report(1, loss=1)):
        ended = run(objective, "it lags")
        assert (ended.stopped, ended.failure, ended.values) == ("it lags", None, None)


def test_a_trial_that_stops_itself(run):
    def objective(trial):
        raise TrialStopped("it has converged")

    assert run(objective).stopped == "it has converged"


MISTAKEN = {
    "a dictionary": lambda x: x["lr"],
    "a list": lambda x: x[0],
    "an object": lambda x: x.lr,
    "a number": lambda x: x * 2,
    "a number for a library": lambda x: math.sqrt(x),
    "a method of a dictionary": lambda x: x.items(),
    "keywords": lambda *, lr: lr,
    "all parameters": lambda lr, momentum: lr,
    "what is unpacked": lambda x: dict(**x),
    "no argument": lambda: 1.0,
}


@pytest.mark.parametrize("what", MISTAKEN)
def test_who_takes_the_trial_for_its_parameters_is_told_what_it_is(run, what):
    first = run(MISTAKEN[what]).error.splitlines()[0]
    assert "trial.params[" in first


@pytest.mark.parametrize(
    "objective", [lambda t: t.params["x"], lambda t: None + 1, lambda t: deep(), lambda t: int("x"), lambda t: [][0]]
)
def test_who_makes_another_mistake_is_not(run, objective):
    assert "trial.params[" not in run(objective).error.splitlines()[0]


def looks(trial):
    p = trial.params
    return p["momentum"]


LOOKED_FOR = {
    "in a line of its own": (looks, True),
    "at once": (lambda trial: trial.params["momentum"], True),
    "in another dictionary": (lambda trial: {"x": 1}["momentum"], False),
    "as an attribute": (lambda trial: trial.params.lr, True),
    "another attribute": (lambda trial: trial.params.momentum, False),
}


@pytest.mark.parametrize("where", LOOKED_FOR)
def test_who_looks_for_what_is_not_in_the_parameters_is_told_what_is(run, where):
    objective, is_told = LOOKED_FOR[where]
    first = run(objective).error.splitlines()[0]
    is_attribute = "attribute" in where
    said = "trial.params['lr']" if is_attribute else "trial.params has lr, and what is not active"
    assert (said in first) == is_told
