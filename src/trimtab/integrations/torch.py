"""Reports from PyTorch; see `Report`."""

from trimtab.surfaces.integrations.torch import Report

__all__ = ["Report"]
