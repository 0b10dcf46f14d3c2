"""Reports from Keras; see `Report`."""

from trimtab.surfaces.integrations.keras import Report

__all__ = ["Report"]
