"""Ask and tell: for loops that Trimtab does not own.

The trials may run anywhere and end in any order. What fails is told too: it is data.

    python examples/ask_tell.py
"""

import math

import trimtab as tt

space = tt.Space(
    shape=tt.Categorical(["bowl", "ripple"]),
    x=tt.Float(-2, 2),
    y=tt.Float(-2, 2),
    waves=tt.Int(1, 8, when=tt.given("shape") == "ripple"),
    require=["x + y <= 3"],
)
study = tt.create_study(space, minimize="height", seed=0)

for _ in range(20):
    batch = [study.ask() for _ in range(3)]  # three at a time; each knows that the others are under way
    for trial in reversed(batch):
        p = trial.params
        height = p["x"] ** 2 + p["y"] ** 2
        if p["shape"] == "ripple":
            height += 0.3 * math.sin(p["waves"] * p["x"]) ** 2
        if height > 6:
            study.tell(trial.number, failed="exception", error="the model diverged")
        else:
            study.tell(trial.number, height)

failed = int((study.table.failure >= 0).sum())
print(f"{len(study.table)} trials, {failed} failed; best {study.best.metrics['height']:.4f} at {study.best.params}")
