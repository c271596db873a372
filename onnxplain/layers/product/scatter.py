"""ScatterElements and ScatterND that multiply."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from ..base import Bound, OnnxNode, Pulled
from ..kinds import Product
from ..routing.indices import rounds, targets


class ScatterProduct(Bound, Product):
    """y = x, each element times all updates that go there, one after the other where there are several.

    LRP: all to x, which the updates scale. DeepLIFT: as between the factors of a product, update by update.
    """

    onnx = {"ScatterElements": 16, "ScatterND": 16}
    entrywise = False

    def __init__(self, node: OnnxNode) -> None:
        super().__init__(node.constants, node.dynamic)
        self.op, self.axis = node.op, int(node.attr("axis", 0))

    @classmethod
    def build(cls, node: OnnxNode) -> ScatterProduct | None:
        return cls(node) if node.attr("reduction") == "mul" and node.is_floating(0) else None

    def forward(self, *inputs: Tensor) -> Tensor:
        x, index, updates = self.full(inputs)
        return self.steps(x, updates, targets(self.op, index, x.shape, self.axis))[-1].reshape(x.shape)

    def steps(self, x: Tensor, updates: Tensor, at: Tensor) -> list[Tensor]:
        """x, flat, before and after each round."""
        y, u = x.reshape(-1), updates.reshape(-1)
        made = [y]
        for chosen in rounds(at):
            to = at[chosen]
            y = y.scatter(0, to, y[to] * u[chosen])
            made.append(y)
        return made

    def pull(self, g: Tensor, inputs: Sequence[Tensor], inputs0: Sequence[Tensor]) -> Pulled:
        """The product rule at the means of both sides, round by round from the last; the derivatives where they are
        the same."""
        (x, index, u), (x0, _, u0) = self.full(inputs), self.full(inputs0)
        at = targets(self.op, index, x.shape, self.axis)
        before = [(y + y0) / 2 for y, y0 in zip(self.steps(x, u, at), self.steps(x0, u0, at), strict=True)]
        factor = ((u + u0) / 2).reshape(-1)
        r = g.reshape(g.shape[0], -1)
        m_u = r.new_zeros((g.shape[0], len(factor)))
        for k, chosen in reversed(list(enumerate(rounds(at)))):
            to = at[chosen]
            arrived = r.index_select(1, to)
            m_u = m_u.index_copy(1, chosen, arrived * before[k][to])
            r = r.index_copy(1, to, arrived * factor[chosen])
        found = {0: r.reshape(g.shape[0], *x.shape), 2: m_u.reshape(g.shape[0], *u.shape)}
        return tuple([found.get(s) for s in self.slots])

    def partial(self, g: Tensor, inputs: Sequence[Tensor], i: int) -> Tensor:
        pulled = self.pull(g, inputs, inputs)[i]
        assert pulled is not None
        return pulled

    def adjoint(
        self, cotangents: Sequence[Tensor | None], inputs: Sequence[Tensor], outputs: Sequence[Tensor]
    ) -> Pulled:
        (g,) = cotangents
        assert g is not None
        return self.pull(g, inputs, inputs)

    def symmetric(self, g: Tensor, inputs: Sequence[Tensor], inputs0: Sequence[Tensor]) -> Pulled:
        return self.pull(g, inputs, inputs0)

    def carries(self, i: int) -> bool:
        return self.slots[i] != 1

    def nonnegative(self, inputs: tuple[bool, ...]) -> bool:
        constants = [getattr(self, f"constant_{i}") for i in self.constant_slots if i != 1]
        known = [n for n, s in zip(inputs, self.slots, strict=True) if s != 1]
        return all(known) and all(bool((c >= 0).all()) for c in constants)
