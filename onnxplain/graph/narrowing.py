"""Positions that nobody reads are not computed: where of all tokens only the first or the last is read (a class token, the
next word), layers that treat tokens apart are computed at that one alone, back to where the others mix in.

The relevance of positions that are not read is 0, so that every rule gives the same without them.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

import torch

from ..layers.base import Layer, OnnxNode, layer_for
from ..layers.kinds import Affine, Bilinear
from ..layers.shapes import Place
from .graph import Graph, Node

#: of one value, the places at which it is read; None: as a whole
Reads = set[Place | None]


@dataclass(frozen=True, eq=False)
class Narrowed:
    """The graph, and the nodes that were not there before."""

    graph: Graph
    added: tuple[str, ...] = ()


def narrowed(graph: Graph, keep: Collection[str]) -> Narrowed:
    """The graph in which values outside `keep` and its outputs are computed where they are read. Those that change have
    other names."""
    ranks, shapes = graph.ranks, graph.shapes
    ranked = [n for n in graph.nodes if len(n.inputs) == 1 and n.inputs[0] in ranks]
    roots = {n.name: place for n in ranked if (place := n.layer.reads_one(ranks[n.inputs[0]])) is not None}
    if not roots:
        return Narrowed(graph)
    whole = {*keep, *graph.outputs}
    graph = replace(graph, nodes=graph.ancestors(whole))
    reads: dict[str, Reads] = {v: {None} for v in whole}
    plans: dict[str, tuple[Node, Sequence[Place | None]]] = {}
    at: dict[str, Place] = {}
    for n in reversed(graph.nodes):
        wanted: Reads = set().union(*[reads.get(v, set()) for v in n.outputs])
        places: Sequence[Place | None] = [roots.get(n.name)] * len(n.inputs)
        if len(n.outputs) == len(wanted) == 1 and (place := next(iter(wanted))) is not None:
            known = [shapes[v] for v in n.inputs if v in shapes]
            before = n.layer.at_place(place, known, shapes.get(n.outputs[0])) if len(known) == len(n.inputs) else None
            if before is not None:
                layer, places = before
                plans[n.name] = replace(n, layer=layer), places
                at[n.outputs[0]] = place
        for v, p in zip(n.inputs, places, strict=True):
            reads.setdefault(v, set()).add(p)
    if not any(_mixes(n.layer) for n, _ in plans.values()):
        return Narrowed(graph)
    return _rewritten(graph, roots, plans, at)


def _mixes(layer: Layer) -> bool:
    """Whether it is a product of matrices: what else there is to save is not worth another graph."""
    return (isinstance(layer, Affine) and layer.family == "dense") or (isinstance(layer, Bilinear) and not layer.entrywise)


def _rewritten(
    graph: Graph,
    roots: dict[str, Place],
    plans: dict[str, tuple[Node, Sequence[Place | None]]],
    at: dict[str, Place],
) -> Narrowed:
    nodes: list[Node] = []
    cuts: dict[tuple[str, Place], str] = {}
    shapes, floating = dict(graph.shapes), set(graph.floating)

    def read(v: str, place: Place | None) -> str:
        """The name of what of v is read there, which is cut out where v is computed as a whole."""
        if place is None:
            return v
        name = f"{v} at {place}"
        if at.get(v) != place and (v, place) not in cuts:
            cuts[v, place] = f"{name}, cut"
            nodes.append(Node(f"{name}, cut", "Slice", _cut(place), (v,), (name,)))
        if v in graph.shapes:
            shapes[name] = place.within(graph.shapes[v])
        if v in graph.floating:
            floating.add(name)
        return name

    for n in graph.nodes:
        if n.name in plans:
            new, places = plans[n.name]
            inputs = tuple(read(v, p) for v, p in zip(n.inputs, places, strict=True))
            nodes.append(replace(new, inputs=inputs, outputs=(read(n.outputs[0], at[n.outputs[0]]),)))
        elif n.name in roots and at.get(n.inputs[0]) == roots[n.name]:
            nodes.append(replace(n, inputs=(read(n.inputs[0], roots[n.name]),)))
        else:
            nodes.append(n)
    made = {v for n in nodes for v in n.outputs} | set(graph.inputs) | set(graph.constants)
    graph = replace(graph, nodes=tuple(nodes), shapes=shapes, floating=frozenset(floating & made))
    return Narrowed(graph, tuple(cuts.values()))


def _cut(place: Place) -> Layer:
    """x at one place, the axis kept."""
    bounds = (-1, 2**62) if place.last else (0, 1)
    numbers = [torch.tensor([i]) for i in (*bounds, place.axis)]
    layer = layer_for(OnnxNode("Slice", 13, constants=(None, *numbers), dynamic=(True, False, False, False)))
    assert layer is not None
    return layer
