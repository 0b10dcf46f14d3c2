"""A weighted sum of the means of several Gaussian processes, at the price of little more than one.

The processes see the same coordinates with lengthscales of their own, so their kernels are computed as one array
[S, n, m]: for a few candidates and some dozen rows the calls would cost more than the arithmetic.

Letters: S processes, n rows of the largest, m candidates, Q coordinates.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from trimtab.arrays import Floats
from trimtab.numerics.gp import CHUNK, Posterior, basis_of, matern, matern_value


@dataclass(frozen=True, slots=True)
class Blend:
    """The sum.

    Attributes:
        scale: [S, Q] the inverse lengthscales.
        zs: [S, n, Q] the rows, scaled; 0 where a process has fewer.
        heights: [S, n] what each row adds to the mean where it is; 0 likewise.
        trend: [2 Q] the weights of the trend's features, all processes together.
    """

    scale: Floats
    zs: Floats
    heights: Floats
    trend: Floats

    @classmethod
    def of(cls, processes: Sequence[Posterior], weights: Floats) -> Blend:
        """Return the sum of processes, at least one, each times its weight [S]."""
        n, q = max(process.n for process in processes), len(processes[0].scale)
        scale = np.stack([process.scale for process in processes])
        zs, heights = np.zeros((len(processes), n, q)), np.zeros((len(processes), n))
        trend = np.zeros(2 * q)
        for i, (process, weight) in enumerate(zip(processes, weights.tolist(), strict=True)):
            rows, amplitudes, slopes = process.expansion()
            zs[i, : process.n], heights[i, : process.n] = rows, weight * amplitudes
            trend += weight * slopes
        return cls(scale, zs, heights, trend)

    def times(self, factor: float) -> Blend:
        """Return it so many times as high."""
        return replace(self, heights=factor * self.heights, trend=factor * self.trend)

    def mean(self, z: Floats) -> Floats:
        """Return [m] the sum at [m, Q]."""
        found = np.empty(len(z))
        for first in range(0, len(z), CHUNK):
            part = z[first : first + CHUNK]
            value = matern_value(self._square_distances(part[None] * self.scale[:, None]))
            found[first : first + CHUNK] = np.tensordot(self.heights, value, 2) + basis_of(part) @ self.trend
        return found

    def mean_with_gradient(self, z: Floats) -> tuple[Floats, Floats]:
        """Return [m] the sum at [m, Q], and its gradient [m, Q]."""
        at = z[None] * self.scale[:, None]
        value, slope = matern(self._square_distances(at))
        basis, q = basis_of(z), z.shape[1]
        mean = np.tensordot(self.heights, value, 2) + basis @ self.trend
        slope *= self.heights[:, :, None]
        # dr2_inm / dz_mq = 2 scale_q (zs_mq - zs_nq)
        pull = at * slope.sum(axis=1)[:, :, None] - slope.transpose(0, 2, 1) @ self.zs
        gradient = 2.0 * np.einsum("smq,sq->mq", pull, self.scale)
        return mean, gradient + self.trend[:q] + 4.0 * z * self.trend[q:]

    def _square_distances(self, at: Floats) -> Floats:
        """Return [S, n, m] squared distances from the rows to scaled candidates [S, m, Q]."""
        r2: Floats = self.zs @ at.transpose(0, 2, 1)
        r2 *= -2.0
        r2 += np.einsum("snq,snq->sn", self.zs, self.zs)[:, :, None]
        r2 += np.einsum("smq,smq->sm", at, at)[:, None, :]
        return np.maximum(r2, 0.0, out=r2)
