"""Dense nets on tables, and the chain of nodes that do next to nothing."""

from __future__ import annotations

from functools import partial

from .. import nets
from .base import FEW, Case

CASES = (
    Case("MLP, 200 × 100", nets.mlp, (200, 100), (*FEW, "reveal_cancel"), quick=True),
    Case("MLP, 10,000 × 100", nets.mlp, (10_000, 100), FEW, quick=True),
    Case("MLP, 256 × 1,000", partial(nets.mlp, 1_000, 512), (256, 1_000), FEW),
    Case("MLP, 256 × 10,000", partial(nets.mlp, 10_000, 512), (256, 10_000), FEW),
    Case("chain of 1,000 nodes", nets.chain, (1, 4), ("gradient", "epsilon"), per_node=True, quick=True),
)
