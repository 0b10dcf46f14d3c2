"""Results that the rest does not explain."""

from __future__ import annotations

import numpy as np
import pytest

import trimtab as tt
from trimtab.model.odd import without_odd
from trimtab.model.outliers import SURE, are_torn, fences, is_usual, torn, typical, unbelieved
from trimtab.numerics.gp import Data
from trimtab.study.replay import replay

USUAL = np.linspace(1.0, 2.0, 21)


@pytest.mark.parametrize("share", [0.1, 0.3, 0.45])
def test_fences_hold_beside_many_that_are_off(share: float) -> None:
    n = int(share * len(USUAL) / (1.0 - share))
    low, high = fences(np.concatenate([USUAL, np.full(n, 1e6)]))
    assert low < 1.0
    assert 2.0 < high < 100.0


def test_few_results_and_equal_ones_have_no_fences() -> None:
    assert fences(USUAL[:5]) == (-np.inf, np.inf)
    assert fences(np.append(np.ones(10), 5.0)) == (-np.inf, np.inf)


def test_runs_far_apart_are_torn_and_near_ones_are_not() -> None:
    losses = np.concatenate([USUAL, [1.5, 900.0, 1.2, 1.3]])
    config = np.concatenate([np.arange(21), [0, 0, 1, 1]])
    assert np.flatnonzero(torn(losses, config)).tolist() == [0]
    assert are_torn(losses, np.flatnonzero(config == 0))
    assert not are_torn(losses, np.flatnonzero(config == 1))


def test_of_two_torn_runs_the_one_near_all_others_is_typical_and_of_three_the_middle() -> None:
    losses = np.concatenate([USUAL, [700.0, 1.4, 800.0, -600.0]])
    config = np.concatenate([np.arange(21), [21, 21, 22, 22]])
    assert typical(losses, config)[[21, 22]].tolist() == [1.4, -600.0]
    third = typical(np.append(losses, 1.1), np.append(config, 22))
    assert third[22] == 1.1


def test_what_is_too_good_is_not_believed_before_runs_agree() -> None:
    losses, config = np.append(USUAL, -500.0), np.arange(22)
    for n in range(1, SURE + 1):
        assert unbelieved(losses, config)[21] == (n < SURE)
        losses, config = np.append(losses, -500.0), np.append(config, 21)
    assert not unbelieved(losses, config)[:21].any()


def test_what_is_far_out_is_usual_once_runs_agree() -> None:
    losses = np.append(USUAL, 1e4)
    assert not is_usual(losses, np.ones(22))[21]
    assert is_usual(losses, np.append(np.ones(21), float(SURE)))[21]


def _regret(kind: str, seed: int, n: int = 60) -> tuple[float, tt.Study]:
    """Tune a bowl in 3 dimensions of which one result in six is off by orders of magnitude."""
    rng = np.random.default_rng(seed)
    space = tt.Space(**{name: tt.Float(0.0, 1.0) for name in "abc"})
    study = tt.create_study(space, minimize="loss", seed=seed)
    truth = []
    for _ in range(n):
        trial = study.ask()
        truth.append(sum((value - 0.3) ** 2 for value in trial.params.values()))
        is_off, size = rng.random() < 1 / 6, 10 ** rng.uniform(1.0, 3.0)
        off = {"up": size, "down": -size, "both": size * rng.choice([-1.0, 1.0])}[kind]
        study.tell(trial.number, truth[-1] + is_off * off)
    return truth[study.best.number], study


@pytest.mark.parametrize("kind", ["up", "down", "both"])
def test_the_best_is_found_though_results_are_off(kind: str) -> None:
    regret, study = _regret(kind, 3)
    assert regret < 0.003  # a random search is at 0.01, where its best is not one that was off
    assert any("looks again" in (trial.why or "") for trial in study.trials)


def test_a_study_that_is_off_replays() -> None:
    _, study = _regret("both", 5, 40)
    assert any("looks again" in (trial.why or "") for trial in study.trials)
    replay(study.session.journal.read()).require_equal()


def test_cliffs_are_looked_at_twice_at_most() -> None:
    """Where runs agree nothing is doubted any more."""
    study = tt.create_study(tt.Space(a=tt.Float(0.0, 1.0), b=tt.Float(0.0, 1.0)), minimize="loss", seed=1)
    for _ in range(50):
        trial = study.ask()
        a, b = trial.params["a"], trial.params["b"]
        study.tell(trial.number, (a - 0.5) ** 2 + (b - 0.5) ** 2 + (1e5 if a > 0.52 else 0.0))
    assert sum("looks again" in (trial.why or "") for trial in study.trials) <= 2


def test_a_process_sets_aside_no_better_half_that_is_not_far_out() -> None:
    """Beside a leader a smooth process is sure, and a small step of the objective is many deviations."""
    x = np.concatenate([np.linspace(0.0, 1.0, 30), np.linspace(0.5, 0.501, 10)])
    losses = (x - 0.5) ** 2 + np.where(x > 0.5005, 1e-3, 0.0)
    losses[3] = 1e4
    labels = np.argsort(np.argsort(-losses)) / len(losses) - 0.5
    data = Data(x[:, None], labels, np.zeros(1, dtype=int), 1, np.ones(len(x)), np.zeros(len(x)))
    theta = np.log([0.3, 1e-6, 1e-6, 0.1])
    found = without_odd(data, losses, theta).known > 0.0
    assert found[3]
    assert not (found & (labels >= np.median(labels))).any()


@pytest.mark.parametrize("seed", [0, 1])
def test_that_results_are_off_is_found_early(seed: int) -> None:
    _, study = _regret("up", seed, 30)
    looks = [trial.number for trial in study.trials if "looks again" in (trial.why or "")]
    assert looks
    assert looks[0] < 25


def _with_one(at: int, off: float, *, is_real: bool, sigma: float = 0.0, seed: int = 0, n: int = 60) -> tt.Study:
    """Tune a bowl of which trial `at` is off, or where there is a spike that it is the first to find."""
    rng = np.random.default_rng(seed)
    study = tt.create_study(tt.Space(a=tt.Float(0.0, 1.0), b=tt.Float(0.0, 1.0)), minimize="loss", seed=seed)
    spike = None
    for number in range(n):
        trial = study.ask()
        loss = sum((value - 0.3) ** 2 for value in trial.params.values()) + sigma * float(rng.normal())
        if number == at:
            spike = trial.params
        is_off = trial.params == spike if is_real else number == at
        study.tell(trial.number, loss + is_off * off)
    return study


def _claims(study: tt.Study) -> list[int]:
    return [trial.number for trial in study.trials if "better than the next by far more" in (trial.why or "")]


@pytest.mark.parametrize("at", [12, 35, 58])
def test_one_result_that_is_too_good_is_not_the_choice_though_repeats_agreed_before(at: int) -> None:
    """Replicates of a leader that agree prove nothing of a result that comes later."""
    study = _with_one(at, -300.0, is_real=False, sigma=0.03)
    assert study.best.number != at
    assert at + 1 in _claims(study)
    assert study.trials[at + 1].params == study.trials[at].params
    replay(study.session.journal.read()).require_equal()


def test_a_spike_that_is_real_costs_one_look_and_is_believed() -> None:
    study = _with_one(35, -300.0, is_real=True)
    assert _claims(study) == [36]
    assert study.best.params == study.trials[35].params


def test_an_objective_in_steps_wastes_no_looks_on_what_takes_the_lead() -> None:
    """Each step down is a new best; none but the first gains far more than all before."""
    study = tt.create_study(tt.Space({name: tt.Float(0.0, 1.0) for name in "abc"}), minimize="loss", seed=2)
    for _ in range(60):
        trial = study.ask()
        study.tell(trial.number, float(sum(np.floor(8.0 * abs(value - 0.3)) for value in trial.params.values())))
    assert len(_claims(study)) <= 1


def test_what_takes_the_lead_and_then_fails_is_looked_at_once() -> None:
    study = tt.create_study(tt.Space(a=tt.Float(0.0, 1.0), b=tt.Float(0.0, 1.0)), minimize="loss", seed=0)
    spike = None
    for number in range(30):
        trial = study.ask()
        loss = sum((value - 0.3) ** 2 for value in trial.params.values())
        if trial.params == spike:
            study.tell(trial.number, failed="exception")
            continue
        if number == 15:
            spike = trial.params
        study.tell(trial.number, loss - (300.0 if number == 15 else 0.0))
    looks = [trial for trial in study.trials if "looks again" in (trial.why or "")]
    assert sum(trial.params == spike for trial in looks) == 1
