"""Operators that permute axes, whole (Transpose) or of blocks (DepthToSpace, SpaceToDepth)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from ..base import OnnxNode, Placed
from ..shapes import Place, Shape, fold, unfold
from .moving import Moving


def inverse(perm: Sequence[int]) -> list[int]:
    return sorted(range(len(perm)), key=lambda i: perm[i])


class Transpose(Moving):
    """y's axis i is x's axis perm[i]; all axes reversed where there is no `perm`."""

    onnx = {"Transpose": 1}

    def __init__(self, node: OnnxNode) -> None:
        super().__init__(node)
        perm = node.attr("perm")
        self.perm = None if perm is None else [int(p) for p in perm]
        self.back = None if perm is None else [0, *(1 + p for p in inverse(perm))]

    def at_place(self, place: Place, shapes: Sequence[Shape], out: Shape | None) -> Placed | None:
        rank = len(shapes[0])
        axes = self.perm or list(reversed(range(rank)))
        return self, [Place(axes[place.axis] - rank, place.last)]

    def forward(self, *inputs: Tensor) -> Tensor:
        x = self.full(inputs)[0]
        return x.permute(self.perm if self.perm is not None else tuple(reversed(range(x.dim()))))

    def pull(self, g: Tensor, i: int, args: Sequence[Any]) -> Tensor:
        return g.permute(self.back if self.back is not None else (0, *reversed(range(1, g.dim()))))


#: mode → how (N, ·, ·, ·, H, W), the channel axis split as the mode says, becomes (N, C, H, block, W, block)
_SPLITS = {"DCR": (0, 3, 4, 1, 5, 2), "CRD": (0, 1, 4, 2, 5, 3)}


def to_space(x: Tensor, block: int, mode: str) -> Tensor:
    n, c, h, w = x.shape
    c //= block * block
    split = (block, block, c) if mode == "DCR" else (c, block, block)
    return x.reshape(n, *split, h, w).permute(_SPLITS[mode]).reshape(n, c, h * block, w * block)


def to_depth(x: Tensor, block: int, mode: str) -> Tensor:
    n, c, h, w = x.shape
    blocks = x.reshape(n, c, h // block, block, w // block, block)
    return blocks.permute(inverse(_SPLITS[mode])).reshape(n, c * block * block, h // block, w // block)


class DepthToSpace(Moving):
    """(N, C·b², H, W) → (N, C, H·b, W·b)."""

    onnx = {"DepthToSpace": 1}

    def __init__(self, node: OnnxNode) -> None:
        super().__init__(node)
        self.block, self.mode = int(node.attr("blocksize")), node.attr("mode", "DCR")

    def forward(self, *inputs: Tensor) -> Tensor:
        return to_space(self.full(inputs)[0], self.block, self.mode)

    def pull(self, g: Tensor, i: int, args: Sequence[Any]) -> Tensor:
        return unfold(to_depth(fold(g), self.block, self.mode), g.shape[0])


class SpaceToDepth(Moving):
    """(N, C, H·b, W·b) → (N, C·b², H, W)."""

    onnx = {"SpaceToDepth": 1}

    def __init__(self, node: OnnxNode) -> None:
        super().__init__(node)
        self.block, self.mode = int(node.attr("blocksize")), node.attr("mode", "DCR")

    def forward(self, *inputs: Tensor) -> Tensor:
        return to_depth(self.full(inputs)[0], self.block, self.mode)

    def pull(self, g: Tensor, i: int, args: Sequence[Any]) -> Tensor:
        return unfold(to_space(fold(g), self.block, self.mode), g.shape[0])
