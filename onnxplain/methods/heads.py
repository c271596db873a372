"""Forward passes that compute, of a large last layer, only the units that targets name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..errors import TargetError
from ..graph.graph import Node
from ..graph.heads import LARGE, Head, with_heads
from ..layers.kinds import Affine
from ..targets import resolve
from .base import Method
from .problem import Problem
from .seeds import Asked, starts_with_output


@dataclass(frozen=True, eq=False)
class Named:
    """A target's units by number or name; None where outputs decide what they are."""

    asked: Asked
    labels: Any
    found: dict[tuple[int, ...], Tensor | None] = field(default_factory=dict)

    def __call__(self, shape: tuple[int, ...]) -> Tensor | None:
        if shape not in self.found:
            self.found[shape] = self._resolved(shape)
        return self.found[shape]

    def _resolved(self, shape: tuple[int, ...]) -> Tensor | None:
        no_values = np.broadcast_to(np.float32(0), (1, *shape))
        try:
            selection = resolve(self.asked.target, self.asked.name, no_values, self.labels)
        except TargetError:  # which says so where the outputs are at hand
            return None
        return torch.from_numpy(np.unique(selection.units(1)[0])) if selection.fixed else None


def at_named_units(problem: Problem, method: Method, labels: Mapping[str, Any]) -> Problem:
    """The problem whose forward passes do not compute what neither targets nor rules read of a last dense layer; for walks that
    nobody observes."""
    heads = {}
    for asked in problem.asked:
        if (node := _head(problem, asked, method)) is not None:
            assert isinstance(node.layer, Affine)
            heads[node.name] = Head(node.layer, Named(asked, labels.get(asked.name)))
    if not heads:
        return problem
    lifting = problem.lifting
    return replace(
        problem,
        clean=with_heads(problem.clean, heads),
        path=with_heads(problem.path, heads),
        lifting=None if lifting is None else replace(lifting, path=with_heads(lifting.path, heads)),
    )


def _head(problem: Problem, asked: Asked, method: Method) -> Node | None:
    """The node that makes an output which is read at the target's units only, by targets and by its own rule, if it is a
    large dense layer."""
    at, graph = asked.at[0], problem.graph
    node = graph.producer.get(at.value)
    if node is None or not isinstance(node.layer, Affine) or not node.layer.picks or at.axis != 0 or callable(asked.target):
        return None
    if at.value != at.output or sum(b.numel() for b in node.layer.buffers()) < LARGE:
        return None
    read = {v for n in graph.nodes for v in n.inputs} | set(problem.layers) | {s.value for s in problem.sources}
    walk = problem.walks[asked.name]
    if at.value in read or len(asked.at) > 1 or walk.visits[0].node is not node:
        return None
    by_rule = "outputs" in walk.visits[0].rule.reads(node.layer)
    at_units = walk.hot is not None and starts_with_output(method.seeding())
    return None if by_rule and not at_units else node
