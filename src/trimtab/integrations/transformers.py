"""Reports from Transformers; see `Report`."""

from trimtab.surfaces.integrations.transformers import Report

__all__ = ["Report"]
