"""LayerNorm and RMSNorm in the ways exporters and people write them."""

from __future__ import annotations

import numpy as np
import pytest

from onnxplain.layers.normalization import LayerNormalization, RMSNormalization
from onnxplain.layers.over_axes import OverAxes

from ...engine.build import Writer
from .harness import Spelling, computed, data, explained_alike, graphs, operators, unchanged, written

EPSILON = 1e-5


def mean(w: Writer, x: str, how: str = "attribute", axis: int = -1, n: int = 6) -> str:
    if how == "attribute":
        return w.node("ReduceMean", x, axes=[axis])
    if how == "input":
        return w.node("ReduceMean", x, w.constant([axis]))
    if how == "sum":
        return w.node("Mul", w.node("ReduceSum", x, w.constant([axis]), keepdims=1), w.constant(np.float64(1 / n)))
    if how == "sum / n":
        return w.node("Div", w.node("ReduceSum", x, w.constant([axis]), keepdims=1), w.constant(float(n)))
    if how == "squeezed":
        return w.node("Unsqueeze", w.node("ReduceMean", x, axes=[axis], keepdims=0), w.constant([axis]))
    if how == "global":
        return w.node("GlobalAveragePool", x)
    raise ValueError(how)


def square(w: Writer, x: str, how: str = "pow") -> str:
    return w.node("Pow", x, w.constant(2.0)) if how == "pow" else w.node("Mul", x, x)


def scale(w: Writer, q: str, how: str = "sqrt") -> str:
    """√(q + ε), or its reciprocal in one of three ways."""
    q = w.node("Add", q, w.constant(EPSILON))
    if how == "pow":
        return w.node("Pow", q, w.constant(-0.5))
    root = w.node("Sqrt", q)
    return root if how == "sqrt" else w.node("Reciprocal", root) if how == "reciprocal" else w.node("Div", w.constant(1.0), root)


def layer_norm(w: Writer, x: str, means: str = "attribute", squares: str = "pow", root: str = "sqrt", twice: bool = False) -> str:
    a = w.node("Sub", x, mean(w, x, means))
    b = w.node("Sub", x, mean(w, x, means)) if twice else a
    return divided(w, a, scale(w, mean(w, square(w, b, squares), means), root), root)


def divided(w: Writer, a: str, s: str, root: str) -> str:
    return w.node("Div", a, s) if root == "sqrt" else w.node("Mul", a, s)


def affine(w: Writer, y: str, gamma: bool = True, beta: bool = True, first: bool = False) -> str:
    """· γ + β, the constants first or second."""
    for op, wanted in (("Mul", gamma), ("Add", beta)):
        if wanted:
            c = w.weight(6, shift=1.0)
            y = w.node(op, c, y) if first else w.node(op, y, c)
    return y


def tensorflow(w: Writer, x: str, gamma: bool = True, beta: bool = True, swapped: bool = False) -> str:
    """x m + (β − μ m)."""
    mu = mean(w, x, "attribute")
    m = scale(w, mean(w, square(w, w.node("Sub", x, mu), "mul"), "attribute"), "reciprocal")
    m = w.node("Mul", m, w.weight(1, 1, 6, shift=1.0)) if gamma else m
    if swapped:
        return w.node("Add", w.node("Sub", w.weight(6), w.node("Mul", m, mu)), w.node("Mul", m, x))
    shift = w.node("Mul", w.node("Neg", mu), m)
    shift = w.node("Add", shift, w.weight(1, 1, 6)) if beta else shift
    return w.node("Add", w.node("Mul", x, m), shift)


def jax(w: Writer, x: str, clip: str | None = "Max") -> str:
    """E[x²] − E[x]², which may be clipped, and γ beside the root."""
    mu = mean(w, x, "sum / n")
    q = w.node("Sub", mean(w, square(w, x, "mul"), "sum / n"), square(w, mu, "mul"))
    if clip:
        q = w.node("Max", w.constant(0.0), q) if clip == "Max" else w.node("Relu", q)
    m = w.node("Mul", scale(w, q, "reciprocal"), w.weight(1, 1, 6, shift=1.0))
    return w.node("Add", w.node("Mul", w.node("Sub", x, mu), m), w.weight(1, 1, 6))


LAYER_NORMS = {
    "torch": lambda w, x: affine(w, layer_norm(w, x)),
    "constants first": lambda w, x: affine(w, layer_norm(w, x), first=True),
    "no parameters": layer_norm,
    "scale only": lambda w, x: affine(w, layer_norm(w, x), beta=False),
    "bias only": lambda w, x: affine(w, layer_norm(w, x), gamma=False),
    "x * x": lambda w, x: affine(w, layer_norm(w, x, squares="mul")),
    "reciprocal": lambda w, x: affine(w, layer_norm(w, x, root="reciprocal")),
    "1 / root": lambda w, x: affine(w, layer_norm(w, x, root="one over")),
    "to the power of -1/2": lambda w, x: affine(w, layer_norm(w, x, root="pow")),
    "mean by sum": lambda w, x: affine(w, layer_norm(w, x, means="sum / n")),
    "mean twice": lambda w, x: affine(w, layer_norm(w, x, twice=True)),
    "mean without axis": lambda w, x: affine(w, layer_norm(w, x, means="squeezed")),
    "mean by pooling": lambda w, x: affine(w, layer_norm(w, x, means="global")),
    "tensorflow": tensorflow,
    "tensorflow, no scale": lambda w, x: tensorflow(w, x, gamma=False),
    "tensorflow, no bias": lambda w, x: tensorflow(w, x, beta=False),
    "tensorflow, swapped": lambda w, x: tensorflow(w, x, swapped=True),
    "jax": jax,
    "jax, relu": lambda w, x: jax(w, x, "Relu"),
    "jax, not clipped": lambda w, x: jax(w, x, None),
}


def rms_norm(w: Writer, x: str, how: str = "reciprocal", inside: bool = False, gamma: bool = True) -> str:
    s = scale(w, mean(w, square(w, x, "mul" if inside else "pow")), how)
    if inside:
        return w.node("Mul", x, w.node("Mul", s, w.weight(6, shift=1.0)))
    y = divided(w, x, s, how)
    return w.node("Mul", w.weight(6, shift=1.0), y) if gamma else y


RMS_NORMS = {
    "torch": rms_norm,
    "division": lambda w, x: rms_norm(w, x, "sqrt"),
    "to the power of -1/2": lambda w, x: rms_norm(w, x, "pow"),
    "scale inside": lambda w, x: rms_norm(w, x, inside=True),
    "no scale": lambda w, x: rms_norm(w, x, gamma=False),
}


@pytest.mark.parametrize("name", LAYER_NORMS)
def test_a_layer_norm_is_one_however_it_is_written(name: str) -> None:
    proto = written(LAYER_NORMS[name])
    merged = unchanged(proto, data())
    assert operators(merged) == ["LayerNormalization", "Identity"]
    explained_alike(proto, data())


@pytest.mark.parametrize("name", RMS_NORMS)
def test_an_rms_norm_is_one_however_it_is_written(name: str) -> None:
    proto = written(RMS_NORMS[name])
    merged = unchanged(proto, data())
    assert operators(merged) == ["RMSNormalization", "Identity"] and isinstance(merged.nodes[0].layer, RMSNormalization)
    explained_alike(proto, data())


def test_axes_may_be_an_input() -> None:
    proto = written(lambda w, x: affine(w, layer_norm(w, x, means="input")), opset=18)
    assert operators(unchanged(proto, data()))[0] == "LayerNormalization"


@pytest.mark.parametrize("axis", [2, -1])
def test_axes_may_count_from_either_end(axis: int) -> None:
    def spelling(w: Writer, x: str) -> str:
        a = w.node("Sub", x, mean(w, x, axis=axis))
        return affine(w, w.node("Div", a, scale(w, mean(w, square(w, a), axis=axis))))

    merged = unchanged(written(spelling), data())
    assert isinstance(merged.nodes[0].layer, LayerNormalization)


def test_channels_may_stand_first() -> None:
    """As in ConvNeXt: the mean over axis 1, γ and β along it."""

    def spelling(w: Writer, x: str) -> str:
        a = w.node("Sub", x, mean(w, x, axis=1))
        y = w.node("Div", a, scale(w, mean(w, square(w, a), axis=1)))
        return w.node("Add", w.node("Mul", y, w.weight(5, 1, shift=1.0)), w.weight(5, 1))

    merged = unchanged(written(spelling), data())
    assert operators(merged)[0] == "LayerNormalization" and isinstance(merged.nodes[0].layer, OverAxes)
    assert len([n for n in merged.nodes if n.op != "Identity"]) == 1
    explained_alike(written(spelling), data())


def test_several_axes_are_one_normalization() -> None:
    def spelling(w: Writer, x: str) -> str:
        a = w.node("Sub", x, w.node("ReduceMean", x, axes=[1, 2]))
        return w.node("Div", a, scale(w, w.node("ReduceMean", square(w, a), axes=[-1, -2])))

    merged = unchanged(written(spelling), data())
    assert operators(merged)[0] == "LayerNormalization"


def test_axes_that_were_squeezed_come_back_by_computed_shapes() -> None:
    """jax2tf writes a Reshape and an Expand to a shape that is computed from the input's."""

    def spelling(w: Writer, x: str) -> str:
        first = w.node("Slice", w.node("Shape", x), w.constant([0]), w.constant([1]))
        shape = w.node("Concat", first, w.constant([1, 6]), axis=0)

        def back(v: str) -> str:
            return w.node("Expand", w.node("Reshape", v, shape), shape)

        def total(v: str) -> str:
            return w.node("Mul", w.node("ReduceSum", v, w.constant([1]), keepdims=0), w.constant(np.float32(0.2)))

        mu = total(x)
        q = w.node("Max", w.constant(0.0), w.node("Sub", total(square(w, x, "mul")), square(w, mu, "mul")))
        m = w.node("Mul", scale(w, back(q), "reciprocal"), w.weight(1, 5, 1, shift=1.0))
        return w.node("Add", w.node("Mul", w.node("Sub", x, back(mu)), m), w.weight(1, 5, 1))

    raw, merged = graphs(written(spelling))
    assert "LayerNormalization" in operators(merged) and "ReduceSum" not in operators(merged)
    # 1/5 is rounded to single precision in the file
    ours, theirs = computed(merged, data())["y"], computed(raw, data())["y"]
    assert float((ours - theirs).abs().max()) < 1e-6


@pytest.mark.parametrize("value", ["mean", "difference", "variance", "root"])
def test_a_normalization_whose_inner_value_is_an_output_stays_in_parts(value: str) -> None:
    def spelling(w: Writer, x: str) -> str:
        mu = w.node("ReduceMean", x, axes=[-1], to="mean")
        a = w.node("Sub", x, mu, to="difference")
        q = w.node("ReduceMean", square(w, a), axes=[-1], to="variance")
        return w.node("Div", a, w.node("Sqrt", w.node("Add", q, w.constant(EPSILON)), to="root"))

    merged = unchanged(written(spelling, inner=value), data())
    assert value in merged.values and "LayerNormalization" not in operators(merged)
    kept = unchanged(written(spelling), data(), keep=(value,))
    assert value in kept.values and "LayerNormalization" not in operators(kept)


def test_a_value_asked_for_between_scale_and_bias_leaves_the_core_merged() -> None:
    def spelling(w: Writer, x: str) -> str:
        y = w.node("Mul", layer_norm(w, x), w.weight(6), to="scaled")
        return w.node("Add", y, w.weight(6))

    merged = unchanged(written(spelling), data(), keep=("scaled",))
    assert operators(merged)[:2] == ["LayerNormalization", "Add"] and "scaled" in merged.values


def read_elsewhere(w: Writer, x: str) -> str:
    a = w.node("Sub", x, mean(w, x))
    y = w.node("Div", a, scale(w, mean(w, square(w, a))))
    return w.node("Add", y, w.node("Tanh", a))


def other_axes(w: Writer, x: str) -> str:
    a = w.node("Sub", x, mean(w, x, axis=-1))
    return w.node("Div", a, scale(w, mean(w, square(w, a), axis=1)))


def other_value(w: Writer, x: str) -> str:
    a = w.node("Sub", x, mean(w, w.node("Tanh", x)))
    return w.node("Div", a, scale(w, mean(w, square(w, a))))


def deviation_plus_epsilon(w: Writer, x: str) -> str:
    a = w.node("Sub", x, mean(w, x))
    return w.node("Div", a, w.node("Add", w.node("Sqrt", mean(w, square(w, a))), w.constant(EPSILON)))


def unbiased(w: Writer, x: str) -> str:
    a = w.node("Sub", x, mean(w, x))
    q = w.node("Div", w.node("ReduceSum", square(w, a), w.constant([-1])), w.constant(5.0))
    return w.node("Div", a, scale(w, q))


def cubed(w: Writer, x: str) -> str:
    a = w.node("Sub", x, mean(w, x))
    return w.node("Div", a, w.node("Sqrt", w.node("Abs", w.node("Add", mean(w, w.node("Pow", a, w.constant(3.0))), w.constant(EPSILON)))))


def epsilon_per_feature(w: Writer, x: str) -> str:
    a = w.node("Sub", x, mean(w, x))
    q = w.node("Add", mean(w, square(w, a)), w.constant(np.linspace(0.1, 1, 6)))
    return w.node("Div", a, w.node("Sqrt", q))


@pytest.mark.parametrize(
    "spelling", [read_elsewhere, other_axes, other_value, deviation_plus_epsilon, unbiased, cubed, epsilon_per_feature], ids=lambda s: s.__name__
)
def test_what_only_resembles_a_layer_norm_stays_as_it_is(spelling: Spelling) -> None:
    merged = unchanged(written(spelling), data())
    assert "LayerNormalization" not in operators(merged)
