"""What the engine remembers: what trials gave, and the hyperparameters that were fitted to it."""

from __future__ import annotations

import numpy as np

from trimtab.ledger.table import TrialTable
from trimtab.model.choice import Choice
from trimtab.model.failures import FailureFits, Failures
from trimtab.model.features import Features
from trimtab.model.observations import Observations
from trimtab.model.past import Sources
from trimtab.model.processes import Processes
from trimtab.model.surrogate import Surrogate
from trimtab.numerics import blas
from trimtab.optim.gp.settings import Settings
from trimtab.optim.gp.stages import Stages
from trimtab.optim.lattice import every_row
from trimtab.space.problem import Problem


class GpState:
    """A fold over the log.

    Attributes:
        observations: what is on record.
        processes, failure_fits: what was fitted to it.
        features: how processes see the space, before any warp.
        stages: which parameters are tuned first; None where all are tuned from the start.
        sources: the earlier studies that it learns from; None where there are none.
        every: [m, D] all configurations of a small space; None for others.
        settings: the constants.
        choice: what is preferred of several objectives; None where that is all of the front.
    """

    def __init__(self, problem: Problem, settings: Settings, *, in_stages: bool) -> None:
        space, features = problem.space, Features(problem.space)
        self.settings = settings
        self.choice = Choice.steering(problem)
        self.observations = Observations(problem, settings)
        self.stages = Stages(space, settings) if in_stages else None
        length2 = np.ones(len(space)) if self.stages is None else self.stages.length2
        self.features = features
        self.processes = Processes(problem, features, length2, settings)
        self.failure_fits = FailureFits(features, settings)
        self.sources: Sources | None = None
        is_small = space.n_configurations is not None and space.n_configurations <= settings.exhaustive
        self.every = every_row(space) if is_small else None

    def learn_from(self, table: TrialTable) -> None:
        """Take up the earlier studies of a table: they stand in its first record, and are the same in every call."""
        if self.sources is None and table.past:
            self.sources = Sources(table.past, table.space, self.features, self.settings)
            if len(self.sources):
                self.processes.learn_from(self.sources)

    def carry(self, before: GpState) -> None:
        """Go on from the hyperparameters in a space that lacked the last parameter; the same trials are on record.

        While all results are equal nothing was fitted.
        """
        observations = before.observations
        if not observations.is_flat:
            with blas.one_thread():
                self.processes.carry(before.processes, observations)

    @property
    def surrogate(self) -> Surrogate:
        """The process of all metrics in one."""
        return self.processes.joined

    def failures(self) -> Failures | None:
        """Return where trials fail; None if none did through its own fault."""
        return Failures(self.observations, self.failure_fits) if self.observations.failed.n else None
