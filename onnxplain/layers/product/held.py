"""A product one of whose factors is constant, where no layer of its own stands for that: affine in the other."""

from __future__ import annotations

from torch import Tensor

from ..affine.merging import nothing_below_zero
from ..affine.window import per_channel
from ..base import Layer, OnnxNode
from ..kinds import Affine, Bilinear, Part, part_of
from .conv import DynamicConv
from .conv_transpose import DynamicConvTranspose


class HeldInput(Affine):
    """y = x ∗ w + b, or its transpose, with x constant and the weights w computed at run time.

    Every entry of J is one of x's elements, so that its parts are J's.
    """

    onnx = {"Conv": 1, "ConvTranspose": 1}
    x: Tensor
    b: Tensor | None

    def __init__(self, product: Bilinear, x: Tensor, b: Tensor | None) -> None:
        super().__init__()
        self.product = product
        self.register_buffer("x", x)
        self.register_buffer("b", b)

    @classmethod
    def build(cls, node: OnnxNode) -> Layer | None:
        x = node.constant(0)
        if x is None or not node.only_dynamic(1) or not node.is_floating(1):
            return None
        made = DynamicConv(node) if node.op == "Conv" else DynamicConvTranspose(node)
        made.register_buffer("b", None)
        return cls(made, x, node.constant(2))

    def forward(self, w: Tensor) -> Tensor:
        y, b = self.linear(w), self.bias(w)
        return y if b is None else y + b

    def linear(self, x: Tensor, part: Part = "all") -> Tensor:
        y: Tensor = self.product.forward(part_of(self.x, part), x)
        return y

    def transpose(self, r: Tensor, like: Tensor, part: Part = "all") -> Tensor:
        return self.product.partial(r, (part_of(self.x, part), like), 1)

    def bias(self, like: Tensor) -> Tensor | None:
        return None if self.b is None else per_channel(self.b, like.dim())

    def nonnegative(self, inputs: tuple[bool, ...]) -> bool:
        return all(inputs) and nothing_below_zero(self.x, self.b)
