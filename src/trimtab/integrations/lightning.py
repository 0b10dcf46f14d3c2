"""Reports from Lightning; see `Report`."""

from trimtab.surfaces.integrations.lightning import Report

__all__ = ["Report"]
