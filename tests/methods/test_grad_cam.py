"""Class activation maps against autograd and the papers' formulas written out, at any named value."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

import onnxplain as ox

from ..engine.build import Writer
from ..engine.oracle import close, run, tensors
from .nets import NETS, N, data, net

MODES = {1: "linear", 2: "bilinear", 3: "trilinear"}


def grad_cam(a: np.ndarray, g: np.ndarray) -> np.ndarray:
    return sum(g[c].mean() * a[c] for c in range(len(a)))  # type: ignore[return-value]


def plus_plus(a: np.ndarray, g: np.ndarray) -> np.ndarray:
    out = np.zeros(a.shape[1:])
    for c in range(len(a)):
        below = 2 * g[c] ** 2 + a[c].sum() * g[c] ** 3
        alpha = np.divide(g[c] ** 2, below, out=np.zeros_like(below), where=below != 0)
        out = out + (alpha * np.maximum(g[c], 0)).sum() * a[c]
    return out


def layer_cam(a: np.ndarray, g: np.ndarray) -> np.ndarray:
    return sum(np.maximum(g[c], 0) * a[c] for c in range(len(a)))  # type: ignore[return-value]


METHODS: dict[str, tuple[Any, Any]] = {
    "grad_cam": (ox.GradCam, grad_cam),
    "grad_cam_plus_plus": (ox.GradCamPlusPlus, plus_plus),
    "layer_cam": (ox.LayerCam, layer_cam),
}
#: net, value, channel axis of the value, channel axis of the input
PLACES = [
    ("image", "late", 1, 1),
    ("image", "middle", 1, 1),
    ("image", "early", 1, 1),
    ("image", "v0", 1, 1),  # a convolution's own output: batch normalisation must not be merged into it
    ("series", "late", 1, 1),
    ("volume", "late", 1, 1),
    ("channels_last", "inside", 1, 3),
    ("channels_last", "late", 3, 3),
    ("two_inputs", "late", 1, 1),
]


def expected_maps(name: str, at: str, channel: int, formula: Any, relu: bool = True) -> np.ndarray:
    """(samples, *places, units), by autograd from the value on."""
    model = net(name)
    feeds = tensors(data(name))
    a = run(model, feeds, [at])[at].detach().clone().requires_grad_()
    y = run(model, {**feeds, at: a}, ["y"], (at,))["y"]
    maps = []
    for k in range(y.shape[1]):
        (g,) = torch.autograd.grad(y[:, k].sum(), a, retain_graph=True)
        both = [np.moveaxis(t.detach().numpy(), channel, 1) for t in (a, g)]
        m = np.stack([formula(both[0][s], both[1][s]) for s in range(N)])
        maps.append(np.maximum(m, 0) if relu else m)
    return np.stack(maps, -1)


@pytest.mark.parametrize(("name", "at", "channel", "input_channel"), PLACES, ids=[f"{p[0]}-{p[1]}" for p in PLACES])
@pytest.mark.parametrize("method", list(METHODS))
def test_maps_equal_the_formula_and_its_linear_interpolation(method: str, name: str, at: str, channel: int, input_channel: int) -> None:
    make, formula = METHODS[method]
    e = ox.explain(net(name), data(name), make(at=at, channel_axis=channel), target="all")
    maps = expected_maps(name, at, channel, formula)
    close(e.layers[at].values, np.expand_dims(maps, channel))
    shape = list(NETS[name][1]["x"])
    del shape[input_channel - 1]
    flat = torch.from_numpy(np.moveaxis(maps, -1, 1))
    up = torch.nn.functional.interpolate(flat, shape, mode=MODES[len(shape)], align_corners=False).numpy()
    up = np.expand_dims(np.moveaxis(up, 1, -1), input_channel)
    close(e["x"].values, np.broadcast_to(up, e["x"].values.shape))
    assert e["x"].values.shape == (N, *NETS[name][1]["x"], 3)
    if "t" in e:
        assert not e["t"].connected and not e["t"].values.any()


@pytest.mark.parametrize("method", ["grad_cam", "grad_cam_plus_plus"])
def test_without_relu_negative_values_stay(method: str) -> None:
    make, formula = METHODS[method]
    e = ox.explain(net("image"), data("image"), make(at="middle", relu=False), target="all")
    expected = expected_maps("image", "middle", 1, formula, relu=False)
    assert expected.min() < 0
    close(e.layers["middle"].values[:, 0], expected)


@pytest.mark.parametrize(("name", "value"), [("image", "late"), ("series", "late"), ("channels_last", "inside"), ("two_inputs", "late")])
def test_by_default_it_takes_the_last_convolution_behind_its_activation_and_says_so(name: str, value: str) -> None:
    e = ox.explain(net(name), data(name), "grad_cam", target="all")
    named = ox.explain(net(name), data(name), ox.GradCam(at=value), target="all")
    close(e["x"].values, named["x"].values)
    assert any(repr(value) in note and "'x'" in note for note in e.notes)


def test_without_upsampling_only_the_internal_value_has_the_map() -> None:
    e = ox.explain(net("image"), data("image"), ox.GradCam(at="early", upsample=False), target="all")
    assert not e["x"].connected
    close(e.layers["early"].values[:, 0], expected_maps("image", "early", 1, grad_cam))


@pytest.mark.parametrize("method", list(METHODS))
@pytest.mark.parametrize("chunk", [1, (2, 1)])
def test_chunks_and_single_targets_change_nothing(method: str, chunk: Any) -> None:
    e = ox.explain(net("image"), data("image"), method, target="all")
    other = ox.explain(net("image"), data("image"), method, target="all", chunk_size=chunk)
    close(other.values, e.values)
    close(other.layers["late"].values, e.layers["late"].values)
    close(np.stack([ox.explain(net("image"), data("image"), method, target=t).values[..., 0] for t in range(3)], -1), e.values)


def test_sums_are_those_of_the_attributions() -> None:
    e = ox.explain(net("image"), data("image"), "grad_cam", target="all")
    close(e.sums["y"], e.values.reshape(N, -1, 3).sum(1))
    assert np.isnan(e.goals["y"]).all()


def test_what_cannot_be_mapped_is_refused_by_name() -> None:
    x = data("image")
    with pytest.raises(ox.InputError, match="'lat'.*late"):
        ox.explain(net("image"), x, ox.GradCam(at="lat"))
    with pytest.raises(ox.RuleError, match="channels"):
        ox.explain(net("image"), x, ox.GradCam(at="y"))
    with pytest.raises(ox.RuleError, match="no mean over copies"):
        ox.Smooth(method=ox.GradCam())
    w = Writer()
    w.dense(w.node("Relu", w.dense("x", 4, 5)), 5, 2, to="y")
    with pytest.raises(ox.RuleError, match="no convolution"):
        ox.explain(ox.load(w.model({"x": ("N", 4)}, {"y": ("N", 2)})), np.ones((2, 4), np.float32), "grad_cam")
