"""Reports from CatBoost; see `Report`."""

from trimtab.surfaces.integrations.catboost import Report

__all__ = ["Report"]
