"""Several: tensors as one value, what ONNX calls a sequence."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor


class Several:
    """A value that is a list of tensors. What the engine asks of a value is answered for all of them; a part of
    relevance that is None carries none."""

    __slots__ = ("parts",)

    def __init__(self, parts: Sequence[Tensor | None]) -> None:
        self.parts = tuple(parts)

    def __len__(self) -> int:
        return len(self.parts)

    def __add__(self, other: Several) -> Several:
        both = zip(self.parts, other.parts, strict=True)
        return Several([b if a is None else a if b is None else a + b for a, b in both])

    @property
    def shape(self) -> tuple[torch.Size, ...]:
        return tuple(p.shape for p in self.there)

    @property
    def dtype(self) -> torch.dtype | None:
        return self.there[0].dtype if self.there else None

    @property
    def there(self) -> tuple[Tensor, ...]:
        return tuple(p for p in self.parts if p is not None)

    def dim(self) -> int:
        """It has no axes, so none that holds the samples."""
        return 0

    def numel(self) -> int:
        return sum(p.numel() for p in self.there)

    def element_size(self) -> int:
        return self.there[0].element_size() if self.there else 0

    def stride(self) -> tuple[int, ...]:
        return tuple(s for p in self.there for s in p.stride())

    def is_floating_point(self) -> bool:
        return False

    def new_zeros(self, size: Sequence[int]) -> Several:
        return self._each(lambda p: p.new_zeros(size))

    def expand(self, shapes: Sequence[Sequence[int]]) -> Several:
        return Several([p.expand(s) for p, s in zip(self.there, shapes, strict=True)])

    def _each(self, change: Callable[[Tensor], Any]) -> Several:
        return Several([None if p is None else change(p) for p in self.parts])
