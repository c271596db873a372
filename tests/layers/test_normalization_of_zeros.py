"""A vector of zeros has no direction: what a normalization makes of it, beside another, is still shared out completely."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from onnxplain.layers.normalization import LpNormalization

SOME = torch.tensor([[3.0, -4.0, 1.0], [0.5, 0.0, -2.0]], dtype=torch.float64)
ZEROS = torch.zeros_like(SOME)
HALF = torch.stack([SOME[0], ZEROS[1]])


@pytest.mark.parametrize("p", [1, 2])
@pytest.mark.parametrize(("x", "x0"), [(SOME, ZEROS), (ZEROS, SOME), (SOME, HALF), (HALF, SOME.flip(0)), (ZEROS, ZEROS)])
def test_contributions_add_up_where_one_side_is_zero(p: int, x: Tensor, x0: Tensor) -> None:
    layer = LpNormalization(p, 1)
    g = torch.randn(4, *x.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(p))
    m = layer.symmetric(g, x, x0)
    torch.testing.assert_close(
        (m * (x - x0)).sum((1, 2)), (g * (layer.forward(x) - layer.forward(x0))).sum((1, 2)), rtol=1e-12, atol=1e-12
    )
