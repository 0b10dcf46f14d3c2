"""What commands say of the schedule that a trial and those before it went through."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from typing import Any

import trimtab as tt
from trimtab.surfaces.render.numbers import number
from trimtab.surfaces.render.text import clean


def schedule_facts(study: tt.Study, trial: int) -> dict[str, Any]:
    """Return the schedule of a trial that goes on with another as plain values, nothing of others."""
    schedule = _schedule(study, trial)
    return {} if schedule is None else {"schedule": schedule.to_json()}


def schedule_lines(study: tt.Study, trial: int) -> Iterator[tuple[str, str]]:
    """Yield (label, text) about each part of a schedule, where the configuration changed on the way."""
    schedule = _schedule(study, trial)
    if schedule is None:
        return
    parts = [list(part) for _, part in groupby(schedule, key=lambda stretch: stretch.params)]
    for part in parts if len(parts) > 1 else ():
        params = ", ".join(
            f"{name} = {number(value) if isinstance(value, float) else value}" for name, value in part[0].params.items()
        )
        yield "schedule", clean(f"{schedule.fidelity} {number(part[0].begin)} to {number(part[-1].end)}: {params}")


def _schedule(study: tt.Study, trial: int) -> tt.Schedule | None:
    if len(study.problem.fidelities) != 1 or study.table.parent[trial] < 0:
        return None
    return study.schedule(trial)
