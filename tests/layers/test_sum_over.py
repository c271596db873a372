"""A sum is written over its first summand only where it lies there as it would lie anew."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from onnxplain.layers.shapes import FEW, sum_over

N = FEW // 64 + 1


def drawn(*shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(len(shape))).to(dtype)


PAIRS = {
    "alike": (True, drawn(N, 64), drawn(N, 64) + 1),
    "transposed": (False, drawn(64, N).t(), drawn(N, 64)),
    "broadcast": (False, drawn(N, 64), drawn(1, 64)),
    "too small to pay": (False, drawn(2, 3), drawn(2, 3)),
    "of two types": (False, drawn(N, 64), drawn(N, 64, dtype=torch.float64)),
    "under autograd": (False, drawn(N, 64), drawn(N, 64).requires_grad_()),
}


@pytest.mark.parametrize(("over", "own", "other"), PAIRS.values(), ids=PAIRS)
def test_it_is_the_sum_and_only_lies_where_it_may(over: bool, own: Tensor, other: Tensor) -> None:
    own, kept = own.clone(memory_format=torch.preserve_format), other.detach().clone()
    before = own.clone()
    made = sum_over(own, other)
    assert torch.equal(made, before + other) and made.dtype == (before + other).dtype
    assert (made is own) is over
    assert torch.equal(own, made if over else before) and torch.equal(other, kept)
