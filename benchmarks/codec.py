"""What the codec of a space costs: one row (the hot path of ask), and 100,000 mixed configurations with conditions.

Run `python benchmarks/codec.py`; prints one line of JSON. Times are of the CPU, the best of five.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable

import numpy as np

import trimtab as tt

N = 100_000


def seconds(work: Callable[[], object], repeat: int = 5) -> float:
    best = float("inf")
    for _ in range(repeat):
        start = time.process_time()
        work()
        best = min(best, time.process_time() - start)
    return best


def microseconds(work: Callable[[], object], number: int = 5000) -> float:
    return round(seconds(lambda: [work() for _ in range(number)]) / number * 1e6, 1)


floats = tt.Space({f"p{i}": tt.Float(1e-3, 1.0, log=i % 2 == 0) for i in range(10)})
mixed = tt.Space(
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
constrained = tt.Space(dict(zip(mixed.names, mixed.parameters, strict=True)), require=["layers * batch <= 1024"])


def main() -> None:
    rng = np.random.default_rng(0)
    point = rng.random((1, 10))
    row = floats.from_unit(point)
    rows = mixed.sample(rng, N)
    params = mixed.decode(rows)
    assert mixed.encode(params).tobytes() == rows.tobytes()
    result = {
        "benchmark": "codec",
        "one_row_of_10_floats_us": {
            "from_unit": microseconds(lambda: floats.from_unit(point)),
            "to_unit": microseconds(lambda: floats.to_unit(row)),
            "decode": microseconds(lambda: floats.decode(row)),
            "encode": microseconds(lambda: floats.encode([{f"p{i}": 0.5 for i in range(10)}])),
            "sample": microseconds(lambda: floats.sample(rng, 1)),
        },
        "one_row_of_10_mixed_us": {
            "sample": microseconds(lambda: mixed.sample(rng, 1), 1000),
            "sample_with_constraint": microseconds(lambda: constrained.sample(rng, 1), 1000),
            "decode": microseconds(lambda: mixed.decode(rows[0]), 1000),
        },
        "mixed_configurations": N,
        "encode_s": round(seconds(lambda: mixed.encode(params)), 3),
        "decode_s": round(seconds(lambda: mixed.decode(rows)), 3),
        "sample_s": round(seconds(lambda: mixed.sample(rng, N)), 3),
        "sample_with_constraint_s": round(seconds(lambda: constrained.sample(rng, N)), 3),
        "to_unit_s": round(seconds(lambda: mixed.to_unit(rows)), 3),
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
