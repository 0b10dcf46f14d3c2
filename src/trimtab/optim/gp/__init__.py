"""Bayesian optimization with a Gaussian process. Read `engine`, then `turns`; the rest is what turns are made of."""

from trimtab.optim.gp.engine import Gp
from trimtab.optim.gp.settings import Settings
from trimtab.optim.gp.state import GpState

__all__ = ["Gp", "GpState", "Settings"]
