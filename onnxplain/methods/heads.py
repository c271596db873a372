"""Forward passes that compute, of a large last layer, only the units that targets name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..errors import TargetError
from ..graph.heads import Head, with_heads
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
        head = problem.heads.get(asked.name)
        if head is not None and _read_at_units(problem, asked, method):
            heads[head.node] = Head(head.layer, Named(asked, labels.get(asked.name)))
    if not heads:
        return problem
    lifting = problem.lifting
    return replace(
        problem,
        clean=with_heads(problem.clean, heads),
        path=with_heads(problem.path, heads),
        lifting=None if lifting is None else replace(lifting, path=with_heads(lifting.path, heads)),
    )


def _read_at_units(problem: Problem, asked: Asked, method: Method) -> bool:
    """Whether the explained value is an output that is read at the target's units only, by targets and by the rule of the node
    that makes it."""
    at, graph, walk = asked.at[0], problem.graph, problem.walks[asked.name]
    if at.value != at.output or at.axis != 0 or len(asked.at) > 1 or callable(asked.target):
        return False
    first = walk.visits[0]
    read = graph.consumers[at.value] or at.value in problem.layers or any(s.value == at.value for s in problem.sources)
    if read or first.node is not graph.producer[at.value]:
        return False
    by_rule = "outputs" in first.rule.reads(first.node.layer)
    return not by_rule or (walk.hot is not None and starts_with_output(method.seeding()))
