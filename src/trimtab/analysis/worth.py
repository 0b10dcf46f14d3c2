"""Is more tuning worth it? What stopping rules expected of going on, as the study went."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trimtab.analysis import figure as fig
from trimtab.analysis.card import Answer, Card, NotApplicable, counted, text
from trimtab.arrays import Floats, Ints
from trimtab.ledger.table import TrialTable
from trimtab.numerics.arithmetic import quiet
from trimtab.space.problem import Problem

TITLE = "Is more tuning worth it?"


@dataclass(frozen=True, slots=True)
class Worth:
    """What a rule expected, each time that it was put on record.

    Attributes:
        rule: its name.
        n_over: [v] trials that were over by then.
        gain: [v] by how much going on was expected to better the objective; low, high: [v] the interval it gave.
        stopped: why it ended the study; empty if it did not.
    """

    rule: str
    n_over: Ints
    gain: Floats
    low: Floats
    high: Floats
    stopped: str


@quiet()
def worth(problem: Problem, table: TrialTable) -> Answer:
    """Answer with what the rule that said most expected of going on."""
    verdicts = table.verdicts
    said = [(seq, one) for seq, one in verdicts if one.expected_gain is not None and np.isfinite(one.expected_gain)]
    ended = next((one for _, one in reversed(verdicts) if one.stop), None)
    if not said:
        if ended is not None:
            return NotApplicable(
                "worth", TITLE, f"No rule estimated what going on would bring; the study ended: {ended.reason}."
            )
        return NotApplicable("worth", TITLE, "No stopping rule has estimated yet what going on would bring.")
    rule = said[-1][1].rule
    mine = [(seq, one) for seq, one in said if one.rule == rule]
    ends = np.sort(np.minimum.accumulate(table.touched[table.order][::-1])[::-1])
    n_over = np.searchsorted(ends, [seq for seq, _ in mine], side="right")
    gain = np.array([one.expected_gain for _, one in mine], dtype=np.float64)
    intervals = np.array([one.gain_interval or (np.nan, np.nan) for _, one in mine], dtype=np.float64).reshape(-1, 2)
    stopped = ended.reason if ended is not None and ended.rule == rule else ""
    data = Worth(rule, n_over, gain, intervals[:, 0], intervals[:, 1], stopped)
    return Card("worth", TITLE, _sentence(data, problem), data, _figure(data, problem))


def _sentence(data: Worth, problem: Problem) -> str:
    name = problem.objectives[0].name
    low, high = float(data.low[-1]), float(data.high[-1])
    between = f" ({text(low)} to {text(high)})" if np.isfinite(low) and np.isfinite(high) else ""
    gain = f"{text(float(data.gain[-1]))}{between}"
    said = f"After {counted(int(data.n_over[-1]), 'trial')}, going on was expected to better {name} by {gain}."
    return f"{said} The study ended: {data.stopped}." if data.stopped else said


def _figure(data: Worth, problem: Problem) -> fig.Figure:
    x = data.n_over.astype(np.float64)
    kept = fig.thinned(len(x), (len(x) - 1,))
    marks: list[fig.Mark] = []
    if np.isfinite(data.low).any():
        marks.append(fig.Band(x=x[kept], low=data.low[kept], high=data.high[kept], name="interval"))
    marks += [
        fig.Line(x=x[kept], y=data.gain[kept], name="expected gain"),
        fig.Points(x=x[kept], y=data.gain[kept]),
    ]
    panel = fig.Panel(
        marks=tuple(marks),
        x=fig.Axis(label="trials that were over"),
        y=fig.Axis(label=f"expected gain in {problem.objectives[0].name}"),
    )
    return fig.Figure(panels=(panel,), label="What going on was expected to bring, as the study went")
