"""The callbacks of scikit-learn 1.9 and later: told of the search, of each fit and of the final one.

Versions before have none, and nobody is told.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class Hooks:
    """Tells the callbacks of a search.

    Args:
        search: the search.
        x: its data.
        y: its targets.
        metadata: what callbacks are told besides.
        n_cells: fits, at most; None where nobody knows.
    """

    def __init__(self, search: Any, x: Any, y: Any, metadata: dict[str, Any] | None, n_cells: int | None) -> None:
        self._search = search
        self._about = {"X": x, "y": y, "metadata": metadata}
        self._n_cells = n_cells
        self._n_begun = 0
        self._root: Any = None
        self._within: Any = None
        if hasattr(search, "_init_callback_context"):
            self._root = search._init_callback_context(max_subtasks=1 + (search.refit is not False))
            self._root.call_on_fit_task_begin(estimator=search, **self._about)

    @contextmanager
    def search(self) -> Iterator[None]:
        """Tell that cells are run within."""
        if self._root is None:
            yield
            return
        self._within = self._root.subcontext(task_name="search", max_subtasks=self._n_cells, sequential_subtasks=False)
        self._within.call_on_fit_task_begin(estimator=self._search)
        yield
        self._within.call_on_fit_task_end(estimator=self._search)

    def cell(self) -> dict[str, Any]:
        """Return what the next cell is to be run with, so that it tells of itself."""
        if self._within is None:
            return {}
        self._n_begun += 1
        context = self._within.subcontext(task_name="candidate-split-evaluation", task_id=self._n_begun - 1)
        return {"callback_ctx": context}

    @contextmanager
    def refit(self, estimator: Any) -> Iterator[None]:
        """Tell that the best is fitted on all data within."""
        if self._root is None:
            yield
            return
        context = self._root.subcontext(task_name="refit-with-best-params")
        with context.propagate_callback_context(estimator):
            context.call_on_fit_task_begin(estimator=self._search, **self._about)
            yield
        context.call_on_fit_task_end(estimator=self._search, **self._about)

    def end(self) -> None:
        """Tell that the search is over."""
        if self._root is not None:
            self._root.call_on_fit_task_end(estimator=self._search, **self._about)
