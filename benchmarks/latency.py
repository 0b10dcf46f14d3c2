"""What one suggestion costs with eight parameters of every kind, at 100 to 20,000 trials, and beside a busy process;
and with two objectives and two constraints.

    python benchmarks/latency.py           # Trimtab alone
    python benchmarks/latency.py --peers   # and what Optuna's GPSampler and Ax take; make bench-peers installs them
    python benchmarks/latency.py --seed 3  # other random trials

A study in memory is filled with random trials. Two trials open it: one is the default configuration, the other has the
model fitted to all that was filled in, which is a figure of its own. Twenty follow, each asked of the engine and told.
The figure is the mean CPU time, user and system and of every thread, of an ask and its tell; refits of the model are
among them. Peers are treated alike: the same trials, one thread for their linear algebra, two trials that do not count.
Beside a busy process the same is measured as wall time, while another process multiplies matrices on every core.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

from _figures import Figures

sys.path.insert(0, str(Path(__file__).parent / "regret"))
from envs import python_of

ENGINES = ("auto", "gp")
LIMITS = {100: 15.0, 300: 60.0, 1_000: 150.0, 10_000: 150.0, 20_000: 150.0}
TREES = (100, 300, 1_000)
METRICS = {100: 40.0, 1_000: 300.0}
"""With two objectives and two constraints."""
FLAT = 1.2
BUSY = 3.0
N_ASKS = 20
PEERS = {"optuna": ("Optuna's GPSampler", 20.0), "ax": ("Ax", 50.0)}
N_PEERS = 100
N_ROUNDS = 3

PROBLEM = """
import json, math, random, sys, time

n, n_asks, seed = (int(each) for each in sys.argv[1:4])
rng = random.Random(seed)

def objective(p):
    base = (math.log10(p["lr"]) + 2.5) ** 2 + 0.3 * (math.log10(p["decay"]) + 4.0) ** 2
    base += (p["dropout"] - 0.2) ** 2 + 0.5 * (p["momentum"] - 0.9) ** 2
    base += 0.1 * (p["layers"] - 4) ** 2 + 0.2 * (math.log2(p["width"]) - 7.0) ** 2
    return base + {"relu": 0.0, "tanh": 0.4, "gelu": 0.1}[p["activation"]] + {"sgd": 0.3, "adam": 0.0}[p["method"]]

def draw():
    return {
        "lr": 10 ** rng.uniform(-5, 0), "decay": 10 ** rng.uniform(-6, -2), "dropout": rng.uniform(0, 0.6),
        "momentum": rng.uniform(0.5, 0.99), "layers": rng.randint(1, 8), "width": int(2 ** rng.uniform(4, 10)),
        "activation": rng.choice(["relu", "tanh", "gelu"]), "method": rng.choice(["sgd", "adam"]),
    }

def measure(ask, tell, objective=objective):
    cpu, wall = [], []
    for _ in range(n_asks + 2):
        began, started = time.process_time(), time.perf_counter()
        asked, params = ask()
        took, lasted = time.process_time() - began, time.perf_counter() - started
        loss = objective(params)
        began, started = time.process_time(), time.perf_counter()
        tell(asked, loss)
        cpu.append((took + time.process_time() - began) * 1e3)
        wall.append((lasted + time.perf_counter() - started) * 1e3)
    first, cpu, wall = max(cpu[:2]), cpu[2:], wall[2:]
    print(json.dumps({"cpu": sum(cpu) / n_asks, "wall": sum(wall) / n_asks, "largest": max(cpu), "first": first}))
"""

TRIMTAB = (
    PROBLEM
    + """
import trimtab as tt

is_tree, is_many = sys.argv[5:] == ["conditions"], sys.argv[5:] == ["metrics"]
adam, sgd = (tt.given("method") == name if is_tree else None for name in ("adam", "sgd"))
space = tt.Space({
    "lr": tt.Float(1e-5, 1.0, log=True), "decay": tt.Float(1e-6, 1e-2, log=True, when=adam),
    "dropout": tt.Float(0.0, 0.6), "momentum": tt.Float(0.5, 0.99, when=sgd),
    "layers": tt.Int(1, 8), "width": tt.Int(16, 1024, log=True),
    "activation": tt.Categorical(["relu", "tanh", "gelu"]), "method": tt.Categorical(["sgd", "adam"]),
})
metrics = {"minimize": "loss"}
if is_many:
    metrics = {"objectives": [tt.minimize("loss"), tt.minimize("seconds")]}
    metrics["constraints"] = [tt.at_most("memory", 1000.0), tt.at_most("latency", 2.0)]
study = tt.create_study(space, **metrics, optimizer=sys.argv[4], seed=seed)

def values(p):
    if not is_many:
        return objective(p)
    memory = p["layers"] * p["width"]
    seconds = memory / 100.0 * (2.0 if p["method"] == "adam" else 1.0) + 1.0 / (p["lr"] + 0.1)
    return {"loss": objective(p), "seconds": seconds, "memory": memory, "latency": 0.3 * p["layers"] + p["dropout"]}

for _ in range(n):
    params = draw()
    if is_tree:
        del params["momentum" if params["method"] == "adam" else "decay"]
    study.enqueue(params)
    trial = study.ask()
    study.tell(trial.number, values({"momentum": 0.9, "decay": 1e-4} | trial.params))

def ask():
    trial = study.ask()
    return trial.number, {"momentum": 0.9, "decay": 1e-4} | trial.params

measure(ask, study.tell, values)
"""
)

OPTUNA = (
    PROBLEM
    + """
import warnings
import optuna
warnings.simplefilter("ignore")
optuna.logging.set_verbosity(optuna.logging.ERROR)
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

space = {
    "lr": FloatDistribution(1e-5, 1.0, log=True), "decay": FloatDistribution(1e-6, 1e-2, log=True),
    "dropout": FloatDistribution(0.0, 0.6), "momentum": FloatDistribution(0.5, 0.99),
    "layers": IntDistribution(1, 8), "width": IntDistribution(16, 1024, log=True),
    "activation": CategoricalDistribution(["relu", "tanh", "gelu"]),
    "method": CategoricalDistribution(["sgd", "adam"]),
}
study = optuna.create_study(sampler=optuna.samplers.GPSampler(seed=seed))
for _ in range(n):
    params = draw()
    study.add_trial(optuna.trial.create_trial(params=params, distributions=space, value=objective(params)))

def ask():
    trial = study.ask(space)
    return trial, trial.params

measure(ask, study.tell)
"""
)

AX = (
    PROBLEM
    + """
import logging, warnings
warnings.simplefilter("ignore")
logging.disable(logging.INFO)
from ax.api.client import Client
from ax.api.configs import ChoiceParameterConfig, RangeParameterConfig

client = Client(random_seed=seed)
client.configure_experiment([
    RangeParameterConfig("lr", (1e-5, 1.0), "float", scaling="log"),
    RangeParameterConfig("decay", (1e-6, 1e-2), "float", scaling="log"),
    RangeParameterConfig("dropout", (0.0, 0.6), "float"),
    RangeParameterConfig("momentum", (0.5, 0.99), "float"),
    RangeParameterConfig("layers", (1, 8), "int"),
    RangeParameterConfig("width", (16, 1024), "int", scaling="log"),
    ChoiceParameterConfig("activation", ["relu", "tanh", "gelu"], "str", is_ordered=False),
    ChoiceParameterConfig("method", ["sgd", "adam"], "str", is_ordered=False),
])
client.configure_optimization("-loss")
for _ in range(n):
    params = draw()
    client.complete_trial(client.attach_trial(params), {"loss": objective(params)})

def ask():
    [(number, params)] = client.get_next_trials(1).items()
    return number, params

measure(ask, lambda number, loss: client.complete_trial(number, {"loss": loss}))
"""
)

BUSY_WORK = """
import numpy
a = numpy.random.default_rng(0).random((1000, 1000))
print("ready", flush=True)
while True:
    a @ a
"""


def run(python: Path | str, script: str, *arguments: object, env: dict[str, str] | None = None) -> dict[str, float]:
    """Return what a script measures, in a process of its own."""
    command = [str(python), "-c", script, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=env)
    if done.returncode:
        raise SystemExit(done.stderr)
    return json.loads(done.stdout.splitlines()[-1])


@contextmanager
def busy() -> Iterator[None]:
    """Have every core busy with matrix products, as a training job would."""
    with subprocess.Popen([sys.executable, "-c", BUSY_WORK], stdout=subprocess.PIPE) as process:
        if process.stdout is None:
            raise RuntimeError("the busy process has no output")
        process.stdout.readline()
        try:
            yield
        finally:
            process.kill()


def speed() -> float:
    """Return the CPU time of a sum of a million integers in ms, the least of ten: how fast the machine is now."""
    seconds = []
    for _ in range(10):
        began = time.process_time()
        sum(range(1_000_000))
        seconds.append(time.process_time() - began)
    return 1e3 * min(seconds)


def alone(figures: Figures, engine: str, seed: int) -> None:
    figures.add(f"{engine}, for comparison: a sum of a million integers in Python", speed(), "ms")
    found = {}
    for n, limit in LIMITS.items():
        each = found[n] = run(sys.executable, TRIMTAB, n, N_ASKS, seed, engine)
        figures.add(f"{engine}, {n:,} trials, mean of {N_ASKS}", each["cpu"], "ms", at_most=limit)
        figures.add(f"{engine}, {n:,} trials, the slowest of them", each["largest"], "ms")
        figures.add(f"{engine}, {n:,} trials, the ask that opens it", each["first"], "ms")
    figures.add(
        f"{engine}, 20,000 trials over 10,000", found[20_000]["cpu"] / found[10_000]["cpu"], "times", at_most=FLAT
    )
    for n in TREES:
        each = run(sys.executable, TRIMTAB, n, N_ASKS, seed, engine, "conditions")
        label = f"{engine}, {n:,} trials, two of the parameters under conditions"
        figures.add(label, each["cpu"], "ms", at_most=LIMITS[n])
    for n, limit in METRICS.items():
        each = run(sys.executable, TRIMTAB, n, N_ASKS, seed, engine, "metrics")
        label = f"{engine}, {n:,} trials, two objectives and two constraints"
        figures.add(label, each["cpu"], "ms", at_most=limit)
    for n in (100, 1_000):
        with busy():
            wall = run(sys.executable, TRIMTAB, n, N_ASKS, seed, engine)["wall"]
        figures.add(f"{engine}, {n:,} trials, wall time beside a busy process", wall, "ms", at_most=BUSY * LIMITS[n])
        quiet = median(run(sys.executable, TRIMTAB, n, N_ASKS, seed, engine)["wall"] for _ in range(N_ROUNDS))
        figures.add(f"the same over that beside none, {n:,} trials", wall / quiet, "times", at_most=BUSY)


def beside_peers(figures: Figures, seed: int) -> None:
    one_thread = os.environ | dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    for name, (label, least) in PEERS.items():
        script = {"optuna": OPTUNA, "ax": AX}[name]
        ours, theirs = [], []
        for i in range(N_ROUNDS):  # in turn, so that both see the machine as it is
            ours.append(run(sys.executable, TRIMTAB, N_PEERS, N_ASKS, seed + i, "auto")["cpu"])
            theirs.append(run(python_of(name), script, N_PEERS, N_ASKS, seed + i, env=one_thread)["cpu"])
        figures.add(f"{label}, {N_PEERS} trials", median(theirs), "ms")
        ratio = median(b / a for a, b in zip(ours, theirs, strict=True))
        figures.add(f"{label} over auto, {N_PEERS} trials", ratio, "times", at_least=least)


def main() -> int:
    about, *_ = (__doc__ or "").splitlines()
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("--peers", action="store_true", help="compare with Optuna's GPSampler and Ax")
    parser.add_argument("--seed", type=int, default=0, help="of the random trials and of the engines")
    parser.add_argument("--engine", action="append", choices=ENGINES, help="measure this one; by default all of them")
    arguments = parser.parse_args()
    missing = [label for name, (label, _) in PEERS.items() if not python_of(name).exists()]
    if arguments.peers and missing:
        parser.error(f"there is no environment with {' and '.join(missing)}; make it with: make bench-peers")
    figures = Figures(__file__, about, "scipy")
    for engine in arguments.engine or ENGINES:
        alone(figures, engine, arguments.seed)
    if arguments.peers:
        beside_peers(figures, arguments.seed)
    return figures.close()


if __name__ == "__main__":
    sys.exit(main())
