"""Results: the arrays of one `explain` call, filled chunk by chunk."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

#: numbers, below which a copy is made sooner than it is told whether one is needed
FEW = 2**12
#: (input or internal value, asked) → (targets, samples, …), or asked alone → (samples, targets)
Table = dict[Any, np.ndarray]


@dataclass(eq=False)
class Results:
    """Of all `n` samples: attributions by (input, asked), layers by (value, asked), the rest, (samples, targets), by asked name.

    In memory targets come first in what has axes of its own, as they do on a walk. `taken`: the addresses of parts that became
    arrays as they were.
    """

    n: int
    attributions: Table = field(default_factory=dict)
    layers: Table = field(default_factory=dict)
    predictions: Table = field(default_factory=dict)
    goals: Table = field(default_factory=dict)
    sums: Table = field(default_factory=dict)
    units: Table = field(default_factory=dict)
    labels: dict[str, tuple[str, ...]] = field(default_factory=dict)
    taken: set[int] = field(default_factory=set)

    def put(
        self, table: Table, key: Any, start: int, part: Tensor, real: int, first: int = 0, n_targets: int | None = None
    ) -> None:
        """Samples start, start + 1, … of one array, `real` of them, for its targets first, first + 1, … (of `n_targets`, or all that
        there are). A part that is all of it becomes the array."""
        targets, rows, *rest = part.shape
        if rows != real:
            part = part[:, :real]
        if key not in table:
            if real == self.n and n_targets in (None, targets):
                table[key] = self._own(part)
                return
            # numpy's zeros are not written before they are needed
            table[key] = np.zeros((n_targets or targets, self.n, *rest), _numpy(part.dtype))
        torch.from_numpy(table[key])[first : first + targets, start : start + real].copy_(part)

    def note(
        self, table: Table, key: Any, start: int, rows: np.ndarray, first: int = 0, n_targets: int | None = None
    ) -> None:
        """Samples start, start + 1, … of a table (samples, targets), for its targets first, first + 1, …, likewise."""
        n, targets = rows.shape
        if key not in table:
            if n == self.n and n_targets in (None, targets):
                table[key] = rows.copy()
                return
            table[key] = np.zeros((self.n, n_targets or targets), rows.dtype)
        table[key][start : start + n, first : first + targets] = rows

    def _own(self, part: Tensor) -> np.ndarray:
        """The part itself, where it is alone in memory that was made during this call; else a copy."""
        if part.is_cpu and part.numel() < FEW:
            return part.numpy().copy()
        alone = part.is_inference() and part.untyped_storage().nbytes() == part.numel() * part.element_size()
        if not (alone and part.is_cpu and part.is_contiguous()) or part.data_ptr() in self.taken:
            return part.to("cpu", memory_format=torch.contiguous_format, copy=True).numpy()
        self.taken.add(part.data_ptr())
        return part.numpy()


def as_array(x: Tensor) -> np.ndarray:
    return x.numpy() if x.is_cpu else x.cpu().numpy()


def arrays(table: Table) -> dict[Any, np.ndarray]:
    """Samples first, targets last."""
    return {key: x.transpose(*range(1, x.ndim), 0) for key, x in table.items()}


def _numpy(dtype: torch.dtype) -> Any:
    return torch.empty(0, dtype=dtype).numpy().dtype
