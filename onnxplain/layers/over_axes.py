"""Normalization over any axes, which no operator of ONNX is, but what exporters write out of arithmetic."""

from __future__ import annotations

from torch import Tensor

from .normalization import Normalizer
from .shapes import positive_axis


class OverAxes(Normalizer):
    """y = γ v (x − μ) + β, v = (σ² + ε)^(−½), with μ and σ over `axes`; not centred: y = γ x (mean x² + ε)^(−½) + β.

    γ and β broadcast against x.
    """

    def __init__(
        self,
        axes: tuple[int, ...],
        epsilon: float,
        centred: bool = True,
        gamma: Tensor | None = None,
        beta: Tensor | None = None,
    ) -> None:
        super().__init__(gamma, beta, epsilon)
        self.axes, self.centred = axes, centred  # type: ignore[misc]

    def groups(self, x: Tensor) -> tuple[Tensor, tuple[int, ...]]:
        return x, tuple(positive_axis(a, x.dim()) - x.dim() for a in self.axes)
