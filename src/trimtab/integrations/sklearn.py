"""scikit-learn: a search with cross-validation, `TrimtabSearchCV`, and reports from loops, `Report`."""

import typing as _typing

from trimtab.surfaces.integrations.sklearn import Report

__all__ = ["Report", "TrimtabSearchCV"]

if _typing.TYPE_CHECKING:
    from trimtab.surfaces.integrations.search.searchcv import TrimtabSearchCV
else:

    def __getattr__(name: str) -> object:
        if name == "TrimtabSearchCV":  # which imports much that who reports has no use for
            from trimtab.surfaces.integrations.search.searchcv import TrimtabSearchCV

            return TrimtabSearchCV
        from trimtab.explain import missing

        raise missing("trimtab.integrations.sklearn", name, __all__)
