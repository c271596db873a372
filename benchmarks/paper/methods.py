"""The paper's methods, as `Ask`s: ten steps or draws, a normal baseline, few references."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from ..ask import Ask

#: the paper's name → our method and its numbers
METHODS: dict[str, tuple[str, dict[str, Any]]] = {
    "Gradient": ("gradient", {}),
    "Gradient x Input": ("gradient_input", {}),
    "IntegratedGradient": ("ig", {"n": 10, "steps": "riemann_right"}),
    "LRP simple": ("epsilon", {"epsilon": 1e-6}),
    "LRP epsilon": ("epsilon", {"epsilon": 0.01}),
    "LRP alpha-beta": ("alpha_beta", {}),
    "DeepLift rescale": ("deeplift", {}),
    "DeepLift reveal-cancel": ("reveal_cancel", {}),
    "ExpectedGradient": ("expected", {"n": 10}),
    "DeepSHAP": ("deepshap", {}),
}
#: those that start from a baseline; the first reference is it
FROM_BASELINE = ("ig", "deeplift", "reveal_cancel")


def ask_for(name: str, x: Tensor, references: Tensor, outputs: int, **numbers: Any) -> Ask:
    method, own = METHODS[name]
    given = {"baseline": references[:1]} if method in FROM_BASELINE else {}
    rows = max(len(x), min(512, len(x) * len(references)))
    return Ask(method, x, tuple(range(outputs)), rows=rows, references=references, **{**given, **own, **numbers})
