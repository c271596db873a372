"""LSTM, GRU and RNN nodes with every attribute, direction and input they may have, as test cases."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..layers.harness import C, Case, normal

STEPS, SAMPLES, FEATURES, UNITS = 5, 3, 4, 2
GATES = {"LSTM": 4, "GRU": 3, "RNN": 1}
FUNCTIONS = {"LSTM": ("Sigmoid", "Tanh", "Tanh"), "GRU": ("Sigmoid", "Tanh"), "RNN": ("Tanh",)}
#: name → α and β where it takes them
ACTIVATIONS: dict[str, tuple[float | None, float | None]] = {
    "Affine": (0.3, 0.2),
    "Elu": (0.7, None),
    "HardSigmoid": (0.3, 0.4),
    "LeakyRelu": (0.1, None),
    "Relu": (None, None),
    "ScaledTanh": (0.7, 0.6),
    "Sigmoid": (None, None),
    "Softplus": (None, None),
    "Softsign": (None, None),
    "Tanh": (None, None),
    "ThresholdedRelu": (0.2, None),
}
LENGTHS = np.array([3, 5, 0], np.int32)


def node(
    op: str,
    note: str = "",
    opset: int = 14,
    bias: bool = True,
    lengths: Any = None,
    start: str | None = None,
    peepholes: bool = False,
    dynamic: bool = False,
    seed: int = 0,
    **attrs: Any,
) -> Case:
    """`start`: initial states, "constant" or "dynamic"; `dynamic`: weights are computed at run time."""
    k, d = GATES[op], 2 if attrs.get("direction") == "bidirectional" else 1
    held: Any = (lambda x: x) if dynamic else C
    own = lambda *shape, s: held(0.6 * normal(*shape, seed=seed + s))
    state = lambda s: (
        None if start is None else (C if start == "constant" else np.asarray)(normal(d, SAMPLES, UNITS, seed=s))
    )
    inputs = [
        normal(STEPS, SAMPLES, FEATURES, seed=seed),
        own(d, k * UNITS, FEATURES, s=1),
        own(d, k * UNITS, UNITS, s=2),
        own(d, 2 * k * UNITS, s=3) if bias else None,
        lengths,
        state(4),
        *([state(5), own(d, 3 * UNITS, s=6) if peepholes else None] if op == "LSTM" else []),
    ]
    while inputs[-1] is None:
        inputs.pop()
    return Case(op, inputs, {"hidden_size": UNITS, **attrs}, opset, 3 if op == "LSTM" else 2, note)


def with_activation(op: str, role: int, name: str) -> Case:
    alpha, beta = ACTIVATIONS[name]
    names = [name if k == role else f for k, f in enumerate(FUNCTIONS[op])]
    numbers = {"activation_alpha": alpha, "activation_beta": beta}
    return node(
        op, f"{name} as function {role}", activations=names, **{k: [v] for k, v in numbers.items() if v is not None}
    )


DIRECTIONS = ("forward", "reverse", "bidirectional")
CASES = [
    *(node(op, direction, direction=direction) for op in GATES for direction in DIRECTIONS),
    *(node(op, f"{d} lengths", direction=d, lengths=LENGTHS, start="dynamic") for op in GATES for d in DIRECTIONS),
    *(node(op, f"{d} lengths old", opset=9, direction=d, lengths=LENGTHS) for op in GATES for d in DIRECTIONS),
    *(node(op, f"start {s} {o}", opset=o, start=s, direction="bidirectional") for op in GATES for s in ("constant", "dynamic") for o in (7, 22)),
    *(node(op, f"weights computed {d}", dynamic=True, direction=d, start="dynamic") for op in GATES for d in DIRECTIONS),
    *(node(op, f"clip {o}", opset=o, clip=0.4, direction="bidirectional") for op in GATES for o in (7, 14)),
    *(node(op, "no bias", bias=False, direction="bidirectional") for op in GATES),
    *(node("LSTM", f"peepholes {d}", peepholes=True, direction=d, clip=0.7) for d in DIRECTIONS),
    node("LSTM", "peepholes computed", peepholes=True, dynamic=True, direction="bidirectional"),
    node("LSTM", "coupled", input_forget=1, direction="bidirectional"),
    node("LSTM", "coupled peepholes", input_forget=1, peepholes=True, lengths=LENGTHS, start="constant"),
    *(node("GRU", f"reset last {d}", linear_before_reset=1, direction=d, lengths=LENGTHS, clip=0.9) for d in DIRECTIONS),
    node("GRU", "reset last no bias", linear_before_reset=1, bias=False),
    node("GRU", "reset last computed", linear_before_reset=1, dynamic=True),
    *(with_activation(op, k, name) for op, usual in FUNCTIONS.items() for k in range(len(usual)) for name in ACTIVATIONS),
    node(
        "LSTM", "activations of two directions", direction="bidirectional",
        activations=["HardSigmoid", "LeakyRelu", "ScaledTanh", "sigmoid", "elu", "softsign"],
        activation_alpha=[0.3, 0.1, 0.8, 0.5], activation_beta=[0.4, 0.6],
    ),
]  # fmt: skip
