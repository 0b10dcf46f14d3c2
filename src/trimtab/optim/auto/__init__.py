"""The recommended engine, a composition of the others."""

from trimtab.optim.auto.auto import Auto, AutoState
from trimtab.optim.auto.settings import AutoSettings

__all__ = ["Auto", "AutoSettings", "AutoState"]
