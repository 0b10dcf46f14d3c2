"""PyTorch: a loop that the user writes, in one process or in a group of them (`torch.distributed`)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import trimtab as tt
from trimtab.errors import ObjectiveError, ProblemError
from trimtab.surfaces.integrations import generators
from trimtab.surfaces.integrations.needed import needed
from trimtab.surfaces.integrations.reporter import Reported, Reporter, check_every, check_parts, reported

if TYPE_CHECKING:
    import torch
    import torch.distributed as dist
else:
    torch = needed("torch")
    dist = torch.distributed

T = TypeVar("T")


class Report:
    """Runs the steps of a loop that are still to run, reports them, and keeps checkpoints of what is trained.

    What is named (model, optimizer, learning-rate schedule, gradient scaler: whatever has a `state_dict`) is restored
    from the checkpoint, if there is one, and so are the generators of PyTorch, its devices, NumPy and Python. So make
    it after the model is on its device.

    In a process group, every rank makes one and calls it at each step. Only rank 0 reports, writes and reads; the
    others may give None for the trial. All of them get the same steps and the same word to end, at the same step. What
    the other ranks measured is not looked at: average it first (`torch.distributed.all_reduce`). The states of the
    generators are each rank's own.

    Example:
        ```python
        def train(trial):
            model, optimizer = build(**trial.params)
            report = tt.integrations.torch.Report(trial, model=model, optimizer=optimizer)
            for epoch in report.steps():
                fit_one_epoch(model, optimizer)
                report(epoch, loss=validate(model))
            return report.last
        ```

    Args:
        trial: what the objective was given, or `tt.this_trial()` in a program; may be None on ranks above 0.
        checkpoint_every: steps between checkpoints; one is written at the end too. None for none.
        group: the process group; the default one if None, where that was initialized.
        fidelity: which fidelity counts the steps; may be left out if there is only one.
        parts: what is trained, by name.

    Raises:
        ObjectiveError: an argument is not what is expected, or rank 0 says so.
    """

    def __init__(
        self,
        trial: tt.Trial | None,
        *,
        checkpoint_every: int | None = 1,
        group: Any = None,
        fidelity: str | None = None,
        **parts: Any,
    ) -> None:
        for name, part in parts.items():
            if not hasattr(part, "state_dict") or not hasattr(part, "load_state_dict"):
                raise ObjectiveError(f"{name}= is to have a state_dict, as models and optimizers have; got {part!r}.")
        check_every(checkpoint_every)
        self._parts = parts
        self._every = checkpoint_every
        self._group = group
        self._is_shared = dist.is_available() and dist.is_initialized()
        self._rank = dist.get_rank(group) if self._is_shared else 0
        self._reporter: Reporter | None = None
        self._is_over = False

        def begin() -> tuple[range | str, Reported | None, Any]:
            self._reporter = reporter = Reporter(trial, checkpoint_every)
            steps: range | str
            try:
                steps = reporter.trial.steps(fidelity)
            except ProblemError as error:  # for a loop that counts otherwise, there is nothing wrong with that
                steps = str(error)
            folder = reporter.restored
            # Tensors go to the CPU first, and from there to wherever their part is. The file is the trial's own, and
            # states hold what their makers like: so it is unpickled.
            kept = None if folder is None else torch.load(folder / _STATE, map_location="cpu", weights_only=False)
            return steps, reporter.last, kept

        self._steps, self._last, kept = self._from_first(begin)
        if kept is not None:
            self._restore(kept)

    @property
    def last(self) -> Reported | None:
        """What was reported last, also by what this trial goes on from; an objective may return it."""
        return self._last

    @property
    def should_stop(self) -> bool:
        """Whether the trial is to end, as of the last report: the same on all ranks."""
        return self._is_over

    def steps(self) -> Iterator[int]:
        """Yield the steps that are still to run, up to the assigned fidelity, until the trial is to end.

        Raises:
            ProblemError: as `Trial.steps`. Where nothing counts the steps, count yourself and look at `should_stop`.
        """
        if isinstance(self._steps, str):
            raise ProblemError(self._steps)
        for step in self._steps:
            if self._is_over:
                break
            yield step

    def __call__(self, step: int, values: Mapping[str, float] | float | None = None, /, **named: float) -> None:
        """Report a step, and write a checkpoint if one is due; in a process group, on all ranks.

        Args:
            step: what `steps` gave.
            values: {metric: value}, or a number where the study has one metric; those of rank 0 count.
            named: more values, as `loss=0.3`; a tensor of one element is a number too.

        Raises:
            ObjectiveError: there is nothing to report, or rank 0 says so.
        """

        def speak() -> tuple[bool, Reported]:
            said = reported(values, named)
            return self._first.report(step, said), said

        self._is_over, self._last = self._from_first(speak)
        at_end = self._is_over or (isinstance(self._steps, range) and step == self._steps.stop - 1)
        if self._every is None or not (at_end or step % self._every == 0):
            return
        # On all ranks, also where only one writes: of a sharded model the parts are with all of them.
        state = {name: part.state_dict() for name, part in self._parts.items()}
        drawn_from = self._gathered(generators.states())

        def keep() -> None:
            whole = {"parts": state, "generators": drawn_from}
            self._first.keep(lambda folder: torch.save(whole, folder / _STATE), at_end=at_end)

        self._from_first(keep)

    @property
    def _first(self) -> Reporter:
        assert self._reporter is not None, "asked on rank 0 alone"
        return self._reporter

    def _from_first(self, act: Callable[[], T]) -> T:
        """Do something on rank 0, and return what came of it on all ranks; what it raises there is raised on all."""
        if not self._is_shared:
            return act()
        said: list[Any] = [None, None]
        error: Exception | None = None
        if self._rank == 0:
            try:
                said = [act(), None]
            except Exception as raised:  # the others wait: they must hear of it
                error, said = raised, [None, f"{type(raised).__name__}: {raised}"]
        source = dist.get_global_rank(self._group, 0) if self._group is not None else 0
        dist.broadcast_object_list(said, src=source, group=self._group)
        if error is not None:
            raise error
        if said[1] is not None:
            raise ObjectiveError(f"rank 0 could not go on: {said[1]}")
        return said[0]  # type: ignore[no-any-return] # what rank 0 returned

    def _gathered(self, mine: T) -> list[T]:
        """Return what each rank has, in their order."""
        if not self._is_shared:
            return [mine]
        all_of_them: list[Any] = [None] * dist.get_world_size(self._group)
        dist.all_gather_object(all_of_them, mine, group=self._group)
        return all_of_them

    def _restore(self, kept: Mapping[str, Any]) -> None:
        check_parts(kept["parts"], self._parts)
        for name, part in self._parts.items():
            part.load_state_dict(kept["parts"][name])
        drawn_from = kept["generators"]
        if self._rank < len(drawn_from):  # else the group has grown, and the new ranks draw as they would anew
            generators.restore(drawn_from[self._rank])


_STATE = "state.pt"
