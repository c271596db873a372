"""Col2Im: blocks added up at the places they were taken from."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor

from ..base import OnnxNode
from ..kinds import Affine, Part


class Col2Im(Affine):
    """y[n, c, place] = Σ x[n, c·block + k, l] over the elements k of the blocks l that lie on that place: J is of zeros
    and ones."""

    onnx = {"Col2Im": 18}
    family: ClassVar[str] = "other"

    def __init__(
        self,
        image: Sequence[int],
        block: Sequence[int],
        strides: Sequence[int] | None = None,
        pads: Sequence[int] | None = None,
        dilations: Sequence[int] | None = None,
    ) -> None:
        super().__init__()
        n = len(image)
        self.image, self.block = tuple(image), tuple(block)
        self.strides = tuple(strides or [1] * n)
        self.pads = tuple(pads or [0] * 2 * n)
        self.dilations = tuple(dilations or [1] * n)

    @classmethod
    def build(cls, node: OnnxNode) -> Col2Im | None:
        if not node.only_dynamic(0) or not node.is_floating(0):
            return None
        image, block = node.ints("image_shape", 1), node.ints("block_shape", 2)
        return cls(image, block, node.ints("strides"), node.ints("pads"), node.ints("dilations"))

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(x)

    def linear(self, x: Tensor, part: Part = "all") -> Tensor:
        place, inside = self.places(x)
        each = x.reshape(x.shape[0], -1, place.numel()) * inside.to(x.dtype)
        flat = x.new_zeros((*each.shape[:2], math.prod(self.image)))
        y = flat.index_add(2, place, each).reshape(*each.shape[:2], *self.image)
        return torch.zeros_like(y) if part == "negative" else y

    def transpose(self, r: Tensor, like: Tensor, part: Part = "all") -> Tensor:
        place, inside = self.places(r)
        taken = r.flatten(3).index_select(3, place) * inside.to(r.dtype)
        back = taken.reshape(r.shape[0], *like.shape)
        return torch.zeros_like(back) if part == "negative" else back

    def places(self, like: Tensor) -> tuple[Tensor, Tensor]:
        """(place in the flattened image, whether it lies inside), for each element of each block, block by block."""
        n = len(self.image)
        index = torch.zeros((), dtype=torch.int64, device=like.device)
        inside = torch.ones((), dtype=torch.bool, device=like.device)
        for a, size in enumerate(self.image):
            reach = (self.block[a] - 1) * self.dilations[a] + 1
            count = (size + self.pads[a] + self.pads[n + a] - reach) // self.strides[a] + 1
            k = torch.arange(self.block[a], device=like.device) * self.dilations[a]
            first = torch.arange(count, device=like.device) * self.strides[a] - self.pads[a]
            at = k[:, None] + first  # (element of the block, block)
            valid = (at >= 0) & (at < size)
            at = at.clamp(0, size - 1)
            index = (index[..., None, None] * size + at).movedim(-2, a) if a else at
            inside = (inside[..., None, None] & valid).movedim(-2, a) if a else valid
        return index.reshape(-1), inside.reshape(-1)

    def nonnegative(self, inputs: tuple[bool, ...]) -> bool:
        return all(inputs)
