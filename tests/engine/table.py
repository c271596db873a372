"""Every method once, in the form a test needs it, and which cases it is defined for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import onnxplain as ox
from onnxplain.methods.base import Method

from .models import CASES

#: of connection weights: models with products, softmax or normalisation have none
WITHOUT_WEIGHTS = {"products", "attention", "embedding", "sequence_first", "setting"}


def references(name: str, n: int = 4) -> dict[str, np.ndarray]:
    return CASES[name].data(n, seed=5)


METHODS: dict[str, Callable[[str], Method]] = {
    "gradient": lambda name: ox.Gradient(),
    "gradient_input": lambda name: ox.Gradient(times_input=True),
    "smoothgrad": lambda name: ox.SmoothGrad(n_samples=7),
    "smoothgrad_input": lambda name: ox.SmoothGrad(n_samples=5, times_input=True),
    "integrated_gradients": lambda name: ox.IntegratedGradients(n_steps=9),
    "expected_gradients": lambda name: ox.ExpectedGradients(data_ref=references(name), n_samples=6),
    "deeplift": lambda name: ox.DeepLift(),
    "deepshap": lambda name: ox.DeepShap(data_ref=references(name)),
    "deepshap_limited": lambda name: ox.DeepShap(data_ref=references(name, 9), limit_ref=3),
    "deeplift_reveal_cancel": lambda name: ox.DeepLift(rule="reveal_cancel"),
    "deepshap_reveal_cancel": lambda name: ox.DeepShap(data_ref=references(name), rule="reveal_cancel"),
    "smoothgrad_squared": lambda name: ox.SmoothGradSquared(n_samples=5),
    "vargrad": lambda name: ox.VarGrad(n_samples=5),
    "lrp": lambda name: ox.LRP(),
    "lrp_alpha_beta": lambda name: ox.LRP("epsilon_alpha2_beta1"),
    "lrp_shared_pooling": lambda name: ox.LRP(winner_takes_all=False, seed="one"),
    "connection_weights": lambda name: ox.ConnectionWeights(),
    "connection_weights_input": lambda name: ox.ConnectionWeights(times_input=True),
    "smooth_lrp": lambda name: ox.Smooth(ox.LRP(), n_samples=3),
    "smooth_deeplift": lambda name: ox.Smooth(ox.DeepLift(), n_samples=3),
    "smooth_deepshap": lambda name: ox.Smooth(ox.DeepShap(data_ref=references(name)), n_samples=2),
    "smooth_integrated": lambda name: ox.Smooth(ox.IntegratedGradients(n_steps=4), n_samples=3),
}
RANDOM = ("smoothgrad", "smoothgrad_input", "smoothgrad_squared", "vargrad", "expected_gradients", "deepshap_limited", "smooth_lrp", "smooth_deeplift")


def defined(method: str, name: str) -> bool:
    return not (method.startswith("connection_weights") and name in WITHOUT_WEIGHTS)


#: every method on models of every kind, not every pair
PAIRS = [
    (m, name)
    for m in METHODS
    for name in (
        "cnn",
        "branches",
        "attention",
        "embedding",
        "sequence_first",
        "fixed_3",
        "setting",
        "softmax_reshaped",
    )
    if defined(m, name)
]


def arrays(e: ox.Explanation) -> dict[Any, np.ndarray]:
    """All numbers of an explanation by what they are."""
    out: dict[Any, np.ndarray] = {pair: a.values for pair, a in e.attributions.items()}
    out.update({("layer", *pair): a.values for pair, a in e.layer_attributions.items()})
    for kind in ("predictions", "goals", "sums"):
        out.update({(kind, o): v for o, v in getattr(e, kind).items()})
    return out
