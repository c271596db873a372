"""innsight 0.3.2 (R): every layer's rule by its class, the stabiliser of the precision, the seed less ½."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from torch import Tensor

from ..errors import RuleError
from ..layers.kinds import Affine
from ..rules.base import Rule
from ..rules.composites import Composite, Row
from ..rules.gradient import Adjoint
from ..rules.innsight import (
    AsAverage,
    Crop,
    EveryWinner,
    FirstOfWindow,
    Float32Mean,
    LiteralAlphaBeta,
    LiteralEpsilon,
    Margined,
)
from ..rules.innsight_deeplift import LiteralRescale, LiteralRevealCancel, MeanRescale
from ..rules.lrp import Pass, SplitEqually
from ..rules.pooling import ShareEvenly, WinnerTakesAll
from .preset import Preset, SeedOf

if TYPE_CHECKING:
    from ..graph.graph import Node

#: what a layer's fused activation may be there, and what else ends nets today
LAST = frozenset(
    [
        "Softmax",
        "LogSoftmax",
        "Sigmoid",
        "ArgMax",
        "Relu",
        "LeakyRelu",
        "Tanh",
        "Softplus",
        "Elu",
        "Selu",
        "Gelu",
        "HardSigmoid",
        "HardSwish",
        "Mish",
        "PRelu",
    ]
)
PROBABILITIES = ("Softmax", "Sigmoid")
EPSILON, ALPHA = 0.001, 0.5  # what runs; its documentation says 0.01
RULE_NAMES = ("simple", "epsilon", "alpha_beta")


class OutputLessHalf(SeedOf):
    """The output; less ½ where it is a probability (softmax, sigmoid)."""

    def __call__(self, y: Tensor, op: str) -> Tensor:
        return y - 0.5 if op in PROBABILITIES else y

    def __repr__(self) -> str:
        return "output - 0.5 of probabilities"


def layer_class(node: Node) -> str | None:
    """What innsight calls a layer in its lists of rules; None where no rule can be chosen."""
    layer: Any = node.layer
    if isinstance(layer, Affine) and layer.family == "dense":
        return "Dense_Layer"
    if isinstance(layer, Affine) and layer.family == "batch_norm":
        return "BatchNorm_Layer"
    if isinstance(layer, Affine) and layer.family == "convolution":
        return f"Conv{layer.w.dim() - 2}D_Layer"
    if node.op in ("AveragePool", "MaxPool"):
        rank = layer.window.rank - getattr(layer, "lifted", False)  # a series' windows may be kept as an image's
        return f"{'Avg' if node.op == 'AveragePool' else 'Max'}Pool{rank}D_Layer"
    return None


LAYER_CLASSES = (
    "Dense_Layer",
    "Conv1D_Layer",
    "Conv2D_Layer",
    "BatchNorm_Layer",
    "AvgPool1D_Layer",
    "AvgPool2D_Layer",
    "MaxPool1D_Layer",
    "MaxPool2D_Layer",
)


def of_class(name: str) -> Callable[[Node], bool]:
    def holds(node: Node) -> bool:
        return layer_class(node) == name

    return holds


def with_margins(node: Node) -> bool:
    return isinstance(node.layer, Margined)


#: what no rule name changes: margins are cropped, everything else that only moves values is exact
MOVING: tuple[Row, ...] = ((with_margins, Crop()), ("Routing", Adjoint()))
AVERAGE: tuple[Row, ...] = (("AveragePool", Float32Mean(Adjoint())),)
GLOBAL_MAX: tuple[Row, ...] = (("GlobalMaxPool", EveryWinner()), ("ReduceMax", EveryWinner()))


def lrp_rules(
    rule_name: str | Mapping[str, str] = "simple", rule_param: Any = None, winner_takes_all: bool = True
) -> Composite:
    """The composite of innsight's `rule_name` and `rule_param`: one for all, or dicts by layer class; each falls back
    on its own ("simple"; ε = 0.001, α = 0.5)."""
    rows: list[Row] = []
    for name in LAYER_CLASSES:
        chosen = rule_name if isinstance(rule_name, str) else rule_name.get(name, "simple")
        number = rule_param.get(name) if isinstance(rule_param, Mapping) else rule_param
        rule = _rule(name, chosen, number)
        if name.startswith("MaxPool"):
            rule = WinnerTakesAll() if winner_takes_all else AsAverage(rule)
        elif name.startswith("AvgPool"):
            rule = Float32Mean(rule)
        rows.append((of_class(name), rule))
    rest: tuple[Row, ...] = (
        ("average", Adjoint()),  # global average pooling is uniform whatever the rule
        ("scale", Pass()),
        ("Affine", LiteralEpsilon()),
        ("Additive", SplitEqually()),
        *MOVING,
        *GLOBAL_MAX,
        ("Pooling", WinnerTakesAll()),
        ("Elementwise", Pass()),
        ("Softmax", Pass()),
    )
    return Composite((*rows, *rest), written=f"innsight(rule_name={rule_name!r}, rule_param={rule_param!r})")


def _rule(layer: str, name: str, number: Any) -> Rule:
    norm = layer == "BatchNorm_Layer"
    match name:
        case "simple":
            return LiteralEpsilon(0.0 if norm else None)
        case "epsilon":
            epsilon = EPSILON if number is None else float(number)
            # a float32 tensor there, whatever the precision
            return LiteralEpsilon(float(np.float32(epsilon)) if norm else epsilon)
        case "alpha_beta":
            return LiteralAlphaBeta(ALPHA if number is None else float(number), 0.0 if norm else None)
        case "pass" if norm:
            return Pass()
    passing = ", pass" if norm else "; pass is for BatchNorm_Layer"
    raise RuleError(f"{layer} has no rule {name!r}: it has {', '.join(RULE_NAMES)}{passing}")


def checked(value: Any, what: str) -> None:
    """Raises `RuleError` for layer classes that do not exist."""
    unknown = [k for k in value if k not in LAYER_CLASSES] if isinstance(value, Mapping) else []
    if unknown:
        raise RuleError(f"{what} names {unknown}; the layer classes are {', '.join(LAYER_CLASSES)}")


def _lrp(method: Any) -> Composite:
    """`composite`: None, a rule name, or a composite as it is."""
    spec = method.composite
    if isinstance(spec, Composite):
        return spec
    if spec is None or (isinstance(spec, str) and spec in RULE_NAMES):
        return lrp_rules(spec or "simple", None, method.winner_takes_all)
    if isinstance(spec, Mapping) and all(isinstance(v, str) for v in spec.values()):
        checked(spec, "composite")
        return lrp_rules(spec, None, method.winner_takes_all)
    raise RuleError(
        f"LRP(convention='innsight') takes one of {', '.join(RULE_NAMES)}, or {{layer class: one of them}}, got "
        f"{spec!r}; numbers are given with onnxplain.innsight.run_lrp(rule_param=...)"
    )


def _deep_lift(method: Any) -> Composite:
    reveal = method.rule == "reveal_cancel"
    linear: Rule = LiteralRevealCancel() if reveal else Adjoint()
    return Composite(
        (
            ("dense", linear),
            ("convolution", linear),
            *AVERAGE,
            ("Affine", Adjoint()),
            ("Additive", Adjoint()),
            *MOVING,
            *GLOBAL_MAX,
            ("Pooling", WinnerTakesAll() if method.winner_takes_all else MeanRescale()),
            ("Elementwise", LiteralRescale(deferred=reveal)),
            ("Softmax", LiteralRescale(deferred=reveal)),
        ),
        written=f"innsight({method.rule!r})",
    )


def _connection_weights(method: Any) -> Composite:
    return Composite(
        (
            *AVERAGE,
            ("Affine", Adjoint()),
            ("Additive", SplitEqually()),
            *MOVING,
            ("GlobalMaxPool", ShareEvenly()),  # it uses the winners of whatever ran before: nothing to compare with
            ("Pooling", FirstOfWindow()),
            ("Elementwise", Pass()),
            ("Softmax", Pass()),
        ),
        written="innsight",
    )


GRADIENT = Preset(last=LAST, merged=False)
SMOOTHGRAD = Preset({"spread": "batch"}, last=LAST, merged=False)
INTEGRATED = Preset({"quadrature": "innsight_riemann_right"}, last=LAST, merged=False)
DEEP_LIFT = Preset(rules=_deep_lift, last=LAST, merged=False)
LRP = Preset({"seed": OutputLessHalf()}, rules=_lrp, last=LAST, merged=False)
CONNECTION_WEIGHTS = Preset(rules=_connection_weights, last=LAST, merged=False)
