"""onnxplain explains the predictions of any neural network, from any framework, exactly.

    import onnxplain as ox
    model = ox.load("model.onnx")
    e = ox.explain(model, data, method="lrp")
    e["input"].values
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from .errors import (
    ConservationError,
    ConverterError,
    InputError,
    MissingDependencyError,
    ModelError,
    OnnxplainError,
    RuleError,
    TargetError,
    UnsupportedOpError,
    VerificationError,
)

if TYPE_CHECKING:
    from .api import explain, load
    from .explanation import Attribution, Explanation
    from .methods.connection_weights import ConnectionWeights
    from .methods.deep_lift import DeepLift
    from .methods.deep_shap import DeepShap
    from .methods.expected_gradients import ExpectedGradients
    from .methods.gradient import Gradient
    from .methods.integrated_gradients import IntegratedGradients
    from .methods.lrp import LRP
    from .methods.smooth import Smooth, SmoothGrad
    from .methods.table import methods
    from .model import Model
    from .rules import (
        CPLRP,
        AlphaBeta,
        AttnLRP,
        Composite,
        Depth,
        Epsilon,
        EpsilonAlpha2Beta1,
        EpsilonAlpha2Beta1Flat,
        EpsilonGammaBox,
        EpsilonPlus,
        EpsilonPlusFlat,
        ExcitationBackprop,
        First,
        Flat,
        Gamma,
        Last,
        Norm,
        Pass,
        PresetA,
        PresetB,
        WSquare,
        ZBox,
        Zero,
        ZPlus,
    )
    from .targets import Contrast, PerSample, Top

__version__ = "0.1.0"

#: public name → the module that holds it; imported when first asked for, so that `onnxplain --help` needs no torch
_PUBLIC = {
    "load": "api",
    "explain": "api",
    "methods": "methods.table",
    "Model": "model",
    "Explanation": "explanation",
    "Attribution": "explanation",
    "PerSample": "targets",
    "Contrast": "targets",
    "Top": "targets",
    "Gradient": "methods.gradient",
    "SmoothGrad": "methods.smooth",
    "Smooth": "methods.smooth",
    "IntegratedGradients": "methods.integrated_gradients",
    "ExpectedGradients": "methods.expected_gradients",
    "DeepLift": "methods.deep_lift",
    "DeepShap": "methods.deep_shap",
    "LRP": "methods.lrp",
    "ConnectionWeights": "methods.connection_weights",
    "rules": "rules",
    **dict.fromkeys(
        (
            "AlphaBeta",
            "AttnLRP",
            "CPLRP",
            "Composite",
            "Depth",
            "Epsilon",
            "EpsilonAlpha2Beta1",
            "EpsilonAlpha2Beta1Flat",
            "EpsilonGammaBox",
            "EpsilonPlus",
            "EpsilonPlusFlat",
            "ExcitationBackprop",
            "First",
            "Flat",
            "Gamma",
            "Last",
            "Norm",
            "Pass",
            "PresetA",
            "PresetB",
            "WSquare",
            "ZBox",
            "ZPlus",
            "Zero",
        ),
        "rules",
    ),
}


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'onnxplain' has no attribute {name!r}")
    module = importlib.import_module(f".{_PUBLIC[name]}", __name__)
    value = module if name == "rules" else getattr(module, name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)


__all__ = [
    "CPLRP",
    "LRP",
    "AlphaBeta",
    "AttnLRP",
    "Attribution",
    "Composite",
    "ConnectionWeights",
    "ConservationError",
    "Contrast",
    "ConverterError",
    "DeepLift",
    "DeepShap",
    "Depth",
    "Epsilon",
    "EpsilonAlpha2Beta1",
    "EpsilonAlpha2Beta1Flat",
    "EpsilonGammaBox",
    "EpsilonPlus",
    "EpsilonPlusFlat",
    "ExcitationBackprop",
    "ExpectedGradients",
    "Explanation",
    "First",
    "Flat",
    "Gamma",
    "Gradient",
    "InputError",
    "IntegratedGradients",
    "Last",
    "MissingDependencyError",
    "Model",
    "ModelError",
    "Norm",
    "OnnxplainError",
    "Pass",
    "PerSample",
    "PresetA",
    "PresetB",
    "RuleError",
    "Smooth",
    "SmoothGrad",
    "TargetError",
    "Top",
    "UnsupportedOpError",
    "VerificationError",
    "WSquare",
    "ZBox",
    "ZPlus",
    "Zero",
    "explain",
    "load",
    "methods",
    "rules",
]
