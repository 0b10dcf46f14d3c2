"""Trimtab tunes the hyperparameters of complex, large-scale machine-learning models.

    import trimtab as tt

    space = tt.Space(lr=tt.Float(1e-5, 1e-1, log=True), layers=tt.Int(2, 12))
    study = tt.tune(train, space, minimize="loss", budget=100)
    print(study.best.params)

Importing this loads numpy and msgspec, and nothing heavier.
"""

import typing as _typing

__version__ = "0.1.0"

from trimtab import errors
from trimtab.errors import TrialStopped
from trimtab.execute.command import Command
from trimtab.execute.hook import report
from trimtab.execute.protocol import Resources
from trimtab.execute.this_trial import this_trial
from trimtab.execute.trial import Trial
from trimtab.ledger.table import TrialTable, TrialView
from trimtab.schedule.found import Schedule
from trimtab.space.condition import given
from trimtab.space.parameter import Categorical, Float, Int, Ordinal
from trimtab.space.preference import Preference
from trimtab.space.problem import Fidelity, Metric, Problem, at_least, at_most, maximize, minimize
from trimtab.space.space import Space
from trimtab.stop.budget import Budget
from trimtab.study.again import replay_schedule
from trimtab.study.open import create_study, load_study
from trimtab.study.study import Study
from trimtab.study.tune import tune

__all__ = [
    "Budget",
    "Categorical",
    "Command",
    "Fidelity",
    "Final",
    "Float",
    "Int",
    "Metric",
    "Ordinal",
    "Preference",
    "Problem",
    "Resources",
    "Schedule",
    "Space",
    "Study",
    "Trial",
    "TrialStopped",
    "TrialTable",
    "TrialView",
    "at_least",
    "at_most",
    "compare",
    "create_study",
    "errors",
    "given",
    "integrations",
    "load_study",
    "maximize",
    "minimize",
    "nested_score",
    "refine",
    "replay_schedule",
    "report",
    "spaces",
    "this_trial",
    "tune",
]

if _typing.TYPE_CHECKING:
    from trimtab import integrations as integrations
    from trimtab import spaces as spaces
    from trimtab.analysis.final import Final as Final
    from trimtab.study.comparing import compare as compare
    from trimtab.study.refine import refine as refine
    from trimtab.surfaces.nested import nested_score as nested_score
else:
    _LATER = {
        "Final": "trimtab.analysis.final",
        "compare": "trimtab.study.comparing",
        "nested_score": "trimtab.surfaces.nested",
        "refine": "trimtab.study.refine",
    }
    """What is not needed to tune, and loaded by who uses it."""

    def __getattr__(name: str) -> object:
        if name in ("integrations", "spaces"):  # no part of what others are made of, and loaded by who uses them
            from importlib import import_module

            return import_module(f"trimtab.{name}")
        if name in _LATER:
            from importlib import import_module

            return getattr(import_module(_LATER[name]), name)
        from trimtab.explain import missing

        raise missing("trimtab", name, __all__)
