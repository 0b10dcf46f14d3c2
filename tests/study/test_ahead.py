"""Proposals made ahead: when they are used, when they are not, and that a replay comes to them too."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest

import trimtab as tt
from trimtab.errors import TrialError
from trimtab.ledger.event import Asked, Opened, Told
from trimtab.optim.random import Random
from trimtab.schedule.protocol import Continue, Fresh
from trimtab.study import ahead
from trimtab.study.plan import Plan
from trimtab.study.replay import replay
from trimtab.testing.simulation import PROBLEMS, Simulation

SPACE = tt.Space(x=tt.Float(0, 1), y=tt.Float(0, 1))


class Slow(Random):
    """Takes its time, and depends on everything that it was told."""

    def __init__(self, seconds: float = 0.005) -> None:
        self._seconds = seconds
        self.n_asked = 0

    def init(self, problem):
        return [0]

    def tell(self, state, table, row):
        return [*state, row]

    def ask(self, state, table, request):
        self.n_asked += 1
        time.sleep(self._seconds)
        proposal = super().ask(None, table, request)
        proposal.x[:, -1] = (len(state) + proposal.x[:, -1]) / 1000.0
        return proposal

    def to_json(self):
        return {"seconds": self._seconds}


def running(n: int, n_over: int = 1, **more: object) -> tuple[tt.Study, Slow]:
    """Return a study of quick trials of which `n` run and `n_over` are over."""
    optimizer = Slow()
    study = tt.create_study(SPACE, **({"minimize": "loss", "optimizer": optimizer, "seed": 0} | more))
    trials = [study.ask().number for _ in range(n + n_over)]
    study.dispatch.propose_s = 1000.0
    for number in trials[:n_over]:
        study.tell(number, 0.5)
    return study, optimizer


def asked(study: tt.Study, number: int) -> Asked:
    events = [record.event for record in study.session.journal.read()]
    return next(event for event in events if isinstance(event, Asked) and event.number == number)


def replays(study: tt.Study, optimizer: Slow) -> bool:
    return not replay(study.session.journal.read(), optimizer).differing


@pytest.mark.parametrize(("n", "n_told", "is_used"), [(8, 1, True), (8, 2, True), (8, 3, False), (4, 1, True)])
def test_a_proposal_made_ahead_lacks_a_quarter_of_what_runs_at_most(n, n_told, is_used) -> None:
    study, optimizer = running(n)
    head = study.session.ledger.head
    study.dispatch.prepare()
    n_asked = optimizer.n_asked
    for number in study.table.running[:n_told]:
        study.tell(number, 0.25)
    trial = study.ask()
    assert (optimizer.n_asked == n_asked) == is_used
    assert (asked(study, trial.number).head == head) == is_used
    study.ask()
    assert optimizer.n_asked == n_asked + (1 if is_used else 2), "it is used once"
    assert replays(study, optimizer)


def test_it_is_made_once_and_again_when_a_result_came_in() -> None:
    study, optimizer = running(8)
    n_asked = optimizer.n_asked
    for _ in range(3):
        study.dispatch.prepare()
    assert optimizer.n_asked == n_asked + 1
    study.tell(study.table.running[0], 0.5)
    study.dispatch.propose_s = 1000.0
    study.dispatch.prepare()
    assert optimizer.n_asked == n_asked + 2
    head = study.session.ledger.head
    assert asked(study, study.ask().number).head == head


def test_nothing_is_made_ahead_where_few_trials_run() -> None:
    study, optimizer = running(3)
    n_asked = optimizer.n_asked
    study.dispatch.prepare()
    assert optimizer.n_asked == n_asked


def test_nothing_is_made_ahead_where_a_trial_is_in_line() -> None:
    study, optimizer = running(8)
    study.enqueue({"x": 0.5, "y": 0.5})
    n_asked = optimizer.n_asked
    study.dispatch.prepare()
    assert optimizer.n_asked == n_asked


def test_it_is_for_one_trial_of_one_space_by_one_engine() -> None:
    for change in (
        lambda study: (study.enqueue({"x": 0.5, "y": 0.5}), study.ask()),
        lambda study: study.add_parameter("z", tt.Float(0, 20)),
        lambda study: study.session.commit(lambda: [Opened({}, {"name": "random"})]),
    ):
        study, _ = running(8)
        study.dispatch.prepare()
        change(study)
        head = study.session.ledger.head
        assert asked(study, study.ask().number).head == head


def test_the_scheduler_has_the_last_word() -> None:
    class Stub:
        word: Fresh | Continue = Fresh()

        def assign(self, table, request):
            return self.word

        def judge(self, table, row):
            return None

        def to_json(self):
            return {"name": "stub"}

    for word, parent in ((Continue(0, (9.0,)), 0), (Fresh((3.0,)), None)):
        study, optimizer = running(8, fidelity=tt.Fidelity("epoch", 1, 9))
        stub = Stub()
        study.session.plan = Plan(stub.to_json(), stub)
        stub.word = Fresh((9.0,))
        study.dispatch.prepare()
        stub.word = word
        n_asked = optimizer.n_asked
        found = asked(study, study.ask().number)
        assert (found.parent, found.fidelity) == (parent, word.fidelity)
        assert optimizer.n_asked == n_asked + (parent is None)
        stub.word = Continue(0, (9.0,))
        study.dispatch.prepare()
        assert optimizer.n_asked == n_asked + (parent is None), "what the scheduler continues needs no engine"


def test_where_nothing_is_left_nothing_is_made_twice() -> None:
    class Exhausted(Slow):
        def ask(self, state, table, request):
            proposal = super().ask(state, table, request)
            return proposal if len(table) < 9 else type(proposal)(proposal.x[:0], "none")

    optimizer = Exhausted()
    study, _ = running(8, optimizer=optimizer)
    for _ in range(3):
        study.dispatch.prepare()
    assert optimizer.n_asked == 10
    with pytest.raises(TrialError, match="nothing is left to try"):
        study.ask()


def test_it_pays_where_waiting_is_long_beside_a_trial() -> None:
    run = Simulation(PROBLEMS["log"])
    assert not ahead.pays(run.table, 1e9), "nothing is known of the trials"
    for _ in range(3):
        number = run.enqueue(run.problem.space.default_row())
        run.start(number)
        run.add(Told(number, {"accuracy": 1.0}, seconds=1.0 if number < 2 else None))
    assert ahead.pays(run.table, 0.051)
    assert not ahead.pays(run.table, 0.049)


def test_a_driver_makes_proposals_while_trials_run(tmp_path: Path) -> None:
    url, optimizer = f"sqlite:///{tmp_path}/t.db", Slow(0.01)
    tt.tune(
        objective, SPACE, minimize="loss", budget=40, workers=4, executor="processes", optimizer=optimizer,
        store=url, name="ahead", seed=0,
    ).close()  # fmt: skip
    study = tt.load_study(url, "ahead", optimizer=optimizer)
    records = list(study.session.journal.read())
    over = np.array([record.seq for record in records if isinstance(record.event, Told)])
    lacking = [
        int(((over > record.event.head) & (over < record.seq)).sum())
        for record in records
        if isinstance(record.event, Asked)
    ]
    assert 1 <= max(lacking) <= 3  # more than one where others came in while the first was looked at: all at most
    assert sum(lacking) > 2
    assert replays(study, optimizer)
    study.close()


def objective(trial: tt.Trial) -> float:
    time.sleep(0.1)
    return trial.params["x"]
