"""Reports from XGBoost; see `Report`."""

from trimtab.surfaces.integrations.xgboost import Report

__all__ = ["Report"]
