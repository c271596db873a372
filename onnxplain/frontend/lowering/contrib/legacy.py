"""Operators of ONNX's first years that onnxruntime still runs in models of opsets before 10."""

from __future__ import annotations

from ..body import Body
from ..heads import END
from .activations import affine as affine_of
from .activations import parametric_softplus as parametric_softplus_of
from .activations import scaled_tanh as scaled_tanh_of
from .parts import whole_numbers


def _numbers(b: Body) -> dict[str, float]:
    return {n: b.attr(n) for n in ("alpha", "beta") if b.attr(n) is not None}


def affine(b: Body) -> None:
    affine_of(b, b.input(0), _numbers(b), b.output(0))


def scale(b: Body) -> None:
    """scale · x."""
    b("Mul", b.input(0), b.number(b.attr("scale", 1.0)), at="Scale", result=b.output(0))


def scaled_tanh(b: Body) -> None:
    if len(_numbers(b)) == 2:
        scaled_tanh_of(b, b.input(0), _numbers(b), b.output(0))


def parametric_softplus(b: Body) -> None:
    if len(_numbers(b)) == 2:
        parametric_softplus_of(b, b.input(0), _numbers(b), b.output(0))


def image_scaler(b: Body) -> None:
    """scale · x + bias per channel."""
    y = b("Mul", b.input(0), b.number(b.attr("scale", 1.0)), at="scaled")
    bias = list(b.attr("bias", ()))
    b("Add", y, b("Reshape", b.numbers(*bias), b.ints(-1, 1, 1)), at="shifted", result=b.output(0))


def crop(b: Body) -> None:
    """Without the borders (left, top, right, bottom); with `scale` as many rows and columns from the left top on."""
    left, top, right, bottom = b.attr("border")
    size = b.attr("scale")
    ends = [top + size[0], left + size[1]] if size else [-bottom or END, -right or END]
    b("Slice", b.input(0), b.ints(top, left), b.ints(*ends), b.ints(2, 3), at="Crop", result=b.output(0))


def dynamic_slice(b: Body) -> None:
    """Slice, whose places were an operator's own inputs before opset 10."""
    places = (whole_numbers(b, v) for i in (1, 2, 3) if (v := b.input(i)))
    b("Slice", b.input(0), *places, at="Slice", result=b.output(0))


def mean_variance_normalization(b: Body) -> None:
    """(x − mean)/σ over samples and places, with `across_channels` over channels too; from opset 9 on it has a layer.

    Only centred where `normalize_variance` is 0.
    """
    if b.opset >= 9:
        return
    axes = [0, 1, 2, 3] if b.attr("across_channels", 0) else [0, 2, 3]
    mean, whole = b("ReduceMean", b.input(0), axes=axes, keepdims=1, at="mean"), b.attr("normalize_variance", 1)
    y = b("Sub", b.input(0), mean, at="centred", result=None if whole else b.output(0))
    if whole:
        variance = b("ReduceMean", b("Mul", y, y), axes=axes, keepdims=1, at="variance")
        b("Div", y, b("Sqrt", b("Add", variance, b.number(0.0))), at="normalized", result=b.output(0))
