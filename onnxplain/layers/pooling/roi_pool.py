"""MaxRoiPool: the largest element in the bins of boxes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from ..base import OnnxNode
from .single import Single


class MaxRoiPool(Single):
    """The largest element in each of p × q bins of each box, 0 where a bin is empty; boxes are rounded to elements and
    carry nothing. An index counts over the images laid end to end, beginning after one zero."""

    onnx = {"MaxRoiPool": 1}

    def __init__(self, node: OnnxNode) -> None:
        super().__init__(node.constants, node.dynamic)
        p, q = (int(n) for n in node.attr("pooled_shape"))
        self.pooled, self.scale = (p, q), float(node.attr("spatial_scale", 1.0))

    @classmethod
    def build(cls, node: OnnxNode) -> MaxRoiPool | None:
        return cls(node) if node.is_floating(0) and node.is_dynamic(0) else None

    def forward(self, *inputs: Tensor) -> Tensor:
        return self.pick(inputs, self.winners(inputs))

    def winners(self, inputs: Sequence[Tensor]) -> Tensor:
        x, rois = self.full(inputs)
        height, width = x.shape[2:]
        rows, columns = self.inside(x, rois)
        image = rois[:, 0].long()
        each = []
        for k, (row, column) in enumerate(zip(rows, columns, strict=True)):
            v = x[image[k]]  # (c, h, w)
            best, w = torch.where(column[:, None], v[:, None], -torch.inf).max(-1)  # over w: (c, q, h)
            h = torch.where(row[:, None], best[:, None], -torch.inf).argmax(-1)  # over h: (c, p, q)
            at = h * width + w[:, None].expand(-1, len(row), -1, -1).gather(-1, h[..., None])[..., 0]
            first = (image[k] * x.shape[1] + torch.arange(x.shape[1], device=x.device)) * height * width
            holds = row.any(-1)[:, None] & column.any(-1)
            each.append(torch.where(holds, 1 + first[:, None, None] + at, 0))
        return torch.stack(each) if each else x.new_zeros((0, x.shape[1], *self.pooled), dtype=torch.int64)

    def inside(self, x: Tensor, rois: Tensor) -> tuple[Tensor, Tensor]:
        """Which rows (box, p, h) and which columns (box, q, w) a bin holds."""
        box = rois[:, 1:] * self.scale
        box = box.sign() * (box.abs() + 0.5).floor()  # halves away from zero, as C rounds
        both = []
        for axis, (low, high) in enumerate(((1, 3), (0, 2))):
            n, bins = x.shape[2 + axis], self.pooled[axis]
            step = (box[:, high] - box[:, low] + 1).clamp(min=1)[:, None] / bins
            b = torch.arange(bins, device=x.device)
            start = ((b * step).floor() + box[:, low, None]).clamp(0, n)
            end = (((b + 1) * step).ceil() + box[:, low, None]).clamp(0, n)
            place = torch.arange(n, device=x.device)
            both.append((place >= start[..., None]) & (place < end[..., None]))
        return both[0], both[1]

    def pick(self, inputs: Sequence[Tensor], index: Tensor) -> Tensor:
        x = self.full(inputs)[0]
        return torch.cat([x.new_zeros(1), x.reshape(-1)])[index]

    def put(self, r: Tensor, index: Tensor, args: Sequence[Any]) -> Tensor:
        x = args[0]
        flat = r.new_zeros((r.shape[0], 1 + x.numel())).index_add(1, index.reshape(-1), r.reshape(r.shape[0], -1))
        return flat[:, 1:].reshape(r.shape[0], *x.shape)

    def window_sum(self, inputs: Sequence[Tensor]) -> Tensor:
        x, rois = self.full(inputs)
        rows, columns = (m.to(x.dtype) for m in self.inside(x, rois))
        return torch.einsum("rph,rqw,rchw->rcpq", rows, columns, x[rois[:, 0].long()])

    def spread(self, r: Tensor, args: Sequence[Any]) -> Tensor:
        x, rois = args
        rows, columns = (m.to(r.dtype) for m in self.inside(x, rois))
        each = torch.einsum("rph,rqw,trcpq->trchw", rows, columns, r)
        return r.new_zeros((r.shape[0], *x.shape)).index_add(1, rois[:, 0].long(), each)
