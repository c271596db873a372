"""Ensembles of trees: the weights of the leaves that a row ends in, summed, averaged, or the least or largest of them."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from ..base import Layer, OnnxNode
from ..kinds import Trees
from .nodes import TreeNodes
from .paths import Paths

ADDING = ("SUM", "AVERAGE")
NO_DERIVATIVE = (
    "trees have no derivative: DeepShap and DeepLift share their differences out exactly, TreeShap their values, and "
    "KernelShap only calls the model"
)


class TreeEnsemble(Trees):
    """y = base + Σ over trees of the weights of the leaf that x ends in, or that sum over the number of trees."""

    onnx = {"onnxplain:Trees": 1}
    advice = NO_DERIVATIVE
    base: Tensor
    weights: Tensor
    place: Tensor
    hits: Tensor

    def __init__(self, node: OnnxNode) -> None:
        super().__init__()
        self.nodes = TreeNodes(node)
        leaves, place, weights = _weights(node, self.nodes)
        self.register_buffer("base", node.attr("base"))
        self.register_buffer(
            "weights", weights / len(self.nodes.roots) if node.attr("aggregate") == "AVERAGE" else weights
        )
        self.register_buffer("place", place)
        self.register_buffer("hits", node.attr("hits"))
        self.paths = Paths(self.nodes, leaves)

    @classmethod
    def build(cls, node: OnnxNode) -> TreeEnsemble | None:
        return cls(node) if node.is_floating(0) and node.attr("aggregate") in ADDING else None

    def forward(self, x: Tensor) -> Tensor:
        # the last row of weights is that of leaves which have none
        weights = F.pad(self.weights, (0, 0, 0, 1))
        return F.embedding_bag(self.place[self.nodes.leaves(x)], weights, mode="sum") + self.base

    @property
    def slots(self) -> Tensor:
        return self.paths.features

    @property
    def full(self) -> Tensor:
        return self.paths.full

    def met(self, x: Tensor) -> Tensor:
        return self.paths.met(self.nodes, x)

    def unpacked(self, bits: Tensor) -> Tensor:
        return self.paths.unpacked(bits)

    def visits(self, x: Tensor) -> Tensor:
        return self.nodes.visits(x)

    def covers(self) -> Tensor | None:
        """The hit rates of the file, where they are counts: at every node those of its two sides together."""
        inner = self.nodes.modes != -1
        if len(self.hits) != len(inner):
            return None
        both = self.hits[self.nodes.sides[inner]].sum(1)
        here = self.hits[inner]
        return self.hits if bool(((both - here).abs() <= 1e-3 * here.abs()).all()) and bool((here > 0).all()) else None

    def shares(self, hits: Tensor) -> Tensor:
        return self.paths.shares(hits.to(self.weights.dtype), self.nodes)


class ExtremeTrees(Layer):
    """y = base + the least (largest) weight among the leaves that x ends in, for each target: no sum that could be shared
    out."""

    onnx = {"onnxplain:Trees": 1}
    kind = "Trees"
    advice = "the least or largest of several trees is no sum that could be shared out: KernelShap only calls the model"
    base: Tensor
    weights: Tensor
    place: Tensor

    def __init__(self, node: OnnxNode) -> None:
        super().__init__()
        self.nodes = TreeNodes(node)
        self.sign = 1.0 if node.attr("aggregate") == "MAX" else -1.0
        _, place, weights = _weights(node, self.nodes, missing=-self.sign * torch.inf)
        self.register_buffer("base", node.attr("base"))
        self.register_buffer("weights", weights)
        self.register_buffer("place", place)

    @classmethod
    def build(cls, node: OnnxNode) -> ExtremeTrees | None:
        return cls(node) if node.is_floating(0) and node.attr("aggregate") not in ADDING else None

    def forward(self, x: Tensor) -> Tensor:
        weights = F.pad(self.weights, (0, 0, 0, 1), value=-self.sign * torch.inf)
        reached = (weights[self.place[self.nodes.leaves(x)]] * self.sign).amax(1) * self.sign  # (rows, target)
        return torch.where(reached.isinf(), 0.0, reached) + self.base


def _weights(node: OnnxNode, nodes: TreeNodes, missing: float = 0.0) -> tuple[Tensor, Tensor, Tensor]:
    """(the leaves that have weights, each node's place among them, weights (leaf, target)); weights of the same leaf and
    target add up, `missing` is that of the others."""
    leaves, which = torch.tensor(node.attr("leaves")).unique(return_inverse=True)
    n, targets, weights = node.attr("n_targets"), torch.tensor(node.attr("targets")), node.attr("weights")
    at = which * n + targets
    table = weights.new_zeros(len(leaves) * n).index_add(0, at, weights)
    if missing:
        table = torch.where(torch.bincount(at, minlength=len(table)) > 0, table, missing)
    place = torch.full((len(nodes.modes),), len(leaves)).index_copy(0, leaves, torch.arange(len(leaves)))
    return leaves, place, table.reshape(-1, n)
