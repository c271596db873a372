"""Reading a graph backwards: what a value is, said in the arithmetic that exporters spell larger functions with.

Every function takes a graph and the name of a value, and gives the names of what it is made of, or None.
"""

from __future__ import annotations

from collections.abc import Iterator

from torch import Tensor

from ...graph.graph import Graph
from ...layers.additive import WeightedSum
from ...layers.affine.reduce import Reduce
from ...layers.affine.scale import Scale
from ...layers.base import Layer
from ...layers.elementwise.powers import Power, Reciprocal, SimplePower
from ...layers.kinds import Elementwise
from ...layers.pooling.among import Among
from ...layers.product.pointwise import Div, Mul
from ...layers.routing.expand import Expand
from ...layers.routing.reshape import Renaming

#: how far a constant may be from what it stands for: √2 is written as 1.4142 too
NEAR = 1e-3


def layer_of(graph: Graph, value: str) -> Layer | None:
    maker = graph.producer.get(value)
    return None if maker is None or len(maker.outputs) != 1 else maker.layer


def inputs_of(graph: Graph, value: str) -> tuple[str, ...]:
    return graph.producer[value].inputs


def single(c: Tensor, rank: int | None) -> float | None:
    """A constant that is one number and gives no axes to a value of this rank."""
    return float(c) if c.numel() == 1 and c.dim() <= max(1, rank or 0) else None


def function(graph: Graph, value: str, op: str) -> str | None:
    """u of f(u), f an elementwise operator."""
    maker = graph.producer.get(value)
    return maker.inputs[0] if maker is not None and maker.op == op and isinstance(maker.layer, Elementwise) else None


def scaled(graph: Graph, value: str) -> tuple[str, Tensor] | None:
    """(u, c) of u · c with a constant c."""
    layer = layer_of(graph, value)
    return (inputs_of(graph, value)[0], layer.factor) if isinstance(layer, Scale) else None


def times(graph: Graph, value: str) -> tuple[str, float] | None:
    """(u, c) of u · c with a number c."""
    found = scaled(graph, value)
    c = None if found is None else single(found[1], graph.ranks.get(value))
    return None if found is None or c is None else (found[0], c)


def shifted(graph: Graph, value: str) -> tuple[str, float, Tensor] | None:
    """(u, sign, c) of ±u + c with a constant c."""
    layer = layer_of(graph, value)
    if not isinstance(layer, WeightedSum) or layer.op == "Mean" or len(layer.slots) != 1 or len(layer.constant_slots) != 1:
        return None
    slot = layer.constant_slots[0]
    c = layer.all_coefficients[slot] * getattr(layer, f"constant_{slot}")
    return inputs_of(graph, value)[0], layer.coefficients[0], c


def plus(graph: Graph, value: str) -> tuple[str, float] | None:
    """(u, c) of u + c with a number c."""
    found = shifted(graph, value)
    if found is None or found[1] != 1:
        return None
    c = single(found[2], graph.ranks.get(value))
    return None if c is None else (found[0], c)


def sum_of_two(graph: Graph, value: str) -> tuple[str, str, float] | None:
    """(a, b, s) of a + s·b with s = ±1."""
    layer = layer_of(graph, value)
    if not isinstance(layer, WeightedSum) or layer.op == "Mean" or len(layer.slots) != 2 or layer.constant_slots:
        return None
    inputs = inputs_of(graph, value)
    return inputs[0], inputs[1], layer.coefficients[1]


def difference(graph: Graph, value: str) -> tuple[str, str] | None:
    """(a, b) of a − b."""
    found = sum_of_two(graph, value)
    return found[:2] if found is not None and found[2] == -1 else None


def product(graph: Graph, value: str) -> tuple[str, str] | None:
    """(a, b) of a · b."""
    inputs = inputs_of(graph, value) if isinstance(layer_of(graph, value), Mul) else ()
    return (inputs[0], inputs[1]) if len(inputs) == 2 else None


def either_way(pair: tuple[str, str] | None) -> Iterator[tuple[str, str]]:
    if pair is not None:
        yield pair
        yield pair[::-1]


def quotient(graph: Graph, value: str) -> tuple[str, str] | None:
    """(a, b) of a / b, written so, or as a · (1/b)."""
    if isinstance(layer_of(graph, value), Div):
        a, b = inputs_of(graph, value)
        return a, b
    for numerator, m in either_way(product(graph, value)):
        if (denominator := power(graph, m, -1.0)) is not None:
            return numerator, denominator
    return None


def power(graph: Graph, value: str, p: float) -> str | None:
    """u of u^p; a square may be written as u · u."""
    layer = layer_of(graph, value)
    if isinstance(layer, SimplePower):
        exponent: float | None = layer.p
    elif isinstance(layer, Power):
        exponent = single(layer.p, 0)
    elif isinstance(layer, Reciprocal):
        exponent = -1.0 if single(layer.c, 0) == 1 else None
    elif function(graph, value, "Sqrt") is not None:
        exponent = 0.5
    else:
        a, b = product(graph, value) or ("", None)
        exponent = 2.0 if a == b else None
    return inputs_of(graph, value)[0] if exponent == p else None


def rsqrt(graph: Graph, value: str) -> str | None:
    """u of u^(−½), in one step or two."""
    if (u := power(graph, value, -0.5)) is not None:
        return u
    for outer, inner in ((-1.0, 0.5), (0.5, -1.0)):
        if (root := power(graph, value, outer)) is not None and (u := power(graph, spread(graph, root), inner)) is not None:
            return u
    return None


def spread(graph: Graph, value: str) -> str:
    """What a value is before it was only given axes of size 1, or repeated; a maximum with −∞ is looked through, too."""
    while True:
        layer = layer_of(graph, value)
        if isinstance(layer, Among):
            if clipped_below(graph, value, float("-inf")) is None:
                return value
        elif not isinstance(layer, (Renaming, Expand)):
            return value
        value = inputs_of(graph, value)[0]


def clipped_below(graph: Graph, value: str, low: float) -> str | None:
    """u of max(u, low)."""
    layer = layer_of(graph, value)
    if not isinstance(layer, Among) or not layer.largest or len(layer.slots) != 1 or len(layer.constant_slots) != 1:
        return None
    c = single(getattr(layer, f"constant_{layer.constant_slots[0]}"), graph.ranks.get(value))
    return inputs_of(graph, value)[0] if c == low else None


def reduced(graph: Graph, value: str, mean: bool) -> tuple[str, Reduce] | None:
    """(u, layer) of Σu over axes, or of its mean."""
    layer = layer_of(graph, value)
    return (inputs_of(graph, value)[0], layer) if isinstance(layer, Reduce) and layer.mean == mean else None


def polynomial(graph: Graph, value: str, x: str, depth: int = 8) -> dict[int, float] | None:
    """{power: coefficient} of a value that is a cubic in x, by its sums, products, powers and numbers; `depth` nodes."""
    if value == x:
        return {1: 1.0}
    if depth == 0:
        return None

    def inner(v: str) -> dict[int, float] | None:
        return polynomial(graph, v, x, depth - 1)

    if (found := times(graph, value)) is not None:
        return _scaled(inner(found[0]), found[1])
    if (moved := shifted(graph, value)) is not None:
        c = single(moved[2], graph.ranks.get(value))
        return None if c is None else _added(_scaled(inner(moved[0]), moved[1]), {0: c}, 1.0)
    if (terms := sum_of_two(graph, value)) is not None:
        return _added(inner(terms[0]), inner(terms[1]), terms[2])
    if (pair := product(graph, value)) is not None:
        return _multiplied(inner(pair[0]), inner(pair[1]))
    if (u := power(graph, value, 2.0)) is not None:
        return _multiplied(inner(u), inner(u))
    if (u := power(graph, value, 3.0)) is not None:
        return _multiplied(_multiplied(inner(u), inner(u)), inner(u))
    return None


Coefficients = dict[int, float]


def _scaled(a: Coefficients | None, c: float) -> Coefficients | None:
    return None if a is None else {p: c * k for p, k in a.items()}


def _added(a: Coefficients | None, b: Coefficients | None, sign: float) -> Coefficients | None:
    return None if a is None or b is None else {p: a.get(p, 0.0) + sign * b.get(p, 0.0) for p in {*a, *b}}


def _multiplied(a: Coefficients | None, b: Coefficients | None) -> Coefficients | None:
    if a is None or b is None or max(a) + max(b) > 3:
        return None
    out: Coefficients = {}
    for p, c in a.items():
        for q, d in b.items():
            out[p + q] = out.get(p + q, 0.0) + c * d
    return out
