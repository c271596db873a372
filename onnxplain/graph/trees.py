"""Ensembles of trees in a graph: which there are, how many rows come through their nodes, and what passes beside them."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from ..errors import RuleError
from ..layers.kinds import Trees
from .graph import Graph
from .plan import Forward


def ensembles(graph: Graph) -> dict[str, tuple[Trees, str]]:
    """Node → its trees and the value that they read."""
    return {n.name: (n.layer, n.inputs[0]) for n in graph.nodes if isinstance(n.layer, Trees)}


def visits(graph: Graph, feeds: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Node → how many of the rows fed come through each node of its trees."""
    trees = ensembles(graph)
    trace = Forward(graph, graph.inputs, [v for _, v in trees.values()], []).run(feeds)
    return {name: layer.visits(trace[v]) for name, (layer, v) in trees.items()}


def refuse_beside(graph: Graph, method: str) -> None:
    """Raises where a value reaches a node beside what trees made: what it contributes there has no share of its own."""
    made = graph.descendants(v for n in graph.nodes if isinstance(n.layer, Trees) for v in n.outputs)
    given = graph.descendants(graph.inputs)
    for n in graph.nodes:
        carried = [v for i, v in enumerate(n.inputs) if n.layer.carries(i) and v in graph.floating and v in given]
        beside = [v for v in carried if v not in made]
        if beside and len(beside) < len(carried):
            raise RuleError(f"{method}: value {beside[0]!r} reaches node {n.name!r} beside the trees: use DeepShap")
