"""How much there is to compute in a forward pass, by the sizes of its values."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from torch import Tensor

from ..layers.control import Control
from ..layers.kinds import Affine
from .graph import Node
from .plan import Trace


def work_per_node(nodes: Iterable[Node], trace: Trace) -> float:
    """Multiply-adds (of what is no product: numbers made) by node, each step of a loop being so many nodes of its own."""
    total = count = 0
    for n in nodes:
        made = [x for v in n.outputs if (x := trace.get(v)) is not None]
        work, calls = _work(n, [trace[v] for v in n.inputs], made) if made else (0, 1)
        total, count = total + work, count + calls
    return total / max(count, 1)


def _work(n: Node, read: Sequence[Tensor], made: Sequence[Tensor]) -> tuple[int, int]:
    """(multiply-adds, nodes)"""
    layer, least = n.layer, max(x.numel() for x in made)
    if n.kind == "Control":
        steps, rows = _steps(read, made)
        inside = sum(len(b.graph.nodes) for b in layer.bodies) if isinstance(layer, Control) else 1
        return max(least, steps * rows * _weights(n)), steps * inside
    if isinstance(layer, Affine) and layer.family in ("dense", "convolution"):
        axis = 1 if layer.family == "convolution" else -2 if getattr(layer, "side", "") == "left" else -1
        return max(least, _weights(n) * min(_positions(x, axis) for x in (read[0], made[0]))), 1
    if n.op in ("MatMul", "Gemm") and read:
        return least * read[0].shape[-1], 1
    return least, 1


def _weights(n: Node) -> int:
    return sum(b.numel() for b in n.layer.buffers() if b.dim() > 1)


def _positions(x: Tensor, axis: int) -> int:
    """At how many places of a value all its channels are."""
    return x.numel() // max(1, x.shape[axis] if x.dim() > max(axis, 1) else 1)


def _steps(read: Sequence[Tensor], made: Sequence[Tensor]) -> tuple[int, int]:
    """(steps, samples) of what runs step by step: what it carries holds the samples once, what it makes at every step."""
    sizes = [_positions(x, -1) for x in (*read, *made) if x.dim() > 1 and x.numel()]
    rows = max(1, min(sizes, default=1))
    return max(sizes, default=1) // rows, rows
