"""ModelProto → Graph: constants folded, unused parts dropped, every operator a layer, or all the missing ones reported."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NoReturn

import numpy as np
import torch
from onnx import GraphProto, ModelProto, NodeProto, TensorProto, helper, numpy_helper
from torch import Tensor

from ..errors import InputError, ModelError, UnsupportedOpError
from ..graph.graph import Graph, Node
from ..layers import Layer, layer_for
from ..layers.base import operator_key
from ..layers.kinds import Affine
from ..layers.shapes import all_finite
from ..layers.text.lexicon import Lexicon
from .carriers import as_carried, carried, stays_whole
from .control import CONTROL, control
from .fold import NOT_FITTING, cast_like, constant_node, folded
from .host import host, wraps
from .known_sizes import KnownSizes
from .lowering import is_random, lower
from .nodes import is_floating, newest_opset, onnx_node, to_torch
from .order import bodies, in_order, needed, reads, stored_names
from .passes.rewrite import without_unread
from .read import opset_of
from .reasons import reason
from .strings import MOVING, READING, texts_in
from .types import ValueType, infer_types


@dataclass(frozen=True)
class Built:
    """A graph and what is known of its values' types."""

    graph: Graph
    types: Mapping[str, ValueType]
    opset: int
    texts: Lexicon


def build(
    proto: ModelProto,
    inputs: Sequence[str] | None = None,
    outputs: Sequence[str] | None = None,
    dtype: torch.dtype = torch.float32,
    weights: Mapping[str, Tensor] | None = None,
) -> Built:
    """`inputs`/`outputs` cut the graph at named values. `weights`: those that are not in `proto`."""
    texts = Lexicon(texts_in(proto.graph))
    builder = Builder(proto, infer_types(proto), dtype, texts=texts, weights=weights or {})
    graph = builder.graph(inputs, outputs)
    if graph is None:
        builder.report()
    for v in (*graph.inputs, *graph.outputs):
        if v in builder.types and not builder.types[v].tensor and not builder.types[v].elem_type:
            raise ModelError(
                f"{v!r} is neither a tensor nor a sequence of tensors, which the inputs and outputs of a model must be here: "
                "cut it beside that value, with ox.load(..., inputs=…) or outputs=…"
            )
    return Built(graph, builder.types, builder.opset, texts)


@dataclass
class Builder:
    """One graph: the model's, or a body of it. `constants`: what is known of values; `floating`: which are floating
    (`known`: told from outside). `missing`: operators without a layer and their nodes, `blocked`: those of this graph.
    `prefix`: what a body's nodes are called after. `texts`: those that are known, by code. `weights`: those beside the file. `finite`: where
    constants lie that hold neither NaN nor infinity."""

    proto: ModelProto
    types: dict[str, ValueType]
    dtype: torch.dtype
    constants: dict[str, Tensor] = field(default_factory=dict)
    known: Mapping[str, bool] = field(default_factory=dict)
    missing: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    prefix: str = ""
    texts: Lexicon = field(default_factory=Lexicon)
    weights: Mapping[str, Tensor] = field(default_factory=dict)
    floating: dict[str, bool] = field(default_factory=dict)
    blocked: list[NodeProto] = field(default_factory=list)
    made: dict[str, Node] = field(default_factory=dict)
    finite: set[int] = field(default_factory=set)
    sizes: KnownSizes = field(default_factory=KnownSizes)

    def graph(self, inputs: Sequence[str] | None = None, outputs: Sequence[str] | None = None) -> Graph | None:
        """The graph; None where operators are missing."""
        graph = self.proto.graph
        stored = stored_names(graph)
        own_inputs = [i.name for i in graph.input if i.name not in stored and i.name not in self.constants]
        inputs, outputs = _names(inputs, "inputs"), _names(outputs, "outputs")
        all_nodes = in_order(graph, (*(inputs or ()), *self.constants))
        for n in all_nodes:
            n.name = self.prefix + n.name
        all_nodes = self._in_parts(all_nodes, stored.union(self.constants).difference(inputs or ()))
        known = {*own_inputs, *stored, *(v for n in all_nodes for v in n.output if v)}
        wanted = _existing(outputs, known, "outputs") or [o.name for o in graph.output]
        given = _existing(inputs, known, "inputs")
        feeds = list(dict.fromkeys([*(given or ()), *own_inputs])) if given else own_inputs
        nodes = needed(all_nodes, wanted, given or ())
        used = {v for n in nodes for v in reads(n)} | set(wanted)
        if given:  # a cut leaves only the inputs that are still read
            feeds = [v for v in feeds if v in used or v in given]
        self._store(graph, used, set(feeds))
        for name, t in self.types.items():
            self.floating[name] = is_floating(t.elem_type) if t.elem_type else True
        self.floating.update(self.known)
        made = [m for n in nodes for m in self._node(n)]
        if self.blocked:
            return None
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
        result = without_unread(result, ())  # sizes of which all that was made is known
        result.check()
        return result

    def _in_parts(self, nodes: list[NodeProto], stored: set[str]) -> list[NodeProto]:
        """The nodes with those written out that are made of others; again with the types that this tells, since what
        comes behind an operator that ONNX does not know may need a rank."""
        parts, before = lower(nodes, self.types, stored, self.opset), nodes
        for _ in nodes:
            if len(parts) == len(before) and all(a is n or a == n for a, n in zip(parts, before, strict=True)):
                break
            self.types = {**self.types, **infer_types(self.proto, parts)}
            parts, before = lower(nodes, self.types, stored, self.opset), parts
        return parts

    @cached_property
    def opset(self) -> int:
        return opset_of(self.proto) or newest_opset()

    def inner(self, proto: ModelProto, constants: Mapping[str, Tensor], known: Mapping[str, bool], name: str) -> Builder:
        """The builder of a body; what it lacks is lacking here."""
        types = infer_types(proto)
        return Builder(proto, types, self.dtype, dict(constants), known, self.missing, f"{name}/", self.texts)

    def _store(self, graph: GraphProto, used: set[str], feeds: set[str]) -> None:
        for t in graph.initializer:
            if t.name in used and t.name not in feeds:
                self._constant(t.name, t, self.weights.get(t.name))
        for s in graph.sparse_initializer:
            if s.values.name in used:
                dense = np.zeros(tuple(s.dims), numpy_helper.to_array(s.values).dtype)
                index = numpy_helper.to_array(s.indices)
                at = np.unravel_index(index, dense.shape) if index.ndim == 1 else tuple(index.T)
                dense[at] = numpy_helper.to_array(s.values)
                self._constant(s.values.name, numpy_helper.from_array(dense, s.values.name))

    def _constant(self, name: str, proto: TensorProto, beside: Tensor | None = None) -> None:
        try:
            value = to_torch(proto, self.dtype) if beside is None else beside
            value = value.to(self.dtype) if value.is_floating_point() else value
        except (TypeError, ValueError) as error:
            raise ModelError(f"weight {name!r} cannot be read: {error}") from error
        if value.is_floating_point() and all_finite(value):
            self.finite.add(value.untyped_storage().data_ptr())
        elif value.is_floating_point() and value.isnan().any():
            raise ModelError(f"weight {name!r} holds NaN: nothing computed from it can be explained")
        self.constants[name] = value

    def _node(self, n: NodeProto) -> list[Node]:
        """Its Node; none where it was folded into constants or is missing a layer; several where it is a body's."""
        try:
            made = control(self, n) if n.op_type in CONTROL and n.domain in ("", "ai.onnx") else self._made(n)
        except NOT_FITTING as error:
            raise ModelError(f"node {n.name!r} ({n.op_type}) has attributes or constants that do not fit it: {error}") from error
        self.made.update((v, m) for m in made for v in m.outputs)
        return made

    def _made(self, n: NodeProto) -> list[Node]:
        if n.op_type == "Constant" and n.domain in ("", "ai.onnx"):
            self.constants[n.output[0]] = constant_node(n, self.dtype)
            return []
        if any(True for _ in bodies(n)):
            self.lack(n)
            return []
        if self._misreads_text(n):
            self.lack(n)
            return []
        if (cast := cast_like(n, self.constants, self.types, self.dtype)) is not None:
            self.settle(n.output[0], cast)
            return []
        if all(i in self.constants for i in n.input if i) and not is_random(n):
            values = folded(n, self.opset_for(n), self.constants, self.dtype, self.proto, self.texts)
        else:
            values = self._sized(n)
        if values is not None:
            for v, c in zip(n.output, values, strict=False):
                self.settle(v, c)
            return []
        as_read = as_carried(n, self.types, self.floating)
        node = onnx_node(as_read, self.opset_for(n), self.constants, self.floating, self.dtype, self.texts)
        layer = None if wraps(n, node, self.types) else layer_for(node)
        layer = layer or host(n, node, self.types, self.made, self.proto.opset_import)
        if layer is None:
            self.lack(n)
            return []
        if isinstance(layer, Affine) and not all(self._is_finite(b) for b in layer.buffers() if b.is_floating_point()):
            raise ModelError(f"the weights of node {n.name!r} ({n.op_type}) hold infinity: nothing it computes can be explained")
        outputs = tuple(v or f"{n.name}:{k}" for k, v in enumerate(n.output))
        for v in outputs:
            t = self.types.get(v)
            if t is not None and not is_floating(t.elem_type) and carried(layer, node, t.elem_type):
                if not stays_whole(layer, node, t.elem_type):
                    self.lack(n)
                    return []
                self.floating[v] = True
            elif t is None or not t.elem_type:
                self.floating[v] = layer.kind != "Integer" and any(node.floating[i] for i in range(len(node.floating)))
        return [Node(n.name, n.op_type, layer, tuple(i for i in n.input if i and i not in self.constants), outputs)]

    def _sized(self, n: NodeProto) -> tuple[Tensor, ...] | None:
        """The outputs of a node that makes numbers of sizes, where all of them are known; else they are kept as far as they are."""
        if self.prefix:  # a body's values may grow from step to step, whatever its file says
            return None
        if (shape := self.sizes.shape(n, self.types)) is not None:
            found: tuple[Tensor, ...] | None = (shape,)
        elif (given := self.sizes.reads(n, self.constants)) is not None:
            found = folded(n, self.opset_for(n), given, self.dtype, self.proto, self.texts)
        else:
            return None
        return found if found is not None and self.sizes.whole(n, found) else None

    def _is_finite(self, b: Tensor) -> bool:
        """What looks at a stored constant was looked through when that was read."""
        return b.untyped_storage().data_ptr() in self.finite or all_finite(b)

    def _misreads_text(self, n: NodeProto) -> bool:
        """Whether it makes more of text than its codes tell; what moves text makes text."""
        key = operator_key(n.op_type, n.domain)
        if not any((t := self.types.get(i)) is not None and t.elem_type == TensorProto.STRING for i in n.input):
            return False
        for v in n.output if key in MOVING or key == "com.microsoft:Tokenizer" else ():
            if v not in self.types or not self.types[v].elem_type:
                self.types[v], self.floating[v] = ValueType(TensorProto.STRING, None), False
        return key not in MOVING | READING

    def same(self, name: str, value: str, result: str) -> list[Node]:
        """A node that calls a value by another name."""
        return self._made(helper.make_node("Identity", [value], [result], name=name))

    def settle(self, value: str, constant: Tensor) -> None:
        """A value is known."""
        if value:
            self.constants[value] = constant
            self.floating[value] = constant.is_floating_point()

    def opset_for(self, n: NodeProto) -> int:
        if n.domain in ("", "ai.onnx"):
            return self.opset
        return next((o.version for o in self.proto.opset_import if o.domain == n.domain), 1)

    def lack(self, n: NodeProto) -> None:
        self.missing[operator_key(n.op_type, n.domain)].append(n.name)
        self.blocked.append(n)

    def report(self) -> NoReturn:
        opset = opset_of(self.proto)
        count = sum(len(v) for v in self.missing.values())
        lines = [f"{count} nodes of {len(self.missing)} operators have no layer (opset {opset}):"]
        for op, names in sorted(self.missing.items()):
            shown = ", ".join(repr(x) for x in names[:3]) + (", …" if len(names) > 3 else "")
            lines.append(f"  {op} × {len(names)}: {shown}{reason(op)}")
        dynamic = {i for n in self.blocked for i in reads(n) if i not in self.constants}
        made = {v for n in self.blocked for v in n.output}
        before = sorted(v for v in dynamic - made if self.floating.get(v, True))[:3]
        read = {i for n in self.proto.graph.node if not made.intersection(n.output) for i in reads(n)}
        after = sorted(v for v in made & read if v and self.floating.get(v, True))[:3]
        lines.append(
            f"Cut the graph before them with ox.load(..., outputs={before or ['<value name>']}), "
            f"or after them with inputs={after or ['<value name>']}; a node may also miss a layer because an input that must be constant is not. "
            "Methods that only call the model ('occlusion', 'kernel_shap', …) take it as it is."
        )
        raise UnsupportedOpError("\n".join(lines), dict(self.missing))


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
