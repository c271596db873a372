"""What is computed in blocks is what is computed at once."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from onnxplain.layers.elementwise.slopes import BLOCK, in_blocks

LAYOUTS = {
    "as they are": lambda x: x,
    "one for all": lambda x: x[:1].expand(x.shape),
    "turned": lambda x: x.mT.contiguous().mT,
}


def product(x: Tensor, x0: Tensor) -> Tensor:
    return x * x0 + 1


def shares(x: Tensor, x0: Tensor) -> Tensor:
    return x.softmax(-1) - x0.softmax(-1)


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
@pytest.mark.parametrize("shape", [(3, BLOCK // 100, 70), (3, 2, 5, 4), (2, 7, 3 * BLOCK + 5), (600, 300)], ids=str)
def test_blocks_make_what_the_whole_makes(shape: tuple[int, ...], layout) -> None:  # type: ignore[no-untyped-def]
    torch.manual_seed(0)
    x, x0 = torch.randn(shape), layout(torch.randn(shape))
    assert torch.equal(in_blocks(product, x, x0), product(x, x0))
    torch.testing.assert_close(in_blocks(shares, x, x0, width=shape[-1]), shares(x, x0), rtol=1e-6, atol=1e-7)
