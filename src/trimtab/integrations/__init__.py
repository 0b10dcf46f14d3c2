"""Callbacks for training loops that people already have: report, stop, checkpoint, resume, in a line each.

`trimtab.integrations.xgboost`, `lightgbm`, `catboost`, `sklearn`, `torch`, `lightning`, `transformers`, `keras`: each
has a class `Report`, and imports its library when it is first used.
"""

import typing as _typing

__all__ = ["catboost", "keras", "lightgbm", "lightning", "sklearn", "torch", "transformers", "xgboost"]

if _typing.TYPE_CHECKING:
    from trimtab.integrations import catboost, keras, lightgbm, lightning, sklearn, torch, transformers, xgboost
else:

    def __getattr__(name: str) -> object:
        if name in __all__:
            from importlib import import_module

            return import_module(f"trimtab.integrations.{name}")
        from trimtab.explain import missing

        raise missing("trimtab.integrations", name, __all__)
