"""One small image of few channels, and one small volume, which oneDNN convolves where torch would make copies of windows."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from onnxplain.layers.affine.conv import Conv
from onnxplain.layers.affine.small import is_slow, is_slow_volume, pixels_first
from onnxplain.layers.affine.window import Window

needs_onednn = pytest.mark.skipif(not torch.backends.mkldnn.is_available(), reason="torch was built without oneDNN")


@needs_onednn
@pytest.mark.parametrize("strides, pads, dilations", [((1, 1), 1, (1, 1)), ((2, 1), 0, (1, 1)), ((1, 1), 2, (2, 2))])
@pytest.mark.parametrize("bias", [True, False])
def test_its_numbers_are_those_of_copies_of_windows(
    strides: tuple[int, int], pads: int, dilations: tuple[int, int], bias: bool
) -> None:
    torch.manual_seed(0)
    w, x = torch.randn(32, 3, 3, 3), torch.randn(1, 3, 64, 60)
    b = torch.randn(32) if bias else None
    layer = Conv(w, b, Window((3, 3), strides, dilations, (pads,) * 4))
    assert is_slow(x, w, strides)
    given = [None if v is None else v.double() for v in (x, w, b)]
    exact = F.conv2d(given[0], given[1], given[2], strides, pads, dilations)  # type: ignore[arg-type]
    found = layer(x)
    torch.testing.assert_close(found.double(), exact, rtol=1e-5, atol=1e-5)  # single precision
    assert found.stride() == F.conv2d(x.to(memory_format=torch.channels_last), layer.w, b, strides, pads, dilations).stride()


def test_it_is_left_to_torch_where_that_is_as_fast() -> None:
    w, x = torch.randn(32, 3, 3, 3), torch.randn(1, 3, 64, 64)
    assert is_slow(x, w, (1, 1)) == torch.backends.mkldnn.is_available()
    assert not is_slow(x.expand(2, -1, -1, -1), w, (1, 1))  # torch takes oneDNN for batches itself
    assert not is_slow(torch.randn(1, 3, 128, 128), w, (1, 1))  # and for large images
    assert not is_slow(x, w[:4], (1, 1)) and not is_slow(x, w, (4, 4))  # little to do
    assert not is_slow(x[:, :1], w[:, :1], (1, 1))  # one channel lies as torch wants it
    assert not is_slow(x, w[:, :1], (1, 1))  # groups
    assert not is_slow(x.double(), w.double(), (1, 1))
    with torch.backends.mkldnn.flags(enabled=False):
        assert not is_slow(x, w, (1, 1))


@needs_onednn
@pytest.mark.parametrize("strides, pads", [((1, 1), (1, 1, 1, 1)), ((2, 1), (0, 1, 2, 0))])
@pytest.mark.parametrize("lies", ["as given", "transposed", "one image for all"])
def test_what_is_made_of_images_of_one_channel_lies_as_later_layers_want_it(
    strides: tuple[int, int], pads: tuple[int, int, int, int], lies: str
) -> None:
    torch.manual_seed(0)
    w, b, x = torch.randn(8, 1, 3, 3), torch.randn(8), torch.randn(3, 1, 30, 28)
    x = x.mT.contiguous().mT if lies == "transposed" else x[:1].expand(3, -1, -1, -1) if lies == "one image for all" else x
    layer = Conv(w, b, Window((3, 3), strides, (1, 1), pads))
    found, padded = layer(x), F.pad(x.double(), (pads[1], pads[3], pads[0], pads[2]))
    torch.testing.assert_close(found.double(), F.conv2d(padded, w.double(), b.double(), strides), rtol=1e-5, atol=1e-5)
    assert found.is_contiguous(memory_format=torch.channels_last)


def test_images_that_torch_takes_as_they_are_keep_their_strides() -> None:
    small, colour, signal = torch.randn(1, 1, 28, 28), torch.randn(2, 3, 8, 8), torch.randn(4, 1, 50)
    for x in (small, colour, signal):
        assert pixels_first(x) is x
    x = torch.randn(2, 1, 8, 8)
    assert pixels_first(x).data_ptr() == x.data_ptr()
    assert torch.equal(pixels_first(x), x)


@needs_onednn
@pytest.mark.parametrize("strides", [(1, 1, 1), (2, 1, 2)])
@pytest.mark.parametrize("pads", [(1,) * 6, (0,) * 6, (2, 1, 0, 2, 1, 0), (0, 1, 2, 2, 1, 0)])
@pytest.mark.parametrize("dilation", [1, 2])
def test_one_small_volume_is_convolved_there_and_back(strides: tuple[int, ...], pads: tuple[int, ...], dilation: int) -> None:
    torch.manual_seed(0)
    w, x, b = torch.randn(6, 5, 3, 3, 3), torch.randn(1, 5, 9, 8, 10), torch.randn(6)
    layer = Conv(w, b, Window((3, 3, 3), strides, (dilation,) * 3, pads))
    assert is_slow_volume(x, w) and layer.turns == (strides == (1, 1, 1))
    exact = x.double().requires_grad_()
    padded = F.pad(exact, tuple(p for axis in (2, 1, 0) for p in (pads[axis], pads[3 + axis])))
    y = F.conv3d(padded, w.double(), b.double(), strides, 0, dilation)
    torch.testing.assert_close(layer(x).double(), y.detach(), rtol=1e-5, atol=5e-5)  # single precision
    r = torch.randn(2, *y.shape)
    for one, whole in ((r[:1], r[:1]), (r[1:], r[1:]), (r, r)):
        for g, s in zip(layer.transpose(whole, x), one, strict=True):
            (expected,) = torch.autograd.grad(y, exact, s.double(), retain_graph=True)
            torch.testing.assert_close(g.double(), expected, rtol=1e-5, atol=5e-5)
    (expected,) = torch.autograd.grad(F.conv3d(padded, w.double().clamp(min=0), None, strides, 0, dilation), exact, r[0].double())
    torch.testing.assert_close(layer.transpose(r[:1], x, "positive")[0].double(), expected, rtol=1e-5, atol=5e-5)


def test_volumes_are_left_to_torch_where_that_is_as_fast() -> None:
    w, x = torch.randn(6, 5, 3, 3, 3), torch.randn(1, 5, 9, 8, 10)
    assert is_slow_volume(x, w) == torch.backends.mkldnn.is_available()
    assert not is_slow_volume(x.expand(2, -1, -1, -1, -1), w) and not is_slow_volume(x.double(), w.double())
    assert not is_slow_volume(torch.randn(1, 5, 80, 80, 3), w)  # torch takes oneDNN for large ones itself
    assert not is_slow_volume(x, w[..., :1, :1, :1]) and not is_slow_volume(x, torch.randn(6, 5, 5, 5, 5))
    window = Window.of((3, 3, 3))
    assert Conv(w, None, window).turns and not Conv(torch.randn(6, 1, 3, 3, 3), None, window, 5).turns
    rescaled = Conv(w, None, window).reweighted(torch.abs, torch.zeros(()))
    assert rescaled is not None and not rescaled.turns
