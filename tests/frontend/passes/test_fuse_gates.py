"""Gelu, Swish, HardSwish, HardSigmoid and Mish in the ways exporters and people write them."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from onnxplain.layers.elementwise.gated import Gelu, Swish, TanhGelu
from onnxplain.layers.elementwise.piecewise import HardSwish

from ...engine.build import Writer
from .harness import Spelling, data, explained_alike, graphs, operators, unchanged, written


def erf_gelu(w: Writer, x: str, root: float = math.sqrt(2), divide: bool = True, inside: bool = False, first: bool = True) -> str:
    argument = w.node("Div", x, w.constant(root)) if divide else w.node("Mul", x, w.constant(1 / root))
    s = w.node("Add", w.node("Erf", argument), w.constant(1.0))
    if inside:
        return w.node("Mul", x, w.node("Mul", w.constant(0.5), s))
    return w.node("Mul", w.node("Mul", x, s), w.constant(0.5)) if first else w.node("Mul", w.node("Mul", w.constant(0.5), x), s)


def erfc_gelu(w: Writer, x: str) -> str:
    c = w.node("Erfc", w.node("Mul", w.node("Neg", x), w.constant(math.sqrt(0.5))))
    return w.node("Mul", w.node("Mul", w.constant(0.5), x), c)


def tanh_gelu(w: Writer, x: str, cube: str = "pow", gamma: float = 0.044715) -> str:
    c, g = w.constant(math.sqrt(2 / math.pi)), w.constant(gamma)
    if cube == "factored":  # √(2/π) x (1 + 0.044715 x²)
        u = w.node("Mul", w.node("Mul", c, x), w.node("Add", w.constant(1.0), w.node("Mul", g, w.node("Mul", x, x))))
    else:
        third = {
            "pow": lambda: w.node("Mul", g, w.node("Pow", x, w.constant(3.0))),
            "x * x * x": lambda: w.node("Mul", w.node("Mul", w.node("Mul", x, x), x), g),
            "x * (x * (c * x))": lambda: w.node("Mul", x, w.node("Mul", x, w.node("Mul", g, x))),
        }[cube]()
        u = w.node("Mul", c, w.node("Add", x, third))
    s = w.node("Add", w.constant(1.0), w.node("Tanh", u))
    return w.node("Mul", w.node("Mul", w.constant(0.5), x), s)


def silu(w: Writer, x: str, alpha: float | None = None) -> str:
    return w.node("Mul", x, w.node("Sigmoid", x if alpha is None else w.node("Mul", w.constant(alpha), x)))


def sigmoid(w: Writer, x: str, how: str = "div") -> str:
    turned = w.node("Mul", x, w.constant(-1.0)) if how == "mul" else w.node("Neg", x)
    below = w.node("Add", w.constant(1.0), w.node("Exp", turned))
    if how == "div":
        return w.node("Div", w.constant(1.0), below)
    return w.node("Reciprocal", below) if how == "mul" else w.node("Pow", below, w.constant(-1.0))


def hard_swish(w: Writer, x: str, divide: bool = True) -> str:
    s = w.node("Clip", w.node("Add", x, w.constant(3.0)), w.constant(0.0), w.constant(6.0))
    return w.node("Div", w.node("Mul", x, s), w.constant(6.0)) if divide else w.node("Mul", x, w.node("Mul", s, w.constant(1 / 6)))


def hard_sigmoid(w: Writer, x: str, slope: float = 1 / 6, divide: bool = True, top: float = 1.0) -> str:
    """clip(x + ½/slope, 0, 1/slope) · slope, or with the slope inside."""
    if divide:
        s = w.node("Clip", w.node("Add", x, w.constant(0.5 / slope)), w.constant(0.0), w.constant(top / slope))
        return w.node("Mul", s, w.constant(slope))
    return w.node("Clip", w.node("Add", w.node("Mul", x, w.constant(slope)), w.constant(0.5)), w.constant(0.0), w.constant(top))


def mish(w: Writer, x: str, operator: bool = True) -> str:
    u = w.node("Softplus", x) if operator else w.node("Log", w.node("Add", w.node("Exp", x), w.constant(1.0)))
    return w.node("Mul", x, w.node("Tanh", u))


SPELLINGS: dict[str, tuple[str, Spelling]] = {
    "gelu": ("Gelu", erf_gelu),
    "gelu, times root half": ("Gelu", lambda w, x: erf_gelu(w, x, divide=False)),
    "gelu, half inside": ("Gelu", lambda w, x: erf_gelu(w, x, inside=True)),
    "gelu, half first": ("Gelu", lambda w, x: erf_gelu(w, x, first=False)),
    "gelu, 1.4142": ("Gelu", lambda w, x: erf_gelu(w, x, root=1.4142)),
    "gelu by erfc": ("Gelu", erfc_gelu),
    "tanh gelu": ("Gelu", tanh_gelu),
    "tanh gelu, x * x * x": ("Gelu", lambda w, x: tanh_gelu(w, x, "x * x * x")),
    "tanh gelu, x * (x * (c * x))": ("Gelu", lambda w, x: tanh_gelu(w, x, "x * (x * (c * x))")),
    "tanh gelu, factored": ("Gelu", lambda w, x: tanh_gelu(w, x, "factored")),
    "sigmoid": ("Sigmoid", sigmoid),
    "sigmoid, by a reciprocal": ("Sigmoid", lambda w, x: sigmoid(w, x, "mul")),
    "sigmoid, by a power": ("Sigmoid", lambda w, x: sigmoid(w, x, "pow")),
    "silu by its sigmoid's parts": ("Swish", lambda w, x: w.node("Mul", x, sigmoid(w, x))),
    "silu": ("Swish", silu),
    "silu, times one": ("Swish", lambda w, x: silu(w, x, 1.0)),
    "quick gelu": ("Swish", lambda w, x: silu(w, x, 1.702)),
    "hard swish": ("HardSwish", hard_swish),
    "hard swish, times a sixth": ("HardSwish", lambda w, x: hard_swish(w, x, divide=False)),
    "hard swish by hard sigmoid": ("HardSwish", lambda w, x: w.node("Mul", x, w.node("HardSigmoid", x, alpha=1 / 6))),
    "hard sigmoid": ("HardSigmoid", hard_sigmoid),
    "hard sigmoid, a fifth": ("HardSigmoid", lambda w, x: hard_sigmoid(w, x, 0.2, divide=False)),
    "mish": ("Mish", mish),
    "mish by log and exp": ("Mish", lambda w, x: mish(w, x, operator=False)),
}


@pytest.mark.parametrize("name", SPELLINGS)
def test_an_activation_is_one_however_it_is_written(name: str) -> None:
    op, spelling = SPELLINGS[name]
    proto = written(spelling)
    assert operators(unchanged(proto, data())) == [op, "Identity"]
    explained_alike(proto, data())


def test_constants_are_those_of_the_operator_at_the_precision_of_the_model() -> None:
    """√½ in single precision is √½ to a model in single precision, and a number near it to one in double."""
    from onnxplain.frontend.build import build
    from onnxplain.frontend.passes import simplify
    from onnxplain.frontend.read import read

    for dtype, exact in ((torch.float32, True), (torch.float64, False)):
        layers = [simplify(build(read(written(f)), dtype=dtype).graph).nodes[0].layer for f in (erf_gelu, tanh_gelu)]
        assert isinstance(layers[0], Gelu) and isinstance(layers[1], TanhGelu)
        assert (layers[0].kappa == 1, layers[1].plain) == (exact, exact)
        assert abs(layers[0].kappa - 1) < 1e-7


@pytest.mark.parametrize("numbers", [{"top": 0.9}, {"slope": 0.3}, {"slope": 0.3, "divide": False}])
def test_a_clipped_line_that_is_no_hard_sigmoid_stays_one(numbers: dict[str, float]) -> None:
    assert "Clip" in operators(unchanged(written(lambda w, x: hard_sigmoid(w, x, **numbers)), data()))


@pytest.mark.parametrize("kappa", [1.0, 0.99])
def test_gelus_with_other_constants_keep_their_derivative_and_slope(kappa: float) -> None:
    x = torch.linspace(-6.01, 5.9, 101, dtype=torch.float64, requires_grad=True)  # off the corners
    x0 = x.detach().flip(0) / 3 + 0.1
    plain = HardSwish(kappa / 6, 0.5, 1.01)
    for layer in (Gelu(kappa), TanhGelu(0.8 * kappa, 0.05), TanhGelu(), plain, Swish(kappa)):
        y, y0 = layer.forward(x), layer.forward(x0)
        (gradient,) = torch.autograd.grad(y.sum(), x)
        torch.testing.assert_close(layer.derivative(x.detach(), y.detach()), gradient, rtol=1e-10, atol=1e-12)
        slope = layer.slope(x.detach(), x0, y.detach(), y0)
        torch.testing.assert_close(slope * (x.detach() - x0), y.detach() - y0, rtol=1e-9, atol=1e-12)


def two_inputs_gated(w: Writer, x: str) -> str:
    """A gated MLP's product: the gate belongs to one half, the signal is the other."""
    a, b = w.node("Split", x, axis=-1, to=["a", "b"])
    y = w.node("Mul", w.node("Mul", a, w.node("Sigmoid", a)), b)
    return w.node("Concat", y, y, axis=-1)


def test_the_gate_of_a_gated_mlp_is_merged_and_its_product_stays() -> None:
    merged = unchanged(written(two_inputs_gated), data())
    assert operators(merged)[:3] == ["Split", "Swish", "Mul"]


@pytest.mark.parametrize("value", ["argument", "gate", "product"])
def test_an_activation_whose_inner_value_is_an_output_stays_in_parts(value: str) -> None:
    def spelling(w: Writer, x: str) -> str:
        u = w.node("Div", x, w.constant(math.sqrt(2)), to="argument")
        s = w.node("Add", w.node("Erf", u), w.constant(1.0), to="gate")
        return w.node("Mul", w.node("Mul", x, s, to="product"), w.constant(0.5))

    assert "Gelu" not in operators(unchanged(written(spelling, inner=value), data()))
    assert "Gelu" not in operators(unchanged(written(spelling), data(), keep=(value,)))


def read_elsewhere(w: Writer, x: str) -> str:
    s = w.node("Sigmoid", x)
    return w.node("Add", w.node("Mul", x, s), s)


def other_argument(w: Writer, x: str) -> str:
    return w.node("Mul", x, w.node("Sigmoid", w.node("Tanh", x)))


def gate_with_offset(w: Writer, x: str) -> str:
    return w.node("Mul", x, w.node("Sigmoid", w.node("Add", x, w.constant(0.5))))


def scaled_silu(w: Writer, x: str) -> str:
    return w.node("Mul", silu(w, x), w.constant(1.1))


def other_half(w: Writer, x: str) -> str:
    return w.node("Mul", w.node("Mul", x, w.node("Add", w.node("Erf", w.node("Div", x, w.constant(1.4142))), w.constant(1.0))), w.constant(0.6))


def per_feature(w: Writer, x: str) -> str:
    return w.node("Mul", x, w.node("Sigmoid", w.node("Mul", x, w.constant(np.linspace(0.5, 1, 6)))))


#: what only resembles them, and what may be merged in it
RESEMBLING: dict[str, tuple[Spelling, set[str]]] = {
    "a gate read elsewhere": (read_elsewhere, set()),
    "another argument": (other_argument, set()),
    "an offset inside": (gate_with_offset, set()),
    "a scale behind": (scaled_silu, {"Swish"}),
    "not a half": (other_half, set()),
    "root two is 1.5": (lambda w, x: erf_gelu(w, x, root=1.5), set()),
    "another cubic": (lambda w, x: tanh_gelu(w, x, gamma=0.1), set()),
    "a number per feature": (per_feature, set()),
    "tanh alone": (lambda w, x: w.node("Mul", x, w.node("Tanh", x)), set()),
}


@pytest.mark.parametrize("name", RESEMBLING)
def test_what_only_resembles_an_activation_stays_as_it_is(name: str) -> None:
    spelling, allowed = RESEMBLING[name]
    merged = unchanged(written(spelling), data())
    assert {"Gelu", "Swish", "Mish", "HardSwish"} & set(operators(merged)) == allowed


def test_merging_is_finished_when_nothing_changes() -> None:
    from onnxplain.frontend.passes import simplify

    _, merged = graphs(written(erf_gelu))
    assert simplify(merged) is merged


def test_a_sigmoid_by_its_parts_does_not_overflow() -> None:
    import onnxplain as ox

    model = ox.load(written(sigmoid), verify="never")
    x = np.array([-200.0, -90.0, 0.0, 200.0], np.float32).repeat(30)[:30].reshape(1, 5, 6)
    e = ox.explain(model, x, ox.DeepLift(baseline=1.0, ignore_last_activation=False), target="all")
    assert np.isfinite(e.values).all() and np.allclose(e.sums["y"], e.goals["y"], atol=1e-6)


def test_one_over_one_plus_another_exponential_stays() -> None:
    def other(w: Writer, x: str) -> str:
        return w.node("Div", w.constant(1.0), w.node("Add", w.constant(2.0), w.node("Exp", w.node("Neg", x))))

    assert "Sigmoid" not in operators(unchanged(written(other), data()))
