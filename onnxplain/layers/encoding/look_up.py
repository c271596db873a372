"""LabelEncoder: each element's entry in a table, or a default."""

from __future__ import annotations

import torch
from torch import Tensor

from ..base import OnnxNode
from ..elementwise.slopes import jump_slope
from ..kinds import Elementwise, Integer
from .single import single


class Entries(torch.nn.Module):
    """key → value; of a key that is there twice the first counts. `finds_nan`: a NaN among the keys is found by NaN, as
    onnxruntime does from version 4 on."""

    keys: Tensor
    values: Tensor

    def __init__(self, keys: Tensor, values: Tensor, default: Tensor, finds_nan: bool = True) -> None:
        super().__init__()
        keys, default = single(keys), default.reshape(1).to(values.dtype)
        missing = keys.isnan() if keys.is_floating_point() else torch.zeros_like(keys, dtype=torch.bool)
        sorted_keys, order = keys[~missing].sort(stable=True)
        of_nan = values[missing][:1] if finds_nan and bool(missing.any()) else default
        self.register_buffer("keys", sorted_keys)
        self.register_buffer("values", torch.cat([values[~missing][order], default, of_nan]))

    def of(self, x: Tensor) -> Tensor:
        x, n = single(x).to(self.keys.dtype), len(self.keys)
        place = torch.searchsorted(self.keys, x.contiguous())
        found = (place < n) & (self.keys[place.clamp(max=n - 1)] == x) if n else torch.zeros_like(x, dtype=torch.bool)
        place = torch.where(found, place, n)
        if x.is_floating_point():
            place = torch.where(x.isnan(), n + 1, place)
        return self.values[place]


class LookUp(Integer):
    """The table's value at each element: of integers or text, or integers and text of numbers. A number that is made of
    an integer or a text is where that input is explained."""

    onnx = {"ai.onnx.ml:LabelEncoder": 1}

    def __init__(self, entries: Entries) -> None:
        super().__init__()
        self.entries = entries

    @classmethod
    def build(cls, node: OnnxNode) -> LookUp | None:
        entries = read(node)
        if entries is None or (node.is_floating(0) and entries.values.is_floating_point()):
            return None
        return cls(entries)

    @property
    def known(self) -> Tensor:
        return self.entries.keys

    def forward(self, x: Tensor) -> Tensor:
        return self.entries.of(x)


class NumberLookUp(Elementwise):
    """The table's number at each number: a step function."""

    onnx = {"ai.onnx.ml:LabelEncoder": 1}

    def __init__(self, entries: Entries) -> None:
        super().__init__()
        self.entries = entries

    @classmethod
    def build(cls, node: OnnxNode) -> NumberLookUp | None:
        entries = read(node) if node.is_floating(0) else None
        return cls(entries) if entries is not None and entries.values.is_floating_point() else None

    def forward(self, x: Tensor) -> Tensor:
        return self.entries.of(x)

    def derivative(self, x: Tensor, y: Tensor) -> Tensor:
        return torch.zeros_like(x)

    def slope(self, x: Tensor, x0: Tensor, y: Tensor, y0: Tensor) -> Tensor:
        return jump_slope(y == y0, 0.0, x, x0, y, y0)


def read(node: OnnxNode) -> Entries | None:
    """The table of a LabelEncoder that states its keys, values and default; None where they do not fit each other."""
    keys, values = _column(node, "keys"), _column(node, "values")
    if keys is None or values is None or len(keys[1]) != len(values[1]):
        return None
    default = node.attr(f"default_{values[0]}")
    if default is None or keys[1].is_floating_point() != node.is_floating(0):
        return None
    return Entries(keys[1], values[1], torch.as_tensor(default, dtype=values[1].dtype), node.opset >= 4)


def _column(node: OnnxNode, side: str) -> tuple[str, Tensor] | None:
    """(kind, entries) of the keys or the values."""
    if (tensor := node.attr(f"{side}_tensor")) is not None:
        return "tensor", tensor.reshape(-1)
    types = {"int64": torch.int64, "float": node.dtype, "string": torch.int64}
    found = [(kind, torch.tensor(v, dtype=t)) for kind, t in types.items() if (v := node.attr(f"{side}_{kind}s"))]
    return found[0] if len(found) == 1 else None
