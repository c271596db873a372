"""The first layers of a model, where they are affine: what they make of a point on a line lies on a line as well, and what they
make of a sum of relevances is the sum of what they make of each.

So a method that takes many points passes them once for both ends of the line, and once on the way back for all points together.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from torch import Tensor

from ..layers.base import Layer
from ..layers.kinds import Affine
from ..rules.base import Rule
from .graph import Graph, Node
from .plan import Backward, Forward, Trace


@dataclass(frozen=True, eq=False)
class Lifting:
    """`ends`: source → the value behind its first layers, or itself. `up`: from all sources to the ends; `path`: on from there
    to what is explained, over the values that it is given there; `walks`: back to the ends; `down`: from there to the sources."""

    ends: Mapping[str, str]
    up: Forward
    path: Forward
    walks: Mapping[str, Backward]
    down: Backward

    @cached_property
    def passed(self) -> frozenset[str]:
        """The sources and the values between them and the ends."""
        return frozenset(v for n in self.down.nodes for v in (*n.inputs, *n.outputs)) | set(self.ends)

    def of_rows(self, trace: Trace, rows: int) -> Trace:
        """What was passed, with so many rows; their numbers mean nothing."""
        slots: list[Tensor | None] = [None] * len(trace.slots)
        for v in self.passed:
            x = trace[v]
            slots[trace.index[v]] = x[:rows] if rows <= x.shape[0] else x[:1].expand(rows, *x.shape[1:])
        return Trace(slots, trace.index)


def lifted(
    graph: Graph,
    sources: Sequence[str],
    asked: Mapping[str, Sequence[str]],
    rules: Mapping[str, Rule],
    plain: Rule,
    alike: tuple[type[Rule], ...],
) -> Lifting | None:
    """`sources` hold the samples on axis 0. `asked`: the explained values by name; `plain`: the rule that is the layer's own
    transpose, as those of the types `alike` are on affine layers. None where no source has such layers behind it."""
    seeds = [v for values in asked.values() for v in values]
    kept = {*graph.outputs, *seeds, *sources}
    ends = {v: _end(graph, v, kept, rules, alike) for v in sources}
    if all(v == end for v, end in ends.items()):
        return None
    behind = list(ends.values())
    walks = {name: Backward(graph, values, behind, rules) for name, values in asked.items()}
    feeds = [*(v for v in graph.inputs if v not in sources), *behind]
    return Lifting(
        ends,
        up=Forward(graph, list(sources), [v for v in behind if v not in sources], None),
        path=Forward(graph, feeds, seeds, set().union(*(w.read for w in walks.values())), spent=behind),
        walks=walks,
        down=Backward(graph, behind, sources, dict.fromkeys(rules, plain)),
    )


def _end(graph: Graph, value: str, kept: Collection[str], rules: Mapping[str, Rule], alike: tuple[type[Rule], ...]) -> str:
    """Behind the last product or convolution that this value reaches through nothing but affine layers, each alone."""
    end, at = value, value
    if graph.ranks.get(value, 2) < 2:
        return end
    while len(readers := graph.consumers[at]) == 1 and (at == value or at not in kept):
        (node,) = readers
        if node.inputs != (at,) or len(node.outputs) != 1 or not _apart(node) or type(rules.get(node.name)) not in alike:
            break
        at = node.outputs[0]
        if isinstance(node.layer, Affine) and node.layer.family in ("dense", "convolution") and at not in kept:
            end = at
    return end


def _apart(node: Node) -> bool:
    """Whether a node is affine, whatever it reads, and makes each row (axis 0) of one row."""
    layer = node.layer
    if node.op == "Flatten":
        return getattr(layer, "axis", None) == 1
    if not isinstance(layer, Affine) or layer.adjoint_reads or type(layer).settle is not Layer.settle:
        return False
    return layer.family == "convolution" or (layer.family in ("dense", "scale") and layer.keeps_rows())
