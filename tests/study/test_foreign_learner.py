"""An engine of a stranger's that learns from past studies: in a real session, over a kill, and replayed to the bit."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import trimtab as tt
from trimtab.ledger import snapshot
from trimtab.optim.protocol import Learns
from trimtab.study.replay import replay

HERE = Path(__file__).parent


@pytest.fixture
def nearby(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(HERE))
    import nearby

    yield nearby
    del sys.modules["nearby"]


def past_studies(store: str, nearby: Any) -> None:
    for name, at in (("a", -4.0), ("b", -0.5)):
        with tt.create_study(nearby.SPACE, minimize="loss", optimizer="random", seed=7, name=name, store=store) as made:
            for _ in range(20):
                trial = made.ask()
                made.tell(trial.number, nearby.loss(trial.params, at))


def test_it_is_asked_for_all_proposals_and_puts_the_portfolio_first_itself(tmp_path: Path, nearby: Any) -> None:
    store = f"sqlite:///{tmp_path / 'a.db'}"
    past_studies(store, nearby)
    assert isinstance(nearby.Nearby(), Learns)
    options = {"minimize": "loss", "seed": 4, "store": store, "learn_from": ["a", "b"], "optimizer": nearby.Nearby()}
    with tt.create_study(nearby.SPACE, name="next", **options) as made:
        n = len(made.table.portfolio)
        assert n > 1
        assert made.table.n_waiting == 0  # nothing was put in line for it
        asked = [made.ask() for _ in range(n + 1)]  # none is over
        whys = [made.trials[trial.number].why for trial in asked]
        assert [why.startswith("the best of") for why in whys] == [True] * n + [False]
        for trial in asked:
            made.tell(trial.number, nearby.loss(trial.params))
    with tt.load_study(store, "next", optimizer=nearby.Nearby()) as again:
        for _ in range(5):
            trial = again.ask()
            again.tell(trial.number, nearby.loss(trial.params))
        found = replay(again.session.journal.read(), nearby.Nearby())
        assert (found.suggestions, found.differing) == (n + 6, ())
        assert [lesson.study for lesson in again.learned] == ["a", "b"]
        assert all(lesson.believed is not None and lesson.first for lesson in again.learned)
    two = {**options, "minimize": None, "objectives": [tt.minimize("loss"), tt.minimize("size")]}
    with tt.create_study(nearby.SPACE, name="two", **two) as made:  # of which it says that it does not
        assert made.table.n_waiting == len(made.table.portfolio) > 0


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")
def test_a_kill_changes_no_proposal(tmp_path: Path, nearby: Any) -> None:
    tables = []
    for name, kills in (("whole", ()), ("killed", (1, 6))):
        store = f"sqlite:///{tmp_path / name}.db"
        past_studies(store, nearby)
        for number in (*kills, -1):
            command = [sys.executable, str(HERE / "nearby.py"), store, str(number)]
            done = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ}, timeout=60)
            assert done.returncode == (0 if number < 0 else -signal.SIGKILL), done.stderr
        with tt.load_study(store, "next", optimizer=nearby.Nearby()) as made:
            records = list(made.session.journal.read())
            found = replay(iter(records), nearby.Nearby())
            assert (found.suggestions, found.differing) == (9, ())
            restored = snapshot.load(bytes(snapshot.save(made.session.ledger)))
            assert restored is not None
            assert restored.table.past == made.table.past
            tables.append(made.table.x.copy())
    assert np.array_equal(*tables, equal_nan=True)
