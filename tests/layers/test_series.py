"""Series are convolved as images one pixel high, and lie with their channels last from layer to layer."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from onnxplain.layers.affine import conv
from onnxplain.layers.affine.conv import Conv
from onnxplain.layers.affine.conv_transpose import ConvTranspose
from onnxplain.layers.affine.window import Window, channels_last, is_channels_last
from onnxplain.layers.base import OnnxNode, layer_for
from onnxplain.layers.kinds import Pooling
from onnxplain.layers.laid import Laid
from onnxplain.layers.shapes import zeros_for

#: channels, length, outputs, kernel, stride, dilation, pads, groups
CASES = {
    "plain": (3, 20, 5, 4, 1, 1, (0, 0), 1),
    "margins": (4, 21, 6, 5, 1, 1, (2, 2), 1),
    "uneven": (4, 21, 6, 5, 1, 1, (4, 0), 1),
    "strides": (4, 22, 6, 3, 3, 1, (1, 1), 1),
    "dilated": (4, 30, 6, 3, 1, 4, (4, 4), 1),
    "groups": (4, 19, 6, 3, 1, 1, (1, 1), 2),
    "depthwise": (4, 19, 4, 3, 2, 1, (1, 1), 4),
    "pointwise": (4, 19, 6, 1, 1, 1, (0, 0), 1),
    "every third": (4, 19, 6, 1, 3, 1, (0, 0), 1),
    "patches": (4, 19, 6, 3, 4, 1, (0, 0), 1),
    "one channel": (1, 40, 6, 9, 1, 1, (4, 4), 1),
    "a stem": (2, 41, 6, 15, 2, 1, (7, 7), 1),
}


def made(case: str, dtype: torch.dtype = torch.float64) -> tuple[Conv, Tensor, Tensor]:
    """The layer as it is laid out, an input, and what torch's own convolution makes of it."""
    channels, n, outputs, kernel, stride, dilation, pads, groups = CASES[case]
    torch.manual_seed(0)
    weight, bias = torch.randn(outputs, channels // groups, kernel, dtype=dtype), torch.randn(outputs, dtype=dtype)
    layer = Conv(weight, bias, Window((kernel,), (stride,), (dilation,), pads), groups)
    layer.lay_out(Laid())
    x = torch.randn(3, channels, n, dtype=dtype, requires_grad=True)
    return layer, x, torch.conv1d(F.pad(x, pads), weight, bias, stride, 0, dilation, groups)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("last", [True, False], ids=["channels last", "channels first"])
@pytest.mark.parametrize("blocks", [True, False], ids=["in blocks", "whole"])
def test_series_are_convolved_there_and_back(case: str, last: bool, blocks: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conv, "pays", lambda r: blocks)
    layer, x, expected = made(case)
    lies = channels_last(x.detach()) if last else x.detach()
    torch.testing.assert_close(layer.forward(lies), expected.detach(), rtol=1e-12, atol=1e-12)
    r = torch.randn(2, *expected.shape, dtype=torch.float64)
    found = layer.transpose(channels_last(r[0])[None] if last else r[:1], lies)
    pulled = [torch.autograd.grad(expected, x, one, retain_graph=True)[0] for one in r]
    torch.testing.assert_close(found[0], pulled[0], rtol=1e-12, atol=1e-12)
    for one, g in zip(pulled, layer.transpose(r, lies), strict=True):
        torch.testing.assert_close(g, one, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("part", ["positive", "square"])
@pytest.mark.parametrize("case", ["margins", "one channel", "a stem"])
def test_parts_of_the_weights_are_taken(case: str, part: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conv, "pays", lambda r: True)
    layer, x, y = made(case)
    changed = layer.w.clamp(min=0) if part == "positive" else layer.w**2
    r = torch.randn(1, *y.shape, dtype=torch.float64)
    z = torch.conv1d(x, changed, None, layer.window.strides, layer.window.pads[0])
    expected = torch.autograd.grad(z, x, r[0])[0]
    torch.testing.assert_close(layer.transpose(r, x.detach(), part)[0], expected, rtol=1e-12, atol=1e-12)  # type: ignore[arg-type]


def test_few_channels_are_pulled_in_blocks() -> None:
    assert made("one channel")[0].blocks == (1, 8) and made("a stem")[0].blocks == (1, 8)
    assert made("dilated")[0].blocks is None and made("patches")[0].blocks is None


def node(op: str, **attributes: object) -> OnnxNode:
    return OnnxNode(op, 17, attributes=attributes, constants=(None,), dynamic=(True,), floating=(True,))


def test_channels_stay_last_through_a_net() -> None:
    """No convolution turns round what the layer before it made: forward, and back."""
    x = torch.randn(2, 4, 32)
    first, second = (Conv(torch.randn(6, c, 5), torch.randn(6), Window.of((5,), None, (2, 2))) for c in (4, 6))
    pool, up = layer_for(node("MaxPool", kernel_shape=[2], strides=[2])), ConvTranspose(torch.randn(6, 3, 2), None, Window.of((2,), (2,)))
    assert isinstance(pool, Pooling)
    a = first.forward(x)
    h = a.relu()
    p = pool.forward(h)
    b = second.forward(p)
    y = up.forward(b)
    assert all(map(is_channels_last, (a, h, p, b, y)))
    r = up.transpose(torch.randn(1, *y.shape), b)
    s = second.transpose(r, p)
    (t,) = pool.adjoint((s,), (h,), (p,))
    assert t is not None
    assert all(is_channels_last(v[0]) for v in (r, s, t))
    assert first.transpose(t, x).shape == (1, *x.shape)


def test_a_margin_and_the_largest_of_a_series_lie_as_it_does() -> None:
    x = channels_last(torch.randn(2, 4, 9, dtype=torch.float64))
    pad = layer_for(OnnxNode("Pad", 17, constants=(None, torch.tensor([0, 0, 3, 0, 0, 1])), dynamic=(True, False), floating=(True, False)))
    assert pad is not None
    y = pad.forward(x)
    torch.testing.assert_close(y, F.pad(x, (3, 1)), rtol=0, atol=0)
    assert is_channels_last(y)
    g = torch.randn(2, *y.shape, dtype=torch.float64)
    (back,) = pad.adjoint((g,), (x,), (y,))
    torch.testing.assert_close(back, g[..., 3:-1], rtol=0, atol=0)
    largest = layer_for(node("ReduceMax", axes=[2], keepdims=0))
    assert largest is not None
    top = largest.forward(x)
    r = torch.randn(3, *top.shape, dtype=torch.float64)
    (put,) = largest.adjoint((r,), (x,), (top,))
    assert put is not None and is_channels_last(put[0])
    torch.testing.assert_close(put, torch.where(x == top[..., None], r[..., None], 0.0), rtol=0, atol=0)


def test_zeros_lie_as_what_they_are_for() -> None:
    g = torch.ones(3, 1, dtype=torch.float64)
    for x in (torch.randn(2, 4, 5), channels_last(torch.randn(2, 4, 5)), torch.randn(2, 5, 4).mT[:, ::2], torch.randn(1, 1, 5).expand(2, 3, 5)):
        z = zeros_for(g, x)
        assert z.shape == (3, *x.shape) and z.dtype == torch.float64 and not z.any()
        assert z[0].stride() == torch.empty_like(x).stride()
