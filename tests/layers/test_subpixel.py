"""The transpose of a convolution over few channels, which is computed in blocks of pixels."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from onnxplain.layers.affine import conv
from onnxplain.layers.affine.conv import Conv
from onnxplain.layers.affine.subpixel import Subpixels, blocks_of, pays
from onnxplain.layers.affine.window import Window, pad_list

CASES = {
    "3², three channels": ((2, 3, 12, 10), (3, 3), (1, 1), (1, 1, 1, 1), (2, 2)),
    "odd sizes": ((2, 3, 9, 7), (3, 3), (1, 1), (1, 1, 1, 1), (2, 2)),
    "no margins": ((1, 3, 9, 8), (3, 3), (1, 1), (0, 0, 0, 0), (2, 2)),
    "uneven margins": ((1, 3, 8, 9), (3, 5), (1, 1), (0, 3, 2, 1), (2, 2)),
    "margins wider than the kernel": ((1, 2, 6, 5), (3, 3), (1, 1), (4, 3, 0, 1), (2, 2)),
    "one channel": ((3, 1, 10, 11), (5, 5), (1, 1), (2, 2, 2, 2), (4, 4)),
    "a stem": ((2, 3, 16, 15), (7, 7), (2, 2), (3, 3, 3, 3), (2, 2)),
    "a wide stem": ((1, 3, 35, 34), (11, 11), (4, 4), (2, 2, 2, 2), (4, 4)),
    "strides differ": ((1, 2, 12, 13), (5, 3), (2, 1), (2, 1, 2, 1), (4, 2)),
    "strides leave a rest": ((2, 3, 13, 14), (4, 4), (3, 3), (1, 1, 1, 1), (3, 3)),
}


@pytest.fixture(autouse=True)
def always(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conv, "pays", lambda r: True)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("last", [True, False], ids=["channels last", "channels first"])
def test_blocks_of_pixels_give_what_the_adjoint_says(case: str, last: bool) -> None:
    shape, kernel, strides, pads, block = CASES[case]
    torch.manual_seed(0)
    weight = torch.randn(5, shape[1], *kernel, dtype=torch.float64)
    layer = Conv(weight, None, Window.of(kernel, strides, pads))
    layer.blocks = block
    x = torch.randn(shape, dtype=torch.float64, requires_grad=True)
    y = F.conv2d(F.pad(x, pad_list(pads[:2], pads[2:])), weight, None, strides)
    r = torch.randn(3, *y.shape, dtype=torch.float64)
    found = layer.transpose(r, x.detach().contiguous(memory_format=torch.channels_last) if last else x.detach())
    for one, g in zip(r, found, strict=True):
        torch.testing.assert_close(g, torch.autograd.grad(y, x, one, retain_graph=True)[0], rtol=1e-12, atol=1e-12)
        assert g.is_contiguous(memory_format=torch.channels_last if last and shape[1] > 1 else torch.contiguous_format) or not all(
            n % b == 0 for n, b in zip(shape[2:], block, strict=True)
        )


@pytest.mark.parametrize("part", ["positive", "square"])
def test_parts_of_the_weights_have_blocks_of_their_own(part: str) -> None:
    torch.manual_seed(0)
    weight = torch.randn(4, 3, 3, 3, dtype=torch.float64)
    layer, x = Conv(weight, None, Window.of((3, 3), (1, 1), (1, 1, 1, 1))), torch.randn(2, 3, 6, 8, dtype=torch.float64)
    assert layer.blocks == (2, 2)
    r = torch.randn(1, 2, 4, 6, 8, dtype=torch.float64)
    changed = weight.clamp(min=0) if part == "positive" else weight**2
    expected = F.conv_transpose2d(r[0], changed, None, 1, 1)
    torch.testing.assert_close(layer.transpose(r, x, part)[0], expected, rtol=1e-12, atol=1e-12)  # type: ignore[arg-type]


def test_margins_that_follow_the_size_are_met() -> None:
    torch.manual_seed(0)
    window = Window((3, 3), (2, 2), (1, 1), (0, 0, 0, 0), "SAME_UPPER")
    layer = Conv(torch.randn(4, 2, 3, 3, dtype=torch.float64), None, window)
    assert layer.blocks is not None
    for size in ((6, 7), (7, 6), (9, 9)):
        x = torch.randn(2, 2, *size, dtype=torch.float64, requires_grad=True)
        y = layer.forward(x)
        r = torch.randn(1, *y.shape, dtype=torch.float64)
        expected = torch.autograd.grad(y, x, r[0])[0]
        torch.testing.assert_close(layer.transpose(r, x.detach())[0], expected, rtol=1e-12, atol=1e-12)


def test_gradients_go_through_blocks() -> None:
    torch.manual_seed(0)
    layer = Conv(torch.randn(4, 3, 3, 3, dtype=torch.float64), None, Window.of((3, 3), (1, 1), (1, 1, 1, 1)))
    x, r = torch.randn(1, 3, 4, 6, dtype=torch.float64), torch.randn(1, 1, 4, 4, 6, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda r: layer.transpose(r, x), (r,))


def test_blocks_are_taken_where_they_save_multiplications() -> None:
    def found(out: int, channels: int, kernel: int, stride: int, groups: int = 1, dilation: int = 1) -> tuple[int, ...] | None:
        window = Window((kernel,) * 2, (stride,) * 2, (dilation,) * 2, ((kernel - 1) // 2,) * 4)
        return blocks_of(window, torch.zeros(out, channels // groups, kernel, kernel), groups)

    assert found(64, 3, 3, 1) == (2, 2)
    assert found(64, 3, 7, 2) == (2, 2)
    assert found(64, 3, 11, 4) == (4, 4)
    assert found(8, 1, 3, 1) == (4, 4)
    assert found(64, 64, 3, 1) is found(64, 64, 3, 2) is found(64, 8, 3, 1) is None
    assert found(64, 3, 1, 1) is found(64, 3, 3, 1, dilation=2) is found(4, 4, 3, 1, groups=4) is None


def test_changes_of_weights_are_equal_where_they_make_the_same() -> None:
    assert Subpixels((2, 2), (1, 1), (1, 1), (3, 3)) == Subpixels((2, 2), (1, 1), (1, 1), (3, 3))
    assert hash(Subpixels((2, 2), (1, 1), (1, 1), (3, 3))) == hash(Subpixels((2, 2), (1, 1), (1, 1), (3, 3)))


def test_blocks_are_for_many_numbers_of_single_precision() -> None:
    assert pays(torch.zeros(1, 1, 32, 64, 64))
    assert not pays(torch.zeros(1, 1, 4, 4, 4)) and not pays(torch.zeros(1, 1, 32, 64, 64, dtype=torch.float64))
