"""What results at several fidelities are to a model: no repeats, one row for each configuration, and comparable."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from trimtab.arrays import Floats
from trimtab.ledger.event import Origin
from trimtab.ledger.table import COMPLETE
from trimtab.model.features import Features
from trimtab.model.fidelities import height
from trimtab.model.labels import labelled, with_below
from trimtab.model.observations import Observations
from trimtab.model.settings import MODEL, ModelSettings
from trimtab.model.surrogate import Surrogate
from trimtab.optim.auto import Auto
from trimtab.optim.cmaes import CmaEs
from trimtab.optim.gp import Gp
from trimtab.optim.tpe import Tpe
from trimtab.schedule.rungs import spearman
from trimtab.space.parameter import Float
from trimtab.space.problem import Fidelity, Problem, minimize
from trimtab.space.space import Space
from trimtab.testing.simulation import Simulation

SPACE = Space(a=Float(0, 1), b=Float(0, 1))
LOSS = (minimize("loss"),)
EPOCHS = Problem(SPACE, LOSS, (Fidelity("epoch", 1, 9),))
TWO = Problem(SPACE, LOSS, (Fidelity("epoch", 1, 9), Fidelity("share", 0.1, 1.0)))

Loss = Callable[[Floats, float], float]


def curve(x: Floats, epoch: float) -> float:
    return float(((x - 0.3) ** 2).sum() + 1.0 / epoch)


def run_one(run: Simulation, x: Floats, epoch: float, loss: Loss = curve, parent: int | None = None) -> int:
    """Put a configuration on record that ran up to an epoch, at the highest of any other fidelity."""
    rest = [fidelity.high for fidelity in run.problem.fidelities[1:]]
    number = run.put(x, Origin("test", ""), fidelity=[epoch, *rest], parent=parent)
    run.start(number)
    run.tell(number, loss(run.table.x[number], epoch))
    return number


def halved(run: Simulation, n: int, loss: Loss = curve, rungs: tuple[float, ...] = (1, 3, 9)) -> Observations:
    """Run n random configurations by successive halving, and return what is known of them."""
    rows = [run_one(run, x, rungs[0], loss) for x in SPACE.sample(np.random.default_rng(0), n)]
    for rung in rungs[1:]:
        rows = sorted(rows, key=lambda row: float(run.table.y[row, 0]))[: len(rows) // 3]
        rows = [run_one(run, run.table.x[row], rung, loss, row) for row in rows]
    return observed(run)


def observed(run: Simulation) -> Observations:
    observations = Observations(run.problem)
    for row in run.table.order.tolist():
        observations.tell(run.table, row)
    return observations


@pytest.mark.parametrize("problem", [EPOCHS, TWO], ids=["one fidelity", "two fidelities"])
def test_two_rungs_of_one_configuration_are_no_repeats(problem: Problem) -> None:
    run = Simulation(problem)
    observations = halved(run, 27)
    assert np.isnan(observations.deviation(len(observations))[0])
    assert observations.deviation(len(observations))[1] == 0
    best = int(run.table.rows(COMPLETE)[-1])
    run_one(run, run.table.x[best], 9)
    deviation, freedom = observed(run).deviation(len(observations) + 1)
    assert (deviation, freedom) == (0.0, 1)


@pytest.mark.parametrize("problem", [EPOCHS, TWO], ids=["one fidelity", "two fidelities"])
def test_each_configuration_counts_once_and_curves_of_one_shape_are_put_on_one_scale(problem: Problem) -> None:
    observations = halved(Simulation(problem), 54)
    seen = labelled(observations, len(observations), None)
    assert len(seen) == 54
    assert (seen.counts == 1.0).all()
    at_the_end = np.array([curve(x, 9) for x in seen.x])
    assert seen.losses == pytest.approx(at_the_end)


def test_what_foretells_nothing_weighs_little() -> None:
    noise = np.random.default_rng(1)
    results = [
        halved(Simulation(EPOCHS), 54, loss).results(54 + 18 + 6)
        for loss in (curve, lambda x, epoch: curve(x, 9) if epoch == 9 else float(noise.normal()))
    ]
    alike, unlike = (float(one.known.max() / np.var(one.losses)) for one in results)
    assert alike < 1e-9
    assert unlike > 0.1


def test_a_stopped_trial_counts_with_its_last_report_where_it_got_to() -> None:
    run = Simulation(EPOCHS)
    for i, x in enumerate(SPACE.sample(np.random.default_rng(0), 12)):
        number = run.put(x, Origin("test", ""))
        run.start(number)
        end = 9 if i % 3 == 0 else 4
        for epoch in range(1, end + 1):
            run.report(number, epoch, loss=curve(x, epoch))
        if end == 9:
            run.tell(number, curve(x, 9))
        else:
            run.stop(number, loss=curve(x, 4))
    observations = observed(run)
    assert len(observations) == 12
    assert observations.stopped.n == 0
    assert sorted(set(observations.fidelity.view[:, 0].tolist())) == [4.0, 9.0]
    seen = labelled(observations, 12, None)
    # The offset from epoch 4 to 9 is read off the curves of those that went on.
    assert seen.losses == pytest.approx([curve(x, 9) for x in seen.x])


def test_between_two_of_its_reports_a_trial_is_taken_to_lie_on_the_line_between_them() -> None:
    def straight(x: Floats, epoch: float) -> float:
        return float(x.sum()) - 0.1 * epoch

    run = Simulation(EPOCHS)
    for i, x in enumerate(SPACE.sample(np.random.default_rng(0), 12)):
        if i % 3:
            run_one(run, x, 5.0, straight)
            continue
        number = run.put(x, Origin("test", ""))
        run.start(number)
        for epoch in (1, 3, 7)[: 1 + i // 3]:
            run.report(number, epoch, loss=straight(x, epoch))
        run.tell(number, straight(x, 9))
    seen = labelled(observed(run), 12, None)
    assert seen.losses == pytest.approx([straight(x, 9) for x in seen.x])


def test_a_stopped_trial_without_a_report_is_kept_away_from() -> None:
    run = Simulation(EPOCHS)
    number = run.put(np.array([0.5, 0.5]), Origin("test", ""))
    run.start(number)
    run.stop(number)
    observations = observed(run)
    assert len(observations) == 0
    assert observations.stopped.n == 1


def test_a_loss_at_a_lower_fidelity_is_neither_an_improvement_nor_none() -> None:
    run = Simulation(EPOCHS)
    idle = []
    for x, epoch in [(0.9, 1), (0.8, 1), (0.9, 1), (0.9, 9), (0.1, 1), (0.99, 9), (0.3, 9)]:
        run_one(run, np.array([x, 0.3]), epoch)
        idle.append(observed(run).n_idle)
    assert idle == [0, 0, 1, 0, 0, 1, 0]


def test_losses_that_diverged_leave_the_others_on_their_scale() -> None:
    def diverging(x: Floats, epoch: float) -> float:
        return 1e300 if x[0] > 0.9 else curve(x, epoch)

    observations = halved(Simulation(EPOCHS), 54, diverging)
    seen = labelled(observations, len(observations), None)
    works = seen.x[:, 0] <= 0.9
    assert np.isfinite(seen.labels).all()
    assert np.isfinite(seen.known).all()
    assert seen.losses[works] == pytest.approx([curve(x, 9) for x in seen.x[works]])
    assert seen.labels[~works].max() < seen.labels[works].min()


def test_what_was_carried_is_no_part_of_the_state() -> None:
    observations = halved(Simulation(EPOCHS), 9)
    before = pickle.dumps(observations)
    observations.results(len(observations))
    assert pickle.dumps(observations) == before


@pytest.mark.parametrize(
    ("at", "expected"),
    [([1.0, 0.1], 0.0), ([9.0, 1.0], 1.0), ([3.0, 1.0], 0.75), ([3.0, 0.1], 0.25)],
)
def test_a_height_is_the_mean_place_of_each_fidelity_on_its_scale(at: list[float], expected: float) -> None:
    fidelities = (Fidelity("epoch", 1, 9, log=True), Fidelity("share", 0.1, 1.0))
    assert height(fidelities, np.array(at)) == pytest.approx(expected)


def test_a_line_of_descent_counts_once_to_densities_and_who_got_further_leads() -> None:
    run = Simulation(EPOCHS, Tpe())
    halved(run, 27)
    run.propose()
    state = run.state
    assert state.n_complete == len(state.leaders) == 27
    best = sorted(zip(state.ranks().tolist(), (one.height for one in state.leaders), strict=True))
    assert [h for _, h in best] == [1.0] * 3 + [0.25] * 6 + [0.0] * 18


def test_a_line_of_descent_is_one_draw_of_a_distribution() -> None:
    pytest.importorskip("cmaes")
    run = Simulation(EPOCHS, CmaEs(size=30))
    halved(run, 27)
    run.propose()
    assert len(run.state.members) == 27


@pytest.mark.parametrize("engine", [Gp, Auto, Tpe])
@pytest.mark.parametrize("seed", range(3))
def test_a_deterministic_objective_under_halving_has_no_noise_and_nothing_is_confirmed(
    engine: Callable[[], Gp | Auto | Tpe], seed: int
) -> None:
    run = Simulation(EPOCHS, engine(), seed)
    promoted: set[int] = set()
    while len(run.table) < 70:
        parent = next(
            (
                (int(row), rung)
                for low, rung in ((3.0, 9.0), (1.0, 3.0))
                for rows in [np.flatnonzero(run.table.fidelity[:, 0] == low)]
                for row in rows[np.argsort(run.table.y[rows, 0])][: len(rows) // 3]
                if int(row) not in promoted
            ),
            None,
        )
        if parent is None:
            proposal = run.propose(fidelity=[1.0])
            run_one(run, proposal.x[0], 1)
            assert "confirms" not in proposal.reason(0)
        else:
            promoted.add(parent[0])
            run_one(run, run.table.x[parent[0]], parent[1], curve, parent[0])
    fresh = run.table.x[run.table.parent < 0]
    assert len(np.unique(fresh, axis=0)) == len(fresh), "a configuration was proposed twice"
    assert ((run.table.x[run.table.rows(COMPLETE)] - 0.3) ** 2).sum(axis=1).min() < 0.02
    if engine is not Tpe:
        gp = run.state if engine is Gp else run.state.gp
        model = gp.surrogate.model(gp.observations, None)
        assert model.posterior.noise < 1e-5


TWO_LOG = Problem(SPACE, LOSS, (Fidelity("epoch", 1, 9, log=True), Fidelity("share", 1 / 9, 1.0, log=True)))


def shifted(x: Floats, epoch: float) -> float:
    """The best lies elsewhere at lower fidelities: all that is missed is missed likewise by neighbours."""
    off = 0.4 * (1.0 - np.log(epoch) / np.log(9))
    return float(((x - np.array([0.3, 0.3 + off])) ** 2).sum() + 1.0 / epoch)


def promoted(problem: Problem, n: int) -> Observations:
    """Run whole ones, some that were begun low, and the best of many that were."""
    run = Simulation(problem)
    xs = SPACE.sample(np.random.default_rng(1), n)
    low = [run_one(run, x, 1, shifted) for x in xs]
    best = sorted(low[6:], key=lambda row: float(run.table.y[row, 0]))[: n // 4]
    for row in [*low[:6], *best]:
        run_one(run, run.table.x[row], 9, shifted, row)
    return observed(run)


@pytest.mark.parametrize("problem", [EPOCHS, TWO_LOG], ids=["one", "two"])
def test_what_was_seen_at_lower_fidelities_tells_how_far_they_are_from_a_whole_run(problem: Problem) -> None:
    observations = promoted(problem, 32)
    seen = labelled(observations, len(observations), None)
    told = with_below(observations, len(observations), seen)
    assert len(told) == len(seen) + 6 + 8
    assert told.apart is not None
    np.testing.assert_array_equal(told.labels[: len(seen)], seen.labels)
    highest = np.isin(np.arange(len(seen)), observations.config.view[32:])
    assert (told.apart[: len(seen)][highest] == 0).all()
    assert (told.apart[: len(seen)][~highest, 0] > 0).all()
    assert (told.apart[:, 1:] == 0).all(), "the share was the highest in all"
    assert (told.apart[len(seen) :, 0] > 0).all()


def test_a_process_that_is_told_of_lower_fidelities_ranks_better_where_these_are_off() -> None:
    """On less data more must be held back, and smaller steps be made: three of four parameters are best elsewhere."""
    space = Space(a=Float(0, 1), b=Float(0, 1), c=Float(0, 1), d=Float(0, 1))
    problem = Problem(space, LOSS, (Fidelity("share", 1, 27, log=True),))

    def loss(x: Floats, share: float) -> float:
        off = 0.3 * (1.0 - np.log(share) / np.log(27))
        at = np.array([0.35 - 0.5 * off, 0.4 + off, 0.7, 0.2 + off])
        return float((np.array([3.0, 0.8, 0.5, 0.4]) * (x - at) ** 2).sum())

    def agreement(seed: int, settings: ModelSettings) -> float:
        run, observations = Simulation(problem), Observations(problem, settings)
        xs = space.sample(np.random.default_rng(seed), 40)
        for x in xs[:5]:
            run_one(run, x, 27, loss)
        low = [run_one(run, x, 1, loss) for x in xs[5:]]
        best = sorted(low[8:], key=lambda row: float(run.table.y[row, 0]))[:9]
        for row in [*low[:8], *best]:
            run_one(run, run.table.x[row], 27, loss, row)
        for row in run.table.order.tolist():
            observations.tell(run.table, row)
        features = Features(space)
        surrogate = Surrogate(features, np.ones(4), is_tree=False, settings=settings)
        others = space.sample(np.random.default_rng(99), 300)
        means = surrogate.model(observations, None).posterior.mean(features.embed(others))
        return spearman(-means, np.array([loss(x, 27) for x in others]))

    without = replace(MODEL, below_least=10**9)
    gains = [agreement(seed, MODEL) - agreement(seed, without) for seed in range(3)]
    assert np.mean(gains) > 0.005, gains


def test_few_rows_below_are_left_out() -> None:
    observations = promoted(EPOCHS, 32)
    seen = labelled(observations, 36, None)
    assert with_below(observations, 36, seen) is seen, "four are below by then"
