"""What is written over a temporary is what a new tensor would hold, for few numbers and for many."""

from __future__ import annotations

import pytest
import torch

from onnxplain.rules import temporaries
from onnxplain.rules.base import ratio
from onnxplain.rules.temporaries import FEW, over, times_over


@pytest.mark.parametrize("shape", [(3, 5), (FEW // 8, 9)], ids=str)
@pytest.mark.parametrize("targets", [1, 2])
@pytest.mark.parametrize("few", [0, FEW])
def test_quotients_and_products_are_those_of_new_tensors(shape: tuple[int, ...], targets: int, few: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(temporaries, "FEW", few)
    g = torch.Generator().manual_seed(0)
    r, z = torch.randn(targets, *shape, generator=g), torch.randn(shape, generator=g)
    quotient, product, before = r / z, r * z, (r.clone(), z.clone())
    assert torch.equal(over(r, z.clone()), quotient)
    assert torch.equal(times_over(r, z.clone()), product)
    for nonnegative in (False, True):
        expected = r / (z + torch.copysign(torch.tensor(0.5), torch.ones_like(z) if nonnegative else z))
        assert torch.equal(ratio(r, z, 0.5, nonnegative), expected)
    assert torch.equal(r, before[0]) and torch.equal(z, before[1])  # what others read is never written to
