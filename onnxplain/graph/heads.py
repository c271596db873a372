"""Of a large last layer (the words that may come next) only the units that somebody asks for are computed."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import prod
from typing import NamedTuple

import torch
from torch import Tensor

from ..layers.kinds import Affine
from .graph import Graph
from .plan import Forward

#: products with fewer weights than this take no time worth saving
LARGE = 2**18
#: units are computed alone where there are so many times as many
MANY = 4

#: the shape of one sample's output → the units (positions in it, flattened) that are read, each once; None: all of them
Wanted = Callable[[tuple[int, ...]], Tensor | None]


@dataclass(frozen=True, eq=False)
class Head:
    """A dense layer's forward pass. What it does not compute is NaN: nobody reads it, and who did would be seen."""

    layer: Affine
    wanted: Wanted

    def __call__(self, x: Tensor) -> Tensor:
        shape = (*x.shape[1:-1], self.layer.picks)
        if x.dim() < 2 or (units := self.wanted(shape)) is None or MANY * len(units) > prod(shape):
            return self.layer.forward(x)
        units = units.to(x.device)
        y = x.new_full((x.shape[0], prod(shape)), torch.nan)
        y[:, units] = self.layer.at_units(x, units)
        return y.reshape(x.shape[0], *shape)


class Dense(NamedTuple):
    """A node by name, and its layer."""

    node: str
    layer: Affine


def large_head(graph: Graph, value: str) -> Dense | None:
    """The node that makes a value, where its layer is a dense one that is worth it."""
    node = graph.producer.get(value)
    if node is None or not isinstance(node.layer, Affine) or not node.layer.picks:
        return None
    return Dense(node.name, node.layer) if sum(b.numel() for b in node.layer.buffers()) >= LARGE else None


def with_heads(plan: Forward, heads: Mapping[str, Head]) -> Forward:
    """The plan in which these nodes compute units alone."""
    made = copy.copy(plan)
    made.calls = [(call[0], heads[call[0].name], *call[2:]) if call[0].name in heads else call for call in plan.calls]
    return made
