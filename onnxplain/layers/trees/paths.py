"""The path to each leaf, feature by feature: what a row must meet to end there."""

from __future__ import annotations

import torch
from torch import Tensor

from .nodes import TreeNodes

#: conditions in one word of bits
WORD = 60


class Paths(torch.nn.Module):
    """Slots of a leaf are the distinct features on its path, `features` (leaf, slot), −1 where a leaf has fewer.

    `steps`, `took` (leaf, step): the nodes on the path and whether it goes on at "yes"; `slot` (leaf, step): that of the
    node's feature. A row meets a slot where it answers all its nodes as the path does: bit s mod 60 of word s div 60.
    """

    features: Tensor
    steps: Tensor
    took: Tensor
    slot: Tensor
    full: Tensor

    def __init__(self, nodes: TreeNodes, leaves: Tensor) -> None:
        super().__init__()
        steps, took = _climbed(nodes, leaves)
        on_path = steps >= 0
        of = torch.where(on_path, nodes.features[steps.clamp(min=0)], -1)
        order = of.sort(dim=1, descending=True, stable=True)  # the empty steps come last
        steps, took, of = steps.gather(1, order.indices), took.gather(1, order.indices), order.values
        new = torch.ones_like(of, dtype=torch.bool)
        if of.shape[1]:
            new = torch.cat([new[:, :1], of[:, 1:] != of[:, :-1]], 1)
        slot = new.cumsum(1) - 1
        n_slots = int((slot.masked_fill(of < 0, -1)).max()) + 1 if of.numel() else 0
        features = of.new_full((len(leaves), max(n_slots, 0) + 1), -1)
        # what belongs to no slot goes to a last one, which is cut off
        features = features.scatter(1, torch.where(of < 0, n_slots, slot), of)[:, :n_slots]
        self.register_buffer("features", features)
        self.register_buffer("steps", steps)
        self.register_buffer("took", took)
        self.register_buffer("slot", torch.where(of < 0, n_slots, slot))
        self.register_buffer("full", _bits(features >= 0))

    @property
    def n_slots(self) -> int:
        return self.features.shape[1]

    def met(self, nodes: TreeNodes, x: Tensor) -> Tensor:
        """(rows, leaf, word): the slots that each row meets, as bits."""
        used, place = self.steps.clamp(min=0).unique(return_inverse=True)
        answers = nodes.answers(x, used)  # (rows, node)
        words = self.full.shape[1]
        met = self.full.expand(x.shape[0], -1, -1)
        for s in range(self.steps.shape[1]):
            slot = self.slot[:, s]
            wrong = (answers[:, place[:, s]] != self.took[:, s]) & (self.steps[:, s] >= 0)  # (rows, leaf)
            bit = torch.ones_like(slot) << (slot % WORD)
            at = torch.arange(words, device=slot.device) == (slot // WORD)[:, None]  # (leaf, word)
            met = met & ~torch.where(wrong[..., None] & at, bit[:, None], 0)
        return met

    def unpacked(self, bits: Tensor) -> Tensor:
        """(…, word) → (…, slot) of truth values."""
        slots = torch.arange(self.n_slots, device=bits.device)
        return ((bits[..., slots // WORD] >> (slots % WORD)) & 1).bool()

    def shares(self, hits: Tensor, nodes: TreeNodes) -> Tensor:
        """(leaf, slot): of what comes to a slot's nodes, the share that goes on along the path; `hits` by node."""
        steps = self.steps.clamp(min=0)
        after = nodes.sides[steps].gather(2, self.took.long()[..., None])[..., 0]
        here = hits[steps]
        share = torch.where(
            here == 0, 0.5, hits[after] / torch.where(here == 0, 1.0, here)
        )  # nothing came: either side
        share = torch.where(self.steps >= 0, share, 1.0)
        ones = share.new_ones((len(share), self.n_slots + 1))
        return ones.scatter_reduce(1, self.slot, share, "prod")[:, : self.n_slots]


def _climbed(nodes: TreeNodes, leaves: Tensor) -> tuple[Tensor, Tensor]:
    """(leaf, step): the nodes above each leaf, −1 where there are no more, and whether the path leaves them at "yes"."""
    m = len(nodes.modes)
    parent, side = torch.full((m,), -1), torch.zeros(m, dtype=torch.bool)
    inner = (nodes.modes != -1).nonzero()[:, 0]
    for k in (0, 1):
        parent = parent.index_copy(0, nodes.sides[inner, k], inner)
        side = side.index_fill(0, nodes.sides[inner, k], bool(k))
    steps, took, at = [], [], leaves
    while bool(((above := torch.where(at >= 0, parent[at.clamp(min=0)], -1)) >= 0).any()):
        steps.append(above)
        took.append(side[at.clamp(min=0)])
        at = above
    empty = leaves.new_zeros((len(leaves), 0))
    return (torch.stack(steps, 1), torch.stack(took, 1)) if steps else (empty, empty.bool())


def _bits(there: Tensor) -> Tensor:
    """(leaf, slot) of truth values → (leaf, word) of bits."""
    slots = torch.arange(there.shape[1])
    words = max(1, -(-there.shape[1] // WORD))
    weight = torch.where(there, torch.ones_like(slots) << (slots % WORD), 0)
    return torch.stack([torch.where(slots // WORD == w, weight, 0).sum(1) for w in range(words)], 1)
