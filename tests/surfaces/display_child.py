"""Shows progress on the terminal that it was started on: `DISPLAY STUDY`, for the tests.

A record separator stands before and after what a running study looks like; what it says at the end comes after.
"""

import sys
from dataclasses import replace
from typing import Any

from trimtab.ledger.table import TrialView
from trimtab.study.savings import Savings
from trimtab.study.standing import Status
from trimtab.surfaces.render import progress

STUDIES: dict[str, tuple[str, dict[str, Any]]] = {
    "digits": (
        "val_loss",
        {"learning_rate": 0.0005022, "weight_decay": 1e-5, "batch_size": 256, "n_layers": 8, "activation": "tanh"},
    ),
    "forty-parameters-with-long-names": (
        "validation_cross_entropy_loss",
        {f"encoder.block_{i:02d}.attention.head_dropout_rate": 0.5 + i / 100 for i in range(40)},
    ),
    "tradeoff": ("error", {}),
    "hopeless": ("error", {}),
    "two objectives 研究": ("loss", {"学习率": 1.45e-5, "cafe\u0301": "crème brûlée", "width": 45}),
}

KNOWN: dict[str, dict[str, Any]] = {
    "tradeoff": {"front": "5 trials are on the front of min error and min latency_ms", "n_feasible": 31},
    "hopeless": {
        "n_feasible": 0,
        "lack": "trial 12 comes nearest with memory_gb = 2.4, 0.4 above its bound of 2; farthest from being met is "
        "recall >= 0.95: 2 of 40 trials meet it, and miss another",
    },
}
"""Of studies of which no trial is the best."""

SAVED = {"digits": Savings(14, 40, True, False, "epoch", 0.6172, 745.0, False)}
NEEDS = {
    "tradeoff": "trials report as they go, and none is ended early, since nothing says how far they go: with "
    'fidelity=tt.Fidelity("epoch", 1, 81), 81 being the last step that is reported, they are.'
}

terminal = sys.stderr  # a live panel puts a stream of its own in its place, which erases the panel before it writes

for kind, name in zip(sys.argv[1::2], sys.argv[2::2], strict=True):
    objective, params = STUDIES[name]
    status = Status(
        name,
        objective,
        "minimize",
        n_complete=40,
        n_failed=2,
        n_running=4,
        budget_trials=100,
        budget_s=28800,
        budget_cost=500,
        elapsed_s=84,
        cost=12.5,
        trials_per_s=0.5,
        best=None if name in KNOWN else TrialView(7, params, {objective: 0.01234}, "complete"),
        note="what is to be gained falls: 0.001 a trial over the last 20 of them, and about half of that is noise",
        **KNOWN.get(name, {}),
    )
    shown = getattr(progress, kind)(name, terminal, every_s=0)
    terminal.write("\x1e")
    shown.update(status)
    shown.update(status)
    terminal.write("\x1e")
    shown.close(
        replace(status, n_running=0, reason="the budget is used up", saved=SAVED.get(name), need=NEEDS.get(name, ""))
    )
