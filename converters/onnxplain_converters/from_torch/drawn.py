"""Example data for a module that says itself what it takes: dense layers and activations after each other."""

from __future__ import annotations

from typing import Any

from .. import ConversionError

#: layers that take rows of features and keep their number, or change it as a dense layer does
ROWWISE = frozenset(
    {
        "Linear",
        "Identity",
        "Dropout",
        "AlphaDropout",
        "Flatten",
        "BatchNorm1d",
        "LayerNorm",
        "RMSNorm",
        "ReLU",
        "ReLU6",
        "LeakyReLU",
        "PReLU",
        "ELU",
        "SELU",
        "CELU",
        "GELU",
        "SiLU",
        "Mish",
        "Sigmoid",
        "Tanh",
        "Softplus",
        "Softsign",
        "Softmax",
        "LogSoftmax",
        "Hardsigmoid",
        "Hardtanh",
        "Hardswish",
        "LogSigmoid",
        "Tanhshrink",
    }
)
ROWS = 2


def drawn(module: Any, dtype: Any) -> Any:
    """Two rows of normal numbers for a module of dense layers; raises `ConversionError` for every other, naming what is
    missing."""
    import torch

    generator = torch.Generator().manual_seed(0)
    leaves = {name: m for name, m in module.named_modules() if not list(m.children())}
    kinds = [_kind(m) for m in leaves.values()]
    own = [n for n, _ in module.named_parameters() if n.rpartition(".")[0] not in leaves]
    if own or not set(kinds) <= ROWWISE or "Linear" not in kinds:
        other = next((k for k in kinds if k not in ROWWISE), None)
        raise must_be_shown(module, f"its {other} leaves the shape open" if other else "nothing in it says the shape")
    first = list(leaves.values())[kinds.index("Linear")]
    return torch.randn(ROWS, first.weight.shape[1], generator=generator, dtype=torch.float64).to(dtype)


def must_be_shown(module: Any, reason: str) -> ConversionError:
    """The error that asks for an example."""
    return ConversionError(
        f"what this {_kind(module)} takes must be shown: {reason}. Give an example, as in ox.load(module, "
        "example=torch.randn(2, 3, 32, 32)): one or more samples, a tuple of arguments, or a dict by argument name"
    )


def _kind(module: Any) -> str:
    return str(getattr(module, "original_name", type(module).__name__))
