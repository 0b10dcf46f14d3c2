"""What the codec of a space costs: one row, which is the hot path of ask, and 100,000 mixed configurations.

    python benchmarks/codec.py

The mixed space has ten parameters of every kind, two of them conditional. Times are of the CPU, the best of five.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

import numpy as np

import trimtab as tt
from _figures import Figures

N = 100_000
FLOATS = tt.Space({f"p{i}": tt.Float(1e-3, 1.0, log=i % 2 == 0) for i in range(10)})
MIXED = tt.Space(
    lr=tt.Float(1e-5, 1e-1, log=True),
    dropout=tt.Float(0.0, 0.5, step=0.05),
    weight_decay=tt.Float(0.0, 0.1),
    layers=tt.Int(2, 12),
    width=tt.Int(16, 4096, log=True),
    batch=tt.Ordinal([32, 64, 128, 256]),
    activation=tt.Categorical(["relu", "gelu", "silu"]),
    optimizer=tt.Categorical(["adamw", "sgd"]),
    momentum=tt.Float(0.0, 0.99, when=tt.given("optimizer") == "sgd"),
    beta2=tt.Float(0.9, 0.9999, when=tt.given("optimizer") == "adamw"),
)
CONSTRAINED = tt.Space(dict(zip(MIXED.names, MIXED.parameters, strict=True)), require=["layers * batch <= 1024"])


def seconds(work: Callable[[], object], repeat: int = 5) -> float:
    best = float("inf")
    for _ in range(repeat):
        start = time.process_time()
        work()
        best = min(best, time.process_time() - start)
    return best


def microseconds(work: Callable[[], object], number: int = 2000) -> float:
    return seconds(lambda: [work() for _ in range(number)]) / number * 1e6


def main() -> int:
    figures = Figures(__file__, __doc__)
    rng = np.random.default_rng(0)
    rows = MIXED.sample(rng, N)
    params = MIXED.decode(rows)
    if MIXED.encode(params).tobytes() != rows.tobytes():
        raise SystemExit("encode did not give back the rows that decode was given")

    figures.add("encode 100,000 mixed configurations", seconds(lambda: MIXED.encode(params)), "s", at_most=1.0)
    figures.add("decode 100,000 mixed configurations", seconds(lambda: MIXED.decode(rows)), "s", at_most=1.0)
    figures.add("sample 100,000 mixed configurations", seconds(lambda: MIXED.sample(rng, N)), "s")
    figures.add("the same under a constraint", seconds(lambda: CONSTRAINED.sample(rng, N)), "s")

    point, one = rng.random((1, 10)), [{f"p{i}": 0.5 for i in range(10)}]
    row = FLOATS.from_unit(point)
    figures.add("sample one row of 10 floats", microseconds(lambda: FLOATS.sample(rng, 1)), "µs")
    figures.add("decode one row of 10 floats", microseconds(lambda: FLOATS.decode(row)), "µs")
    figures.add("encode one row of 10 floats", microseconds(lambda: FLOATS.encode(one)), "µs")
    figures.add("from the unit cube, one row of 10 floats", microseconds(lambda: FLOATS.from_unit(point)), "µs")
    figures.add("to the unit cube, one row of 10 floats", microseconds(lambda: FLOATS.to_unit(row)), "µs")
    figures.add("sample one mixed row", microseconds(lambda: MIXED.sample(rng, 1)), "µs")
    figures.add("the same under a constraint", microseconds(lambda: CONSTRAINED.sample(rng, 1)), "µs")
    return figures.close()


if __name__ == "__main__":
    sys.exit(main())
