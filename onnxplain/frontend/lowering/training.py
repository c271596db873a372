"""Steps of optimizers as the arithmetic they are: Adagrad, Adam and Momentum of ai.onnx.preview.training."""

from __future__ import annotations

from collections.abc import Callable

from onnx import TensorProto

from .body import Body


def adagrad(b: Body) -> None:
    """h' = h + g², x' = x − r/(1 + t·decay) · g / (√h' + ε)."""
    rate, t = b.input(0), _steps(b)
    slowed = b("Div", rate, b("Add", b("Mul", t, b.number(b.attr("decay_factor", 0.0))), b.number(1.0)))
    for x, g, (h,), (new_x, new_h) in _tensors(b, 1):
        b("Add", h, b("Mul", g, g), result=new_h)
        scale = b("Add", b("Sqrt", new_h), b.number(b.attr("epsilon", 1e-6)))
        b("Sub", x, b("Div", b("Mul", slowed, g), scale), result=new_x)


def adam(b: Body) -> None:
    """v' = αv + (1 − α)g, h' = βh + (1 − β)g², x' = (1 − post) (x − r √(1 − βᵗ)/(1 − αᵗ) · v' / (√h' + ε)).

    At t = 0 the rate is r itself."""
    rate, t, one = b.input(0), _steps(b), b.number(1.0)
    alpha, beta = b.attr("alpha", 0.9), b.attr("beta", 0.999)
    left = [b("Sub", one, b("Pow", b.number(d), t)) for d in (alpha, beta)]
    begun = b("Greater", t, b.number(0.0))
    rate = b("Where", begun, b("Div", b("Mul", rate, b("Sqrt", left[1])), left[0]), rate)
    post = b.attr("norm_coefficient_post", 0.0)
    for x, g, (v, h), (new_x, new_v, new_h) in _tensors(b, 2):
        b("Add", b("Mul", b.number(alpha), v), b("Mul", b.number(1 - alpha), g), result=new_v)
        b("Add", b("Mul", b.number(beta), h), b("Mul", b.number(1 - beta), b("Mul", g, g)), result=new_h)
        scale = b("Add", b("Sqrt", new_h), b.number(b.attr("epsilon", 1e-6)))
        step = b("Div", b("Mul", rate, new_v), scale)
        b("Mul", b("Sub", x, step), b.number(1 - post), result=new_x)


def momentum(b: Body) -> None:
    """v' = αv + βg (at t = 0 g itself), x' = x − r·v', or x − r (g + αv') after Nesterov."""
    rate, t, alpha = b.input(0), _steps(b), b.number(b.attr("alpha"))
    weight = b("Where", b("Greater", t, b.number(0.0)), b.number(b.attr("beta")), b.number(1.0))
    for x, g, (v,), (new_x, new_v) in _tensors(b, 1):
        b("Add", b("Mul", alpha, v), b("Mul", weight, g), result=new_v)
        way = b("Add", g, b("Mul", alpha, new_v)) if b.attr("mode") == b"nesterov" else new_v
        b("Sub", x, b("Mul", rate, way), result=new_x)


def _steps(b: Body) -> str:
    return b("Cast", b.input(1), to=TensorProto.FLOAT)


def _tensors(b: Body, n_states: int) -> list[tuple[str, str, tuple[str, ...], tuple[str, ...]]]:
    """(x, its gradient with the norm's, its states, what they are called afterwards) for each tensor optimised."""
    given = list(b.node.input[2:])
    n = len(given) // (2 + n_states)
    norm = b.number(b.attr("norm_coefficient", 0.0))
    found = []
    for k in range(n):
        x, g, *states = given[k::n]
        made = tuple(b.output(j * n + k) or f"{b.node.name}/{j} of {k}" for j in range(1 + n_states))
        found.append((x, b("Add", b("Mul", norm, x), g, at=f"gradient {k}"), tuple(states), made))
    return found


TRAINING: dict[str, Callable[[Body], None]] = {
    "ai.onnx.preview.training:Adagrad": adagrad,
    "ai.onnx.preview.training:Adam": adam,
    "ai.onnx.preview.training:Momentum": momentum,
}
