"""The engine at work: an optimiser by its settings, and its state as a fold over the trials that are over."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from trimtab import plugins
from trimtab.arrays import Floats, rng_at
from trimtab.errors import PluginError
from trimtab.ledger.table import TrialTable
from trimtab.numerics.arithmetic import quiet
from trimtab.optim.protocol import Optimizer, Proposal, Request
from trimtab.space.problem import Problem


class Engine:
    """An optimiser and its state.

    Attributes:
        settings: {"name": ..., **options}, as the log has them.
    """

    @quiet()
    def __init__(self, settings: Mapping[str, Any], problem: Problem, ready: Optimizer[Any] | None = None) -> None:
        self.settings = dict(settings)
        fits = ready is not None and settings_of(ready) == self.settings
        self._optimizer: Optimizer[Any] = ready if fits and ready is not None else make("optimizers", settings)
        self._problem = problem
        self._state: Any = self._optimizer.init(problem)
        self._told = 0

    def serves(self, settings: Mapping[str, Any], problem: Problem) -> bool:
        """Return True if this is the engine for these settings and this problem."""
        return self.settings == settings and self._problem is problem

    @quiet()
    def propose(self, table: TrialTable, seed: int, fidelity: Sequence[float], given: Floats | None) -> Proposal:
        """Return the row of trial `len(table)`: a function of the log and the seed, which replay repeats."""
        for row in table.order[self._told :].tolist():
            self._state = self._optimizer.tell(self._state, table, row)
        self._told = len(table.order)
        number = len(table)
        end = np.asarray(fidelity, dtype=np.float64) if fidelity else None
        return self._optimizer.ask(self._state, table, Request(1, rng_at(seed, number), number, given, end, seed=seed))


def settings_of(plugin: Any) -> dict[str, Any]:
    """Return the settings that make a plugin again; a plugin without a registered name is named by its place."""
    settings = dict(plugin.to_json())
    settings.setdefault("name", f"{type(plugin).__module__}:{type(plugin).__qualname__}")
    return settings


def make(group: str, settings: Mapping[str, Any]) -> Any:
    """Return the plugin that `settings` describe; a name with a colon is module:attribute.

    Raises:
        PluginError: no such plugin, or it does not take these options.
    """
    options = dict(settings)
    name = str(options.pop("name", ""))
    kind = group.rstrip("s")
    module, colon, attribute = name.partition(":")
    if colon:
        import importlib

        try:
            factory = getattr(importlib.import_module(module), attribute)
        except (ImportError, AttributeError) as error:
            raise PluginError(f"the {kind} {name!r} of this study cannot be loaded here: {error}.") from None
    else:
        factory = plugins.load(group, name)
    try:
        return factory(**options)
    except TypeError as error:
        raise PluginError(f"the {kind} {name!r} cannot be made with {options}: {error}.") from None
