"""Moving: a Routing layer some of whose inputs are the values moved, while the others say where to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from torch import Tensor

from ..base import Cotangents, OnnxNode, Pulled
from ..kinds import Routing
from ..parameters import Ints, unread


class Moving(Routing):
    """y = x moved as the steering inputs (indices, shapes, conditions) say.

    `data`: the ONNX positions of the values moved; all other inputs steer and carry nothing. A subclass gives
    `forward` and `pull(g, i, args)`: the cotangent of ONNX input i, with `args` the full ONNX argument list; it
    builds with `Ints` those inputs it reads as lists of integers. Hooks: `takes` (which nodes it covers).
    """

    data: ClassVar[tuple[int, ...]] = (0,)
    #: whether `pull` reads the numbers of the steering inputs (else their effect is seen in the shapes)
    steered: ClassVar[bool] = True

    def __init__(self, node: OnnxNode, *parameters: Ints) -> None:
        super().__init__(*unread(node, parameters))
        moved = [s in self.data for s in self.slots]
        if self.steered and any(moved) and not all(moved):
            self.adjoint_reads = frozenset({"inputs"})  # type: ignore[misc]

    @classmethod
    def takes(cls, node: OnnxNode) -> bool:
        return True

    @classmethod
    def build(cls, node: OnnxNode) -> Moving | None:
        return cls(node) if cls.takes(node) else None

    def pull(self, g: Tensor, i: int, args: Sequence[Any]) -> Tensor:
        raise NotImplementedError(type(self).__name__)

    def adjoint(self, cotangents: Cotangents, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> Pulled:
        g = cotangents[0]
        if g is None:
            return (None,) * len(inputs)
        args = self.full(inputs)
        return tuple([self.pull(g, s, args) if s in self.data else None for s in self.slots])

    def nonnegative(self, inputs: tuple[bool, ...]) -> bool:
        constants = [getattr(self, f"constant_{i}") for i in self.constant_slots if i in self.data]
        moved = [known for known, s in zip(inputs, self.slots, strict=True) if s in self.data]
        return all(moved) and all(bool((c >= 0).all()) for c in constants)

    def carries(self, i: int) -> bool:
        return self.slots[i] in self.data
