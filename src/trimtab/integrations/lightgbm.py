"""Reports from LightGBM; see `Report`."""

from trimtab.surfaces.integrations.lightgbm import Report

__all__ = ["Report"]
