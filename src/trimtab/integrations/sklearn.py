"""Reports from scikit-learn; see `Report`."""

from trimtab.surfaces.integrations.sklearn import Report

__all__ = ["Report"]
