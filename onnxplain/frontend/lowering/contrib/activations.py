"""Activations that onnxruntime writes into the operator before them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ..body import Body
from .parts import MICROSOFT

#: the attributes of an activation, as it is called where it stands alone
Parameters = Mapping[str, float]
Write = Callable[[Body, str, Parameters, str | None], str]


def _plain(op: str, *names: str) -> Write:
    """An operator of ONNX with these attributes."""

    def write(b: Body, x: str, p: Parameters, result: str | None) -> str:
        given: dict[str, Any] = {n: p[n] for n in names if n in p}
        return b(op, x, at=op, result=result, **given)

    return write


def _clip(b: Body, x: str, p: Parameters, result: str | None) -> str:
    if b.opset < 11:
        return b("Clip", x, at="Clip", result=result, min=p["min"], max=p["max"])
    return b("Clip", x, b.number(p["min"]), b.number(p["max"]), at="Clip", result=result)


def _hard_swish(b: Body, x: str, p: Parameters, result: str | None) -> str:
    gate = b("HardSigmoid", x, alpha=1 / 6, beta=0.5)
    return b("Mul", x, gate, at="HardSwish", result=result)


def _silu(b: Body, x: str, p: Parameters, result: str | None) -> str:
    return b("QuickGelu", x, at="Silu", result=result, domain=MICROSOFT, alpha=1.0)


def _gelu(op: str) -> Write:
    def write(b: Body, x: str, p: Parameters, result: str | None) -> str:
        return b(op, x, at=op, result=result, domain=MICROSOFT)

    return write


def affine(b: Body, x: str, p: Parameters, result: str | None) -> str:
    """alpha x + beta."""
    return b(
        "Add", b("Mul", x, b.number(p.get("alpha", 1.0))), b.number(p.get("beta", 0.0)), at="Affine", result=result
    )


def scaled_tanh(b: Body, x: str, p: Parameters, result: str | None) -> str:
    """alpha tanh(beta x)."""
    inner = b("Tanh", b("Mul", x, b.number(p["beta"])))
    return b("Mul", inner, b.number(p["alpha"]), at="ScaledTanh", result=result)


def parametric_softplus(b: Body, x: str, p: Parameters, result: str | None) -> str:
    """alpha log(1 + exp(beta x))."""
    inner = b("Softplus", b("Mul", x, b.number(p["beta"])))
    return b("Mul", inner, b.number(p["alpha"]), at="ParametricSoftplus", result=result)


#: activation → what writes it
ACTIVATIONS: dict[str, Write] = {
    **{op: _plain(op) for op in ("Relu", "Tanh", "Sigmoid", "Softplus", "Softsign")},
    **{op: _plain(op, "alpha") for op in ("LeakyRelu", "Elu", "Celu", "ThresholdedRelu")},
    "HardSigmoid": _plain("HardSigmoid", "alpha", "beta"),
    "Selu": _plain("Selu", "alpha", "gamma"),
    "Clip": _clip,
    "HardSwish": _hard_swish,
    "Silu": _silu,
    "Gelu": _gelu("Gelu"),
    "FastGelu": _gelu("FastGelu"),
    "Affine": affine,
    "ScaledTanh": scaled_tanh,
    "ParametricSoftplus": parametric_softplus,
}
#: what the numbers of `activation_params` are, in their order
POSITIONAL: dict[str, tuple[str, ...]] = {
    "LeakyRelu": ("alpha",),
    "Clip": ("min", "max"),
    "HardSigmoid": ("alpha", "beta"),
}
#: what must be given: onnxruntime asks for it, too
NEEDED: dict[str, tuple[str, ...]] = {
    "Clip": ("min", "max"),
    "Selu": ("alpha", "gamma"),
    "ScaledTanh": ("alpha", "beta"),
    "ParametricSoftplus": ("alpha", "beta"),
}


def activation_of(b: Body) -> tuple[str, Parameters] | None:
    """The activation that a node names and its parameters; "" for none, None for one that is not known."""
    name = _text(b.attr("activation", b""))
    given = list(b.attr("activation_params", ()))
    p = {n: b.attr(f"activation_{n}") for n in ("alpha", "beta", "gamma") if b.attr(f"activation_{n}") is not None}
    p |= dict(zip(POSITIONAL.get(name, ()), given, strict=False))
    known = not name or (name in ACTIVATIONS and all(n in p for n in NEEDED.get(name, ())))
    return (name, p) if known else None


def activated(b: Body, x: str, activation: tuple[str, Parameters], result: str) -> None:
    name, p = activation
    if name:
        ACTIVATIONS[name](b, x, p, result)
    else:
        b("Identity", x, result=result)


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
