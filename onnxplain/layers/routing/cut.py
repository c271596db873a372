"""Cut: what several Slices and Gathers make of one value, all of it, on one axis."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ..base import Cotangents, Pulled
from ..kinds import Routing
from ..shapes import lift
from .concat import of_all


class Cut(Routing):
    """x cut on `axis` into pieces of `sizes`, of which those of size 1 that `drop` it lose the axis.

    Its transpose puts the pieces back side by side, where that of each Slice would make zeros of all of x.
    """

    def __init__(self, axis: int, sizes: Sequence[int], drop: Sequence[bool]) -> None:
        super().__init__(dynamic=(True,))
        self.axis, self.sizes, self.drop = axis, tuple(sizes), tuple(drop)
        self.cut = None if any(drop) else axis

    def keeps_rows(self) -> bool:
        return (self.axis == -1 or self.axis > 0) and not any(self.drop)

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        pieces = torch.split_with_sizes(x, self.sizes, self.axis)
        return tuple([p.squeeze(self.axis) if d else p for p, d in zip(pieces, self.drop, strict=True)])

    def adjoint(self, cotangents: Cotangents, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> Pulled:
        pieces = of_all(cotangents, outputs)
        if pieces is None:
            return (None,)
        axis = lift(self.axis, inputs[0].dim())
        return (torch.cat([p.unsqueeze(axis) if d else p for p, d in zip(pieces, self.drop, strict=True)], axis),)
