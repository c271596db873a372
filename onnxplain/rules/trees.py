"""Shapley values of trees. A leaf's path asks something of each of its features: with a_j, b_j in {0, 1} for whether x
and x̄ meet it, the leaf counts in the game of a set S of features, v(S) = Π_{j∈S} a_j Π_{j∉S} b_j."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import torch
from torch import Tensor

from ..layers.base import Layer
from ..layers.kinds import Additive, Affine, Elementwise, Trees
from ..layers.shapes import sum_to
from .base import NOTHING, Relevances, Rule, Site, only
from .matching import Place, Walk

if TYPE_CHECKING:
    from ..graph.graph import Node

#: (pair, leaf) entries looked at in one go
ENTRIES = 2**21


def interventional(layer: Trees, r: Tensor, x: Tensor, x0: Tensor) -> Tensor:
    """m_j = Σ_k r_k φ_jk / (x_j − x̄_j) with φ the Shapley values of each pair of rows; 0 where x_j = x̄_j.

    A leaf that only x meets in the features N and only x̄ in the features M gives each of N its weight times
    (|N|−1)!|M|!/(|N|+|M|)!, each of M minus |N|!(|M|−1)!/(|N|+|M|)! of it, if x or x̄ meets all others.
    Lundberg et al. 2020, Nature Machine Intelligence 2, algorithm 3 (interventional).
    """
    rows, features = x.shape
    distinct, here = _rows(x)
    distinct0, there = _rows(x0)
    met, met0 = layer.met(distinct), layer.met(distinct0)
    leaves = max(met.shape[1] * met.shape[2], 1)
    size = max(1, ENTRIES // leaves)
    parts = [
        _pairs(layer, r[:, s : s + size], met[here[s : s + size]], met0[there[s : s + size]], features)
        for s in range(0, rows, size)
    ]
    dx = x - x0
    same = (dx == 0).to(r.dtype)
    return torch.cat(parts, 1) * (1 - same) / (dx + same)


def _rows(x: Tensor) -> tuple[Tensor, Tensor]:
    """(the distinct rows, where each row is among them): pairs repeat both of their rows often."""
    distinct, place = torch.unique(x, dim=0, return_inverse=True)
    return distinct, place


def _pairs(layer: Trees, r: Tensor, met: Tensor, met0: Tensor, n_features: int) -> Tensor:
    """(T, pairs, feature): Σ_k r_k φ_jk."""
    alive = (met | met0) == layer.full
    pair, leaf = alive.all(-1).nonzero(as_tuple=True)
    a, b = met[pair, leaf], met0[pair, leaf]
    mine, other = layer.unpacked(a & ~b), layer.unpacked(b & ~a)  # (entry, slot)
    n, m = mine.sum(1), other.sum(1)
    gain, loss = _weights(layer.slots.shape[1], r)
    share = mine * gain[n, m, None] - other * loss[n, m, None]
    worth = (r[:, pair] * layer.weights[leaf]).sum(-1)  # (T, entry)
    at = pair[:, None] * n_features + layer.slots[leaf].clamp(min=0)
    flat = r.new_zeros(r.shape[0], r.shape[1] * n_features)
    added = flat.index_add(1, at.reshape(-1), (worth[..., None] * share).flatten(1))
    return added.reshape(*r.shape[:2], n_features)


def _weights(slots: int, like: Tensor) -> tuple[Tensor, Tensor]:
    """(n−1)! m!/(n+m)! and n! (m−1)!/(n+m)! for n, m = 0 … slots; 0 where a factorial of −1 would stand."""
    f = math.factorial
    size = range(slots + 1)
    gain = [[f(n - 1) * f(m) / f(n + m) if n else 0.0 for m in size] for n in size]
    table = like.new_tensor(gain)
    return table, table.T


@dataclass(frozen=True, eq=False)
class PathDependent(Rule):
    """R_j = Σ_k r_k φ_jk with φ the Shapley values of a game in which a feature outside of S goes both ways at each of
    its nodes, in proportion to what came through there: b_j is the share z_j that goes on along the leaf's path.

    φ_j = weight · (a_j − z_j) ∫₀¹ Π_{i≠j} (a_i t + z_i (1 − t)) dt, an integral of a polynomial, by Gauss's rule exactly.
    What walks back are values, no multipliers. `counts`: how many rows came through each node, by the name of the trees'
    node. Lundberg et al. 2020, algorithm 2 (path dependent).
    """

    counts: Mapping[str, Tensor] = field(default_factory=dict, repr=False)
    here: Tensor | None = field(default=None, repr=False)
    kinds: ClassVar[tuple[type[Layer], ...]] = (Trees,)

    def placed(self, walk: Walk, node: Node) -> PathDependent:
        return replace(self, here=self.counts.get(node.name))

    def __call__(self, at: Site, relevance: Relevances) -> Relevances:
        layer, r, x = at.layer, only(relevance), at.inputs[0]
        assert isinstance(layer, Trees) and self.here is not None
        shares = layer.shares(self.here)  # (leaf, slot)
        leaves, slots = shares.shape
        points, weights = _gauss(-(-slots // 2), r)
        size = max(1, ENTRIES // max(1, leaves * slots * len(points)))
        parts = [
            _along_paths(layer, r[:, s : s + size], x[s : s + size], shares, points, weights)
            for s in range(0, x.shape[0], size)
        ]
        return (torch.cat(parts, 1),)


def _along_paths(layer: Trees, r: Tensor, x: Tensor, shares: Tensor, points: Tensor, weights: Tensor) -> Tensor:
    """(T, rows, feature)."""
    used = layer.slots >= 0
    a = torch.where(used, layer.unpacked(layer.met(x)), True).to(r.dtype)  # (rows, leaf, slot)
    z = torch.where(used, shares, 1.0)
    terms = a[..., None] * points + z[..., None] * (1 - points)  # (rows, leaf, slot, point)
    ones = torch.ones_like(terms[:, :, :1])
    before = torch.cat([ones, terms[:, :, :-1]], 2).cumprod(2)
    after = torch.cat([ones, terms.flip(2)[:, :, :-1]], 2).cumprod(2).flip(2)
    phi = (a - z) * (before * after * weights).sum(-1)
    worth = torch.einsum("tnk,lk->tnl", r, layer.weights)
    flat = r.new_zeros((*r.shape[:2], x.shape[1]))
    share = (worth[..., None] * phi * used).flatten(2)
    return flat.index_add(2, layer.slots.clamp(min=0).reshape(-1), share)


def _gauss(n: int, like: Tensor) -> tuple[Tensor, Tensor]:
    """The points and weights of Gauss's rule on [0, 1], exact for polynomials of a degree below 2n."""
    points, weights = np.polynomial.legendre.leggauss(max(n, 1))
    return like.new_tensor((points + 1) / 2), like.new_tensor(weights / 2)


@dataclass(frozen=True)
class BeforeTrees(Place):
    """The nodes that some ensemble of trees depends on."""

    def names(self, walk: Walk) -> frozenset[str]:
        needed = {v for n in walk.nodes if isinstance(n.layer, Trees) for v in n.inputs}
        found = set()
        for n in reversed(walk.nodes):
            if needed.intersection(n.outputs):
                found.add(n.name)
                needed.update(n.inputs)
        return frozenset(found)


@dataclass(frozen=True)
class OneByOne(Rule):
    """R_x = R through a layer that makes each element out of one other: what trees see is a feature in another scale."""

    kinds: ClassVar[tuple[type[Layer], ...]] = (Affine, Additive, Elementwise)

    def covers(self, layer: Layer) -> bool:
        if isinstance(layer, Affine):
            return layer.family in ("scale", "batch_norm")
        return isinstance(layer, Elementwise) or (isinstance(layer, Additive) and len(layer.slots) == 1)

    def __call__(self, at: Site, relevance: Relevances) -> Relevances:
        return (sum_to(only(relevance), at.inputs[0].shape),)

    def reads(self, layer: Layer) -> frozenset[str]:
        return NOTHING
