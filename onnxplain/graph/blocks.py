"""Activations joined with the affine layers that feed them: an edit of the graph for rules that look at both as one."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from ..layers.base import Layer
from ..layers.block import Block
from ..layers.kinds import Additive, Affine, Elementwise, Routing
from .graph import Graph, Node

#: functions that are defined for every number and grow at most linearly: only these can be asked about sums of some
#: contributions without the others (√ of the positive part of a variance means nothing)
ACTIVATIONS = frozenset(
    ["Celu", "Clip", "Elu", "Erf", "Gelu", "HardSigmoid", "HardSwish", "LeakyRelu", "Mish", "PRelu", "Relu", "Selu"]
    + ["Sigmoid", "Softplus", "Softsign", "Swish", "Tanh", "ThresholdedRelu"]
)
NEVER_FALLING = frozenset(["Clip", "Relu", "Sigmoid", "Softplus", "Softsign", "Tanh"])
MAXIMA = ("MaxPool", "GlobalMaxPool")
#: families of Affine that are looked through: behind them lies the layer whose contributions they pass on
THROUGH = ("batch_norm", "scale", "average", "resize")


def pair_activations(graph: Graph, keep: Collection[str]) -> Graph:
    """The graph with every activation and the private affine values before it as one node, that makes y and z.

    A value is private if nobody else reads it and it is not in `keep` nor an output. Sums, routing, batch
    normalisation and averages are looked through, up to and including the first dense or convolution layer; an
    activation behind max-pooling is first put before it.
    """
    graph = graph.with_bodies(lambda body: pair_activations(body, ()))
    graph = _before_pooling(graph, keep)
    private = _private(graph, keep)
    joined: dict[str, Node] = {}
    inside: set[str] = set()
    for n in graph.nodes:
        members = _members(graph, n, private) if _is_activation(n) else []
        if any(_mixes(m) for m in members):
            joined[n.name] = _join([*members, n])
            inside.update(m.name for m in members)
    nodes = tuple(joined.get(n.name, n) for n in graph.nodes if n.name not in inside)
    made = {v for n in joined.values() for v in n.outputs}
    # an activation's input has its output's shape
    shapes = {n.outputs[1]: graph.shapes[n.outputs[0]] for n in joined.values() if n.outputs[0] in graph.shapes}
    return replace(graph, nodes=nodes, floating=graph.floating | made, shapes={**graph.shapes, **shapes}) if joined else graph


def _private(graph: Graph, keep: Collection[str]) -> set[str]:
    seen = {*keep, *graph.outputs}
    return {v for v, readers in graph.consumers.items() if len(readers) == 1 and v not in seen}


def _before_pooling(graph: Graph, keep: Collection[str]) -> Graph:
    """f(max of z) → max of f(z), the same for an f that never falls."""
    private = _private(graph, keep)
    swapped: dict[str, Node] = {}
    shapes = dict(graph.shapes)
    for n in graph.nodes:
        pool = graph.producer.get(n.inputs[0]) if n.op in NEVER_FALLING and _is_activation(n) else None
        if pool is None or pool.op not in MAXIMA or len(pool.inputs) != 1 or len(pool.outputs) != 1:
            continue
        (z,), (pooled,) = pool.inputs, pool.outputs
        if z in private and pooled in private and z in graph.producer and _joins(graph, graph.producer[z]):
            between = f"{z} after {n.name}"
            swapped[pool.name] = replace(n, inputs=(z,), outputs=(between,))
            swapped[n.name] = replace(pool, inputs=(between,), outputs=n.outputs)
            shapes.update({between: shapes[z]} if z in shapes else {})
    made = {v for n in swapped.values() for v in n.outputs}
    nodes = tuple(swapped.get(n.name, n) for n in graph.nodes)
    return replace(graph, nodes=nodes, floating=graph.floating | made, shapes=shapes) if swapped else graph


def _is_activation(node: Node) -> bool:
    return node.op in ACTIVATIONS and isinstance(node.layer, Elementwise) and len(node.inputs) == len(node.outputs) == 1


def _members(graph: Graph, node: Node, private: set[str]) -> list[Node]:
    """The nodes that a node's inputs are made by, as far as they belong to the same block; in forward order."""
    found: list[Node] = []
    for v in node.inputs:
        maker = graph.producer.get(v)
        if maker is None or v not in private or node.inputs.count(v) > 1 or not _joins(graph, maker):
            continue
        further = isinstance(maker.layer, (Additive, Routing)) or getattr(maker.layer, "family", None) in THROUGH
        found += [*(_members(graph, maker, private) if further else []), maker]
    return found


def _joins(graph: Graph, node: Node) -> bool:
    """Affine in its inputs, all of them floating values, whatever they are."""
    if len(node.outputs) != 1 or type(node.layer).settle is not Layer.settle:
        return False
    if not all(v in graph.floating for v in node.inputs):
        return False
    if isinstance(node.layer, Routing):
        return "inputs" not in node.layer.adjoint_reads and not _floating_constants(node.layer)
    return isinstance(node.layer, (Affine, Additive))


def _floating_constants(layer: Routing) -> bool:
    return any(getattr(layer, f"constant_{i}").is_floating_point() for i in layer.constant_slots)


def _mixes(node: Node) -> bool:
    """Some output of it has several contributions."""
    if isinstance(node.layer, Additive):
        return len(node.inputs) > 1
    return isinstance(node.layer, Affine) and node.layer.family not in ("batch_norm", "scale")


def _join(nodes: list[Node]) -> Node:
    last = nodes[-1]
    made = {n.outputs[0] for n in nodes}
    inputs = tuple(dict.fromkeys(v for n in nodes for v in n.inputs if v not in made))
    slot = {v: i for i, v in enumerate([*inputs, *(n.outputs[0] for n in nodes)])}
    block = Block([(n.layer, tuple(slot[v] for v in n.inputs)) for n in nodes], len(inputs))
    # z under another name: no relevance ever arrives there, it is passed inside
    outputs = (last.outputs[0], f"{last.inputs[0]} inside {last.name}")
    return Node(last.name, "+".join(n.op for n in nodes), block, inputs, outputs)
