"""RoiAlign: means of bilinear samples in the bins of boxes."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ..base import OnnxNode
from ..kinds import Affine, Part, part_of


@dataclass(frozen=True)
class Boxes:
    """What a RoiAlign node says of its boxes."""

    pooled: tuple[int, int]
    ratio: int
    scale: float
    half_pixel: bool

    @classmethod
    def of(cls, node: OnnxNode) -> Boxes:
        """Before opset 16 there was no shift by half a pixel."""
        usual = "half_pixel" if node.opset >= 16 else "output_half_pixel"
        return cls(
            (int(node.attr("output_height", 1)), int(node.attr("output_width", 1))),
            int(node.attr("sampling_ratio", 0)),
            float(node.attr("spatial_scale", 1.0)),
            node.attr("coordinate_transformation_mode", usual) == "half_pixel",
        )

    def samples(self, low: Tensor, high: Tensor, bins: int) -> tuple[Tensor, Tensor]:
        """(places (box, bin, sample) along one axis, which of them the box has): a box without a ratio of its own has
        as many in a bin as there are elements."""
        shift = 0.5 if self.half_pixel else 0.0
        start, length = low * self.scale - shift, (high - low) * self.scale
        length = length if self.half_pixel else length.clamp(min=1)
        count = torch.full_like(length, self.ratio) if self.ratio > 0 else (length / bins).ceil().clamp(min=0)
        most = int(count.max()) if count.numel() else 0
        k = torch.arange(max(most, 1), device=low.device, dtype=low.dtype)
        step = length[:, None, None] / bins
        b = torch.arange(bins, device=low.device, dtype=low.dtype)[:, None]
        place = start[:, None, None] + step * (b + (k + 0.5) / count.clamp(min=1)[:, None, None])
        return place, (k < count[:, None, None]).expand_as(place)


def taps(place: Tensor, n: int) -> tuple[Tensor, Tensor]:
    """(the two elements on either side of a place along an axis of size n, their weights), on a last axis of two;
    a place more than 1 outside has weights 0, one nearer is moved to the edge."""
    inside = ((place >= -1) & (place <= n)).to(place.dtype)
    at = place.clamp(0, n - 1)
    low = at.floor().clamp(max=max(n - 2, 0))
    part = at - low
    index = torch.stack([low, (low + 1).clamp(max=n - 1)], -1).long()
    return index, torch.stack([(1 - part) * inside, part * inside], -1)


class RoiAlign(Affine):
    """y[box, c, p, q] = Σ_h Σ_w A[box, p, h] B[box, q, w] x[image of the box, c, h, w].

    A bilinear sample is a product of one along each axis, and so is a mean over a regular grid of them. Boxes carry no
    relevance, nor a gradient (as in torchvision, whose boxes come from proposals that are no smooth function of x).
    """

    onnx = {"RoiAlign": 10}
    family = "resize"
    rois: Tensor
    images: Tensor

    def __init__(self, boxes: Boxes, rois: Tensor, images: Tensor) -> None:
        super().__init__()
        self.boxes = boxes
        self.register_buffer("rois", rois)
        self.register_buffer("images", images)

    @classmethod
    def build(cls, node: OnnxNode) -> RoiAlign | None:
        rois, images = node.constant(1), node.constant(2)
        averages = node.attr("mode", "avg") == "avg" and node.only_dynamic(0)
        return cls(Boxes.of(node), rois, images) if averages and rois is not None and images is not None else None

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(x)

    def linear(self, x: Tensor, part: Part = "all") -> Tensor:
        rows, columns = self.weights(x, part)
        y = x.new_zeros((len(self.rois), x.shape[1], *self.boxes.pooled))
        for i, of in self.by_image(x):
            wide = torch.einsum("rqw,chw->rqch", columns[of], x[i])  # the image is read where it lies, not per box
            y = y.index_copy(0, of, torch.einsum("rph,rqch->rcpq", rows[of], wide))
        return y

    def transpose(self, r: Tensor, like: Tensor, part: Part = "all") -> Tensor:
        rows, columns = self.weights(like, part)
        back = r.new_zeros((r.shape[0], *like.shape))
        for i, of in self.by_image(like):
            tall = torch.einsum("rph,trcpq->rtqch", rows[of], r[:, of])
            one = torch.einsum("rqw,rtqch->tchw", columns[of], tall)
            back = back.index_copy(1, of.new_tensor([i]), one[:, None])
        return back

    def by_image(self, x: Tensor) -> list[tuple[int, Tensor]]:
        """(image, its boxes) for each image that has any."""
        found = [(i, (self.images == i).nonzero().reshape(-1)) for i in range(x.shape[0])]
        return [(i, of) for i, of in found if len(of)]

    def weights(self, like: Tensor, part: Part) -> tuple[Tensor, Tensor]:
        """A (box, p, h) and B (box, q, w). All are ≥ 0, so that J has no negative part."""
        rois = self.rois.to(like.dtype)
        both = []
        for axis, (low, high) in enumerate(((1, 3), (0, 2))):
            place, has = self.boxes.samples(rois[:, low], rois[:, high], self.boxes.pooled[axis])
            index, w = taps(place, n := like.shape[2 + axis])
            w = w * (has / has.sum(-1, keepdim=True).clamp(min=1))[..., None]
            dense = w.new_zeros((*place.shape[:2], n)).scatter_add(-1, index.flatten(2), w.flatten(2))
            both.append((dense != 0).to(dense.dtype) if part == "ones" else part_of(dense, part))
        return both[0], both[1]

    def nonnegative(self, inputs: tuple[bool, ...]) -> bool:
        return all(inputs)


class RoiTaps(Affine):
    """All weighted taps that the bins of boxes are the largest of, on a last axis: RoiAlign in mode "max" takes the
    maximum of w·x over the taps, not of the samples."""

    onnx = {"onnxplain:RoiTaps": 1}
    family = "resize"
    rois: Tensor
    images: Tensor

    def __init__(self, boxes: Boxes, rois: Tensor, images: Tensor) -> None:
        super().__init__()
        self.boxes = boxes
        self.register_buffer("rois", rois)
        self.register_buffer("images", images)

    @classmethod
    def build(cls, node: OnnxNode) -> RoiTaps | None:
        rois, images = node.constant(1), node.constant(2)
        if not node.only_dynamic(0) or rois is None or images is None:
            return None
        return cls(Boxes.of(node), rois, images)

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(x)

    def linear(self, x: Tensor, part: Part = "all") -> Tensor:
        index, w = self.each(x)
        flat = x.transpose(0, 1).flatten(1)  # (c, image · h · w)
        taken = flat.index_select(1, index.reshape(-1)).reshape(-1, *index.shape).transpose(0, 1)
        return taken * part_of(w, part)[:, None]

    def transpose(self, r: Tensor, like: Tensor, part: Part = "all") -> Tensor:
        index, w = self.each(like)
        shares = (r * part_of(w, part)[:, None]).transpose(1, 2).flatten(2)  # (T, c, all taps)
        n, c, *sizes = like.shape
        flat = r.new_zeros((r.shape[0], c, n * sizes[0] * sizes[1])).index_add(2, index.reshape(-1), shares)
        return flat.reshape(r.shape[0], c, n, *sizes).transpose(1, 2)

    def each(self, like: Tensor) -> tuple[Tensor, Tensor]:
        """(element of the images laid end to end, weight), each (box, p, q, tap)."""
        rois, (height, width) = self.rois.to(like.dtype), like.shape[2:]
        parts = []
        for axis, (low, high) in enumerate(((1, 3), (0, 2))):
            place, has = self.boxes.samples(rois[:, low], rois[:, high], self.boxes.pooled[axis])
            index, w = taps(
                torch.where(has, place, place[..., :1]), (height, width)[axis]
            )  # a tap read twice is harmless
            parts.append((index.flatten(2), (w * has[..., :1, None]).flatten(2)))
        (h, u), (v, w) = parts
        image = self.images.long()[:, None, None, None, None] * height
        index = (image + h[:, :, None, :, None]) * width + v[:, None, :, None, :]
        return index.flatten(3), (u[:, :, None, :, None] * w[:, None, :, None, :]).flatten(3)

    def nonnegative(self, inputs: tuple[bool, ...]) -> bool:
        return all(inputs)
