"""The functions that a recurrent node may name, as operators, and which of its numbers each of them takes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ....errors import ModelError
from ..body import Body

#: name in small letters → operator, and its α and β where the node gives none; None: it must give them, since
#: onnxruntime then computes with 0, which is not what ONNX says
FUNCTIONS: dict[str, tuple[str, dict[str, float | None]]] = {
    "affine": ("Affine", {"alpha": None, "beta": None}),
    "elu": ("Elu", {"alpha": 1.0}),
    "hardsigmoid": ("HardSigmoid", {"alpha": 0.2, "beta": 0.5}),
    "leakyrelu": ("LeakyRelu", {"alpha": 0.01}),
    "relu": ("Relu", {}),
    "scaledtanh": ("ScaledTanh", {"alpha": None, "beta": None}),
    "sigmoid": ("Sigmoid", {}),
    "softplus": ("Softplus", {}),
    "softsign": ("Softsign", {}),
    "tanh": ("Tanh", {}),
    "thresholdedrelu": ("ThresholdedRelu", {"alpha": None}),
}


@dataclass(frozen=True)
class Activation:
    """An operator with its α and β: α x + β of Affine, α tanh(β x) of ScaledTanh."""

    op: str
    alpha: float | None = None
    beta: float | None = None

    def written(self, b: Body, outside: Body, x: str, at: str) -> str:
        """`outside` writes the constants."""
        if self.op == "Affine":
            return b("Add", b("Mul", x, outside.number(self.alpha or 0.0)), outside.number(self.beta or 0.0), at=at)
        if self.op == "ScaledTanh":
            inner = b("Tanh", b("Mul", x, outside.number(self.beta or 0.0)))
            return b("Mul", inner, outside.number(self.alpha or 0.0), at=at)
        return b(self.op, x, at=at, alpha=self.alpha, beta=self.beta)


def activations(b: Body, usual: Sequence[str]) -> list[Activation] | None:
    """Those of the node, or the usual ones; None where their number or a name is not right. Each takes its α and its β,
    if it has one, from the lists in turn."""
    names = [n.decode() for n in b.attr("activations", [])] or list(usual)
    if len(names) != len(usual) or any(n.lower() not in FUNCTIONS for n in names):
        return None
    given = {k: list(b.attr(f"activation_{k}", [])) for k in ("alpha", "beta")}
    made = []
    for name in names:
        op, takes = FUNCTIONS[name.lower()]
        numbers = {k: given[k].pop(0) if given[k] else number for k, number in takes.items()}
        if lacks := [k for k, v in numbers.items() if v is None]:
            raise ModelError(
                f"node {b.node.name!r} ({b.node.op_type}) computes {op} without activation_{lacks[0]}: ONNX and onnxruntime "
                "disagree on what it then is; give the attribute"
            )
        made.append(Activation(op, **numbers))
    return made
