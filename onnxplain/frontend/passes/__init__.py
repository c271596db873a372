"""Graph rewrites, one per file, each leaving every output unchanged; `simplify` runs them until nothing changes."""

from __future__ import annotations

from collections.abc import Callable, Collection

from ...graph.graph import Graph
from .drop_identity import drop_identity
from .fuse_bias import fuse_bias
from .merge_batch_norm import merge_batch_norm

#: (graph, values that must stay) → graph
Pass = Callable[[Graph, Collection[str]], Graph]
PASSES: tuple[Pass, ...] = (drop_identity, fuse_bias, merge_batch_norm)


def simplify(graph: Graph, keep: Collection[str] = ()) -> Graph:
    """The graph that rules are chosen on: linear layers with their biases and batch normalisations inside.

    Values in `keep`, and the graph's outputs, are still computed.
    """
    keep = {*keep, *graph.outputs}
    while True:
        before = graph
        for p in PASSES:
            graph = p(graph, keep)
        if graph is before:
            return graph
