"""Index arithmetic shared by gathering and scattering."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor


def wrapped(index: Tensor, n: int) -> Tensor:
    """Negative indices counted from the end of an axis of size n."""
    return torch.where(index < 0, index + n, index).to(torch.int64)


def row_numbers(index: Tensor, shape: Sequence[int], batch: int = 0) -> tuple[Tensor, int, int]:
    """(row of each index tuple, rows, elements per row) of a value of `shape` seen as a table of rows.

    `index` (*batch axes, …, K): its last axis holds K coordinates on the axes that follow the `batch` shared ones.
    """
    k = index.shape[-1]
    sizes = shape[batch : batch + k]
    row = index.new_zeros(index.shape[:-1], dtype=torch.int64)
    for j, n in enumerate(sizes):
        row = row * n + wrapped(index[..., j], n)
    n_batches, per_batch = math.prod(shape[:batch]), math.prod(sizes)
    first = torch.arange(n_batches, device=index.device) * per_batch
    rows = (row.reshape(n_batches, -1) + first[:, None]).reshape(-1)
    return rows, n_batches * per_batch, math.prod(shape[batch + k :])
