"""Integrated gradients."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import Tensor

from ..errors import RuleError
from ..rules.composites import Composite, everywhere
from ..rules.gradient import Adjoint
from .base import Chunk, Line, Method, Step, as_weights, positive
from .baselines import BaselineSet
from .context import Context, rows_of


def gauss_legendre(n: int) -> tuple[np.ndarray, np.ndarray]:
    nodes, weights = np.polynomial.legendre.leggauss(n)
    return (nodes + 1) / 2, weights / 2


def riemann_trapezoid(n: int) -> tuple[np.ndarray, np.ndarray]:
    if n == 1:
        return np.array([0.5]), np.array([1.0])
    weights = np.full(n, 1 / (n - 1))
    weights[[0, -1]] /= 2
    return np.linspace(0, 1, n), weights


Quadrature = Callable[[int], tuple[np.ndarray, np.ndarray]]
#: n → (points on the path from baseline 0 to input 1, weights that sum to 1)
QUADRATURES: dict[str, Quadrature] = {
    "gauss_legendre": gauss_legendre,
    "riemann_right": lambda n: (np.arange(1, n + 1) / n, np.full(n, 1 / n)),
    "riemann_left": lambda n: (np.arange(n) / n, np.full(n, 1 / n)),
    "riemann_middle": lambda n: ((np.arange(n) + 0.5) / n, np.full(n, 1 / n)),
    "riemann_trapezoid": riemann_trapezoid,
}


def _captum(name: str) -> Quadrature:
    """captum's weights: rounded to float32; the trapezoid's sum to (n − 1)/n."""

    def quadrature(n: int) -> tuple[np.ndarray, np.ndarray]:
        points, weights = QUADRATURES[name](n)
        share = (n - 1) / n if name == "riemann_trapezoid" else 1.0
        return points, (weights * share).astype(np.float32)

    return quadrature


#: what conventions put in their place, by the same names: points or weights in float32 whatever the precision
LITERAL: dict[str, Quadrature] = {
    "innsight_riemann_right": lambda n: ((np.arange(1, n + 1) / n).astype(np.float32), np.full(n, 1 / n)),
    **{f"captum_{name}": _captum(name) for name in QUADRATURES},
}


def _count(prepared: Mapping[str, Tensor]) -> int:
    return next(iter(prepared.values())).shape[0]


@dataclass(frozen=True, repr=False, eq=False)
class IntegratedGradients(Method):
    """(x − x̄) ⊙ Σ_k w_k ∂f(x̄ + α_k(x − x̄)) (Sundararajan et al. 2017, eq. 1); without `times_input` the mean
    gradient alone. `baseline`: one for all samples, one per sample, or a `BaselineSet`, whose mean it then is."""

    name = "integrated_gradients"
    promise = "approximate"
    goal = "difference"
    layer_factor = "refuse"
    lifts = True
    of_data = frozenset(["baseline"])

    baseline: Any = 0.0
    n_steps: int = 50
    quadrature: str = "gauss_legendre"
    times_input: bool = True

    def validate(self) -> None:
        positive(self, n_steps=self.n_steps)
        if self.quadrature not in QUADRATURES and self.quadrature not in LITERAL:
            raise RuleError(f"IntegratedGradients has no quadrature {self.quadrature!r}: it has {sorted(QUADRATURES)}")

    def rules(self) -> Composite:
        return everywhere(Adjoint())

    def prepare(self, context: Context) -> dict[str, Tensor]:
        if isinstance(self.baseline, BaselineSet):
            return context.reference_rows(context.references(self.baseline.rows))
        return context.sources_of(context.baseline(self.baseline))

    def n_walks(self, prepared: Any) -> int:
        return self.n_steps * (_count(prepared) if isinstance(self.baseline, BaselineSet) else 1)

    def references(self, prepared: Any, samples: np.ndarray) -> Mapping[str, Tensor] | None:
        if not self.times_input:
            return None
        return prepared if isinstance(self.baseline, BaselineSet) else rows_of(prepared, samples)

    def shared_references(self, prepared: Any) -> bool:
        return self.times_input and isinstance(self.baseline, BaselineSet)

    def steps(self, chunk: Chunk, prepared: Any) -> Iterator[Step]:
        if not isinstance(self.baseline, BaselineSet):
            yield from self._path(chunk, rows_of(prepared, chunk.samples), 1)
            return
        count = _count(prepared)
        for i in range(count):
            yield from self._path(chunk, {v: b[i : i + 1] for v, b in prepared.items()}, 1 / count)

    def _path(self, chunk: Chunk, x0: Mapping[str, Tensor], share: float) -> Iterator[Step]:
        """The walks of one baseline (per sample), which makes up this share of the result."""
        difference = {v: x - x0[v] for v, x in chunk.x.items()}
        alphas, weights = (QUADRATURES | LITERAL)[self.quadrature](self.n_steps)
        weights = weights * share
        some = next(iter(chunk.x.values()))
        for part in chunk.parts(self.n_steps):
            yield Step(
                line=Line(x0, chunk.x, as_weights(alphas[part.start : part.stop], some)),
                k=len(part),
                weights=as_weights(weights[part.start : part.stop], some),
                factor=difference if self.times_input else None,
            )
