"""The store in memory is small."""

import tracemalloc

import numpy as np

from trimtab.ledger.chain import EMPTY
from trimtab.ledger.event import Asked, Origin, Started, Told
from trimtab.storage.memory import open_memory


def test_a_hundred_thousand_trials_take_twenty_megabytes() -> None:
    """A tenth of them is measured: ten parameters, three events each."""
    n = 10_000
    rows = np.random.default_rng(0).random((n, 11)).tolist()
    study = open_memory("memory://").create("small", [])
    tracemalloc.start()
    try:
        head = EMPTY
        for number, (*x, loss) in enumerate(rows):
            events = [
                Asked(number, tuple(x), head.seq, Origin("random", "drawn uniformly")),
                Started(number, "node-17:12345"),
                Told(number, {"loss": loss}, seconds=loss * 10),
            ]
            head = study.append(events, after=head, at=float(number))
        used, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert used < 2_000_000
