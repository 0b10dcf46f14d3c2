"""Tune a Python function: ridge regression with random features, written in numpy, in a few seconds.

python examples/function.py
"""

import numpy as np

import trimtab as tt

rng = np.random.default_rng(0)
x = rng.uniform(-3, 3, size=(400, 2))
y = np.sin(2 * x[:, 0]) * x[:, 1] + 0.1 * rng.standard_normal(400)

space = tt.Space(
    features=tt.Ordinal([32, 64, 128, 256]),
    bandwidth=tt.Float(0.1, 10, log=True),
    penalty=tt.Float(1e-8, 1e2, log=True),
)


def train(trial: tt.Trial) -> float:
    """Return the squared error on the second half of the data, of a model fitted to the first."""
    draw = np.random.default_rng(trial.seed)
    n = trial.params["features"]
    directions = draw.standard_normal((2, n)) / trial.params["bandwidth"]
    features = np.cos(x @ directions + draw.uniform(0, 2 * np.pi, n))
    fitted, held_out = features[:200], features[200:]
    weights = np.linalg.solve(fitted.T @ fitted + trial.params["penalty"] * np.eye(n), fitted.T @ y[:200])
    return float(np.mean((held_out @ weights - y[200:]) ** 2))


study = tt.tune(train, space, minimize="error", budget=60, seed=0)
print(f"best of {len(study.table)} trials: error {study.best.metrics['error']:.4f} with {study.best.params}")
