"""One direction of a recurrent node: what is written once before its steps, and what a step is made of."""

from __future__ import annotations

from collections.abc import Sequence

from onnx import NodeProto

from ..body import Body
from .activations import Activation


class Direction:
    """`b` writes outside, `step` inside; `k`: the number of this direction, `size`: H, `functions`: its activations.

    Values of `step` are called "<node>/<direction>/…", which is also what the Scan calls its nodes.
    """

    def __init__(self, b: Body, k: int, direction: str, size: int, functions: Sequence[Activation]) -> None:
        self.b, self.k, self.direction, self.size = b, k, direction, size
        self.name = f"{b.node.name}/{direction}"
        self.functions = tuple(functions)
        self.step = Body(NodeProto(name=self.name), b.types, b.constants, b.opset)
        self.clip: float | None = b.attr("clip")
        #: (value outside, its slice in the step, axis of the steps)
        self.scans: list[tuple[str, str, int]] = []

    def own(self, i: int, axis: int = 0) -> str:
        """This direction's part of input i, "" where it was left out."""
        v = self.b.input(i)
        return v and self.b("Gather", v, self.b.whole(self.k), axis=axis)

    def transposed(self, v: str) -> str:
        return self.b("Transpose", v, perm=[1, 0])

    def rows(self, v: str, *gates: int) -> list[str]:
        """Weights or biases outside, cut into blocks of so many gates each."""
        return self._cut(self.b, v, gates, 0, f"{self.direction}/rows {len(self.b.nodes)}")

    def columns(self, z: str, *gates: int, at: str) -> list[str]:
        """A step's value, cut in the same way."""
        return self._cut(self.step, z, gates, -1, at)

    def _cut(self, b: Body, v: str, gates: Sequence[int], axis: int, at: str) -> list[str]:
        sizes = [n * self.size for n in gates]
        names = [f"{b.node.name}/{at} {k}" for k in range(len(gates))]
        if b.opset < 13:
            b("Split", v, at=at, result=names[0], more=names[1:], axis=axis, split=sizes)
        else:
            b("Split", v, self.b.ints(*sizes), at=at, result=names[0], more=names[1:], axis=axis)
        return names

    def scanned(self, value: str, axis: int) -> str:
        """A value outside → its slice at a step."""
        inside = f"{self.name}/now {len(self.scans)}"
        self.scans.append((value, inside, axis))
        return inside

    def projected(self, w: str, bias: str) -> str:
        """x Wᵀ + b of all steps at once → that of the step."""
        b, at = self.b, f"{self.direction}/input {len(self.scans)}"
        made = b("MatMul", b.input(0), self.transposed(w), at=at)
        made = b("Add", made, bias, at=f"{at} with bias") if bias else made
        return self.scanned(made, b.attr("layout", 0))

    def sum_of_biases(self) -> str:
        """Wb + Rb, "" where there are none."""
        v = self.own(3)
        if not v:
            return v
        both = self.b("Reshape", v, self.b.ints(2, -1))
        return self.b.with_axes("ReduceSum", both, [0], keepdims=0)

    def product(self, state: str, r: str, at: str) -> str:
        """state Rᵀ, at a step."""
        return self.step("MatMul", state, self.transposed(r), at=at)

    def active(self, k: int, z: str, at: str, clip: bool = True) -> str:
        """Function k of z, which is clipped first if the node says so."""
        if clip and self.clip is not None:
            z = self._clipped(z)
        return self.functions[k].written(self.step, self.b, z, at)

    def _clipped(self, z: str) -> str:
        c = self.clip
        assert c is not None
        if self.step.opset < 11:
            return self.step("Clip", z, min=-c, max=c)
        return self.step("Clip", z, self.b.number(-c), self.b.number(c))

    def gate(self, gate: str, signal: str, at: str) -> str:
        """gate ⊙ signal, marked as such for the rules to see."""
        return self.step("Gate", gate, signal, domain="onnxplain", at=at)

    def plus(self, a: str, b: str, at: str) -> str:
        return self.step("Add", a, b, at=at)

    def rest(self, gate: str, at: str) -> str:
        """1 − a gate."""
        return self.step("Sub", self.b.number(1.0), gate, at=at)
