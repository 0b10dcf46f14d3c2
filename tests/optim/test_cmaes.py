from __future__ import annotations

import copy
import pickle
import subprocess
import sys
from collections.abc import Callable

import numpy as np
import pytest

from trimtab.errors import SpaceError
from trimtab.optim.cmaes import SIGMA, CmaEs, CmaEsState
from trimtab.space.condition import given
from trimtab.space.parameter import Categorical, Float, Int
from trimtab.space.problem import Problem, at_most, minimize
from trimtab.space.space import Space
from trimtab.testing.simulation import PROBLEMS, Simulation

LINE = Space(a=Float(0, 1), b=Float(0, 1))


def study(
    space: Space, loss: Callable[[np.ndarray], float], n: int, seed: int = 0, size: int | None = None
) -> Simulation:
    """Run n trials of a loss of one row; those of loss nan fail."""
    run = Simulation(Problem(space, (minimize("loss"),)), CmaEs(size), seed=seed)
    for _ in range(n):
        [number] = run.ask()
        run.start(number)
        value = float(loss(run.table.x[number]))
        if np.isnan(value):
            run.fail(number)
        else:
            run.tell(number, value)
    run.propose()
    return run


@pytest.mark.parametrize("seed", range(3))
def test_a_rotated_bowl_is_descended(seed: int) -> None:
    """Condition 10,000, in five dimensions, the best far from the middle."""
    rotation = np.linalg.qr(np.random.default_rng(3).normal(size=(5, 5)))[0]
    best, scales = np.array([0.2, 0.7, 0.35, 0.8, 0.55]), 10.0 ** np.arange(5)
    run = study(
        Space({f"x{i}": Float(0, 1) for i in range(5)}), lambda x: scales @ (rotation @ (x - best)) ** 2, 1300, seed
    )
    assert run.table.y.min() < 1e-6


@pytest.mark.parametrize("seed", range(3))
def test_integers_are_found_to_the_unit(seed: int) -> None:
    best = np.array([7, 93, 50, 31])
    space = Space({f"n{i}": Int(0, 100) for i in range(4)} | {f"x{i}": Float(0, 1) for i in range(3)})
    run = study(space, lambda x: (((x[:4] - best) / 100) ** 2).sum() + ((x[4:] - 0.37) ** 2).sum(), 900, seed)
    assert run.table.x[run.table.y[:, 0].argmin(), :4].tolist() == best.tolist()


def test_a_logarithmic_integer_is_found() -> None:
    space = Space(n=Int(1, 1000, log=True), x=Float(0, 1))
    run = study(space, lambda x: np.log(x[0] / 2) ** 2 + (x[1] - 0.6) ** 2, 200)
    assert run.table.x[run.table.y[:, 0].argmin(), 0] == 2


def test_choices_of_the_better_half_become_frequent_and_none_is_lost() -> None:
    space = Space(a=Float(0, 1), c=Categorical(tuple("wxyz")), d=Categorical((True, False)))
    run = study(space, lambda x: (x[0] - 0.3) ** 2 + (x[1] != 2) + 0.5 * (x[2] != 1), 150)
    c, d = run.state.frequencies
    assert c[2] > 0.8
    assert d[1] > 0.7
    assert min(c.min(), d.min()) > 0.02
    assert c.sum() == pytest.approx(1.0)


def test_choices_alone_are_enough() -> None:
    run = study(PROBLEMS["choices only"].space, lambda x: float(np.abs(x - 3).sum()), 400)
    assert run.table.y.min() <= 1.0


def test_a_conditional_parameter_learns_from_the_trials_that_have_it() -> None:
    space = Space(kind=Categorical(("p", "q")), x=Float(0, 1, when=given("kind") == "q"), y=Float(0, 1))

    def loss(x: np.ndarray) -> float:
        return (x[2] - 0.5) ** 2 + (0.3 if x[0] == 0 else (x[1] - 0.9) ** 2)

    run = study(space, loss, 200)
    late = run.table.x[150:]
    assert np.mean(late[:, 0] == 1) > 0.6
    assert abs(np.nanmedian(late[:, 1]) - 0.9) < 0.05


def test_failures_count_as_the_worst() -> None:
    run = study(LINE, lambda x: float("nan") if x[0] > 0.5 else -x[0], 120)
    assert np.mean(run.table.x[60:, 0] <= 0.5) > 0.5
    assert np.nanmin(run.table.y[:, 0]) < -0.49


def test_bounds_on_metrics_are_kept_to() -> None:
    run = Simulation(Problem(LINE, (minimize("loss"), at_most("memory", 0.5))), CmaEs())
    for _ in range(150):
        [number] = run.ask()
        run.start(number)
        a, b = run.table.x[number]
        run.tell(number, -a - b, a)
    met = run.table.y[:, 1] <= 0.5
    assert run.table.y[met, 0].min() < -1.48


def test_where_nothing_tells_trials_apart_the_distribution_stays() -> None:
    run = study(LINE, lambda x: 1.0, 100)
    assert run.state.normal.mean.tolist() == [0.5, 0.5]
    assert run.state.shadows.std(axis=0) == pytest.approx([SIGMA, SIGMA], rel=0.4)


def test_the_default_comes_first_and_the_search_begins_there() -> None:
    space = Space(a=Float(0, 1, default=0.9), b=Float(1e-4, 1, log=True, default=1e-3))
    run = Simulation(Problem(space, (minimize("loss"),)), CmaEs())
    [number] = run.ask()
    assert run.table.x[number].tolist() == [0.9, 1e-3]
    assert run.state.normal.mean == pytest.approx([0.9, 0.25])


def test_one_far_trial_of_a_user_does_not_blow_it_up() -> None:
    run = study(LINE, lambda x: ((x - 0.3) ** 2).sum(), 200)
    narrow = run.state.shadows.std(axis=0).max()
    assert narrow < 0.02
    run.enqueue(np.array([0.95, 0.95]))
    for _ in range(run.state.size - len(run.state.members)):
        number = run.table.first_waiting if run.table.n_waiting else run.ask()[0]
        run.start(number)
        run.tell(number, -1.0 if run.table.origin(number).by == "user" else 1.0)
    run.propose()
    assert run.state.shadows.std(axis=0).max() < 10 * narrow


def test_once_it_has_converged_it_begins_again_with_twice_the_size() -> None:
    space = Space({f"n{i}": Int(0, 2) for i in range(2)})
    run = study(space, lambda x: ((x - 2) ** 2).sum(), 200, size=4)
    assert run.state.size > 4
    assert run.table.y.min() == 0.0


def test_where_hardly_anything_satisfies_the_constraints_it_goes_on() -> None:
    space = Space(a=Float(0, 1), b=Float(0, 1), require=["a + b <= 0.02"])
    run = study(space, lambda x: -x[0], 60)
    assert bool(space.satisfied(run.table.x).all())


# ---- replay


def test_an_ask_is_a_function_of_state_and_generator() -> None:
    """Also of a state that was written and read, though the package gives what is read a generator of its own."""
    run = study(LINE, lambda x: ((x - 0.3) ** 2).sum(), 50)
    proposals = [
        CmaEs().ask(state, run.table, run.request(3)).x
        for state in (run.state, copy.deepcopy(run.state), pickle.loads(pickle.dumps(run.state)))
    ]
    np.testing.assert_array_equal(proposals[0], proposals[1])
    np.testing.assert_array_equal(proposals[0], proposals[2])


def test_a_generation_is_filled_in_the_order_of_the_log() -> None:
    run = study(LINE, lambda x: ((x - 0.3) ** 2).sum(), 57, size=10)
    assert (run.state.generation, len(run.state.members)) == (5, 7)
    again = CmaEs(10).init(run.problem)
    for row in run.table.order.tolist():
        again = CmaEs(10).tell(again, run.table, row)
    np.testing.assert_array_equal(again.normal.mean, run.state.normal.mean)


# ---- options


@pytest.mark.parametrize("size", [3, 0, -1, 4.0, True, "10"])
def test_a_size_that_is_none_is_refused(size: object) -> None:
    with pytest.raises(SpaceError, match=r"CmaEs expects size= to be a whole number from 4 to 100,000, got"):
        CmaEs(size)  # type: ignore[arg-type]


def test_the_size_grows_with_the_space() -> None:
    assert CmaEsState(PROBLEMS["fifty parameters"], None).size == 15
    assert CmaEsState(PROBLEMS["one parameter"], None).size == 4


def test_without_the_package_one_sentence_says_what_to_install() -> None:
    code = (
        "import sys; sys.modules['cmaes'] = None\n"
        "import trimtab as tt\n"
        "tt.create_study(tt.Space(x=tt.Float(0, 1)), minimize='loss', optimizer='cmaes').ask()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    last = done.stderr.strip().splitlines()[-1]
    assert last.endswith("cmaes is needed for optimizer='cmaes': pip install 'trimtab[cmaes]'")
