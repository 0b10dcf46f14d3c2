"""Input warps: numeric coordinates seen through Kumaraswamy distribution functions, fitted together with the process.

Snoek et al., "Input Warping for Bayesian Optimization of Non-Stationary Functions" (2014, arXiv 1402.0929), with the
distribution function w(u) = 1 - (1 - u**a)**b of Kumaraswamy (1980), as HEBO has it (Cowen-Rivers et al., 2022, arXiv
2012.03826). An objective that is steep at one end of a scale and flat at the other, such as a learning rate's on a
linear scale, becomes one that varies evenly. With a = b = 1 nothing is warped.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from trimtab.arrays import Bools, Floats, Ints
from trimtab.numerics.gp import N_SCALES, Data, Prior, slopes

EDGE: Final = 1e-9
"""Nearer to an end than this, a coordinate is taken to be here: slopes are infinite at the very ends."""

SPREAD: Final = 0.5
"""Standard deviation of log a and log b before anything is known."""

LARGEST: Final = 2.5
"""Bound of |log a| and |log b|."""


@dataclass(frozen=True, slots=True)
class Curves:
    """One curve a coordinate.

    Attributes:
        log_a, log_b: [P] logarithms of the shapes.
    """

    log_a: Floats
    log_b: Floats

    def __call__(self, u: Floats) -> Floats:
        """Return [n, P] warped coordinates of u [n, P], from [0, 1] onto [0, 1]."""
        with np.errstate(divide="ignore"):  # log 0 is what the ends need
            rest = -np.expm1(np.exp(self.log_a) * np.log(u))
            warped: Floats = -np.expm1(np.exp(self.log_b) * np.log(rest))
        return warped

    def slope(self, u: Floats) -> Floats:
        """Return [n, P] derivatives of the warped coordinates by u."""
        log_u, log_rest = self._logs(u)
        a, b = np.exp(self.log_a), np.exp(self.log_b)
        slope: Floats = a * b * np.exp((a - 1.0) * log_u + (b - 1.0) * log_rest)
        return slope

    def by_shape(self, u: Floats) -> tuple[Floats, Floats]:
        """Return [n, P] derivatives of the warped coordinates by log a, and by log b."""
        log_u, log_rest = self._logs(u)
        a, b = np.exp(self.log_a), np.exp(self.log_b)
        return a * b * log_u * np.exp(a * log_u + (b - 1.0) * log_rest), -b * log_rest * np.exp(b * log_rest)

    def _logs(self, u: Floats) -> tuple[Floats, Floats]:
        """Return log u and log(1 - u**a)."""
        log_u = np.log(np.clip(u, EDGE, 1.0 - EDGE))
        return log_u, np.log(-np.expm1(np.exp(self.log_a) * log_u))


def fit_curves(
    data: Data, u: Floats, active: Bools, places: Ints, prior: Prior, theta: Floats, max_evaluations: int
) -> tuple[Floats, Curves]:
    """Return ([G + 3] hyperparameters, curves) that L-BFGS-B finds from `theta` and straight curves.

    Args:
        data: what is regressed on; its coordinates at `places` are replaced.
        u: [n, P] unwarped coordinates in [0, 1].
        active: [n, P] where they mean something; elsewhere coordinates stay 0.
        places: [P] the columns of `data.z` that they belong in.
        prior: the penalties; to them a normal one on each shape is added.
        theta: [G + 3] where to start.
        max_evaluations: of the likelihood.
    """
    from scipy.optimize import minimize

    n_theta, p = len(theta), len(places)

    def objective(packed: Floats) -> tuple[float, Floats]:
        shapes = packed[n_theta:]
        curves = Curves(shapes[:p], shapes[p:])
        z = data.z.copy()
        z[:, places] = np.where(active, curves(u) - 0.5, 0.0)
        value, by_theta, by_z = slopes(packed[:n_theta], replace(data, z=z), prior)
        by_warped = np.where(active, by_z[:, places], 0.0)
        by_a, by_b = curves.by_shape(u)
        by_shapes = np.concatenate([(by_warped * by_a).sum(axis=0), (by_warped * by_b).sum(axis=0)])
        gradient = np.concatenate([by_theta, by_shapes + shapes / SPREAD**2])
        return value + 0.5 * float(shapes @ shapes) / SPREAD**2, gradient

    found: Any = minimize(
        objective,
        np.concatenate([theta, np.zeros(2 * p)]),
        jac=True,
        method="L-BFGS-B",
        bounds=prior.bounds(n_theta - N_SCALES) + [(-LARGEST, LARGEST)] * (2 * p),
        options={"maxfun": max_evaluations, "maxiter": max_evaluations, "ftol": 1e-6, "gtol": 1e-3},
    )
    shapes = found.x[n_theta:]
    return found.x[:n_theta], Curves(shapes[:p], shapes[p:])
