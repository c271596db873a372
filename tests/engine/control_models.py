"""Models with If, Loop and Scan, each beside the same nodes written out one step after the other."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from onnx import GraphProto, ModelProto, TensorProto, ValueInfoProto, helper

from .build import Writer

FEATURES, UNITS, STEPS, CLASSES = 4, 5, 4, 3
#: (writer, what is carried, what this step reads) → (what is carried on, what is stacked)
Cell = Callable[[Writer, Sequence[str], Sequence[str]], tuple[Sequence[str], Sequence[str]]]
#: (writer, number of the step or its value, …) of a loop
Step = Callable[[Writer, str, Sequence[str]], tuple[Sequence[str], Sequence[str]]]


class Inside(Writer):
    """The nodes of a body; its weights lie outside, in `outer`."""

    def __init__(self, outer: Writer, name: str) -> None:
        super().__init__()
        self.outer, self.name = outer, name

    def constant(self, value: Any, name: str | None = None) -> str:
        return self.outer.constant(value, name)

    def node(self, op: str, *inputs: str, to: str | Sequence[str] | None = None, **attributes: Any) -> Any:
        return super().node(op, *inputs, to=f"{self.name} v{len(self.nodes)}" if to is None else to, **attributes)

    def graph(self, inputs: Sequence[str], outputs: Sequence[str], types: Mapping[str, int] | None = None) -> GraphProto:
        """What one body output takes from another goes through an Identity, as exporters write it."""
        ends = []
        for o in outputs:
            ends.append(self.node("Identity", o) if o in ends or not any(o in n.output for n in self.nodes) else o)
        infos = [helper.make_tensor_value_info(v, types[v], ()) if types and v in types else ValueInfoProto(name=v) for v in inputs]
        return helper.make_graph(self.nodes, self.name, infos, [ValueInfoProto(name=v) for v in ends])


def _name(w: Writer, what: str) -> str:
    return f"{getattr(w, 'name', '')}{what}{len(w.nodes)}"


class Weights:
    """The weights of a cell, drawn when they are first asked for and the same at every step."""

    def __init__(self, w: Writer) -> None:
        self.w = w
        self.known: dict[str, str] = {}

    def __call__(self, key: str, *shape: int, **more: Any) -> str:
        if key not in self.known:
            self.known[key] = self.w.weight(*shape, **more)
        return self.known[key]


def scan(
    w: Writer, cell: Cell, states: Sequence[str], xs: Sequence[str], stacked: int, nested: bool,
    axes: Sequence[int] | None = None, backward: Sequence[int] | None = None,
    out_axes: Sequence[int] | None = None, out_backward: Sequence[int] | None = None, steps: int = STEPS,
) -> list[str]:
    """What is carried at the end and what was stacked."""
    axes, backward = list(axes or [0] * len(xs)), list(backward or [0] * len(xs))
    out_axes, out_backward = list(out_axes or [0] * stacked), list(out_backward or [0] * stacked)
    name = _name(w, "scan")
    if nested:
        b = Inside(w, name)
        ins = [f"{name} {v} before" for v in states], [f"{name} {v} now" for v in xs]
        carried, made = cell(b, *ins)
        body = b.graph([v for part in ins for v in part], [*carried, *made])
        outs = [f"{name} {k}" for k in range(len(states) + stacked)]
        attributes = {"scan_input_axes": axes, "scan_input_directions": backward}
        if stacked:
            attributes |= {"scan_output_axes": out_axes, "scan_output_directions": out_backward}
        w.node("Scan", *states, *xs, to=outs, name=name, body=body, num_scan_inputs=len(xs), **attributes)
        return outs
    pieces = []
    for x, a, back in zip(xs, axes, backward, strict=True):
        cut = w.node("Split", x, to=[f"{name} {x} {k}" for k in range(steps)], axis=a)
        flat = [w.node("Squeeze", c, w.constant([a])) for c in cut]
        pieces.append(flat[::-1] if back else flat)
    columns: list[list[str]] = [[] for _ in range(stacked)]
    carried = list(states)
    for k in range(steps):
        carried, made = cell(w, carried, [p[k] for p in pieces])
        for column, y in zip(columns, made, strict=True):
            column.append(y)
    return [*carried, *(_stack(w, c[::-1] if back else c, a) for c, a, back in zip(columns, out_axes, out_backward, strict=True))]


def _stack(w: Writer, parts: Sequence[str], axis: int) -> str:
    lifted = [w.node("Unsqueeze", p, w.constant([axis])) for p in parts]
    return w.node("Concat", *lifted, axis=axis)


def loop(w: Writer, step: Step, states: Sequence[str], stacked: int, nested: bool, steps: int = STEPS) -> list[str]:
    name = _name(w, "loop")
    if nested:
        b = Inside(w, name)
        i, going = f"{name} i", f"{name} going"
        before = [f"{name} {v} before" for v in states]
        carried, made = step(b, i, before)
        on = b.node("Identity", going)
        body = b.graph([i, going, *before], [on, *carried, *made], {i: TensorProto.INT64, going: TensorProto.BOOL})
        outs = [f"{name} {k}" for k in range(len(states) + stacked)]
        w.node("Loop", w.constant(steps), "", *states, to=outs, name=name, body=body)
        return outs
    columns: list[list[str]] = [[] for _ in range(stacked)]
    carried = list(states)
    for k in range(steps):
        carried, made = step(w, w.constant(k), carried)
        for column, y in zip(columns, made, strict=True):
            column.append(y)
    return [*carried, *(_stack(w, c, 0) for c in columns)]


def branch(w: Writer, condition: str, then: Callable[[Writer], str], otherwise: Callable[[Writer], str], to: str | None = None) -> str:
    name = _name(w, "if")
    bodies = {}
    for label, make in (("then", then), ("else", otherwise)):
        b = Inside(w, f"{name} {label}")
        bodies[f"{label}_branch"] = b.graph([], [make(b)])
    return w.node("If", condition, name=name, **bodies, **({"to": to} if to else {}))


def start(w: Writer, p: Weights, like: str, axis: int) -> str:
    """The same constant row for every sample."""
    n = w.node("Gather", w.node("Shape", like), w.constant([axis]))
    return w.node("Expand", p("start", 1, UNITS), w.node("Concat", n, w.constant([UNITS]), axis=0))


def gated(nested: bool) -> ModelProto:
    """Two states, one of them stacked; two scanned inputs, one from its end and along axis 1; a value from outside."""
    w = Writer(21)
    p = Weights(w)
    key = w.node("Tanh", w.node("MatMul", "k", p("key", FEATURES, UNITS)), to="key")

    def cell(b: Writer, states: Sequence[str], now: Sequence[str]) -> tuple[list[str], list[str]]:
        h, c = states
        x, z = now
        both = b.node("Add", b.node("MatMul", x, p("x", FEATURES, UNITS)), b.node("MatMul", h, p("h", UNITS, UNITS)))
        both = b.node("Add", b.node("Add", both, b.node("MatMul", z, p("z", FEATURES, UNITS))), p("b", UNITS))
        gate = b.node("Sigmoid", b.node("MatMul", h, p("g", UNITS, UNITS, scale=0.4)))
        c = b.node("Add", b.node("Mul", c, gate), b.node("Mul", b.node("Tanh", both), key))
        h = b.node("Mul", b.node("Softmax", c, axis=-1), c)
        return [h, c], [h, b.node("Relu", b.node("Sub", c, h))]

    out = scan(w, cell, [w.node("Mul", key, w.constant(0.5)), start(w, p, "x", 0)], ["x", "z"], 2, nested, axes=[1, 1], backward=[0, 1], out_axes=[1, 0], out_backward=[0, 1])
    h, c, hs, rs = out
    m = w.node("Add", w.node("ReduceMean", hs, axes=[1], keepdims=0), w.node("ReduceMean", rs, axes=[0], keepdims=0))
    w.dense(w.node("Add", m, w.node("Add", h, c)), UNITS, CLASSES, to="y")
    return w.model({"x": ("N", STEPS, FEATURES), "z": ("N", STEPS, FEATURES), "k": ("N", FEATURES)}, {"y": ("N", CLASSES)})


def plain(nested: bool) -> ModelProto:
    """ReLUs and constant weights only, so that every method is defined; what is carried starts with a constant."""
    w = Writer(22)
    p = Weights(w)

    def cell(b: Writer, states: Sequence[str], now: Sequence[str]) -> tuple[list[str], list[str]]:
        z = b.node("Gemm", now[0], p("x", UNITS, FEATURES), p("b", UNITS), transB=1)
        h = b.node("Relu", b.node("Add", z, b.node("MatMul", states[0], p("h", UNITS, UNITS))))
        return [h], [b.node("MatMul", h, p("o", UNITS, UNITS))]

    out = scan(w, cell, [start(w, p, "x", 1)], ["x"], 1, nested)
    w.dense(w.node("Add", out[0], w.node("ReduceMean", out[1], axes=[0], keepdims=0)), UNITS, CLASSES, to="y")
    return w.model({"x": (STEPS, "N", FEATURES)}, {"y": ("N", CLASSES)})


def counted(nested: bool) -> ModelProto:
    """A loop that reads its own number, a value from outside, and branches on whether the number is even."""
    w = Writer(23)
    p = Weights(w)
    w.dense("x", FEATURES, UNITS, to="first")

    def step(b: Writer, i: str, states: Sequence[str]) -> tuple[list[str], list[str]]:
        f = b.node("CastLike", i, "first")
        h = b.node("Add", states[0], b.node("Mul", "first", b.node("Add", f, w.constant(0.5))))
        even = b.node("Equal", b.node("Mod", i, w.constant(2)), w.constant(0))

        def squashed(c: Writer) -> str:
            return c.node("Tanh", c.node("Add", c.node("MatMul", h, p("even", UNITS, UNITS)), "first"))

        def shifted(c: Writer) -> str:
            return c.node("Mul", c.node("LeakyRelu", h, alpha=0.3), c.node("Sigmoid", "first"))

        h = branch(b, even, squashed, shifted)
        return [h], [b.node("MatMul", h, p("o", UNITS, UNITS))]

    h, ys = loop(w, step, ["first"], 1, nested)
    w.dense(w.node("Add", h, w.node("ReduceMean", ys, axes=[0], keepdims=0)), UNITS, CLASSES, to="y")
    return w.model({"x": ("N", FEATURES)}, {"y": ("N", CLASSES)})


def growing(nested: bool) -> ModelProto:
    """What is carried gets longer at every step."""
    w = Writer(24)
    p = Weights(w)
    w.node("Reshape", w.dense("x", FEATURES, UNITS), w.constant([0, 1, UNITS]), to="row")

    def step(b: Writer, i: str, states: Sequence[str]) -> tuple[list[str], list[str]]:
        mean = b.node("ReduceMean", states[0], axes=[1], keepdims=1)
        new = b.node("Tanh", b.node("Add", b.node("MatMul", mean, p("m", UNITS, UNITS)), "row"))
        return [b.node("Concat", states[0], new, axis=1)], []

    (rows,) = loop(w, step, ["row"], 0, nested)
    w.dense(w.node("ReduceMax", rows, axes=[1], keepdims=0), UNITS, CLASSES, to="y")
    return w.model({"x": ("N", FEATURES)}, {"y": ("N", CLASSES)})


def normalized(nested: bool) -> ModelProto:
    """A layer normalisation written out, and a scan in a scan."""
    w = Writer(25)
    p = Weights(w)

    def inner(b: Writer, states: Sequence[str], now: Sequence[str]) -> tuple[list[str], list[str]]:
        s = b.node("Add", b.node("Mul", states[0], w.constant(0.7)), now[0])
        return [s], [s]

    def cell(b: Writer, states: Sequence[str], now: Sequence[str]) -> tuple[list[str], list[str]]:
        h = b.node("Add", states[0], b.node("MatMul", now[0], p("x", FEATURES, UNITS)))
        centred = b.node("Sub", h, b.node("ReduceMean", h, axes=[-1], keepdims=1))
        square = b.node("ReduceMean", b.node("Mul", centred, centred), axes=[-1], keepdims=1)
        root = b.node("Sqrt", b.node("Add", square, w.constant(1e-3)))
        h = b.node("Div", centred, root)
        out = scan(b, inner, [b.node("ReduceMean", h, axes=[1], keepdims=0)], [h], 1, nested, axes=[1], out_axes=[1], steps=UNITS)
        return [b.node("Tanh", b.node("MatMul", out[1], p("h", UNITS, UNITS)))], [out[0]]

    h, last = scan(w, cell, [start(w, p, "x", 0)], ["x"], 1, nested, axes=[1], steps=2)
    total = w.node("ReduceMean", last, axes=[0], keepdims=0)  # (N,)
    w.dense(w.node("Mul", h, w.node("Unsqueeze", total, w.constant([1]))), UNITS, CLASSES, to="y")
    return w.model({"x": ("N", 2, FEATURES)}, {"y": ("N", CLASSES)})


@dataclass(frozen=True)
class Case:
    make: Callable[[bool], ModelProto]
    shapes: dict[str, tuple[int | str, ...]]
    products: bool = True

    def data(self, n: int = 3, seed: int = 0) -> dict[str, np.ndarray]:
        rng = np.random.default_rng(seed)
        return {v: rng.standard_normal([n if s == "N" else s for s in shape]) for v, shape in self.shapes.items()}


CASES: dict[str, Case] = {
    "gated": Case(gated, {"x": ("N", STEPS, FEATURES), "z": ("N", STEPS, FEATURES), "k": ("N", FEATURES)}),
    "plain": Case(plain, {"x": (STEPS, "N", FEATURES)}, products=False),
    "counted": Case(counted, {"x": ("N", FEATURES)}),
    "growing": Case(growing, {"x": ("N", FEATURES)}, products=False),
    "normalized": Case(normalized, {"x": ("N", 2, FEATURES)}),
}
