"""Expected gradients (GradientSHAP)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..rules.composites import Composite, everywhere
from ..rules.gradient import Adjoint
from .base import Chunk, Line, Method, Step, as_weights, positive
from .context import Context

DRAWS = 2  # purpose number of the draws' generators


@dataclass(frozen=True, repr=False, eq=False)
class ExpectedGradients(Method):
    """Mean over `n_samples` draws of (x − x̄) ⊙ ∂f(x̄ + α(x − x̄)), x̄ from `data_ref`, α ~ U(0, 1), the same draw for
    all inputs of a sample (Erion et al. 2021, eq. 3)."""

    name = "expected_gradients"
    goal = "difference"
    layer_factor = "refuse"
    draws = True
    lifts = True
    of_data = frozenset(["data_ref"])

    data_ref: Any = None
    n_samples: int = 50

    def validate(self) -> None:
        positive(self, n_samples=self.n_samples)

    def rules(self) -> Composite:
        return everywhere(Adjoint())

    def prepare(self, context: Context) -> dict[str, Tensor]:
        return context.reference_rows(context.references(self.data_ref))

    def n_walks(self, prepared: Any) -> int:
        return self.n_samples

    def references(self, prepared: Any, samples: np.ndarray) -> Mapping[str, Tensor] | None:
        return prepared

    def shared_references(self, prepared: Any) -> bool:
        return True

    def steps(self, chunk: Chunk, prepared: Any) -> Iterator[Step]:
        some = next(iter(chunk.x.values()))
        rows = next(iter(prepared.values())).shape[0]
        words = chunk.stream(DRAWS).words(range(self.n_samples), chunk.samples, 2)
        which = ((words[..., 0] >> 32) * np.uint64(rows) >> 32).astype(np.int64)  # (n_samples, n)
        alpha = (words[..., 1] >> 11) * 2.0**-53
        # where references are fewer than draws and no more than fit, affine first layers are passed once for each of them
        few = rows <= chunk.n * min(self.n_samples // 2, chunk.max_k) and all(x.dim() == 2 for x in chunk.x.values())
        for part in chunk.parts(self.n_samples):
            at = slice(part.start, part.stop)
            index = torch.from_numpy(which[at]).reshape(-1).to(some.device)
            a = as_weights(alpha[at], some)  # (k, n)
            path, factor = {}, {}
            for v, x in chunk.x.items():
                x0 = prepared[v].index_select(0, index).reshape(len(part), *x.shape)
                difference = x - x0
                factor[v] = difference.flatten(0, 1)
                if not few:
                    path[v] = torch.addcmul(x0, a.reshape(*a.shape, *[1] * (x.dim() - 1)), difference).flatten(0, 1)
            yield Step(
                x=None if few else path,
                line=Line(prepared, chunk.x, a, index) if few else None,
                k=len(part),
                weights=as_weights(np.full(len(part), 1 / self.n_samples), some),
                factor=factor,
            )
