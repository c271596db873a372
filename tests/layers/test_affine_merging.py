"""Layers that take a per-channel scale and shift into their weights compute what both layers computed."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from onnxplain.layers.affine.batch_norm import BatchNorm
from onnxplain.layers.affine.conv import Conv
from onnxplain.layers.affine.conv_transpose import ConvTranspose
from onnxplain.layers.affine.linear import Linear
from onnxplain.layers.affine.resize import Resize
from onnxplain.layers.affine.resize_fast import fast_path
from onnxplain.layers.affine.resize_grid import Mode
from onnxplain.layers.affine.resize_target import Target
from onnxplain.layers.affine.window import Window


def randn(*shape: int) -> Tensor:
    return torch.randn(shape, dtype=torch.float64)


def layers() -> dict[str, tuple[Conv | ConvTranspose | Linear, Tensor]]:
    """name → (layer, input)."""
    torch.manual_seed(0)
    padded = Window((3, 2), (2, 1), (1, 2), (1, 1, 1, 1))
    uneven = Window((3, 2), (2, 1), (1, 1), (0, 1, 2, 0))
    same = Window((3, 3), (2, 2), (1, 1), (0, 0, 0, 0), "SAME_LOWER")
    image = randn(2, 4, 5, 6)
    return {
        "conv": (Conv(randn(6, 4, 3, 2), randn(6), padded), image),
        "conv without bias": (Conv(randn(6, 4, 3, 2), None, uneven), image),
        "conv without pads": (Conv(randn(6, 4, 3, 2), randn(6)), image),
        "conv same": (Conv(randn(6, 2, 3, 3), randn(6), same, groups=2), image),
        "conv depthwise": (Conv(randn(8, 1, 3, 2), randn(8), padded, groups=4), image),
        "conv 1d": (Conv(randn(3, 4, 3), randn(3), Window.of((3,), pads=(1, 1))), randn(2, 4, 7)),
        "transposed": (ConvTranspose(randn(4, 6, 3, 2), randn(6), padded, output_padding=(1, 0)), image),
        "transposed groups": (ConvTranspose(randn(4, 3, 3, 2), None, uneven, groups=2), image),
        "transposed shape": (ConvTranspose(randn(4, 3, 3, 3), randn(3), same, groups=1), image),
        "linear": (Linear(randn(4, 6), randn(6)), randn(5, 4)),
        "linear without bias": (Linear(randn(4, 6)), randn(5, 4)),
    }


LAYERS = pytest.mark.parametrize("name", list(layers()))


def norm(channels: int) -> BatchNorm:
    return BatchNorm(randn(channels), randn(channels), torch.float64)


def close(a: Tensor, b: Tensor) -> None:
    torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-10)


@LAYERS
def test_a_batch_norm_behind_a_layer_merges_into_it(name: str) -> None:
    layer, x = layers()[name]
    after = norm(layer.forward(x).shape[1])
    merged = layer.scaled_after(after.scale, after.shift)
    assert type(merged) is type(layer)
    close(merged.forward(x), after.forward(layer.forward(x)))


@LAYERS
def test_a_batch_norm_before_a_layer_merges_into_it_along_its_padded_borders_too(name: str) -> None:
    layer, x = layers()[name]
    before = norm(x.shape[1])
    merged = layer.scaled_before(before.scale, before.shift)
    close(merged.forward(x), layer.forward(before.forward(x)))
    b = merged.bias(x)
    assert b is not None
    close(merged.linear(x) + b, merged.forward(x))


@LAYERS
def test_batch_norms_on_both_sides_and_twice_before_merge(name: str) -> None:
    layer, x = layers()[name]
    first, second = norm(x.shape[1]), norm(x.shape[1])
    after = norm(layer.forward(x).shape[1])
    merged = layer.scaled_before(second.scale, second.shift).scaled_before(first.scale, first.shift)
    merged = merged.scaled_after(after.scale, after.shift)
    close(merged.forward(x), after.forward(layer.forward(second.forward(first.forward(x)))))


def test_a_shift_before_a_convolution_without_pads_is_an_ordinary_bias() -> None:
    layer, _ = layers()["conv without pads"]
    merged = layer.scaled_before(torch.ones(4), torch.arange(4.0))
    assert isinstance(merged, Conv)
    assert merged.border is None
    assert merged.b is not None and tuple(merged.b.shape) == (6,)


@pytest.mark.parametrize("side", ["right", "left"])
def test_a_bias_added_to_a_product_is_part_of_it(side) -> None:
    layer = Linear(randn(4, 4), None, side)
    x, b = randn(3, 4, 4), randn(4)
    close(layer.with_bias(b).forward(x), layer.forward(x) + b)
    close(layer.with_bias(b).with_bias(b).forward(x), layer.forward(x) + 2 * b)


@pytest.mark.parametrize(
    ("mode", "scales"),
    [
        (Mode("linear"), (1, 1, 1.7, 0.6)),
        (Mode("linear", "align_corners"), (1, 1, 2, 3)),
        (Mode("linear", "pytorch_half_pixel"), (1, 1, 2, 1)),
        (Mode("nearest", "asymmetric", "floor"), (1, 1, 4, 2)),
        (Mode("nearest"), (1, 1, 2, 8)),
        (Mode("nearest", "tf_half_pixel_for_nn", "floor"), (1, 1, 1, 2)),
    ],
    ids=str,
)
def test_torch_kernels_resize_as_the_interpolation_matrices_do(mode: Mode, scales: tuple[float, ...]) -> None:
    torch.manual_seed(0)
    layer, x = Resize(Target(scales=scales), mode), randn(2, 3, 5, 6)
    axes = layer.target.resolve(x.shape)
    assert fast_path(axes, mode, 4) is not None
    torch.testing.assert_close(layer.forward(x), layer._combine(x, x, axes, "all", 0), rtol=1e-6, atol=1e-6)
    r = randn(2, *layer.forward(x).shape)
    torch.testing.assert_close(layer.transpose(r, x), layer._combine(r, x, axes, "all", 1), rtol=1e-6, atol=1e-6)


def test_convolutions_stay_channels_last() -> None:
    layer, x = layers()["conv"]
    y = layer.forward(x)
    assert y.is_contiguous(memory_format=torch.channels_last)
    back = layer.transpose(y[None], x)
    assert back[0].is_contiguous(memory_format=torch.channels_last)
