"""A running trial gains values of parameters that the space has just learned: what define-by-run is made of."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import pytest

import trimtab as tt
from trimtab.errors import LateResultError, StoreCorruptError, TrialError
from trimtab.ledger import codec, snapshot
from trimtab.ledger.event import Extended
from trimtab.ledger.ledger import Ledger
from trimtab.study.replay import replay

SPACE = tt.Space(x=tt.Float(0, 1), kind=tt.Categorical(["a", "b"]))
LAYERS = tt.Int(1, 9)
RATE = tt.Float(1e-5, 1.0, log=True, when=tt.given("kind") == "a")


def grown(optimizer: str, n: int = 12, store: str | None = None) -> tt.Study:
    """Return a study whose space learns two parameters while trials run, and whose trials learn them one by one."""
    study = tt.create_study(SPACE, minimize="loss", optimizer=optimizer, seed=5, store=store)
    for number in range(n):
        trial = study.ask()
        if number == 2:
            study.add_parameter("layers", LAYERS)
        study.dispatch.extend(trial.number)
        if number == 4:
            study.add_parameter("rate", RATE)
            study.dispatch.extend(trial.number)
        params = study.trials[trial.number].params
        study.tell(trial, params["x"] + params.get("layers", 3) / 9 + params.get("rate", 0.5))
    return study


@pytest.mark.parametrize("optimizer", ["random", "sobol", "tpe", "gp", "auto", "cmaes"])
def test_a_running_trial_gains_what_is_active_in_it_and_a_replay_comes_to_the_same(optimizer: str) -> None:
    study = grown(optimizer)
    records = list(study.session.journal.read())
    events = [record.event for record in records if isinstance(record.event, Extended)]
    assert [event.number for event in events][:1] == [2]
    for event in events:
        params = study.trials[event.number].params
        assert params["layers"] in range(1, 10)
        assert ("rate" in params) == (params["kind"] == "a" and event.number >= 4)
    replayed = replay(records)
    assert (replayed.suggestions, replayed.differing) == (12 + len(events), ())
    at = next(i for i, record in enumerate(records) if isinstance(record.event, Extended))
    other = msgspec.structs.replace(records[at].event, x=(*records[at].event.x[:2], 1.0 + records[at].event.x[2] % 9))
    tampered = [*records[:at], msgspec.structs.replace(records[at], event=other), *records[at + 1 :]]
    assert 2 in replay(tampered).differing


def test_nothing_happens_where_nothing_is_missing() -> None:
    study = tt.create_study(SPACE, minimize="loss", optimizer="random", seed=0)
    trial = study.ask()
    head = study.session.ledger.head
    study.dispatch.extend(trial.number)
    assert study.session.ledger.head == head


def test_only_a_running_attempt_gains_values() -> None:
    study = tt.create_study(SPACE, minimize="loss", optimizer="random", seed=0)
    trial = study.ask()
    study.add_parameter("layers", LAYERS)
    study.tell(trial, failed="lost")
    with pytest.raises(TrialError, match="trial 0 is waiting"):
        study.dispatch.extend(trial.number)
    again = study.ask()
    with pytest.raises(LateResultError):
        study.dispatch.extend(again.number, attempt=1)
    study.dispatch.extend(again.number, attempt=2)
    assert study.trials[0].params.keys() == {"x", "kind", "layers"}


def test_it_is_kept(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/t.db"
    with grown("random", store=url) as study:
        x = study.table.x.copy()
        study.session.save_snapshot()
        restored = snapshot.load(bytes(snapshot.save(study.session.ledger)))
    np.testing.assert_array_equal(restored.table.x, x)
    with tt.load_study(url, "study") as study:
        np.testing.assert_array_equal(study.table.x, x)


def test_a_table_that_stands_still_does_so_then_too() -> None:
    study = tt.create_study(SPACE, minimize="loss", optimizer="random", seed=0)
    trials = [study.ask() for _ in range(2)]
    study.add_parameter("layers", LAYERS)
    study.dispatch.extend(trials[0].number)
    still = study.table.frozen()
    study.dispatch.extend(trials[1].number)
    assert np.isnan(still.x[1, 2])
    assert not np.isnan(study.table.x[1, 2])


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"x": (0.5, 0.0, 3.0)}, "a value that the trial had is another one"),
        ({"x": (0.5, 0.0)}, "it has 2 values where the space has 3"),
        ({"attempt": 2}, "another attempt runs"),
        ({"number": 7}, "which was not running"),
    ],
)
def test_a_log_that_says_what_cannot_be_is_refused(changed, said: str) -> None:
    study = tt.create_study(SPACE, minimize="loss", optimizer="random", seed=0)
    trial = study.ask()
    study.add_parameter("layers", LAYERS)
    study.dispatch.extend(trial.number)
    *records, last = study.session.journal.read()
    ledger = Ledger.begin(records[0])
    for record in records[1:]:
        ledger.apply(record)
    with pytest.raises(StoreCorruptError, match=said):
        ledger.apply(msgspec.structs.replace(last, event=msgspec.structs.replace(last.event, **changed)))


def test_a_log_of_this_version_replays_for_ever() -> None:
    path = Path(__file__).parents[1] / "golden" / "journal-v1-extended.jsonl"
    replayed = replay([codec.decode_record(line) for line in path.read_bytes().splitlines()])
    assert (replayed.suggestions, replayed.differing) == (8, ())


def test_a_table_that_stands_still_does_so_while_the_first_trial_gains_values() -> None:
    study = tt.create_study(SPACE, minimize="loss", optimizer="random", seed=0)
    trial = study.ask()
    study.add_parameter("layers", LAYERS)
    still = study.table.frozen()
    study.dispatch.extend(trial.number)
    assert np.isnan(still.x[0, 2])
    assert not np.isnan(study.table.x[0, 2])
