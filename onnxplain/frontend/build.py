"""ModelProto → Graph: constants folded, unused parts dropped, every operator a layer, or all the missing ones reported."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from heapq import heappop, heappush
from typing import Any

import numpy as np
import torch
from onnx import GraphProto, ModelProto, NodeProto, TensorProto, helper, numpy_helper
from torch import Tensor

from ..errors import InputError, ModelError, UnsupportedOpError
from ..graph.graph import Graph, Node
from ..layers import Layer, layer_for
from ..layers.base import operator_key
from ..layers.kinds import Affine
from .lowering import lower
from .nodes import attributes, is_floating, newest_opset, onnx_node, to_torch
from .read import opset_of
from .types import ValueType, infer_types

#: what layers and torch raise for attributes and constants that make no sense together
NOT_FITTING = (TypeError, ValueError, ArithmeticError, LookupError, AttributeError, RuntimeError)


@dataclass(frozen=True)
class Built:
    """A graph and what is known of its values' types."""

    graph: Graph
    types: Mapping[str, ValueType]
    opset: int


def build(
    proto: ModelProto,
    inputs: Sequence[str] | None = None,
    outputs: Sequence[str] | None = None,
    dtype: torch.dtype = torch.float32,
) -> Built:
    """`inputs`/`outputs` cut the graph at named values."""
    types = infer_types(proto)
    return _Builder(proto, types, dtype).build(inputs, outputs)


@dataclass
class _Builder:
    proto: ModelProto
    types: Mapping[str, ValueType]
    dtype: torch.dtype
    constants: dict[str, Tensor] = field(default_factory=dict)
    floating: dict[str, bool] = field(default_factory=dict)
    missing: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    blocked: list[NodeProto] = field(default_factory=list)

    def build(self, inputs: Sequence[str] | None, outputs: Sequence[str] | None) -> Built:
        graph = self.proto.graph
        stored = stored_names(graph)
        own_inputs = [i.name for i in graph.input if i.name not in stored]
        inputs, outputs = _names(inputs, "inputs"), _names(outputs, "outputs")
        all_nodes = in_order(graph, inputs or ())
        parts = lower(all_nodes, self.types)
        if len(parts) != len(all_nodes):
            all_nodes, self.types = parts, infer_types(self.proto, parts)
        known = {*own_inputs, *stored, *(v for n in all_nodes for v in n.output if v)}
        wanted = _existing(outputs, known, "outputs") or [o.name for o in graph.output]
        given = _existing(inputs, known, "inputs")
        feeds = list(dict.fromkeys([*(given or ()), *own_inputs])) if given else own_inputs
        nodes = needed(all_nodes, wanted, given or ())
        used = {v for n in nodes for v in _reads(n)} | set(wanted)
        if given:  # a cut leaves only the inputs that are still read
            feeds = [v for v in feeds if v in used or v in given]
        self._store(graph, used, set(feeds))
        for name, t in self.types.items():
            self.floating[name] = is_floating(t.elem_type) if t.elem_type else True
        made = [m for n in nodes if (m := self._node(n)) is not None]
        if self.missing:
            self._report()
        lost = [v for v in wanted if v not in self.constants and v not in feeds and not any(v in m.outputs for m in made)]
        if lost:
            raise ModelError(f"outputs {lost} are computed by no node of the graph: the file is damaged or was cut")
        values = [*feeds, *(v for m in made for v in m.outputs), *(v for v in wanted if v in self.constants)]
        result = Graph(
            nodes=tuple(made),
            inputs=tuple(feeds),
            outputs=tuple(wanted),
            floating=frozenset(v for v in values if self.floating.get(v, True)),
            constants={v: self.constants[v] for v in wanted if v in self.constants},
            shapes={v: t.sizes for v, t in self.types.items() if t.sizes is not None},
        )
        result.check()
        return Built(result, self.types, opset_of(self.proto) or newest_opset())

    def _store(self, graph: GraphProto, used: set[str], feeds: set[str]) -> None:
        for t in graph.initializer:
            if t.name in used and t.name not in feeds:
                self._constant(t.name, t)
        for s in graph.sparse_initializer:
            if s.values.name in used:
                dense = np.zeros(tuple(s.dims), numpy_helper.to_array(s.values).dtype)
                index = numpy_helper.to_array(s.indices)
                at = np.unravel_index(index, dense.shape) if index.ndim == 1 else tuple(index.T)
                dense[at] = numpy_helper.to_array(s.values)
                self._constant(s.values.name, numpy_helper.from_array(dense, s.values.name))

    def _constant(self, name: str, proto: TensorProto) -> None:
        try:
            value = to_torch(proto, self.dtype)
        except (TypeError, ValueError) as error:
            raise ModelError(f"weight {name!r} cannot be read: {error}") from error
        if value.is_floating_point() and value.isnan().any():
            raise ModelError(f"weight {name!r} holds NaN: nothing computed from it can be explained")
        self.constants[name] = value

    def _node(self, n: NodeProto) -> Node | None:
        """A Node, or None where the node was folded into constants or is missing a layer."""
        try:
            return self._made(n)
        except NOT_FITTING as error:
            raise ModelError(f"node {n.name!r} ({n.op_type}) has attributes or constants that do not fit it: {error}") from error

    def _made(self, n: NodeProto) -> Node | None:
        if n.op_type == "Constant" and n.domain in ("", "ai.onnx"):
            self.constants[n.output[0]] = self._constant_node(n)
            return None
        if any(a.HasField("g") or a.graphs for a in n.attribute):
            self._lack(n)
            return None
        if all(i in self.constants for i in n.input if i) and not n.op_type.startswith("Random"):
            folded = self._fold(n)
            if folded is not None:
                for v, c in zip(n.output, folded, strict=False):
                    if v:
                        self.constants[v] = c
                        self.floating[v] = c.is_floating_point()
                return None
        node = onnx_node(n, self._opset(n), self.constants, self.floating, self.dtype)
        layer = layer_for(node)
        if layer is None:
            self._lack(n)
            return None
        if isinstance(layer, Affine) and not all(bool(b.isfinite().all()) for b in layer.buffers() if b.is_floating_point()):
            raise ModelError(f"the weights of node {n.name!r} ({n.op_type}) hold infinity: nothing it computes can be explained")
        outputs = tuple(v or f"{n.name}:{k}" for k, v in enumerate(n.output))
        for v in outputs:
            if v not in self.types or not self.types[v].elem_type:
                self.floating[v] = layer.kind != "Integer" and any(node.floating[i] for i in range(len(node.floating)))
        return Node(n.name, n.op_type, layer, tuple(i for i in n.input if i and i not in self.constants), outputs)

    def _constant_node(self, n: NodeProto) -> Tensor:
        a = attributes(n, self.dtype)
        for key, kind in (("value_float", self.dtype), ("value_floats", self.dtype), ("value_int", torch.int64), ("value_ints", torch.int64)):
            if key in a:
                return torch.tensor(a[key], dtype=kind)
        if "value" in a:
            return a["value"]
        if any(x.name == "sparse_value" for x in n.attribute):
            sparse = next(x.sparse_tensor for x in n.attribute if x.name == "sparse_value")
            dense = torch.zeros(tuple(sparse.dims), dtype=self.dtype).reshape(-1)
            index = to_torch(sparse.indices, self.dtype)
            return dense.scatter(0, index.reshape(-1), to_torch(sparse.values, self.dtype)).reshape(tuple(sparse.dims))
        raise ModelError(f"node {n.name!r} (Constant) holds {[x.name for x in n.attribute]}, which is no number")

    def _fold(self, n: NodeProto) -> tuple[Tensor, ...] | None:
        """The outputs of a node whose inputs are all constant, by its own layer; else by ONNX's reference evaluator."""
        values = [self.constants[i] for i in n.input if i]
        for dynamic in ({i for i in n.input[:1] if i}, set(n.input) - {""}):
            rest = {k: v for k, v in self.constants.items() if k in n.input and k not in dynamic}
            kinds = {i: self.constants[i].is_floating_point() for i in n.input if i}
            try:
                layer = layer_for(onnx_node(n, self._opset(n), rest, kinds, self.dtype))
                if layer is None:
                    continue
                with torch.inference_mode():
                    made = layer.forward(*[self.constants[i] for i in n.input if i in dynamic])
            except NOT_FITTING:
                continue
            outs = made if isinstance(made, tuple) else (made,)
            return tuple(o.clone() for o in outs)  # clone: a plain tensor, not an inference-mode view
        return _reference(n, values, self.proto)

    def _opset(self, n: NodeProto) -> int:
        if n.domain in ("", "ai.onnx"):
            return opset_of(self.proto) or newest_opset()
        return next((o.version for o in self.proto.opset_import if o.domain == n.domain), 1)

    def _lack(self, n: NodeProto) -> None:
        self.missing[operator_key(n.op_type, n.domain)].append(n.name)
        self.blocked.append(n)

    def _report(self) -> None:
        opset = opset_of(self.proto)
        count = sum(len(v) for v in self.missing.values())
        lines = [f"{count} nodes of {len(self.missing)} operators have no layer (opset {opset}):"]
        for op, names in sorted(self.missing.items()):
            shown = ", ".join(repr(x) for x in names[:3]) + (", …" if len(names) > 3 else "")
            lines.append(f"  {op} × {len(names)}: {shown}")
        dynamic = {i for n in self.blocked for i in n.input if i and i not in self.constants}
        made = {v for n in self.blocked for v in n.output}
        before = sorted(v for v in dynamic - made if self.floating.get(v, True))[:3]
        read = {i for n in self.proto.graph.node if not made.intersection(n.output) for i in n.input}
        after = sorted(v for v in made & read if v and self.floating.get(v, True))[:3]
        lines.append(
            f"Cut the graph before them with ox.load(..., outputs={before or ['<value name>']}), "
            f"or after them with inputs={after or ['<value name>']}; a node may also miss a layer because an input that must be constant is not."
        )
        raise UnsupportedOpError("\n".join(lines), dict(self.missing))


def _reference(n: NodeProto, values: list[Tensor], proto: ModelProto) -> tuple[Tensor, ...] | None:
    from onnx.reference import ReferenceEvaluator

    names = [i for i in dict.fromkeys(n.input) if i]
    arrays = {i: v.numpy() for i, v in zip([i for i in n.input if i], values, strict=True)}
    infos = [helper.make_tensor_value_info(i, helper.np_dtype_to_tensor_dtype(arrays[i].dtype), arrays[i].shape) for i in names]
    outs = [v for v in n.output if v]
    from onnx import ValueInfoProto

    graph = helper.make_graph([n], "fold", infos, [ValueInfoProto(name=v) for v in outs])
    try:
        made = ReferenceEvaluator(helper.make_model(graph, opset_imports=list(proto.opset_import))).run(None, arrays)
        folded = dict(zip(outs, (torch.from_numpy(np.array(m)) for m in made), strict=True))
    except Exception:  # noqa: BLE001 — an operator the evaluator lacks, too: it is reported as missing
        return None
    return tuple(folded.get(v, torch.empty(0)) for v in n.output)


def stored_names(graph: GraphProto) -> set[str]:
    return {t.name for t in graph.initializer} | {s.values.name for s in graph.sparse_initializer}


def in_order(graph: GraphProto, cut: Iterable[str] = ()) -> list[NodeProto]:
    """Copies of the nodes, uniquely named, every value made before it is read; values in `cut` are given."""
    return _sorted(_named(graph), {*(i.name for i in graph.input), *stored_names(graph)}, set(cut))


def _named(graph: GraphProto) -> list[NodeProto]:
    """Copies of the nodes, each with a unique name."""
    taken: set[str] = set()
    out = []
    for k, n in enumerate(graph.node):
        copy = NodeProto()
        copy.CopyFrom(n)
        name = n.name or f"{n.op_type}_{k}"
        while name in taken:
            name = f"{name}_{k}"
        taken.add(name)
        copy.name = name
        out.append(copy)
    return out


def _reads(n: NodeProto) -> list[str]:
    """Values a node reads, those its subgraphs take from outside included."""
    names = [i for i in n.input if i]
    for a in n.attribute:
        for g in [a.g] if a.HasField("g") else list(a.graphs):
            own = {i.name for i in g.input} | {t.name for t in g.initializer}
            for m in g.node:
                names += [i for i in _reads(m) if i not in own]
                own |= set(m.output)
            names += [o.name for o in g.output if o.name not in own]
    return names


def _sorted(nodes: list[NodeProto], known: set[str], cut: set[str]) -> list[NodeProto]:
    """The nodes in an order in which every value is made before it is read: the file's own, where that is one."""
    made = known | cut
    lacking = [set(_reads(n)) - made for n in nodes]
    waiting: dict[str, list[int]] = defaultdict(list)
    for k, values in enumerate(lacking):
        for v in values:
            waiting[v].append(k)
    ready = [k for k, values in enumerate(lacking) if not values]
    out = []
    while ready:
        n = nodes[heappop(ready)]
        again = [v for v in n.output if v and v in made and v not in cut]
        if again:
            raise ModelError(f"node {n.name!r} ({n.op_type}) makes {again} a second time: a damaged file")
        out.append(n)
        made.update(n.output)
        for v in n.output:
            for k in waiting.pop(v, ()):
                lacking[k].discard(v)
                if not lacking[k]:
                    heappush(ready, k)
    if len(out) < len(nodes):
        n, absent = next((n, sorted(values)) for n, values in zip(nodes, lacking, strict=True) if values)
        raise ModelError(f"node {n.name!r} ({n.op_type}) reads {absent}, which nothing computes: a cycle, or a damaged file")
    return out


def needed(nodes: Sequence[NodeProto], wanted: Iterable[str], cut: Iterable[str]) -> list[NodeProto]:
    need, given, out = set(wanted), set(cut), []
    for n in reversed(nodes):
        if any(v in need and v not in given for v in n.output if v):
            out.append(n)
            need.update(_reads(n))
    return list(reversed(out))


def _names(given: Any, what: str) -> list[str] | None:
    names = [given] if isinstance(given, str) else given
    if names is None:
        return None
    if not isinstance(names, (list, tuple)) or not all(isinstance(n, str) for n in names):
        raise InputError(f"{what}={given!r}: give names of values")
    return list(names)


def _existing(names: list[str] | None, known: set[str], what: str) -> list[str] | None:
    if names is None:
        return None
    unknown = [n for n in names if n not in known]
    if unknown or not names:
        from difflib import get_close_matches

        near = {n: get_close_matches(n, known, 3) for n in unknown}
        raise ModelError(f"{what}={names}: the graph has no values {unknown}; near them: {near}; it has {len(known)} values")
    return names


__all__ = ["Built", "Layer", "build"]
