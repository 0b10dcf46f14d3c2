"""CMA-ES that begins where something is known: at a row, with a step and a shape that a model may give.

Hansen, "The CMA evolution strategy: a tutorial" (2016, arXiv 1604.00772), with its default constants and with active
updates (negative weights). A generation is told as places in the unit cube, best first; whoever drew them.
"""

from __future__ import annotations

import numpy as np

from trimtab.arrays import Floats, Rng


class Evolution:
    """A normal distribution that learns from generations.

    Args:
        mean: [P] where it begins.
        sigma: its step.
        covariance: [P, P] its shape, of determinant about 1; the unit matrix if None.
        size: how many trials make a generation; by default 4 + 3 log P.

    Attributes:
        mean, sigma, covariance: of the distribution, N(mean, sigma**2 * covariance).
        size: how many trials make a generation.
        generation: how many were told.
    """

    def __init__(self, mean: Floats, sigma: float, covariance: Floats | None = None, size: int | None = None) -> None:
        p = len(mean)
        self.size = 4 + int(3.0 * np.log(p)) if size is None else size
        self.mean, self.sigma = mean.copy(), sigma
        self.covariance: Floats = np.eye(p) if covariance is None else covariance.copy()
        self.generation = 0
        self._path_sigma, self._path = np.zeros(p), np.zeros(p)
        self._constants(p)
        self._decompose()

    def _constants(self, p: int) -> None:
        """Set what the tutorial has in its table 1."""
        raw = np.log((self.size + 1.0) / 2.0) - np.log(np.arange(1, self.size + 1))
        good = raw > 0.0
        self._mu_eff = float(raw[good].sum() ** 2 / np.square(raw[good]).sum())
        mu_bad = float(raw[~good].sum() ** 2 / np.square(raw[~good]).sum())
        self._c_sigma = (self._mu_eff + 2.0) / (p + self._mu_eff + 5.0)
        self._damping = 1.0 + 2.0 * max(0.0, ((self._mu_eff - 1.0) / (p + 1.0)) ** 0.5 - 1.0) + self._c_sigma
        self._c_path = (4.0 + self._mu_eff / p) / (p + 4.0 + 2.0 * self._mu_eff / p)
        self._c1 = 2.0 / ((p + 1.3) ** 2 + self._mu_eff)
        c_mu = 2.0 * (0.25 + self._mu_eff + 1.0 / self._mu_eff - 2.0) / ((p + 2.0) ** 2 + self._mu_eff)
        self._c_mu = min(1.0 - self._c1, c_mu)
        least = min(
            1.0 + self._c1 / self._c_mu,
            1.0 + 2.0 * mu_bad / (self._mu_eff + 2.0),
            (1.0 - self._c1 - self._c_mu) / (p * self._c_mu),
        )
        self._weights = np.where(good, raw / raw[good].sum(), least * raw / np.abs(raw[~good]).sum())
        self._length = p**0.5 * (1.0 - 1.0 / (4.0 * p) + 1.0 / (21.0 * p * p))

    def _decompose(self) -> None:
        values, self._axes = np.linalg.eigh((self.covariance + self.covariance.T) / 2.0)
        self._scales = np.sqrt(np.maximum(values, 1e-20 * max(float(values.max()), 1e-300)))

    def deviations(self) -> Floats:
        """Return [P] the standard deviation of each coordinate."""
        found: Floats = self.sigma * np.sqrt(np.diagonal(self.covariance))
        return found

    def draw(self, rng: Rng, n: int) -> Floats:
        """Return [n, P] draws, which may lie outside of the unit cube."""
        z = rng.standard_normal((n, len(self.mean)))
        drawn: Floats = self.mean + self.sigma * (z * self._scales) @ self._axes.T
        return drawn

    def tell(self, u: Floats) -> None:
        """Learn from a generation [size, P], the best first."""
        p = len(self.mean)
        self.generation += 1
        steps = (u - self.mean) / self.sigma
        whitened = (steps @ self._axes) / self._scales
        length = np.sqrt(np.square(whitened).sum(axis=1))
        pull = np.minimum(1.0, (p**0.5 + 2.0) / np.maximum(length, 1e-300))  # far ones, as of others: Hansen (2011)
        steps, whitened = steps * pull[:, None], whitened * pull[:, None]
        weights = self._weights
        good = np.maximum(weights, 0.0)
        step, white = good @ steps, self._axes @ (good @ whitened)
        self.mean = self.mean + self.sigma * step
        c = self._c_sigma
        self._path_sigma = (1.0 - c) * self._path_sigma + (c * (2.0 - c) * self._mu_eff) ** 0.5 * white
        norm = float(np.sqrt(np.square(self._path_sigma).sum()))
        grown = norm / (1.0 - (1.0 - c) ** (2 * self.generation)) ** 0.5
        h = 1.0 if grown < (1.4 + 2.0 / (p + 1.0)) * self._length else 0.0
        cc = self._c_path
        self._path = (1.0 - cc) * self._path + h * (cc * (2.0 - cc) * self._mu_eff) ** 0.5 * step
        signed = np.where(weights >= 0.0, weights, weights * p / np.maximum(np.square(whitened).sum(axis=1), 1e-300))
        kept = 1.0 + self._c1 * (1.0 - h) * cc * (2.0 - cc) - self._c1 - self._c_mu * float(weights.sum())
        self.covariance = (
            kept * self.covariance
            + self._c1 * np.outer(self._path, self._path)
            + self._c_mu * (steps.T * signed) @ steps
        )
        self.sigma *= float(np.exp(min(1.0, c / self._damping * (norm / self._length - 1.0))))
        self._decompose()
