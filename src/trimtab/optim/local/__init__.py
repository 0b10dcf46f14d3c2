"""How a long study of quick trials goes on where a model of all of it ends: near its leader, and by generations."""

from trimtab.optim.local.region import Region
from trimtab.optim.local.settings import LocalSettings
from trimtab.optim.local.spread import Spread

__all__ = ["LocalSettings", "Region", "Spread"]
