"""The equations of one step: states before → states after. Products with a gate are marked as such, for rules to see."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from .direction import Direction


@dataclass(frozen=True)
class Cell:
    """`gates`: blocks of H rows in W and R; `functions`: the usual activations; `states`: inputs with what is carried
    at first; `write`: (direction, states before) → states after, inside the step."""

    gates: int
    functions: tuple[str, ...]
    states: tuple[int, ...]
    write: Callable[..., tuple[str, ...]]


def _rnn(d: Direction, h: str) -> tuple[str, ...]:
    """h′ = f(x Wᵀ + h Rᵀ + b)."""
    z = d.plus(d.projected(d.own(1), d.sum_of_biases()), d.product(h, d.own(2), at="state"), at="sum")
    return (d.active(0, z, at="hidden"),)


def _lstm(d: Direction, h: str, c: str) -> tuple[str, ...]:
    """c′ = f ⊙ c + i ⊙ g(z_c), h′ = o ⊙ h(c′); z = x Wᵀ + h Rᵀ + b, in the order i, o, f, c.

    Gates: i, o, f = σ(z + p ⊙ c), of which o sees c′; f = 1 − i where they are coupled. Only what enters a gate and g
    is clipped, as in onnxruntime.
    """
    z = d.plus(d.projected(d.own(1), d.sum_of_biases()), d.product(h, d.own(2), at="state"), at="sum")
    coupled, peepholes = d.b.attr("input_forget", 0), d.own(7)
    if peepholes:
        p_i, p_o, p_f = d.rows(peepholes, 1, 1, 1)
        z_i, z_o, z_f, z_c = d.columns(z, 1, 1, 1, 1, at="parts")
        i = d.active(0, _seen(d, z_i, p_i, c, "input"), at="input gate")
        f = d.rest(i, at="forget gate") if coupled else d.active(0, _seen(d, z_f, p_f, c, "forget"), at="forget gate")
    else:
        z_iof, z_c = d.columns(z, 3, 1, at="parts")
        i, o, f = d.columns(d.active(0, z_iof, at="gates"), 1, 1, 1, at="gate")
        f = d.rest(i, at="forget gate") if coupled else f
    candidate = d.active(1, z_c, at="candidate")
    after = d.plus(d.gate(f, c, at="kept"), d.gate(i, candidate, at="written"), at="cell")
    if peepholes:
        o = d.active(0, _seen(d, z_o, p_o, after, "output"), at="output gate")
    return d.gate(o, d.active(2, after, at="shown", clip=False), at="hidden"), after


def _seen(d: Direction, z: str, p: str, c: str, at: str) -> str:
    return d.plus(z, d.step("Mul", c, p, at=f"{at} peephole"), at=f"{at} sum")


def _gru(d: Direction, h: str) -> tuple[str, ...]:
    """h′ = (1 − z) ⊙ n + z ⊙ h, n = g(x Whᵀ + (r ⊙ h) Rhᵀ + b), or r ⊙ (h Rhᵀ + Rbh) where the reset comes last.

    Gates: z, r = f(x Wᵀ + h Rᵀ + b). 1 − z is a gate, too.
    """
    last = bool(d.b.attr("linear_before_reset", 0))
    w, w_n = d.rows(d.own(1), 2, 1)
    r, r_n = d.rows(d.own(2), 2, 1)
    bias, bias_n, inner = _biases(d, last) if d.b.input(3) else ("", "", "")
    x, x_n = d.projected(w, bias), d.projected(w_n, bias_n)
    both = d.active(0, d.plus(x, d.product(h, r, at="state"), at="sum"), at="gates")
    z, reset = d.columns(both, 1, 1, at="gate")
    if last:
        seen = d.product(h, r_n, at="state of candidate")
        seen = d.plus(seen, inner, at="state of candidate with bias") if inner else seen
        seen = d.gate(reset, seen, at="reset")
    else:
        seen = d.product(d.gate(reset, h, at="reset"), r_n, at="state of candidate")
    n = d.active(1, d.plus(x_n, seen, at="sum of candidate"), at="candidate")
    written, kept = d.gate(d.rest(z, at="rest"), n, at="written"), d.gate(z, h, at="kept")
    return (d.plus(written, kept, at="hidden"),)


def _biases(d: Direction, last: bool) -> tuple[str, str, str]:
    """(of the gates, of the candidate, of the candidate's product with the state)."""
    bias, bias_n = d.rows(d.sum_of_biases(), 2, 1)
    if not last:
        return bias, bias_n, ""
    _, outer, _, inner = d.rows(d.own(3), 2, 1, 2, 1)  # Wb of z and r, of n; Rb of z and r, of n
    return bias, outer, inner


RNN = Cell(1, ("Tanh",), (5,), _rnn)
LSTM = Cell(4, ("Sigmoid", "Tanh", "Tanh"), (5, 6), _lstm)
GRU = Cell(3, ("Sigmoid", "Tanh"), (5,), _gru)
