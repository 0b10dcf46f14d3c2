"""Engines on problems drawn at random: whatever the space and the history, an ask gives rows of the space.

A seed is a problem, so a failure is repeated by its number: `-k "[17-gp]"`. Seeds from TRIMTAB_EXAMPLES (150) up to a
thousand are marked soak; a larger number draws more of them.
"""

from __future__ import annotations

import math
import os
from dataclasses import replace

import numpy as np
import pytest

from trimtab import plugins
from trimtab.arrays import Floats, Rng
from trimtab.errors import SpaceError
from trimtab.ledger.event import FAILURE_KINDS, Failed, Started, Stopped, Told
from trimtab.ledger.table import COMPLETE, FAILED
from trimtab.space.condition import Condition, given
from trimtab.space.parameter import Categorical, Float, Int, Ordinal, Parameter
from trimtab.space.problem import Fidelity, Metric, Problem, at_least, at_most, maximize, minimize
from trimtab.space.space import Space
from trimtab.testing.optimizers import check_equal, check_proposal
from trimtab.testing.simulation import Simulation, landscape

ENGINES = ("gp", "auto", "tpe")
N_SEEDS = int(os.environ.get("TRIMTAB_EXAMPLES", "150"))
SEEDS = [
    pytest.param(seed, ENGINES[seed % 3], marks=[pytest.mark.soak] if seed >= N_SEEDS else [])
    for seed in range(max(1000, N_SEEDS))
]
LONG = 59
"""One seed of so many has more than two thousand rows."""

NAMES = (
    *("lr", "batch_size", "depth", "weight_decay", "dropout", "x", "two words", "学习率", "b.c", "hidden", "k", "l1"),
    *("momentum", "y", "z", "warmup", "subsample", "w"),
)
HUGE, MOST, LEAST = 1e300, 1.7e308, 5e-324


def any_parameter(rng: Rng) -> Parameter:
    """Draw a parameter of any kind, without condition."""
    match int(rng.integers(12)):
        case 0 | 1:
            low, high = np.sort(rng.normal(0, 10.0 ** rng.integers(-3, 7), 2)).tolist()
            return Float(low, high)
        case 2:
            low, high = np.sort(10.0 ** rng.uniform(-300, 300, 2)).tolist()
            return Float(low, high, log=True)
        case 3:
            return Float(1e-5, 1e-1, log=True)
        case 4:
            step = float(rng.choice([0.1, 0.25, 1e-7, 1e5]))
            first, n = int(rng.integers(-50, 50)), int(rng.integers(0, 40))
            return Float(round(first * step, 10), round((first + n) * step, 10), step=step)
        case 5:  # to the edges of what floats can say
            low, high = ((-8e307, 8e307), (0.0, HUGE), (1e-300, 2e-300), (1.0, 1.0 + 2**-50), (2.5, 2.5))[
                rng.integers(5)
            ]
            return Float(low, high)
        case 6 | 7:
            low, step = int(rng.integers(-1000, 1000)), int(rng.integers(1, 7))
            return Int(low, low + step * int(rng.choice([0, 1, 3, 1000])), step=step)
        case 8:
            low = int(rng.integers(1, 100))
            return Int(low, low + int(rng.choice([0, 5, 10**4, 2**50])), log=True)
        case 9:
            return Ordinal(tuple(rng.choice(1000, int(rng.integers(1, 8)), replace=False).tolist()))
        case 10:
            return Categorical(tuple(f"c{i}" for i in range(int(rng.choice([1, 2, 3, 5, 40])))))
        case _:
            mixed: tuple[object, ...] = (None, True, 1, 1.0, 0.5, "auto")
            return Categorical(mixed[: int(rng.integers(1, 7))])


def any_value(rng: Rng, parameter: Parameter) -> object:
    """Draw a value of a parameter."""
    grid = parameter.grid
    if grid is not None:
        return parameter.value(grid.value(int(rng.integers(grid.n))))
    low, high = parameter.low, parameter.high
    return float(np.clip(low + rng.random() * (high - low), low, high))


def any_condition(rng: Rng, parents: dict[str, Parameter]) -> Condition:
    """Draw a condition on a parameter that some value fulfils, or on two."""
    name = str(rng.choice(list(parents)))
    parent, asked = parents[name], given(name)
    value = any_value(rng, parent)
    is_ordered = isinstance(parent, Ordinal) or not isinstance(parent, Categorical)
    match int(rng.integers(4 if is_ordered else 2)):
        case 0:
            condition = asked.is_in([value, any_value(rng, parent)])
        case 1:
            condition = asked == value
        case 2:
            condition = asked >= value
        case _:
            condition = asked <= value
    return condition | any_condition(rng, parents) if rng.random() < 0.2 else condition


def any_constraint(rng: Rng, parameters: dict[str, Parameter]) -> str | None:
    """Draw a constraint that leaves a good part of the space, as long as numbers can be added up."""
    sized = [n for n, p in parameters.items() if isinstance(p, Float | Int) and abs(p.low) + abs(p.high) < 1e9]
    if not sized:
        return None
    picked = [str(name) for name in rng.choice(sized, min(len(sized), int(rng.integers(1, 3))), replace=False)]
    bound = sum(parameters[n].low + rng.uniform(0.5, 1.0) * (parameters[n].high - parameters[n].low) for n in picked)
    return f"{' + '.join(f'given({name!r})' for name in picked)} <= {bound!r}"


def any_space(rng: Rng) -> Space:
    """Draw a space of 1 to 18 parameters, with conditions, constraints, defaults, priors and held values."""
    while True:
        parameters: dict[str, Parameter] = {}
        is_wide = rng.random() < 0.1  # so many that they are tuned in stages
        for name in rng.permutation(NAMES)[: rng.integers(14, 19) if is_wide else rng.integers(1, 13)].tolist():
            parameter = any_parameter(rng)
            if parameters and rng.random() < (0.05 if is_wide else 0.3):
                parameter = replace(parameter, when=any_condition(rng, parameters))
            if rng.random() < 0.25:
                value = any_value(rng, parameter)
                prior = float(rng.choice([0.1, 0.5, 1.0])) if value is not None and rng.random() < 0.5 else None
                parameter = replace(parameter, default=value, prior=prior)
                if value is not None and rng.random() < 0.2:
                    parameter = replace(parameter, role="fixed")
            if rng.random() < 0.1:
                parameter = replace(parameter, priority=int(rng.integers(1, 4)))
            parameters[name] = parameter
        require = [any_constraint(rng, parameters) for _ in range(int(rng.choice([0, 0, 0, 1, 2])))]
        require = [text for text in require if text is not None]
        free = [name for name, parameter in parameters.items() if parameter.when is None]
        fixed = {str(n): any_value(rng, parameters[n]) for n in free[:2]} if rng.random() < 0.15 else {}
        try:
            open_space = Space(parameters, fixed=fixed)
            space = Space(parameters, require=require, fixed=fixed)
        except SpaceError:  # a default that violates a constraint, a held value that makes another impossible
            continue
        if space.satisfied(open_space.sample(np.random.default_rng(0), 200)).mean() >= 0.1:
            return space


def any_problem(rng: Rng) -> Problem:
    """Draw a space, one to three objectives, some with a standard error, maybe a bound and a fidelity."""
    metrics: list[Metric] = []
    for i in range(int(rng.choice([1, 1, 1, 2, 3]))):
        goal = minimize if rng.random() < 0.5 else maximize
        metrics.append(goal(f"m{i}", error=f"m{i}_se" if rng.random() < 0.3 else None))
    if rng.random() < 0.25:
        goal = at_most if rng.random() < 0.5 else at_least
        metrics.append(goal("bounded", float(rng.choice([0.0, 0.5, -1e3, 1e300, -1e300, 1e308, -1e308]))))
    fidelities = (Fidelity("epoch", 1, 9),) if rng.random() < 0.15 else ()
    return Problem(any_space(rng), tuple(metrics), fidelities)


VALUES = ("landscape", "normal", "equal", "two", "huge", "most", "tiny", "offset", "scales")


def any_values(rng: Rng, mode: str, problem: Problem, x: Floats) -> dict[str, float]:
    """Draw the metrics of a row [D], all finite, and some of the standard errors."""
    if mode == "landscape":
        return landscape(problem, x)
    draw = {
        "normal": lambda: rng.normal(),
        "equal": lambda: 0.25,
        "two": lambda: rng.integers(2),
        "huge": lambda: rng.choice([HUGE, -HUGE, 1.0, 0.0]),
        "most": lambda: rng.choice([MOST, -MOST]) * rng.random(),
        "tiny": lambda: rng.choice([LEAST, -LEAST, 0.0, 1e-310]),
        "offset": lambda: 1e18 + 128.0 * rng.integers(9),
        "scales": lambda: rng.choice([-1.0, 1.0]) * 10.0 ** rng.uniform(-300, 300),
    }[mode]
    values = {metric.name: float(draw()) for metric in problem.metrics}
    errors = [float(10.0 ** rng.uniform(-3, 1)), 0.0, LEAST, HUGE, MOST]
    return values | {key: float(rng.choice(errors)) for _, key in problem.errors if rng.random() < 0.8}


def put(run: Simulation, rng: Rng, x: Floats, mode: str, fates: Floats) -> None:
    """Put a trial at `x` [D] on record, with any fate: complete, failed, stopped, lost, running, waiting."""
    number = run.enqueue(x)
    fate = int(rng.choice(6, p=fates))
    if fate == 5:
        return
    run.add(Started(number, "worker", 1))
    match fate:
        case 0:
            run.add(Told(number, any_values(rng, mode, run.problem, x), 1, seconds=1.0))
        case 1:
            run.add(Failed(number, str(rng.choice(FAILURE_KINDS)), "simulated", 1))
        case 2:
            values = any_values(rng, mode, run.problem, x) if rng.random() < 0.5 else {}
            run.add(Stopped(number, "simulated", 1, values))
        case 3:
            run.add(Failed(number, "lost", "simulated", 1, again=True))


def any_history(run: Simulation, rng: Rng, n: int) -> str:
    """Put n trials on record, and return of what kind they are."""
    mode = str(rng.choice(VALUES))
    one_point, all_fail = rng.random() < 0.08, rng.random() < 0.08
    ends = [0.0, 0.9] if all_fail else [0.9, 0.0] if rng.random() < 0.4 else [0.6, 0.3]
    fates = np.array([*ends, 0.04, 0.02, 0.02, 0.02])
    rows = run.problem.space.sample(rng, max(n, 1))
    for i in range(n):
        repeat = 0 if one_point else int(rng.integers(i)) if i and rng.random() < 0.15 else i
        put(run, rng, rows[repeat], mode, fates)
    return mode


def length_of(rng: Rng, seed: int) -> int:
    if seed % LONG == LONG - 1:
        return int(rng.integers(2_001, 2_200))
    return int(rng.choice([0, 1, 2, int(rng.integers(3, 12)), int(rng.integers(12, 61)), int(rng.integers(12, 61))]))


@pytest.mark.parametrize(("seed", "engine"), SEEDS)
def test_whatever_happened_an_ask_gives_rows_of_the_space(seed: int, engine: str) -> None:
    """No error, no warning (which pytest makes an error), rows of the space, the same rows when asked again."""
    rng = np.random.default_rng([2026, seed])
    run = Simulation(any_problem(rng), plugins.load("optimizers", engine)(), seed=seed)
    mode = any_history(run, rng, length_of(rng, seed))
    size = run.problem.space.n_configurations
    before = (len(run.table), len(run.records))
    for n, row in ((1, None), (4, None), (2, partial_row(run.problem.space, rng))):
        proposal = run.propose(n, row)
        check_proposal(run, proposal, n)
        check_equal(proposal, run.propose(n, row))
        if row is None and (size is None or size > 2_500):  # of what has the given values, one may be all there is
            assert len(proposal.x) == n, "there is something left to try"
        if row is not None:
            held = run.problem.space.fixed_row()  # what the space holds anyway may be inactive
            kept = ~np.isnan(row) if held is None else ~np.isnan(row) & np.isnan(held)
            np.testing.assert_array_equal(proposal.x[:, kept], np.tile(row[kept], (len(proposal.x), 1)))
    assert (len(run.table), len(run.records)) == before
    for n in (4, 1):  # with those pending, one of them told, and on
        numbers = run.ask(n)
        for number in numbers[:1]:
            run.start(number)
            run.add(Told(number, any_values(rng, mode, run.problem, run.table.x[number]), 1, seconds=1.0))
    check_proposal(run, run.propose(1), 1)


def partial_row(space: Space, rng: Rng) -> Floats:
    """Return [D] some values of a row of the space, nan for the others."""
    row = space.sample(rng, 1)[0]
    return np.where(rng.random(len(row)) < 0.4, row, np.nan)


def any_metrics(rng: Rng) -> tuple[Metric, ...]:
    """Draw one to five objectives and up to three bounds, at least two metrics in all."""
    while True:
        objectives = [
            (minimize if rng.random() < 0.5 else maximize)(f"m{i}", error=f"m{i}_se" if rng.random() < 0.1 else None)
            for i in range(int(rng.choice([1, 1, 2, 2, 3, 4, 5])))
        ]
        bounds = [0.0, 0.05, 0.25, 0.5, -1e3, 1e300, -1e300, 1e308, -1e308]
        constraints = [
            (at_most if rng.random() < 0.6 else at_least)(
                f"c{i}", float(rng.choice(bounds)), confidence=0.9 if rng.random() < 0.2 else None
            )
            for i in range(int(rng.choice([0, 1, 1, 2, 3])))
        ]
        if len(objectives) + len(constraints) > 1:
            return (*objectives, *constraints)


def some_missing(rng: Rng, values: dict[str, float], problem: Problem, share: float) -> dict[str, float]:
    """Return the values without a share of those of constraints, which trials need not measure."""
    bounded = {metric.name for metric in problem.constraints}
    return {name: value for name, value in values.items() if name not in bounded or rng.random() >= share}


N_METRICS = int(os.environ.get("TRIMTAB_EXAMPLES", "36"))


@pytest.mark.parametrize(
    ("seed", "engine"),
    [
        pytest.param(seed, ENGINES[seed % 3], marks=[pytest.mark.soak] if seed >= N_METRICS else [])
        for seed in range(max(300, N_METRICS))
    ],
)
def test_whatever_metrics_there_are_an_ask_gives_rows_of_the_space(seed: int, engine: str) -> None:
    """All broken, none broken, constant, huge, one metric missing: rows of the space, and bit for bit again."""
    rng = np.random.default_rng([2027, seed])
    problem = Problem(any_space(rng), any_metrics(rng), (Fidelity("epoch", 1, 9),) if rng.random() < 0.1 else ())
    optimizer = plugins.load("optimizers", engine)()
    run = Simulation(problem, optimizer, seed=seed)
    mode, missing = str(rng.choice(VALUES)), float(rng.choice([0.0, 0.0, 0.3, 1.0]))
    fates = np.array([0.9, 0.0, 0.04, 0.02, 0.02, 0.02] if rng.random() < 0.6 else [0.6, 0.3, 0.04, 0.02, 0.02, 0.02])
    n = int(rng.choice([2, 5, 9, 12, 21, 26]))
    rows = problem.space.sample(rng, n)
    for i in range(n):
        number = run.enqueue(rows[int(rng.integers(i)) if i and rng.random() < 0.15 else i])
        fate = int(rng.choice(6, p=fates))
        if fate in (2, 3, 4, 5):
            continue
        run.start(number)
        if fate == 1:
            run.fail(number, str(rng.choice(FAILURE_KINDS)))
        else:
            values = some_missing(rng, any_values(rng, mode, problem, rows[i]), problem, missing)
            run.add(Told(number, values, 1, seconds=1.0))
    size = problem.space.n_configurations
    for n, row in ((1, None), (3, None), (1, partial_row(problem.space, rng))):
        proposal = run.propose(n, row)
        check_proposal(run, proposal, n)
        if row is None and (size is None or size > 2_500):
            assert len(proposal.x) == n
        again = optimizer.init(problem)
        for number in run.table.order.tolist():
            again = optimizer.tell(again, run.table, number)
        check_equal(proposal, optimizer.ask(again, run.table, run.request(n, row)))


def test_the_problems_are_of_every_kind() -> None:
    """What is drawn covers what it is there to cover; else the test above says less than it seems to."""
    seen: dict[str, int] = {}

    def count(what: str, *, is_so: bool) -> None:
        seen[what] = seen.get(what, 0) + is_so

    for seed in range(150):
        rng = np.random.default_rng([2026, seed])
        problem = any_problem(rng)
        space = problem.space
        for kind in range(4):
            count(f"parameter of kind {kind}", is_so=bool((space.kind == kind).any()))
        count("conditions", is_so=space.is_conditional)
        count("constraints", is_so=bool(space.constraints))
        count("held values", is_so=space.fixed_row() is not None)
        count("several objectives", is_so=len(problem.objectives) > 1)
        count("standard errors", is_so=bool(problem.errors))
        count("bounded metrics", is_so=bool(problem.constraints))
        wide = [p for p in space.parameters if isinstance(p, Float) and p.log and math.log10(p.high / p.low) > 100]
        count("wide logarithmic ranges", is_so=bool(wide))
        count("a dozen parameters", is_so=len(space) == 12)
        count("enough parameters for stages", is_so=len(space) > 13)
        count("one parameter", is_so=len(space) == 1)
        run = Simulation(problem, None)
        if seed % LONG != LONG - 1:
            mode = any_history(run, rng, length_of(rng, seed))
            count(f"values: {mode}", is_so=True)
            count("no trial", is_so=not len(run.table))
            count("no complete trial", is_so=len(run.table) > 5 and not (run.table.state == COMPLETE).any())
            count("failures", is_so=bool((run.table.state == FAILED).any()))
            count("pending trials", is_so=bool(run.table.running or run.table.waiting))
            count("repeats", is_so=len(np.unique(run.table.x, axis=0)) < len(run.table))
    assert all(seen.values()), seen
    assert {f"values: {mode}" for mode in VALUES} <= seen.keys(), seen
