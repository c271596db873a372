"""The sizes of values, as far as data flow tells: numbers, and sizes of other values that are the same."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ...graph.graph import Graph, Node
from ...layers.additive import WeightedSum
from ...layers.affine.linear import Linear
from ...layers.affine.scale import Scale
from ...layers.base import Layer
from ...layers.integer.shape import Shape
from ...layers.kinds import Elementwise, alone
from ...layers.normalization import LayerNormalization, RMSNormalization
from ...layers.product.matmul import MatMul
from ...layers.product.pointwise import Div, Mul
from ...layers.routing.concat import Concat
from ...layers.routing.gather import Gather
from ...layers.routing.reshape import Reshape, Squeeze, Unsqueeze
from ...layers.routing.slice import Slice
from ...layers.routing.transpose import Transpose
from ...layers.softmax import AnySoftmax

#: a number, or (value, axis): as large as that
Size = int | tuple[str, int]
Sizes = tuple[Size, ...]


class Known:
    """`sizes`: of the values whose rank is known. `numbers`: what values of whole numbers hold that are made of sizes."""

    def __init__(self, graph: Graph) -> None:
        self.sizes: dict[str, Sizes] = {}
        self.numbers: dict[str, Sizes] = {}
        for v in graph.inputs:
            self._note(v, graph.shapes.get(v), None)
        for n in graph.nodes:
            made = self._made(n) if len(n.outputs) == 1 else None
            for v in n.outputs:
                self._note(v, graph.shapes.get(v), made)
            if len(n.outputs) == 1 and (held := self._held(n)) is not None:
                self.numbers[n.outputs[0]] = held

    def _note(self, value: str, shape: Sequence[int | None] | None, made: Sizes | None) -> None:
        if made is None and shape is not None:
            made = tuple([(value, i) if n is None else n for i, n in enumerate(shape)])
        elif made is not None and shape is not None and len(shape) == len(made):
            made = tuple([m if n is None else n for m, n in zip(made, shape, strict=True)])
        if made is not None:
            self.sizes[value] = made

    def _made(self, n: Node) -> Sizes | None:
        """The sizes of what a node makes, from those of what it reads."""
        xs = [self.sizes.get(v) for v in n.inputs]
        known = [x for x in xs if x is not None]
        if not xs or xs[0] is None:
            return None
        if isinstance(n.layer, Reshape):
            return self._reshaped(n.layer, n, known[0])
        rule = next((rule for kinds, rule in _SIZES if isinstance(n.layer, kinds)), None)
        return None if rule is None or len(known) < len(xs) else rule(n.layer, known)

    def _reshaped(self, layer: Reshape, n: Node, x: Sizes) -> Sizes | None:
        if layer.shape.dynamic:
            wanted = self.numbers.get(n.inputs[-1])
        else:
            wanted = tuple(layer.shape.constant)
        if wanted is None:
            return None
        sizes = [x[i] if s == 0 and layer.copy_zeros and i < len(x) else s for i, s in enumerate(wanted)]
        if -1 in sizes:
            at = sizes.index(-1)
            sizes[at] = _left(x, [*sizes[:at], *sizes[at + 1 :]]) or (n.outputs[0], at)
        return tuple(sizes)

    def _held(self, n: Node) -> Sizes | None:
        """What a node makes of sizes."""
        layer = n.layer
        if isinstance(layer, Shape):
            sizes = self.sizes.get(n.inputs[0]) if n.inputs else None
            return None if sizes is None else sizes[layer.part]
        if isinstance(layer, Concat):
            return self._joined(layer, n)
        held = self.numbers.get(n.inputs[0]) if len(n.inputs) == 1 else None
        if held is None:
            return None
        if isinstance(layer, (Squeeze, Unsqueeze)):
            return held
        if isinstance(layer, Gather) and layer.constant_slots == (1,):
            places = layer.constant_1.reshape(-1).tolist()
            return tuple([held[i] for i in places]) if all(-len(held) <= i < len(held) for i in places) else None
        if isinstance(layer, Slice) and not any(p.dynamic for p in layer.parameters_of):
            starts, ends, _, steps = (p.constant for p in layer.parameters_of)
            return held[slice(starts[0], ends[0], steps[0] if steps else None)] if len(starts) == 1 else None
        return None

    def _joined(self, layer: Concat, n: Node) -> Sizes | None:
        parts: list[Size] = []
        dynamic = iter(n.inputs)
        for i in range(layer.n_slots):
            constant = getattr(layer, f"constant_{i}") if i in layer.constant_slots else None
            held = self.numbers.get(next(dynamic)) if constant is None else constant.reshape(-1).tolist()
            if held is None:
                return None
            parts += held
        return tuple(parts)


def _left(x: Sizes, taken: Sequence[Size]) -> Size | None:
    """What is left of as many elements as x has, where that is one number or one size."""
    left, over = list(x), 1
    for s in taken:
        if s in left:
            left.remove(s)
        elif isinstance(s, int):
            over *= s
        else:
            return None
    number = math.prod(s for s in left if isinstance(s, int))
    free = [s for s in left if not isinstance(s, int)]
    if not free and over and number % over == 0:
        return number // over
    return free[0] if len(free) == 1 and number == over else None


def _broadcast(shapes: Sequence[Sizes]) -> Sizes | None:
    """None where two sizes may or may not be the same."""
    out: list[Size] = []
    for axis in range(-max(map(len, shapes)), 0):
        sizes = {s[axis] for s in shapes if len(s) >= -axis} - {1}
        numbers = [s for s in sizes if isinstance(s, int)]
        if len(sizes) > 1 and len(numbers) != 1:
            return None
        out.append(numbers[0] if numbers else next(iter(sizes), 1))
    return tuple(out)


def _product(layer: Any, xs: Sequence[Sizes]) -> Sizes | None:
    a, b = xs
    batch = _broadcast([a[:-2], b[:-2]]) if min(len(a), len(b)) > 1 and max(len(a), len(b)) > 2 else None
    return None if batch is None else (*batch, a[-2], b[-1])


def _beside_constants(layer: Layer, xs: Sequence[Sizes]) -> Sizes | None:
    return _broadcast([*xs, *[tuple(c.shape) for c in layer.buffers()]])


#: layers → the sizes of what they make, from those of their inputs
_SIZES: list[tuple[tuple[type[Layer], ...], Callable[[Any, Sequence[Sizes]], Sizes | None]]] = [
    ((Linear,), lambda layer, xs: (*xs[0][:-1], layer.w.shape[1]) if layer.plain else None),
    ((AnySoftmax, LayerNormalization, RMSNormalization), lambda layer, xs: xs[0]),
    ((Elementwise,), lambda layer, xs: xs[0] if alone(layer) else None),
    ((WeightedSum, Scale, Mul, Div), _beside_constants),
    ((Transpose,), lambda layer, xs: tuple([xs[0][i] for i in layer.perm or reversed(range(len(xs[0])))])),
    ((MatMul,), _product),
]


def shapes_of(sizes: Mapping[str, Sizes]) -> dict[str, tuple[int | None, ...]]:
    """As a graph holds them: a number, or None."""
    return {v: tuple([s if isinstance(s, int) else None for s in held]) for v, held in sizes.items()}
