"""Every operator on another device: forward and adjoint leave nothing on the CPU, and the numbers are the same."""

from __future__ import annotations

import pytest
import torch

from tests.layers.cases import ALL
from tests.layers.harness import Case, carrying, outputs_of

from .conftest import elsewhere

T = 3


@pytest.mark.parametrize("case", ALL, ids=lambda c: c.id)
def test_forward_and_adjoint_stay_on_the_device(case: Case, device: torch.device) -> None:
    layer, inputs = case.layer(), case.tensors()
    outputs = outputs_of(layer, inputs)
    given = tuple(torch.ones(T, *y.shape, dtype=y.dtype) if y.is_floating_point() else None for y in outputs)
    pulled = layer.settle(inputs).adjoint(given, inputs, outputs) if carrying(layer, inputs) else ()
    with elsewhere(device):
        moved, there = case.layer().to(device), [x.to(device) for x in inputs]
        made = outputs_of(moved, there)
        assert all(y.device == device for y in made)
        cotangents = tuple(None if g is None else g.to(device) for g in given)
        back = moved.settle(there).adjoint(cotangents, there, made) if pulled else ()
        assert all(r.device == device for r in back if r is not None)
        here = [y.to("cpu") for y in made], [None if r is None else r.to("cpu") for r in back]
    for y, expected in zip(here[0], outputs, strict=True):
        torch.testing.assert_close(y, expected, rtol=1e-10, atol=1e-10, equal_nan=True)
    for r, wanted in zip(here[1], pulled, strict=True):
        assert (r is None) == (wanted is None)
        if r is not None and wanted is not None:
            torch.testing.assert_close(r, wanted, rtol=1e-10, atol=1e-10, equal_nan=True)
