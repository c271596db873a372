"""DeepLIFT as captum 0.9.0, shap 0.51 (torch), the original deeplift 0.6.13 and tangermeme 1.6.0 compute it: rescale
only, and of tangermeme, whose rules are exact as ours are, another split of softmax."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..errors import RuleError
from ..rules.base import Rule
from ..rules.composites import Composite, Row
from ..rules.deeplift import Rescale
from ..rules.gradient import Adjoint
from ..rules.hooked import GradientAt, Secant, Unpooled
from .lrp import NOTHING
from .preset import Preset

LINEAR: tuple[Row, ...] = (("Affine", Adjoint()), ("Additive", Adjoint()), ("Routing", Adjoint()))
#: activations that have a module with a rule
CAPTUM_MODULES = ("Relu", "Elu", "LeakyRelu", "Sigmoid", "Tanh", "Softplus")
SHAP_MODULES = (*CAPTUM_MODULES, "Gelu", "Selu", "PRelu")


def only_rescale(title: str, rows: tuple[Row, ...]) -> Callable[[Any], Composite]:
    def rules(method: Any) -> Composite:
        if method.rule != "rescale":
            raise RuleError(f"{title} has no rule {method.rule!r} here: it has 'rescale'")
        return Composite((*LINEAR, *rows), written=f"{title}'s rescale")

    return rules


def _modules(names: tuple[str, ...], rule: Rule) -> tuple[Row, ...]:
    return tuple((name, rule) for name in names)


CAPTUM_ROWS: tuple[Row, ...] = (
    *_modules(CAPTUM_MODULES, Secant(1e-10)),
    ("Softmax", Secant(1e-10, centred=True)),
    ("MaxPool", Unpooled(1e-10, "first sample's gradient", CAPTUM_MODULES)),
    ("Elementwise", GradientAt()),
    ("Pooling", GradientAt()),
    ("Product", GradientAt()),
    ("Normalization", GradientAt()),
)
SHAP_ROWS: tuple[Row, ...] = (
    *_modules(SHAP_MODULES, Secant(1e-6, at="baseline")),
    ("Softmax", Secant(1e-6, at="baseline")),
    ("MaxPool", Unpooled(1e-7)),
    ("Elementwise", GradientAt("baseline")),
    ("Pooling", GradientAt("baseline")),
    ("Product", GradientAt("baseline")),
    ("Normalization", GradientAt("baseline")),
)
DEEPLIFT_ROWS: tuple[Row, ...] = (
    ("Elementwise", Secant(1e-7, at="baseline")),
    ("Softmax", Secant(1e-7, at="baseline")),
    ("Pooling", GradientAt()),
    ("Product", Rescale()),
)

CAPTUM = Preset(rules=only_rescale("captum", CAPTUM_ROWS), last=NOTHING)
SHAP = Preset(rules=only_rescale("shap", SHAP_ROWS), last=NOTHING)
TANGERMEME = Preset({"softmax": "by_parts"}, last=NOTHING)
DEEPLIFT = Preset(rules=only_rescale("deeplift", DEEPLIFT_ROWS))
