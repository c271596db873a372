"""Convolution with constant weights."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from ..base import OnnxNode
from ..kept import kept
from ..kinds import Affine, Part
from ..laid import Laid
from ..shapes import fold, unfold
from .kernels import BACKWARD, FORWARD
from .merging import along, nothing_below_zero, shifted, weights_of
from .patches import are_patches, patches_transpose
from .pointwise import is_pointwise, pointwise, pointwise_transpose
from .small import at_rest, convolved, is_slow, is_slow_volume, pixels_first, turned
from .subpixel import Subpixels, blocks_of, pays, subpixel_transpose
from .window import Window, channels_last, pad_list, per_channel


class Conv(Affine):
    """y = w ∗ x + b, in 1 to 3 dimensions, any groups, strides, dilations and pads.

    `border` (O, 1, *kernel) is what each tap adds to y where it falls inside the input and not on the padding. It
    stands for a constant that was added to x before zero-padding, so that the bias differs along the borders.
    """

    onnx = {"Conv": 1}
    makes_anew = True
    family = "convolution"
    w: Tensor
    b: Tensor | None
    border: Tensor | None

    def __init__(
        self,
        weight: Tensor,
        bias: Tensor | None = None,
        window: Window | None = None,
        groups: int = 1,
        border: Tensor | None = None,
    ) -> None:
        super().__init__()
        self.window = window or Window.of(weight.shape[2:])
        self.groups = groups
        if border is not None and self.window.auto_pad in ("NOTSET", "VALID") and not any(self.window.pads):
            bias, border = shifted(bias, border.flatten(1).sum(1)), None
        self.register_buffer("w", weight)
        self.register_buffer("b", bias)
        self.register_buffer("border", border)
        self.series = self.window.rank == 1
        self.at = self.window.lifted() if self.series else self.window  # on the CPU a series is an image one pixel high
        planes = weight.unsqueeze(2) if self.series else weight
        self.pointwise = is_pointwise(self.at, planes, groups)
        self.patches = are_patches(self.at, groups)
        self.turns = at_rest(self.window, groups)
        self.blocks = None if self.patches else blocks_of(self.at, planes, groups)

    @classmethod
    def build(cls, node: OnnxNode) -> Conv | None:
        w = node.constant(1)
        if not node.only_dynamic(0) or w is None or w.dim() - 2 not in FORWARD:
            return None
        return cls(w, node.constant(2), Window.read(node, w.shape[2:]), int(node.attr("group", 1)))

    def lay_out(self, laid: Laid) -> None:
        self.w = laid(self.w, channels_last)

    def with_weight_bias(self, weight: Tensor, bias: Tensor | None, border: Tensor | None = None) -> Conv:
        """The same windows over other weights."""
        return Conv(weight, bias, self.window, self.groups, border)

    def scaled_after(self, scale: Tensor, shift: Tensor) -> Conv:
        """scale ⊙ self(x) + shift, per output channel, as one convolution; the bias computed in float64."""
        w, a = self.w, scale.double()
        b = shift.double() if self.b is None else self.b.double() * a + shift.double()
        border = None if self.border is None else (self.border.double() * along(a, 0, self.border)).to(w.dtype)
        made = torch.empty_like(w, memory_format=torch.channels_last if w.dim() == 4 else torch.preserve_format)
        a = a.to(torch.promote_types(w.dtype, torch.float32))  # half precision is rounded once
        return self.with_weight_bias(torch.mul(w, along(a, 0, w), out=made), b.to(w.dtype), border)

    def scaled_before(self, scale: Tensor, shift: Tensor) -> Conv:
        """self(scale ⊙ x + shift), per input channel, as one convolution; exact along zero-padded borders too."""
        w = self.w.double()
        grouped = w.reshape(self.groups, -1, *w.shape[1:])  # (group, out / group, in / group, *kernel)
        a, c = (v.double().reshape(self.groups, 1, -1, *(1,) * self.window.rank) for v in (scale, shift))
        border = (grouped * c).sum(2).reshape(w.shape[0], 1, *w.shape[2:])
        if self.border is not None:
            border = border + self.border
        dtype = self.w.dtype
        return self.with_weight_bias((grouped * a).reshape(w.shape).to(dtype), self.b, border.to(dtype))

    def forward(self, x: Tensor) -> Tensor:
        if self.border is None:
            return self._convolve(x, self.w, self.b, self.groups)
        return self._convolve(x, self.w, None, self.groups) + self._border_bias(x, self.border)

    def linear(self, x: Tensor, part: Part = "all") -> Tensor:
        return self._convolve(x, weights_of(self.w, part), None, self.groups)

    def _convolve(self, x: Tensor, w: Tensor, b: Tensor | None, groups: int) -> Tensor:
        if self.series and x.is_cpu:
            return self._convolve_at(self.at, x.unsqueeze(2), w.unsqueeze(2), b, groups).squeeze(2)
        return self._convolve_at(self.window, x, w, b, groups)

    def _convolve_at(self, at: Window, x: Tensor, w: Tensor, b: Tensor | None, groups: int) -> Tensor:
        if self.pointwise and x.is_cpu:
            return pointwise(x, w, b, at.strides)
        begin, end = at.pads_at(x.shape[2:])
        if begin != end:
            x, begin = torch.nn.functional.pad(x, pad_list(begin, end)), (0,) * at.rank
        if is_slow(x, w, at.strides):
            return convolved(channels_last(x), w, b, at.strides, begin, at.dilations)
        if at.rank == 3 and groups == 1 and is_slow_volume(x, w):
            return convolved(x, w, b, at.strides, begin, at.dilations)
        return FORWARD[at.rank](pixels_first(channels_last(x)), w, b, at.strides, begin, at.dilations, groups)

    def transpose(self, r: Tensor, like: Tensor, part: Part = "all") -> Tensor:
        w = weights_of(self.w, part)
        if self.series and r.is_cpu:
            return self._transpose_at(self.at, r.unsqueeze(3), w.unsqueeze(2), like.unsqueeze(2), w).squeeze(3)
        return self._transpose_at(self.window, r, w, like, w)

    def _transpose_at(self, at: Window, r: Tensor, w: Tensor, like: Tensor, known: Tensor) -> Tensor:
        """`known`: the weights as they are kept, w or what it is a view of."""
        size = tuple(like.shape[2:])
        if self.pointwise and r.is_cpu:
            return unfold(pointwise_transpose(fold(r), w, at.strides, size), r.shape[0])
        if self.patches and r.is_cpu:
            return unfold(patches_transpose(fold(r), w, at.strides, size), r.shape[0])
        begin, end = at.pads_at(size)
        if self.blocks is not None and pays(r):
            change = Subpixels(self.blocks, at.strides, begin, at.kernel)
            return unfold(subpixel_transpose(fold(r), kept(known, change), change, like), r.shape[0])
        if self.turns and known is self.w and begin == end and is_slow_volume(fold(r), w):
            margins = [reach - 1 - p for reach, p in zip(at.reach, begin, strict=True)]
            if min(margins) >= 0:
                return unfold(convolved(fold(r), kept(known, turned), None, at.strides, margins, at.dilations), r.shape[0])
        # as fast as convolution_backward's input half, and it needs no stand-in for the input
        pads = begin
        if uneven := begin != end:
            size, pads = tuple(n + p + q for n, p, q in zip(size, begin, end, strict=True)), (0,) * at.rank
        rest = [
            n + 2 * p - (m - 1) * s - reach
            for n, p, m, s, reach in zip(size, pads, r.shape[3:], at.strides, at.reach, strict=True)
        ]
        g = BACKWARD[at.rank](channels_last(fold(r)), w, None, at.strides, pads, rest, self.groups, at.dilations)
        if uneven:
            g = torch.nn.functional.pad(g, [-p for p in pad_list(begin, end)])
        return unfold(g, r.shape[0])

    def bias(self, like: Tensor) -> Tensor | None:
        if self.border is not None:
            return self._border_bias(like, self.border)
        return None if self.b is None else per_channel(self.b, like.dim())

    def reweighted(self, change: Callable[[Tensor], Tensor], bias: Tensor) -> Conv | None:
        w = kept(self.w, change)
        if bias.numel() not in (1, w.shape[0]):
            return None
        made = self.with_weight_bias(w, bias.reshape(-1).expand(w.shape[0]))
        made.turns = False  # a copy for every rule would leave no room for what rules make of weights
        return made

    @property
    def weight_axes(self) -> tuple[int, int, int] | None:
        return (1, 0, -1 - self.window.rank) if self.groups == 1 else None

    def _border_bias(self, like: Tensor, border: Tensor) -> Tensor:
        return self._convolve(like.new_ones((1, 1, *like.shape[2:])), border, self.b, 1)

    def nonnegative(self, inputs: tuple[bool, ...]) -> bool:
        return all(inputs) and nothing_below_zero(self.w, self.b, self.border)
