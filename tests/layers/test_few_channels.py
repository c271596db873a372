"""One small image of few channels, which oneDNN convolves where torch would make copies of windows."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from onnxplain.layers.affine.conv import Conv
from onnxplain.layers.affine.few_channels import is_slow, pixels_first
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
