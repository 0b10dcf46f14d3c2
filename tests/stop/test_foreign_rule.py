"""A stranger's rule that knows what an improvement is worth: engines are told, over kills, and replays need it not."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import haggler
import numpy as np
import pytest
from haggler import Haggler, tuned

import trimtab as tt
from trimtab.errors import PluginError, TrimtabError
from trimtab.ledger.event import Asked, Told
from trimtab.stop.protocol import Rated, Stop
from trimtab.study.replay import replay
from trimtab.testing.stops import StopContract


class TestAHagglerKeepsTheContract(StopContract):
    @pytest.fixture
    def make(self):
        return Haggler


def told(study: tt.Study) -> list[dict[str, float]]:
    """Return what each proposal was told must be gained, checked against what the rule says of the trials before."""
    rule, n_over, found = Haggler(), 0, []
    for record in study.session.journal.read():
        if isinstance(record.event, Told):
            n_over += 1
        if isinstance(record.event, Asked):
            assert record.event.remaining is not None
            found.append(record.event.remaining.must_gain)
            assert found[-1] == ({} if n_over < 5 else {"cost": pytest.approx(rule.scale * n_over)})
    return found


def test_engines_are_told_and_go_by_it() -> None:
    assert isinstance(Haggler(), Stop)
    assert isinstance(Haggler(), Rated)
    patient, plain = tuned([Haggler(scale=0.0)]), tuned([])
    assert patient.table.x.tobytes() == plain.table.x.tobytes(), "who asks for nothing changes nothing"
    hard = tuned([Haggler(scale=1.0)])
    assert hard.table.cost[8:].mean() < 0.75 * plain.table.cost[8:].mean(), "what is dear is not worth it"
    assert tuned([Haggler(most=40.0)]).session.ledger.assessed.rule == "haggler"


def test_a_kill_changes_nothing_and_a_replay_needs_no_rule(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/t.db"
    command = [sys.executable, haggler.__file__, url]
    driver = subprocess.Popen(command, start_new_session=True, stderr=subprocess.PIPE)
    deadline = time.monotonic() + 60
    while n_told(url) < 7:
        assert driver.poll() is None, driver.communicate()[1].decode()[-2000:]
        assert time.monotonic() < deadline
        time.sleep(0.01)
    os.kill(driver.pid, signal.SIGKILL)
    driver.communicate()
    with tuned([Haggler()], url) as study:
        assert len(told(study)) == 16
        found = replay(study.session.journal.read())
        assert (found.suggestions, found.differing) == (16, ())
        assert study.table.x.tobytes() == tuned([Haggler()]).table.x.tobytes(), "as without a kill"


def n_told(url: str) -> int:
    try:
        with tt.load_study(url, "haggler") as study:
            return len(study.table.order)
    except TrimtabError:
        return 0


class Says(Haggler):
    """Says what it is given."""

    def __init__(self, said: object) -> None:
        super().__init__()
        self.said = said

    def must_gain(self, table):
        return self.said


@pytest.mark.parametrize(
    "said", [None, 0.1, [], {"hours": 1.0}, {"cost": "much"}, {"cost": -1.0}, {"cost": float("nan")}, {"cost": True}]
)
def test_what_is_no_gain_is_refused_before_it_is_on_record(said: object, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/t.db"
    with pytest.raises(PluginError, match="the stopping rule Says says what must be gained"):
        tuned([Says(said)], url)
    assert len(tt.load_study(url, "haggler").table) == 0


def test_numbers_of_numpy_are_gains() -> None:
    gains = [{"cost": np.float32(0.5)}, {"seconds": np.int64(2)}, {"cost": 0}]
    said = [asked(tuned([Says(gain)], budget=1, optimizer="random")) for gain in gains]
    assert said == [[{"cost": 0.5}], [{"seconds": 2.0}], [{}]]


def asked(study: tt.Study) -> list[dict[str, float]]:
    events = [record.event for record in study.session.journal.read()]
    return [event.remaining.must_gain for event in events if isinstance(event, Asked) and event.remaining is not None]
