"""Transposed convolution with constant weights."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ..base import OnnxNode
from ..kept import kept
from ..kinds import Affine, Part
from ..laid import Laid
from ..shapes import fold, unfold
from .kernels import BACKWARD, FORWARD
from .merging import along, nothing_below_zero, weights_of
from .window import Ints, Window, channels_last, pad_list, per_channel


@dataclass(frozen=True)
class Cut:
    """The part of the whole transposed convolution, (n − 1)·s + d·(k − 1) + 1 long, that is the output.

    `pads`, `rest`: what torch cuts off at both ends and adds back at the end; `more`: pads (negative: cuts) after it.
    """

    pads: Ints
    rest: Ints
    more: list[int]


class ConvTranspose(Affine):
    """y = wᵀ ∗ x + b, the transpose of a convolution, in 1 to 3 dimensions.

    `output_shape` (or auto_pad SAME, which asks for n·s) determines the pads, else `pads` and `output_padding` the
    shape. `border` (1, O, *kernel) is what each tap adds for every position of x: a constant added to x before.
    """

    onnx = {"ConvTranspose": 1}
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
        output_padding: Sequence[int] | None = None,
        output_shape: Sequence[int] | None = None,
        border: Tensor | None = None,
    ) -> None:
        super().__init__()
        self.window = window or Window.of(weight.shape[2:])
        self.groups = groups
        self.output_padding = tuple(output_padding or (0,) * self.window.rank)
        self.output_shape = None if output_shape is None else tuple(output_shape)
        self.register_buffer("w", weight)
        self.register_buffer("b", bias)
        self.register_buffer("border", border)

    def lay_out(self, laid: Laid) -> None:
        self.w = laid(self.w, channels_last)

    @classmethod
    def build(cls, node: OnnxNode) -> ConvTranspose | None:
        w = node.constant(1)
        if not node.only_dynamic(0) or w is None or w.dim() - 2 not in FORWARD:
            return None
        return cls.read(node, w, node.constant(2))

    @classmethod
    def read(cls, node: OnnxNode, w: Tensor, b: Tensor | None) -> ConvTranspose:
        """With the node's attributes and these weights."""
        output_shape = node.ints("output_shape")
        return cls(
            w,
            b,
            Window.read(node, w.shape[2:]),
            int(node.attr("group", 1)),
            node.ints("output_padding"),
            output_shape and output_shape[2 - w.dim() :],  # some exporters write the batch and channels in front
        )

    def with_weight_bias(self, weight: Tensor, bias: Tensor | None, border: Tensor | None = None) -> ConvTranspose:
        """The same windows over other weights."""
        return ConvTranspose(weight, bias, self.window, self.groups, self.output_padding, self.output_shape, border)

    def scaled_after(self, scale: Tensor, shift: Tensor) -> ConvTranspose:
        """scale ⊙ self(x) + shift, per output channel, as one layer; computed in float64."""
        a, dtype = scale.double(), self.w.dtype
        w = self._grouped() * a.reshape(self.groups, 1, -1, *(1,) * self.window.rank)
        b = shift.double() if self.b is None else self.b.double() * a + shift.double()
        border = None if self.border is None else (self.border.double() * along(a, 1, self.border)).to(dtype)
        return self.with_weight_bias(w.reshape(self.w.shape).to(dtype), b.to(dtype), border)

    def scaled_before(self, scale: Tensor, shift: Tensor) -> ConvTranspose:
        """self(scale ⊙ x + shift), per input channel, as one layer."""
        w, dtype = self._grouped(), self.w.dtype  # (group, in / group, out / group, *kernel)
        a, c = (v.double().reshape(self.groups, -1, *(1,) * (w.dim() - 2)) for v in (scale, shift))
        border = (w * c).sum(1).reshape(1, -1, *self.w.shape[2:])
        if self.border is not None:
            border = border + self.border
        return self.with_weight_bias((w * a).reshape(self.w.shape).to(dtype), self.b, border.to(dtype))

    def _grouped(self) -> Tensor:
        return self.w.double().reshape(self.groups, -1, *self.w.shape[1:])

    def _cut(self, spatial: Sequence[int]) -> Cut:
        at = self.window
        whole = [(n - 1) * s + r for n, s, r in zip(spatial, at.strides, at.reach, strict=True)]
        if self.output_shape is not None or at.auto_pad.startswith("SAME"):
            wanted = self.output_shape or [n * s for n, s in zip(spatial, at.strides, strict=True)]
            total = [n + q - m for n, q, m in zip(whole, self.output_padding, wanted, strict=True)]
            before = 0 if at.auto_pad == "SAME_UPPER" else 1  # the odd one falls off the front otherwise
            begin = [(max(t, 0) + before) // 2 for t in total]
            end = [t - b for t, b in zip(total, begin, strict=True)]
        else:
            begin, end = list(at.pads[: at.rank]), list(at.pads[at.rank :])
        behind = [e - q for e, q in zip(end, self.output_padding, strict=True)]  # cut off the end of the whole
        rest = [b - t for b, t in zip(begin, behind, strict=True)]
        if all(0 <= q < max(s, d) for q, s, d in zip(rest, at.strides, at.dilations, strict=True)):
            return Cut(tuple(begin), tuple(rest), [])
        zero = (0,) * at.rank
        return Cut(zero, zero, [-p for p in pad_list(begin, behind)])

    def forward(self, x: Tensor) -> Tensor:
        cut = self._cut(x.shape[2:])
        if self.border is None and not cut.more:
            return self._spread(x, self.w, self.b, self.groups, cut)
        y, b = self._spread(x, self.w, None, self.groups, cut), self.bias(x)
        return y if b is None else y + b

    def linear(self, x: Tensor, part: Part = "all") -> Tensor:
        return self._spread(x, weights_of(self.w, part), None, self.groups, self._cut(x.shape[2:]))

    def _spread(self, x: Tensor, w: Tensor, b: Tensor | None, groups: int, cut: Cut) -> Tensor:
        at = self.window
        y = BACKWARD[at.rank](channels_last(x), w, b, at.strides, cut.pads, cut.rest, groups, at.dilations)
        return torch.nn.functional.pad(y, cut.more) if cut.more else y

    def transpose(self, r: Tensor, like: Tensor, part: Part = "all") -> Tensor:
        at, cut = self.window, self._cut(like.shape[2:])
        g = fold(r)
        if cut.more:
            g = torch.nn.functional.pad(g, [-p for p in cut.more])
        w = weights_of(self.w, part)
        g = FORWARD[at.rank](channels_last(g), w, None, at.strides, cut.pads, at.dilations, self.groups)
        for axis, n in enumerate(like.shape[2:], start=2):  # a dilated window may fit once more
            g = g.narrow(axis, 0, n) if g.shape[axis] != n else g
        return unfold(g, r.shape[0])

    def weight_transpose(self, r: Tensor, x: Tensor) -> Tensor:
        """The transpose of w ↦ y for one x, applied to r of y's shape."""
        at, cut = self.window, self._cut(x.shape[2:])
        if cut.more:
            r = torch.nn.functional.pad(r, [-p for p in cut.more])
        back = torch.ops.aten.convolution_backward
        wanted = [False, True, False]
        return back(r, x, self.w, None, at.strides, cut.pads, at.dilations, True, cut.rest, self.groups, wanted)[1]

    def bias(self, like: Tensor) -> Tensor | None:
        b = None if self.b is None else per_channel(self.b, like.dim())
        if self.border is None:
            return b
        ones = like.new_ones((1, 1, *like.shape[2:]))
        border = self._spread(ones, self.border, None, 1, self._cut(like.shape[2:]))
        return border if b is None else border + b

    def reweighted(self, change: Callable[[Tensor], Tensor], bias: Tensor) -> ConvTranspose | None:
        w = kept(self.w, change)
        n = w.shape[1] * self.groups
        if bias.numel() not in (1, n):
            return None
        return self.with_weight_bias(w, bias.reshape(-1).expand(n))

    @property
    def weight_axes(self) -> tuple[int, int, int] | None:
        return (0, 1, -1 - self.window.rank) if self.groups == 1 else None

    def nonnegative(self, inputs: tuple[bool, ...]) -> bool:
        return all(inputs) and nothing_below_zero(self.w, self.b, self.border)
