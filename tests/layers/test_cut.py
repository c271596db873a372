"""Cut: one value in pieces, and back."""

from __future__ import annotations

import torch

from onnxplain.layers.routing.cut import Cut


def test_pieces_lie_side_by_side_again() -> None:
    x = torch.randn(2, 6, 3, dtype=torch.float64)
    layer = Cut(1, (1, 2, 3), (True, False, False))
    y = layer.forward(x)
    assert [tuple(p.shape) for p in y] == [(2, 3), (2, 2, 3), (2, 3, 3)]
    g = [torch.randn(4, *p.shape, dtype=torch.float64) for p in y]
    (back,) = layer.adjoint(g, (x,), y)
    assert back is not None
    torch.testing.assert_close(back, torch.cat([g[0][:, :, None], g[1], g[2]], 2), rtol=0, atol=0)


def test_pieces_without_relevance_give_zeros() -> None:
    x = torch.randn(2, 3)
    layer = Cut(1, (1, 1, 1), (True, True, True))
    y = layer.forward(x)
    (back,) = layer.adjoint((None, torch.ones(1, 2), None), (x,), y)
    assert back is not None and back.tolist() == [[[0, 1, 0], [0, 1, 0]]]
    assert layer.adjoint((None, None, None), (x,), y) == (None,)
    assert layer.nonnegative((True,)) and not layer.nonnegative((False,))
