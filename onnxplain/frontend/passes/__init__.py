"""Graph rewrites, one per file, each leaving every output unchanged; `simplify` runs them until nothing changes."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from ...graph.graph import Graph
from .copy_sizes import copy_sizes
from .drop_identity import drop_identity
from .fuse_bias import fuse_bias
from .fuse_fake_quantize import fuse_fake_quantize
from .fuse_gelu import fuse_gelu
from .fuse_hard_sigmoid import fuse_hard_sigmoid
from .fuse_hard_swish import fuse_hard_swish
from .fuse_layer_norm import fuse_layer_norm
from .fuse_mish import fuse_mish
from .fuse_rms_norm import fuse_rms_norm
from .fuse_sigmoid import fuse_sigmoid
from .fuse_silu import fuse_silu
from .fuse_softmax import fuse_softmax
from .fuse_whole_sums import fuse_whole_sums
from .join_slices import join_slices
from .merge_batch_norm import merge_batch_norm
from .merge_rounded_norm import merge_rounded_norm
from .merge_scale import merge_scale
from .turn_last import turn_last

#: (graph, values that must stay) → graph
Pass = Callable[[Graph, Collection[str]], Graph]
PASSES: tuple[Pass, ...] = (
    drop_identity,
    copy_sizes,
    fuse_fake_quantize,
    fuse_whole_sums,
    fuse_layer_norm,
    fuse_rms_norm,
    fuse_softmax,
    fuse_gelu,
    fuse_sigmoid,
    fuse_silu,
    fuse_hard_swish,
    fuse_hard_sigmoid,
    fuse_mish,
    join_slices,
    turn_last,
    merge_scale,
    fuse_bias,
    merge_batch_norm,
    merge_rounded_norm,
)
#: layers stay what they are: batch normalisations beside linear layers, and nodes that hand their input on
UNMERGED: tuple[Pass, ...] = tuple(
    p for p in PASSES if p not in (drop_identity, join_slices, turn_last, merge_scale, merge_batch_norm, merge_rounded_norm)
)


def simplify(graph: Graph, keep: Collection[str] = (), passes: Sequence[Pass] = PASSES) -> Graph:
    """The graph that rules are chosen on: linear layers with their biases and batch normalisations inside.

    Values in `keep`, and the graph's outputs, are still computed.
    """
    graph = graph.with_bodies(lambda body: simplify(body, (), passes))
    keep = {*keep, *graph.outputs}
    while True:
        before = graph
        for p in passes:
            graph = p(graph, keep)
        if graph is before:
            return graph
