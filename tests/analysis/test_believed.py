"""Which runs count at the end of a study in which some were off by bad luck."""

from __future__ import annotations

import trimtab as tt
from trimtab.analysis.halving import believable, losses_of
from trimtab.study.best import far_off


def told(runs: dict[float, list[float]]) -> tt.Study:
    """Return a study in which each x gave these losses."""
    study = tt.create_study(tt.Space(x=tt.Float(0.0, 1.0)), minimize="loss", optimizer="random", seed=0)
    for x, losses in runs.items():
        for loss in losses:
            study.enqueue({"x": x})
            study.tell(study.ask(), loss)
    return study


def test_what_is_far_from_all_others_counts_where_enough_runs_agree() -> None:
    others = {0.3 + i / 50: [1.0 + i / 1000] for i in range(20)}
    study = told({**others, 0.1: [1.01, 900.0], 0.2: [0.5, 0.501, 0.502], 0.25: [0.5, 0.501], 0.29: [800.0, 2.0, 3.0]})
    table, usual = study.table, believable(study.table, None)
    assert usual[0] > 0.9, "the best by far is beyond what is usual"
    by = {x: losses_of(table, (table.x[:, 0] == x).nonzero()[0], usual).tolist() for x in (0.1, 0.2, 0.25, 0.29)}
    assert by == {0.1: [1.01], 0.2: [0.5, 0.501, 0.502], 0.25: [], 0.29: []}
    assert table.x[far_off(table), 0].tolist() == [0.1, 0.25, 0.25, 0.29, 0.29, 0.29]
