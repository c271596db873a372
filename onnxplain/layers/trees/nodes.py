"""The nodes of all trees of an ensemble: which side each sends a row to, and the leaves that rows end in."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce

import torch
from torch import Tensor

from ..base import OnnxNode

#: how a node compares, by its mode; a NaN compares false, but for "≠"
COMPARISONS: tuple[Callable[[Tensor, Tensor], Tensor], ...] = (
    torch.le,
    torch.lt,
    torch.ge,
    torch.gt,
    torch.eq,
    torch.ne,
)
MEMBER, LEAF = len(COMPARISONS), -1


class TreeNodes(torch.nn.Module):
    """Tables over all nodes; a leaf leads to itself. `depth`: steps from the roots to the deepest leaf."""

    modes: Tensor
    features: Tensor
    values: Tensor
    sides: Tensor
    missing: Tensor
    roots: Tensor
    members: Tensor

    def __init__(self, node: OnnxNode) -> None:
        super().__init__()
        self.dtype = node.dtype if node.attr("double") else torch.float32
        modes, itself = torch.tensor(node.attr("modes")), torch.arange(len(node.attr("modes")))
        sides = torch.stack([torch.tensor(node.attr(side)) for side in ("no", "yes")], 1)
        self.register_buffer("modes", modes)
        self.register_buffer("features", torch.tensor(node.attr("features")))
        self.register_buffer("values", node.attr("values").to(self.dtype))
        self.register_buffer("sides", torch.where((modes == LEAF)[:, None], itself[:, None], sides))
        self.register_buffer("missing", torch.tensor(node.attr("missing"), dtype=torch.bool))
        self.register_buffer("roots", torch.tensor(node.attr("roots")))
        self.register_buffer("members", _sets(modes, node.attr("members").to(self.dtype)))
        self.kinds = tuple(modes[modes != LEAF].unique().tolist())
        self.depth = self._depth()

    def _depth(self) -> int:
        level, depth = self.roots, 0
        while len(level := level[self.modes[level] != LEAF]):
            level, depth = self.sides[level].reshape(-1), depth + 1
        return depth

    def answers(self, x: Tensor, nodes: Tensor) -> Tensor:
        """Whether each node's comparison holds; `nodes` (rows, …), or (…,) for all rows; → (rows, …)."""
        x = x.to(self.dtype)
        every = nodes.dim() == 1
        features, values, modes = self.features[nodes], self.values[nodes], self.modes[nodes]
        v = x[:, features] if every else x.gather(1, features)
        parts = [(k, self._compare(k, v, values, nodes)) for k in self.kinds]
        if not parts:
            return torch.zeros_like(v, dtype=torch.bool)
        answer = reduce(lambda done, part: torch.where(modes == part[0], part[1], done), parts[1:], parts[0][1])
        return answer | (v.isnan() & self.missing[nodes])

    def _compare(self, mode: int, v: Tensor, values: Tensor, nodes: Tensor) -> Tensor:
        if mode == MEMBER:
            return (v[..., None] == self.members[nodes]).any(-1)
        return COMPARISONS[mode](v, values)

    def leaves(self, x: Tensor) -> Tensor:
        """(rows, trees): the leaf that each row ends in."""
        at = self.roots.expand(x.shape[0], -1)
        for _ in range(self.depth):
            at = self.sides[at, self.answers(x, at).long()]
        return at

    def visits(self, x: Tensor) -> Tensor:
        """How many rows come through each node."""
        at = self.roots.expand(x.shape[0], -1)
        passed = [at.reshape(-1)]
        for _ in range(self.depth):
            after = self.sides[at, self.answers(x, at).long()]
            passed.append(after[after != at])
            at = after
        return torch.bincount(torch.cat(passed), minlength=len(self.modes))


def _sets(modes: Tensor, members: Tensor) -> Tensor:
    """(node, member): the set of each MEMBER node, filled up with NaN, which nothing equals."""
    ends = members.isnan().nonzero()[:, 0].tolist()
    starts = [0, *(e + 1 for e in ends)]
    sets = [members[s:e] for s, e in zip(starts, ends, strict=False)]
    width = max((len(s) for s in sets), default=0)
    table = members.new_full((len(modes), width), torch.nan)
    places = (modes == MEMBER).nonzero()[:, 0].tolist()
    if not places:
        return table[:, :0]
    rows = [torch.cat([s, s.new_full((width - len(s),), torch.nan)]) for s, _ in zip(sets, places, strict=False)]
    return table.index_copy(0, torch.tensor(places), torch.stack(rows))
