"""scikit-learn: a search with cross-validation, its honest score, and reports from loops."""

import typing as _typing

from trimtab.surfaces.integrations.sklearn import Report
from trimtab.surfaces.nested import NestedScore, nested_score

__all__ = ["NestedScore", "Report", "TrimtabSearchCV", "nested_score"]

if _typing.TYPE_CHECKING:
    from trimtab.surfaces.integrations.search.searchcv import TrimtabSearchCV
else:

    def __getattr__(name: str) -> object:
        if name == "TrimtabSearchCV":  # which imports much that who reports has no use for
            from trimtab.surfaces.integrations.search.searchcv import TrimtabSearchCV

            return TrimtabSearchCV
        from trimtab.explain import missing

        raise missing("trimtab.integrations.sklearn", name, __all__)
