"""Products of few rows with a large matrix, which are computed the other way round."""

from __future__ import annotations

import pytest
import torch

from onnxplain.layers.affine.linear import Linear


@pytest.mark.parametrize("shape", [(16,), (2, 8), (12,), (48,), (1, 4, 6), (49,), (11,)], ids=str)
@pytest.mark.parametrize("bias", [True, False], ids=["bias", "plain"])
def test_few_rows_give_what_the_product_says(shape: tuple[int, ...], bias: bool) -> None:
    torch.manual_seed(0)
    weight = torch.randn(700, 800, dtype=torch.float64).mT  # (in, out), lying as (out, in)
    b = torch.randn(700, dtype=torch.float64) if bias else None
    layer, x = Linear(weight, b), torch.randn(*shape, 800, dtype=torch.float64)
    assert layer.turns
    y = layer.forward(x)
    assert y.is_contiguous()
    torch.testing.assert_close(y, x @ weight + (0 if b is None else b), rtol=1e-12, atol=1e-12)
    strided = torch.randn(*shape, 1600, dtype=torch.float64)[..., ::2]
    torch.testing.assert_close(layer.forward(strided), strided @ weight + (0 if b is None else b), rtol=1e-12, atol=1e-12)
