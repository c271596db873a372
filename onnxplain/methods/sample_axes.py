"""Where an internal value holds the samples: found by passing one, another and both of them, never by its shape alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ..errors import InputError
from ..graph.plan import Trace


@dataclass(frozen=True)
class Layout:
    """Axis `axis` holds the samples, each with `each` entries in a row (heads, say), or all samples entry by entry."""

    axis: int = 0
    each: int = 1
    samples_first: bool = True

    def rows_first(self, r: Tensor) -> Tensor:
        """(T, *value) → (T, rows, …)."""
        if self.each == 1:
            return r.movedim(1 + self.axis, 1) if self.axis else r
        if self.samples_first:
            return r.unflatten(1 + self.axis, (-1, self.each)).movedim(1 + self.axis, 1)
        return r.unflatten(1 + self.axis, (self.each, -1)).movedim(2 + self.axis, 1)

    def native(self, r: Tensor) -> Tensor:
        """(T, rows, …) → (T, *value)."""
        if self.each == 1:
            return r.movedim(1, 1 + self.axis) if self.axis else r
        if self.samples_first:
            return r.movedim(1, 1 + self.axis).flatten(1 + self.axis, 2 + self.axis)
        return r.movedim(1, 2 + self.axis).flatten(1 + self.axis, 2 + self.axis)


#: samples on the first axis, one entry each
FIRST = Layout()
#: by internal value; None where no layout fits; a value that was not looked at is missing
Layouts = Mapping[str, Layout | None]


def layouts(values: Sequence[str], forward: Callable[[np.ndarray], Trace], n: int, fixed: int | None) -> Layouts:
    """`forward`: the values at samples of these numbers, of `n`; `fixed`: the rows the model insists on, if it does."""
    if not values or n < 2 or fixed is not None:
        return {}
    one, other, both = (forward(np.array(rows)) for rows in ([0], [1], [0, 1]))
    return {v: _layout(one[v], other[v], both[v]) for v in values if v in both}


def _layout(one: Tensor, other: Tensor, both: Tensor) -> Layout | None:
    grown = [a for a, (s, t) in enumerate(zip(one.shape, both.shape, strict=False)) if s != t]
    if one.dim() != both.dim() or one.shape != other.shape or len(grown) != 1 or both.shape[grown[0]] != 2 * one.shape[grown[0]]:
        return None
    (axis,) = grown
    each = one.shape[axis]
    for samples_first in (True, False) if each > 1 else (True,):
        layout = Layout(axis, each, samples_first)
        parts = layout.rows_first(both[None])
        if all(_same(parts[:, k], layout.rows_first(x[None])[:, 0]) for k, x in enumerate((one, other))):
            return layout
    return None


def _same(a: Tensor, b: Tensor) -> bool:
    """Equal up to the rounding of a kernel that takes other sums for other sizes. Mostly equal, which takes no memory to see."""
    if torch.equal(a, b):
        return True
    if not a.is_floating_point():
        return False
    scale = float(b.abs().max()) if b.numel() else 0.0
    return torch.allclose(a, b, rtol=1e-3, atol=1e-4 * scale, equal_nan=True)


def layer_rows(value: str, r: Tensor, rows: int, found: Layouts) -> Tensor:
    """(T, *value) → (T, rows, …); the first axis of a value that was not looked at holds them if it can."""
    if (layout := found.get(value)) is not None:
        return layout.rows_first(r)
    if rows == 1:
        return r if r.shape[1:2] == (1,) else r[:, None]
    if value not in found and r.shape[1:2] == (rows,):
        return r
    raise InputError(
        f"no axis of internal value {value!r}, of shape {tuple(r.shape[1:])}, holds the samples: use chunk_size=1, which "
        "explains them one at a time"
    )
