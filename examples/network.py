"""Tune a PyTorch network on the CPU: bad settings are stopped after a few epochs, good ones run to 27.

Two lines of the training loop give early stopping (A); two more give checkpoints, so that a trial that is killed or
promoted goes on where it was (B). It needs PyTorch and scikit-learn, for its handwritten digits.

python examples/network.py
"""

from __future__ import annotations

import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn

import trimtab as tt

SPACE = tt.Space(
    rate=tt.Float(1e-4, 1.0, log=True),
    momentum=tt.Float(0.0, 0.99),
    width=tt.Int(8, 128, log=True),
    dropout=tt.Float(0.0, 0.6),
    batch=tt.Ordinal([16, 32, 64, 128]),
)

IMAGES, LABELS = load_digits(return_X_y=True)
X, HELD_OUT_X, Y, HELD_OUT_Y = (
    torch.as_tensor(part, dtype=torch.float32 if part.ndim == 2 else torch.long)
    for part in train_test_split(IMAGES / 16, LABELS, test_size=0.3, stratify=LABELS, random_state=0)
)


def train(trial: tt.Trial) -> object:
    torch.set_num_threads(1)  # else every worker takes every core
    torch.manual_seed(trial.seed)
    params = trial.params
    model = nn.Sequential(
        nn.Linear(64, params["width"]), nn.ReLU(), nn.Dropout(params["dropout"]), nn.Linear(params["width"], 10)
    )
    optimizer = torch.optim.SGD(model.parameters(), lr=params["rate"], momentum=params["momentum"])
    report = tt.integrations.torch.Report(trial, model=model, optimizer=optimizer)  # B: restores a checkpoint
    for epoch in report.steps():  # A: was range(1, 28)
        model.train()
        for rows in torch.randperm(len(X)).split(params["batch"]):
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(X[rows]), Y[rows]).backward()
            optimizer.step()
        model.eval()
        with torch.no_grad():
            scores = model(HELD_OUT_X)
        loss = nn.functional.cross_entropy(scores, HELD_OUT_Y)
        accuracy = (scores.argmax(1) == HELD_OUT_Y).float().mean()
        report(epoch, loss=loss, accuracy=accuracy)  # A, and B: keeps a checkpoint
    return report.last  # B: also where nothing was left to run


if __name__ == "__main__":
    study = tt.tune(
        train,
        SPACE,
        minimize="loss",
        fidelity=tt.Fidelity("epoch", 1, 27),
        budget=30,
        workers=2,
        store="sqlite:///trimtab.db",
        name="network",
        seed=0,
    )
    print(f"held-out cross-entropy {study.best_value:.4f} with {study.best.params}")
