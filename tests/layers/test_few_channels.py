"""One small image of few channels, which oneDNN convolves where torch would make copies of windows."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from onnxplain.layers.affine.conv import Conv
from onnxplain.layers.affine.few_channels import is_slow
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
