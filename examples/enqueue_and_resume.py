"""Enqueue what you already know, stop anywhere, and go on where you stopped.

Run it twice: the second run finds every trial of the first on record and adds as many again.

    python examples/enqueue_and_resume.py
    python examples/enqueue_and_resume.py
"""

import sys

import trimtab as tt

STORE = sys.argv[1] if len(sys.argv) > 1 else "sqlite:///enqueue-and-resume.db"

space = tt.Space(
    lr=tt.Float(1e-5, 1e-1, log=True),
    decay=tt.Float(0, 0.3),
    optimizer=tt.Categorical(["adamw", "sgd"]),
    momentum=tt.Float(0, 0.99, when=tt.given("optimizer") == "sgd"),
)


def train(trial: tt.Trial) -> dict[str, float]:
    """Stand in for a training run: best near lr=1e-3, a decay of 0.1, and sgd with a momentum of 0.9."""
    p = trial.params
    loss = abs(p["lr"] - 1e-3) ** 0.5 + (p["decay"] - 0.1) ** 2 + abs(p.get("momentum", 0.5) - 0.9)
    return {"loss": loss, "cost": 1.0 + p["decay"]}


try:
    before = len(tt.load_study(STORE, "resnet").table)
except (tt.errors.StudyNotFoundError, tt.errors.StoreUnavailableError):
    before = 0

study = tt.tune(
    train,
    space,
    minimize="loss",
    budget=tt.Budget(trials=before + 20),
    enqueue=[
        {"lr": 3e-4, "decay": 0.1, "optimizer": "adamw"},  # last year's setting, whole
        {"optimizer": "sgd", "momentum": 0.9},  # a hunch: the rest is the engine's
    ],
    store=STORE,
    name="resnet",
    seed=0,
)
if before == 0:
    study.note("question", "does sgd still beat adamw on this model?")
    study.tag(0, "last-year")

print(f"{before} trials were on record, now {len(study.table)}; best loss {study.best.metrics['loss']:.4f}")
print(f"asked: {study.table.notes['question']} best so far: {study.best.params['optimizer']}")
