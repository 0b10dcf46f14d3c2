"""What terminators of Optuna and Syne Tune save on recorded studies, beside the rule of Trimtab and plain patience.

    python benchmarks/regret/record.py ...       # records studies
    python benchmarks/terminators.py --each 1    # of each task of the reporting half, so many studies
    python benchmarks/terminators.py --rules "Syne Tune*"    # of other libraries, these rules alone

Needs Optuna, PyTorch, Syne Tune and BoTorch. Each terminator is fed the recorded trials, as if its own library had
proposed them, and asked after every 20 of them, as its processes take seconds. Of Optuna the regret bound and the
expected minimum model regret, both beside `MedianErrorEvaluator`, and the best value that stands still, beside an error
of 0; of Syne Tune the `AutomaticTerminationCriterion`, the regret bound of Makarova et al., 2022. Its threshold has no
default: it is told the gain that counts here, each time that it is asked. Everything else is as the libraries have it.
What came of a study is kept in benchmarks/.cache/terminators, and not computed again.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
import warnings
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from importlib.util import find_spec
from pathlib import Path as File
from typing import Any

import numpy as np
import optuna
from optuna import terminator as shipped

from _figures import Figures
from trimtab.ledger.table import TrialTable
from trimtab.space.parameter import CATEGORICAL
from trimtab.stop.path import path
from worth import FOLDER, Run, by_hindsight, by_odds, by_patience, epsilon, half, judged, read

KEPT = File(__file__).parent / ".cache" / "terminators"
EVERY = 20
"""Trials from one look to the next."""


def _regret() -> shipped.Terminator:
    bound = shipped.RegretBoundEvaluator()
    return shipped.Terminator(bound, shipped.MedianErrorEvaluator(bound))


def _emmr() -> shipped.Terminator:
    emmr = shipped.EMMREvaluator()
    return shipped.Terminator(emmr, shipped.MedianErrorEvaluator(emmr))


def _stagnation() -> shipped.Terminator:
    return shipped.Terminator(shipped.BestValueStagnationEvaluator(), shipped.StaticErrorEvaluator(0.0))


OPTUNA: dict[str, Callable[[], shipped.Terminator]] = {
    "Optuna, best value stands still": _stagnation,
    "Optuna, regret bound": _regret,
    "Optuna, expected minimum model regret": _emmr,
}
SYNE_TUNE = "Syne Tune, automatic termination"


def distribution(parameter: Any) -> optuna.distributions.BaseDistribution:
    """Return the distribution of a parameter of ours; an ordinal one is a choice."""
    if parameter.kind == CATEGORICAL or hasattr(parameter, "choices"):
        return optuna.distributions.CategoricalDistribution(list(parameter.choices))
    if type(parameter).__name__ == "Int":
        return optuna.distributions.IntDistribution(parameter.low, parameter.high, log=parameter.log)
    return optuna.distributions.FloatDistribution(parameter.low, parameter.high, log=parameter.log)


def ends(table: TrialTable, losses: np.ndarray, make: Callable[[], shipped.Terminator], least: int) -> int:
    """Return after how many trials a terminator ends a recorded study."""
    study, rule = optuna.create_study(), make()
    space = dict(zip(table.space.names, map(distribution, table.space.parameters), strict=True))
    for n, (row, loss) in enumerate(zip(table.order.tolist(), losses.tolist(), strict=True), 1):
        if np.isfinite(loss):
            params = table.space.decode(table.x[row : row + 1])[0]
            study.add_trial(optuna.create_trial(params=params, distributions=space, value=loss))
        if n >= least and n % EVERY == 0 and n < len(losses) and rule.should_terminate(study):
            return n
    return len(losses)


def domain(parameter: Any) -> Any:
    """Return the domain of a parameter of ours in Syne Tune."""
    from syne_tune import config_space  # imported where used: no other benchmark needs it

    if parameter.kind == CATEGORICAL or hasattr(parameter, "choices"):
        return config_space.choice(list(parameter.choices))
    whole, log = type(parameter).__name__ == "Int", parameter.log
    make = {
        (True, True): "lograndint",
        (True, False): "randint",
        (False, True): "loguniform",
        (False, False): "uniform",
    }
    return getattr(config_space, make[whole, log])(parameter.low, parameter.high)


@dataclass(frozen=True)
class Status:
    """What Syne Tune's criterion reads of a tuning."""

    trial_rows: dict[int, dict[str, Any]]


def ends_by_syne_tune(table: TrialTable, run: Run) -> int:
    """Return after how many trials Syne Tune's criterion ends a recorded study."""
    import torch  # imported where used, see `domain`
    from syne_tune.stopping_criterions.automatic_termination_criterion import AutomaticTerminationCriterion

    torch.manual_seed(0)  # it adds noise of its own, and starts from random points
    torch.set_default_dtype(torch.float64)  # without which it mixes precisions, and fails
    space = dict(zip(table.space.names, map(domain, table.space.parameters), strict=True))
    configurations = table.space.decode(table.x[table.order])
    rows = [one | {"loss": loss} for one, loss in zip(configurations, run.losses.tolist(), strict=True)]
    for n in range(EVERY * -(-run.least // EVERY), len(rows), EVERY):
        seen = {i: row for i, row in enumerate(rows[:n]) if np.isfinite(row["loss"])}
        rule = AutomaticTerminationCriterion(space, "loss", epsilon(run.path(n)), seed=0)
        if rule(Status(seen)):
            return n
    return len(rows)


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Compares rules that end a study.")
    parser.add_argument("--each", type=int, default=1, help="studies of each task")
    parser.add_argument("--rules", default="*", metavar="GLOB", help="of other libraries; all of ours are shown")
    args = parser.parse_args(argv)
    names = [name for name in (*OPTUNA, SYNE_TUNE) if fnmatch(name, args.rules)]
    for package in ("syne_tune", "botorch"):
        if SYNE_TUNE in names and find_spec(package) is None:
            print(f"left out: Syne Tune's rule needs the package {package}.", file=sys.stderr)
            names.remove(SYNE_TUNE)
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    warnings.filterwarnings("ignore", category=optuna.exceptions.ExperimentalWarning)
    KEPT.mkdir(parents=True, exist_ok=True)
    runs, stops, had = list[Run](), list[dict[str, int]](), Counter[str]()
    for file in sorted(FOLDER.glob("*.jsonl")):
        task = file.stem.rsplit("-", maxsplit=1)[0].replace("--", "/")
        if half(task) != "report" or had[task] >= args.each:
            continue
        had[task] += 1
        kept, table = KEPT / f"{file.stem}.json", read(file).table
        seen = path(table)
        run = Run(task, len(table.space), seen.losses, np.nan, seen.noise)
        found = json.loads(kept.read_text(encoding="utf-8")) if kept.exists() else {}
        for name in names:
            if name not in found:
                began = time.process_time()
                is_optuna = name in OPTUNA
                found[name] = (
                    ends(table, seen.losses, OPTUNA[name], run.least) if is_optuna else ends_by_syne_tune(table, run)
                )
                kept.write_text(json.dumps(found), encoding="utf-8")
                took = time.process_time() - began
                print(file.stem, name, found[name], f"{took:.1f} s CPU", file=sys.stderr, flush=True)
        runs.append(run)
        stops.append(found)
    if not runs:
        print(f"skipped: no recorded studies in {FOLDER}; benchmarks/regret/record.py makes them.", file=sys.stderr)
        return 0
    figures = Figures(__file__, __doc__, "optuna", "torch", *(["syne-tune", "botorch"] if SYNE_TUNE in names else []))
    places = {id(run): place for place, run in enumerate(runs)}
    rules: dict[str, Callable[[Run], int]] = {"worth": by_odds, "patience 30": by_patience(30)}
    rules |= {"patience 50": by_patience(50), "hindsight": by_hindsight}
    rules |= {name: (lambda run, name=name: stops[places[id(run)]][name]) for name in names}
    for rule, after in rules.items():
        wrong, median, mean, missed = judged(runs, after)
        what = f"{len(runs)} studies of {len(had)} tasks: {rule}"
        figures.add(f"{what}: stops after which more than epsilon came", wrong, "share")
        figures.add(f"{what}: trials saved, median", median, "share")
        figures.add(f"{what}: trials saved, mean", mean, "share")
        figures.add(f"{what}: gain missed, mean", missed, "of the scale")
    return figures.close()


if __name__ == "__main__":
    sys.exit(main())
