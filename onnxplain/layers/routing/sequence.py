"""Operators on sequences: tensors are put into a list, taken out of it, joined and cut into one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from ..base import Cotangents, OnnxNode, Pulled
from ..kinds import Integer, Routing
from ..several import Several
from ..shapes import lift


class Listing(Routing):
    """A layer that reads or makes a sequence. A subclass gives `forward` and `pull(g, args)`: a cotangent for each ONNX
    input, `args` being all of them; `data`: the inputs that are moved, None: all; `steering`: the one that says where."""

    data: tuple[int, ...] | None = None
    steering: int | None = None

    def __init__(self, node: OnnxNode) -> None:
        super().__init__(node.constants, node.dynamic)
        self.node = node
        if self.steering in self.slots:
            self.adjoint_reads = frozenset({"inputs"})  # type: ignore[misc]

    @classmethod
    def build(cls, node: OnnxNode) -> Listing:
        return cls(node)

    def pull(self, g: Any, args: Sequence[Any]) -> Sequence[Any]:
        raise NotImplementedError(type(self).__name__)

    def adjoint(self, cotangents: Cotangents, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> Pulled:
        g = cotangents[0]
        if g is None:
            return (None,) * len(inputs)
        pulled = self.pull(g, self.full(inputs))
        return tuple(pulled[s] if self._moves(s) else None for s in self.slots)

    def carries(self, i: int) -> bool:
        return self._moves(self.slots[i])

    def _moves(self, slot: int) -> bool:
        return self.data is None or slot in self.data

    def nonnegative(self, inputs: tuple[bool, ...]) -> bool:
        return False

    def place(self, args: Sequence[Any], length: int, default: int, past: bool = False) -> int:
        """The position that the steering input names, counted from the start; `past`: the end is one, too."""
        at = args[self.steering] if self.steering is not None and self.steering < len(args) else None
        if at is None:
            return default
        k = int(at.reshape(-1)[0])
        if not -length <= k < length + past:
            raise IndexError(f"position {k} of a sequence of {length}")
        return k + length if k < 0 else k


class SequenceEmpty(Listing):
    """()."""

    onnx = {"SequenceEmpty": 11}

    def forward(self) -> Several:
        return Several(())

    def pull(self, g: Any, args: Sequence[Any]) -> Sequence[Any]:
        return ()


class SequenceConstruct(Listing):
    """(x₁ … xₙ)."""

    onnx = {"SequenceConstruct": 11}

    def forward(self, *inputs: Tensor) -> Several:
        return Several(self.full(inputs))

    def pull(self, g: Several, args: Sequence[Any]) -> Sequence[Any]:
        return g.parts


class SequenceInsert(Listing):
    """The sequence with a tensor put before a position, or at its end."""

    onnx = {"SequenceInsert": 11}
    data, steering = (0, 1), 2

    def _at(self, args: Sequence[Any]) -> int:
        n = len(args[0])
        return self.place(args, n, n, past=True)

    def forward(self, *inputs: Any) -> Several:
        args = self.full(inputs)
        parts, k = args[0].parts, self._at(args)
        return Several((*parts[:k], args[1], *parts[k:]))

    def pull(self, g: Several, args: Sequence[Any]) -> Sequence[Any]:
        k = self._at(args)
        return Several((*g.parts[:k], *g.parts[k + 1 :])), g.parts[k]


class SequenceErase(Listing):
    """The sequence without the tensor at a position, or at its end."""

    onnx = {"SequenceErase": 11}
    data, steering = (0,), 1

    def forward(self, *inputs: Any) -> Several:
        args = self.full(inputs)
        parts = args[0].parts
        k = self.place(args, len(parts), len(parts) - 1)
        return Several((*parts[:k], *parts[k + 1 :]))

    def pull(self, g: Several, args: Sequence[Any]) -> Sequence[Any]:
        k = self.place(args, len(args[0]), len(args[0]) - 1)
        return (Several((*g.parts[:k], None, *g.parts[k:])),)


class SequenceAt(Listing):
    """The tensor at a position."""

    onnx = {"SequenceAt": 11}
    data, steering = (0,), 1

    def forward(self, *inputs: Any) -> Tensor:
        args = self.full(inputs)
        found: Tensor = args[0].parts[self.place(args, len(args[0]), 0)]
        return found

    def pull(self, g: Tensor, args: Sequence[Any]) -> Sequence[Any]:
        n = len(args[0])
        k = self.place(args, n, 0)
        return (Several([g if i == k else None for i in range(n)]),)


class SequenceLength(Integer):
    """How many tensors a sequence has."""

    onnx = {"SequenceLength": 11}

    @classmethod
    def build(cls, node: OnnxNode) -> SequenceLength:
        return cls(node.constants, node.dynamic)

    def forward(self, x: Several) -> Tensor:
        return torch.tensor(len(x))


class ConcatFromSequence(Listing):
    """The tensors of a sequence one after the other on an axis, on one of their own with `new_axis`."""

    onnx = {"ConcatFromSequence": 11}

    def __init__(self, node: OnnxNode) -> None:
        super().__init__(node)
        self.axis, self.new = int(node.attr("axis")), bool(node.attr("new_axis", 0))

    def forward(self, x: Several) -> Tensor:
        return (torch.stack if self.new else torch.cat)(list(x.there), self.axis)

    def pull(self, g: Tensor, args: Sequence[Any]) -> Sequence[Any]:
        axis = lift(self.axis, g.dim() - 1)
        if self.new:
            return (Several(g.unbind(axis)),)
        return (Several(g.split([s[self.axis] for s in args[0].shape], axis)),)


class SplitToSequence(Listing):
    """A tensor cut along an axis: into pieces of length 1, of one length (the last may be shorter), or of many."""

    onnx = {"SplitToSequence": 11}
    data, steering = (0,), 1

    def __init__(self, node: OnnxNode) -> None:
        super().__init__(node)
        self.axis = int(node.attr("axis", 0))
        self.squeeze = not node.attr("keepdims", 1) and not node.has(1)

    def forward(self, *inputs: Tensor) -> Several:
        args = self.full(inputs)
        x, split = args[0], args[1] if len(args) > 1 else None
        if self.squeeze:
            return Several(x.unbind(self.axis))
        sizes = 1 if split is None else int(split) if split.dim() == 0 else [int(s) for s in split]
        return Several(x.split(sizes, self.axis))

    def adjoint(self, cotangents: Cotangents, inputs: Sequence[Tensor], outputs: Sequence[Any]) -> Pulled:
        g: Any = cotangents[0]
        if g is None or not g.there:
            return (None,) * len(inputs)
        n = g.there[0].shape[0]
        parts = [g.there[0].new_zeros((n, *s)) if p is None else p for p, s in zip(g.parts, outputs[0].shape, strict=True)]
        x = self.full(inputs)[0]
        axis = lift(self.axis, x.dim())
        whole = torch.stack(parts, axis) if self.squeeze else torch.cat(parts, axis)
        return tuple(whole if s == 0 else None for s in self.slots)
