"""Index arithmetic shared by gathering and scattering."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor


def wrapped(index: Tensor, n: int) -> Tensor:
    """Negative indices counted from the end of an axis of size n."""
    i = index.to(torch.int64)
    return (i >> 63).bitwise_and_(n).add_(i)  # n where i < 0: half the time of comparing and choosing


def row_numbers(index: Tensor, shape: Sequence[int], batch: int = 0) -> tuple[Tensor, int, int]:
    """(row of each index tuple, rows, elements per row) of a value of `shape` seen as a table of rows.

    `index` (*batch axes, …, K): its last axis holds K coordinates on the axes that follow the `batch` shared ones.
    """
    k = index.shape[-1]
    sizes = shape[batch : batch + k]
    row = index.new_zeros((), dtype=torch.int64)
    for j, n in enumerate(sizes):
        row = torch.add(wrapped(index[..., j], n), row, alpha=n)
    rows = row.expand(index.shape[:-1]).reshape(math.prod(shape[:batch]), -1)
    per_batch, width = math.prod(sizes), math.prod(shape[batch + k :])
    if batch:
        rows = rows + torch.arange(len(rows), device=index.device)[:, None] * per_batch
    return rows.reshape(-1), len(rows) * per_batch, width


def targets(op: str, index: Tensor, shape: Sequence[int], axis: int = 0) -> Tensor:
    """Where each element of a scatter's updates goes, counted over the whole of a value of `shape`, all in one row."""
    if op == "ScatterND":
        rows, _, width = row_numbers(index, shape)
        return (rows[:, None] * width + torch.arange(width, device=index.device)).reshape(-1)
    axis = axis % len(shape)
    flat = torch.zeros_like(index, dtype=torch.int64)
    for a, n in enumerate(shape):
        own = torch.arange(index.shape[a], device=index.device).reshape([-1 if b == a else 1 for b in range(len(shape))])
        flat = flat * n + (wrapped(index, n) if a == axis else own)
    return flat.reshape(-1)


def rounds(at: Tensor) -> list[Tensor]:
    """The places in `at`, in groups none of which holds the same target twice, in order."""
    order = at.argsort(stable=True)
    found = at[order]
    first = torch.searchsorted(found, found)
    rank = torch.empty_like(at).scatter(0, order, torch.arange(len(at), device=at.device) - first)
    return [(rank == k).nonzero().reshape(-1) for k in range(int(rank.max()) + 1 if len(at) else 0)]
