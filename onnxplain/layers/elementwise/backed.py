"""Elementwise layers for whose g ⊙ f′ torch has a kernel: one pass over memory, where masks and products take five."""

from __future__ import annotations

from typing import Any, ClassVar

from torch import Tensor

from ..kinds import Elementwise
from ..shapes import has_room


def one_like(x: Tensor) -> Tensor:
    """Ones of x's shape, in the memory of one."""
    return x.new_ones(()).expand_as(x)


class Backed(Elementwise):
    """A subclass gives `forward`, `slope` and `kernel`, which takes g, what `adjoint_reads` says (x, or y) and `numbers`; or,
    where their order is another, `given`."""

    kernel: ClassVar[Any]
    numbers: tuple[float, ...] = ()

    def given(self, g: Tensor, v: Tensor) -> tuple[Any, ...]:
        """What the kernel is given. A hook."""
        return (g, v, *self.numbers)

    def _read(self, x: Tensor, y: Tensor) -> Tensor:
        return x if "inputs" in self.adjoint_reads else y

    def derivative(self, x: Tensor, y: Tensor) -> Tensor:
        v = self._read(x, y)
        return self.kernel.default(*self.given(one_like(v), v))

    def pull(self, g: Tensor, x: Tensor, y: Tensor) -> Tensor:
        return self.kernel.default(*self.given(g, self._read(x, y)))

    def pull_over(self, g: Tensor, x: Tensor, y: Tensor) -> Tensor:
        v = self._read(x, y)
        return self.kernel.grad_input(*self.given(g, v[None]), grad_input=g) if has_room(g, v) else self.pull(g, x, y)
