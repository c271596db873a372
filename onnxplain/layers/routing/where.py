"""Where: one of two values, element by element."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from ..base import Placed
from ..kinds import one_for_all_rows
from ..shapes import Place, Shape, sum_to
from .moving import Moving


class Where(Moving):
    """a where the condition holds, else b; all three broadcast."""

    onnx = {"Where": 9}
    data = (1, 2)

    def keeps_rows(self) -> bool:
        return one_for_all_rows(self)

    def at_place(self, place: Place, shapes: Sequence[Shape], out: Shape | None) -> Placed | None:
        return self.with_constants_at(place), [place.where(s) for s in shapes]

    def forward(self, *inputs: Tensor) -> Tensor:
        condition, a, b = self.full(inputs)
        return torch.where(condition, a, b)

    def pull(self, g: Tensor, i: int, args: Sequence[Any]) -> Tensor:
        condition = args[0]
        return sum_to(torch.where(condition if i == 1 else ~condition, g, 0.0), args[i].shape)
