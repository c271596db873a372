"""Rows that do not lie as those of one matrix are multiplied as one all the same."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from onnxplain.layers.affine.linear import Linear

#: values (2, 7, 3, 8)
LIE: dict[str, Callable[[Tensor], Tensor]] = {
    "in order": lambda x: x,
    "turned": lambda x: x.movedim(-1, 1).contiguous().movedim(1, -1),
    "strided": lambda x: torch.stack([x, x], -1)[..., 0],
    "one place for all": lambda x: x[:, :1, :1].expand_as(x),
}


class Products(TorchDispatchMode):
    """Which products torch makes."""

    def __init__(self) -> None:
        super().__init__()
        self.made: list[str] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = func.overloadpacket.__name__
        if name in ("mm", "addmm", "bmm", "baddbmm"):
            self.made.append(name)
        return func(*args, **kwargs or {})


@pytest.mark.parametrize("lie", LIE)
@pytest.mark.parametrize("bias", [True, False], ids=["bias", "plain"])
def test_there_and_back_one_product_each(lie: str, bias: bool) -> None:
    torch.manual_seed(0)
    w, b = torch.randn(8, 5, dtype=torch.float64), torch.randn(5, dtype=torch.float64) if bias else None
    layer, x = Linear(w, b), LIE[lie](torch.randn(2, 7, 3, 8, dtype=torch.float64))
    r = LIE[lie](torch.randn(2, 7, 3, 8, dtype=torch.float64))[..., :5]
    with Products() as p:
        y, z, g, h = layer.forward(x), layer.linear(x), layer.transpose(r[None], x)[0], layer.pulling()(r[None], x)[0]
    assert len(p.made) == 4 and "bmm" not in p.made and "baddbmm" not in p.made
    torch.testing.assert_close(z, torch.einsum("abci,io->abco", x, w), rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(y, z if b is None else z + b, rtol=1e-12, atol=1e-12)
    for found in (g, h):
        torch.testing.assert_close(found, torch.einsum("abco,io->abci", r, w), rtol=1e-12, atol=1e-12)
