"""If, Loop and Scan → a layer that runs graphs, built as the model's own is; a branch that is always taken → its nodes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import torch
from onnx import GraphProto, ModelProto, NodeProto, TensorProto, ValueInfoProto, helper, numpy_helper
from torch import Tensor

from ..errors import ModelError, OnnxplainError
from ..graph.control import If, Laid, Loop, Scan
from ..graph.graph import Graph, Node
from ..layers.control import Body, Control, Known
from .conditions import always
from .functions import expanded
from .order import outside
from .passes.drop_identity import hands_on
from .types import ValueType

if TYPE_CHECKING:
    from .build import Builder

#: steps of a loop over constants that are made once and for all, when the model is loaded
FOLDED_STEPS = 10_000
#: a number of steps that means: until the condition fails
ENDLESS = 2**31 - 1
#: outer constants up to this size are shown to shape inference
SHOWN = 1024


@dataclass(frozen=True)
class Inner:
    """A body's graph: inputs of its own, then the outer values it reads (`captures`); and its values' types."""

    graph: Graph
    captures: tuple[str, ...]
    types: dict[str, ValueType]


#: what is known of a body's input: its type, and whether it is floating
Told = tuple[ValueType | None, bool]


def control(b: Builder, n: NodeProto) -> list[Node]:
    """The nodes that stand for this one; none where it was folded, or its bodies lack operators."""
    return CONTROL[n.op_type](b, n)


def _if(b: Builder, n: NodeProto) -> list[Node]:
    branches = {label: _body(n, f"{label}_branch") for label in ("then", "else")}
    taken = always(b, n.input[0])
    if taken is not None:
        label = "then" if taken else "else"
        inner = _inner(b, n, f"{n.name}/{label}", branches[label], ())
        return [] if inner is None else _spliced(b, n, inner)
    inners = [_inner(b, n, f"{n.name}/{label}", body, ()) for label, body in branches.items()]
    if any(i is None for i in inners):
        return []
    found = [replace(i, graph=_finished(i.graph, n.name)) for i in inners if i is not None]
    captures = list(dict.fromkeys(v for i in found for v in i.captures))
    place = {v: 1 + k for k, v in enumerate(captures)}
    then, otherwise = (
        Body(i.graph, tuple(place[v] for v in i.captures), tuple(range(len(i.graph.outputs))), (), len(i.captures))
        for i in found
    )
    names = [n.input[0], *captures]
    layer = If(then, otherwise, *_bound(b, names))
    return _placed(b, n, layer, names, then.graph.outputs, then.graph)


def _loop(b: Builder, n: NodeProto) -> list[Node]:
    body = _body(n, "body")
    names = [*n.input, *[""] * (2 - len(n.input))]
    initial = names[2:]
    stated = [_stated(i) for i in body.input]
    own: list[Told] = [(ValueType(TensorProto.INT64, ()), False), (ValueType(TensorProto.BOOL, ()), False)]
    for v, t in zip(initial, stated[2:], strict=True):  # what is carried may change its shape
        kind, floating = _told(b, v)
        free = None if kind is None else ValueType(kind.elem_type, None, kind.tensor)
        own.append((t if t is not None and t.elem_type else free, floating))
    inner = _inner(b, n, n.name, body, own)
    if inner is None:
        return []
    asks = not _holds(inner.graph)
    limit = b.constants.get(names[0])
    if not asks and (not names[0] or (limit is not None and int(limit.reshape(-1)[0]) >= ENDLESS)):
        raise ModelError(f"node {n.name!r} (Loop) never ends: its condition always holds, and it says no number of steps")
    graph = _finished(inner.graph if asks else replace(inner.graph, outputs=inner.graph.outputs[1:]), n.name)
    names += inner.captures
    layer = Loop(graph, len(initial), asks, *_bound(b, names))
    for k, v in enumerate(graph.outputs[int(asks) + len(initial) :]):
        _type(b, n, len(initial) + k, inner.types.get(v), 0)
    return _placed(b, n, layer, names, graph.outputs[int(asks) :], graph)


def _scan(b: Builder, n: NodeProto) -> list[Node]:
    body = _body(n, "body")
    given = {a.name: helper.get_attribute_value(a) for a in n.attribute}
    m = int(given["num_scan_inputs"])
    if b.opset < 9 and "scan_input_axes" not in given:  # lowering writes the newer form
        return _scan_by_sample(b, n, body, m, list(given.get("directions", [0] * m)))
    names = list(n.input)
    carried = len(names) - m
    stacked = len(body.output) - carried
    axes, reversed_in = given.get("scan_input_axes", [0] * m), given.get("scan_input_directions", [0] * m)
    out_axes, reversed_out = given.get("scan_output_axes", [0] * stacked), given.get("scan_output_directions", [0] * stacked)
    laid_in = [Laid(int(a), bool(d)) for a, d in zip(axes, reversed_in, strict=True)]
    laid_out = [Laid(int(a), bool(d)) for a, d in zip(out_axes, reversed_out, strict=True)]
    own = [_told(b, v) for v in names[:carried]]
    own += [_sliced(_told(b, v), laid.axis) for v, laid in zip(names[carried:], laid_in, strict=True)]
    inner = _inner(b, n, n.name, body, own)
    if inner is None:
        return []
    graph = _finished(inner.graph, n.name)
    for k, v in enumerate(graph.outputs):
        _type(b, n, k, inner.types.get(v), None if k < carried else laid_out[k - carried].axis)
    names += inner.captures
    layer = Scan(graph, carried, laid_in, laid_out, *_bound(b, names))
    return _placed(b, n, layer, names, graph.outputs, graph)


def _scan_by_sample(b: Builder, n: NodeProto, body: GraphProto, m: int, directions: list[int]) -> list[Node]:
    """The Scan of opset 8, whose first axis is the sample: a scan over samples of scans over steps."""
    if n.input[0]:  # lengths of the samples' sequences
        b.lack(n)
        return []
    names = list(n.input[1:])
    carried = len(names) - m
    told = [_sliced(_told(b, v), 0) for v in names]
    own = told[:carried] + [_sliced(t, 0) for t in told[carried:]]
    inner = _inner(b, n, n.name, body, own)
    if inner is None:
        return []
    graph = _finished(inner.graph, n.name)
    ends = [f"{n.name}/one {v}" for v in names]
    made = [f"{n.name}/one {k}" for k in range(len(graph.outputs))]
    stacked = [Laid()] * (len(graph.outputs) - carried)
    everything = [*ends, *inner.captures]
    steps = Scan(graph, carried, [Laid(0, bool(d)) for d in directions], stacked, [None] * len(everything), [True] * len(everything))
    notes = tuple(f"{n.name}/one/states/{j}" for j in steps.noted)
    floating = {v for v, (_, f) in zip(ends, told, strict=True) if f} | {v for v in inner.captures if b.floating.get(v, True)}
    floating |= {o for o, v in zip(made, graph.outputs, strict=True) if v in graph.floating}
    outer = Graph(
        nodes=(Node(f"{n.name}/one", "Scan", steps, tuple(everything), (*made, *notes)),),
        inputs=tuple(everything),
        outputs=tuple(made),
        floating=frozenset(floating),
    )
    names += inner.captures
    layer = Scan(outer, 0, [Laid()] * len(ends), [Laid()] * len(made), *_bound(b, names))
    return _placed(b, n, layer, names, outer.outputs, outer)


CONTROL: dict[str, Callable[[Builder, NodeProto], list[Node]]] = {"If": _if, "Loop": _loop, "Scan": _scan}


def _body(n: NodeProto, name: str) -> GraphProto:
    return next(a.g for a in n.attribute if a.name == name)


def _inner(b: Builder, n: NodeProto, name: str, body: GraphProto, own: Sequence[Told]) -> Inner | None:
    """A body built as a graph of its own; None where operators are missing in it, which are then reported."""
    read = list(dict.fromkeys(outside(body)))
    constants = {v: b.constants[v] for v in read if v in b.constants}
    captures = [v for v in read if v not in constants]
    told = {i.name: t for i, t in zip(body.input, own, strict=True)} | {v: _told(b, v) for v in captures}
    model = ModelProto(ir_version=b.proto.ir_version)
    model.opset_import.extend(b.proto.opset_import)
    model.graph.CopyFrom(body)
    model.graph.name = name
    del model.graph.input[:]
    model.graph.input.extend(_info(v, t) for v, (t, _) in told.items())
    for v, c in constants.items():
        if not c.is_floating_point() and c.numel() <= SHOWN:
            model.graph.initializer.append(numpy_helper.from_array(c.numpy(), v))
        else:
            model.graph.input.append(_info(v, _told(b, v)[0]))
    builder = b.inner(expanded(model), constants, {v: floating for v, (_, floating) in told.items()}, name)
    graph = builder.graph()
    if graph is None:
        b.blocked.append(n)
        return None
    return Inner(graph, tuple(captures), builder.types)


def _told(b: Builder, v: str) -> Told:
    c = b.constants.get(v)
    if c is None:
        return b.types.get(v), b.floating.get(v, True)
    return ValueType(helper.np_dtype_to_tensor_dtype(c.numpy().dtype), tuple(c.shape)), c.is_floating_point()


def _stated(info: ValueInfoProto) -> ValueType | None:
    from .types import value_type

    return value_type(info) if info.HasField("type") else None


def _sliced(told: Told, axis: int) -> Told:
    """What is known of a slice."""
    t, floating = told
    if t is None or t.shape is None:
        return (None if t is None else ValueType(t.elem_type, None)), floating
    shape = list(t.shape)
    del shape[axis]
    return ValueType(t.elem_type, tuple(shape)), floating


def _info(name: str, t: ValueType | None) -> ValueInfoProto:
    if t is None or not t.elem_type:
        return ValueInfoProto(name=name)
    if not t.tensor:
        return helper.make_tensor_sequence_value_info(name, t.elem_type, None)
    return helper.make_tensor_value_info(name, t.elem_type, None if t.shape is None else list(t.shape))


def _type(b: Builder, n: NodeProto, k: int, t: ValueType | None, axis: int | None) -> None:
    """Notes the type of output k, that of a body's output, stacked along `axis`, where nothing is known of it."""
    v = n.output[k] if k < len(n.output) else ""
    known = b.types.get(v)
    if not v or t is None or not t.elem_type or (known is not None and known.shape is not None):
        return
    shape = t.shape
    if shape is not None and axis is not None:
        at = axis if axis >= 0 else len(shape) + 1 + axis
        shape = (*shape[:at], None, *shape[at:])
    b.types[v] = ValueType(t.elem_type, shape)


def _bound(b: Builder, names: Sequence[str]) -> tuple[list[Tensor | None], list[bool]]:
    """(the constants among these values, which of them are computed at run time)."""
    return [b.constants.get(v) if v else None for v in names], [bool(v) and v not in b.constants for v in names]


def _holds(graph: Graph) -> bool:
    """Whether a loop's condition to go on always holds: it is True, or handed on as it came."""
    condition = graph.outputs[0]
    if condition in graph.constants:
        return bool(graph.constants[condition].reshape(-1)[0])
    return _origin(graph, condition) == graph.inputs[1]


def _origin(graph: Graph, v: str) -> str:
    """The value that this one is, behind operators that hand it on."""
    while (maker := graph.producer.get(v)) is not None and hands_on(maker) and maker.outputs[0] == v:
        v = maker.inputs[0]
    return v


def _finished(graph: Graph, name: str) -> Graph:
    """Without what hands outputs on, and with constant outputs as nodes."""
    outputs = tuple(v if v in graph.constants else _origin(graph, v) for v in graph.outputs)
    known = [v for v in dict.fromkeys(outputs) if v in graph.constants]
    nodes = [Node(f"{name}/{v}", "Constant", Known(graph.constants[v]), (), (v,)) for v in known]
    whole = replace(graph, nodes=(*nodes, *graph.nodes), outputs=outputs, constants={})
    return replace(whole, nodes=whole.ancestors(outputs))


def _spliced(b: Builder, n: NodeProto, inner: Inner) -> list[Node]:
    """A branch's nodes among the others, their values called after the node."""
    graph, name, nodes = inner.graph, {v: v for v in inner.captures}, []
    for o, v in zip(n.output, graph.outputs, strict=True):
        if o and v not in graph.constants and v not in name:
            name[v] = o
    for m in graph.nodes:
        for v in m.outputs:
            name.setdefault(v, f"{n.name}/{v}")
        nodes.append(replace(m, inputs=tuple(name[v] for v in m.inputs), outputs=tuple(name[v] for v in m.outputs)))
    for v, new in name.items():
        if new != v:
            b.floating[new] = v in graph.floating
            if v in inner.types:
                b.types[new] = inner.types[v]
    for k, (o, v) in enumerate(zip(n.output, graph.outputs, strict=True)):
        if o and v in graph.constants:
            b.settle(o, graph.constants[v])
        elif o and name[v] != o:
            nodes += b.same(f"{n.name}/{k}", name[v], o)
    return nodes


def _placed(
    b: Builder, n: NodeProto, layer: Control, names: Sequence[str], made: Sequence[str], graph: Graph
) -> list[Node]:
    """The node of a layer; none where nothing it reads varies. `made`: the body's values that its outputs are."""
    outputs = [v or f"{n.name}:{k}" for k, v in enumerate([*n.output, *[""] * (len(made) - len(n.output))])]
    if not layer.slots and (values := _constant(layer)) is not None:
        for v, c in zip(outputs, values, strict=False):
            b.settle(v, c)
        return []
    for o, v in zip(outputs, made, strict=True):
        if o not in b.types or not b.types[o].elem_type:
            b.floating[o] = v in graph.floating
    for j in getattr(layer, "noted", ()):
        outputs.append(f"{n.name}/states/{j}")
        b.floating[outputs[-1]] = made[j] in graph.floating
    return [Node(n.name, n.op_type, layer, tuple(v for v in names if v and v not in b.constants), tuple(outputs))]


def _constant(layer: Control) -> tuple[Tensor, ...] | None:
    """What a layer makes of constants alone, unless that may take long."""
    args: list[Any] = layer.full(())
    if isinstance(layer, Loop) and not 0 <= (-1 if (most := layer.count(args)) is None else most) <= FOLDED_STEPS:
        return None
    try:
        with torch.inference_mode():
            return tuple(y.clone() for y in layer.forward())
    except OnnxplainError:
        return None
