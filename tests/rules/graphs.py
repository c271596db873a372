"""Small graphs by hand, and relevance walked back over them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from torch import Tensor

from onnxplain.graph.graph import Graph, Node
from onnxplain.graph.plan import Backward, Forward, walked
from onnxplain.layers.base import Layer
from onnxplain.rules import Composite, Rule


def node(name: str, op: str, layer: Layer, reads: str, makes: str = "") -> Node:
    """`reads`: names of values with blanks between; the value made is called as the node unless said otherwise."""
    return Node(name, op, layer, tuple(reads.split()), tuple(makes.split()) or (name,))


def graph(nodes: Sequence[Node], inputs: str = "x", outputs: str = "") -> Graph:
    made = [v for n in nodes for v in n.outputs]
    ends = tuple(outputs.split()) or (made[-1],)
    g = Graph(tuple(nodes), tuple(inputs.split()), ends, frozenset([*inputs.split(), *made]))
    g.check()
    return g


def rules(composite: Composite, g: Graph) -> dict[str, Rule]:
    active, nodes = walked(g, g.outputs, g.inputs)
    return composite.assign(g, nodes, active)


def explain(composite: Composite, g: Graph, feeds: Mapping[str, Tensor], seed: Tensor) -> dict[str, Tensor]:
    """Relevance at the inputs, for a seed (T, *output shape) at the only output."""
    back = Backward(g, g.outputs, g.inputs, rules(composite, g))
    trace = Forward(g, g.inputs, g.outputs, back.keep).run(feeds)
    return back.run(trace, {g.outputs[0]: seed})
