"""Drawing rows of a space: candidates in blocks, of which those are refused that violate a constraint."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from trimtab.arrays import Floats, Ints, Rng
from trimtab.errors import StarvedError
from trimtab.space.codec import Codec
from trimtab.space.columns import Columns
from trimtab.space.constraints import Constraints
from trimtab.space.held import Held
from trimtab.space.prior import Prior

PATIENCE: Final = 100_000
"""So many candidates in a row without one that satisfies the constraints, and sampling gives up."""


class Sampler:
    """Draws rows of one space.

    Args:
        columns: its parameters.
        codec: their scales.
        held: what is given beforehand.
        constraints: what every row satisfies.
        default: [D] the value to start from of every parameter.
    """

    def __init__(self, columns: Columns, codec: Codec, held: Held, constraints: Constraints, default: Floats) -> None:
        self._columns = columns
        self._codec = codec
        self._held = held
        self._constraints = constraints
        self._default = default

    def sample(self, rng: Rng, n: int, given: Floats | None, prior: Prior | None) -> Floats:
        """Return n rows [n, D] that satisfy the constraints, with the values of `given` [D].

        Args:
            rng: the generator.
            n: how many rows.
            given: values that every row must have, nan where free.
            prior: what is believed of the parameters; None to draw uniformly in the unit cube.

        Raises:
            ParamsError: a given value that is impossible.
            StarvedError: `PATIENCE` candidates in a row were refused.
        """
        given = None if given is None else self._held.read_given(given, self._codec)
        must, remaining = ([], {}) if given is None else self._held.implied(given)
        if not self._constraints and not must:
            return self._draw(rng, n, given, remaining, prior)
        found: list[Floats] = []
        wanted, barren, n_drawn, size = n, 0, 0, max(n, 16)
        passed = np.zeros(len(self._constraints) + len(must), dtype=np.int64)
        while wanted > 0:
            x = self._draw(rng, size, given, remaining, prior)
            verdicts = np.array([*self._constraints.judge(x), *(~np.isnan(x[:, column]) for column in must)])
            passed += verdicts.sum(axis=1)
            accepted = x[verdicts.all(axis=0)][:wanted]
            found.append(accepted)
            wanted -= len(accepted)
            n_drawn += size
            barren = 0 if len(accepted) else barren + size
            if barren >= PATIENCE:
                raise self._starved(passed, n_drawn, must)
            size = min(2 * size, 16_384, PATIENCE - barren)
        return np.concatenate(found) if found else np.empty((0, len(self._columns)))

    def _draw(
        self,
        rng: Rng,
        n: int,
        given: Floats | None,
        remaining: Mapping[int, tuple[float, ...]],
        prior: Prior | None,
    ) -> Floats:
        x = self._codec.from_unit(rng.random((n, len(self._columns))) if prior is None else prior.draw(rng, n))
        if given is not None:
            np.copyto(x, given, where=~np.isnan(given))
        for column, codes in remaining.items():
            if prior is None:
                picked = rng.integers(len(codes), size=n)
            else:
                rows = np.repeat(self._default[None], len(codes), axis=0)
                rows[:, column] = codes
                picked = prior.pick(rng, n, self._codec.to_unit(rows))
            x[:, column] = np.array(codes)[picked]
        return self._held.settle(x)

    def _starved(self, passed: Ints, n_drawn: int, must: Sequence[int]) -> StarvedError:
        labels = [repr(text) for text in self._constraints.texts]
        names, parameters = self._columns.names, self._columns.parameters
        labels += [f"the condition of {names[column]}, which is given: {parameters[column].when!r}," for column in must]
        worst = int(passed.argmin())
        alone = f"{labels[worst]} accepted {int(passed[worst]):,} of {n_drawn:,} points"
        if len(labels) > 1 and passed[worst]:
            alone += " by itself, and together with the others too few"
        return StarvedError(
            f"no point was found that satisfies the constraints: {alone}. "
            "Relax it, or narrow the parameters to where it holds."
        )
