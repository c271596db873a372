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
    from .black_box import BlackBox
    from .explanation import Attribution, Explanation
    from .methods.baselines import BaselineSet, Blur
    from .methods.blackbox.feature_ablation import FeatureAblation
    from .methods.blackbox.kernel_shap import KernelShap
    from .methods.blackbox.lime import Lime
    from .methods.blackbox.occlusion import Occlusion
    from .methods.blackbox.permutation_shap import PermutationShap
    from .methods.blackbox.rise import Rise
    from .methods.connection_weights import ConnectionWeights
    from .methods.deep_lift import DeepLift
    from .methods.deep_shap import DeepShap
    from .methods.expected_gradients import ExpectedGradients
    from .methods.grad_cam import GradCam, GradCamPlusPlus, LayerCam
    from .methods.gradient import Gradient
    from .methods.guided import Deconvnet, GuidedBackprop
    from .methods.integrated_gradients import IntegratedGradients
    from .methods.lrp import LRP
    from .methods.smooth import Smooth, SmoothGrad, SmoothGradSquared, VarGrad
    from .methods.table import methods
    from .methods.tree_shap import TreeShap
    from .model import Model
    from .operator_table import operators
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
    "operators": "operator_table",
    "Model": "model",
    "Explanation": "explanation",
    "Attribution": "explanation",
    "PerSample": "targets",
    "Contrast": "targets",
    "Top": "targets",
    "BaselineSet": "methods.baselines",
    "Blur": "methods.baselines",
    "Gradient": "methods.gradient",
    "SmoothGrad": "methods.smooth",
    "SmoothGradSquared": "methods.smooth",
    "VarGrad": "methods.smooth",
    "Smooth": "methods.smooth",
    "IntegratedGradients": "methods.integrated_gradients",
    "ExpectedGradients": "methods.expected_gradients",
    "DeepLift": "methods.deep_lift",
    "DeepShap": "methods.deep_shap",
    "TreeShap": "methods.tree_shap",
    "LRP": "methods.lrp",
    "ConnectionWeights": "methods.connection_weights",
    "GuidedBackprop": "methods.guided",
    "Deconvnet": "methods.guided",
    "GradCam": "methods.grad_cam",
    "GradCamPlusPlus": "methods.grad_cam",
    "LayerCam": "methods.grad_cam",
    "BlackBox": "black_box",
    "Occlusion": "methods.blackbox.occlusion",
    "FeatureAblation": "methods.blackbox.feature_ablation",
    "Rise": "methods.blackbox.rise",
    "Lime": "methods.blackbox.lime",
    "KernelShap": "methods.blackbox.kernel_shap",
    "PermutationShap": "methods.blackbox.permutation_shap",
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
    "BaselineSet",
    "BlackBox",
    "Blur",
    "Composite",
    "ConnectionWeights",
    "ConservationError",
    "Contrast",
    "ConverterError",
    "Deconvnet",
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
    "FeatureAblation",
    "First",
    "Flat",
    "Gamma",
    "GradCam",
    "GradCamPlusPlus",
    "Gradient",
    "GuidedBackprop",
    "InputError",
    "IntegratedGradients",
    "KernelShap",
    "Last",
    "LayerCam",
    "Lime",
    "MissingDependencyError",
    "Model",
    "ModelError",
    "Norm",
    "Occlusion",
    "OnnxplainError",
    "Pass",
    "PerSample",
    "PermutationShap",
    "PresetA",
    "PresetB",
    "Rise",
    "RuleError",
    "Smooth",
    "SmoothGrad",
    "SmoothGradSquared",
    "TargetError",
    "Top",
    "TreeShap",
    "UnsupportedOpError",
    "VarGrad",
    "VerificationError",
    "WSquare",
    "ZBox",
    "ZPlus",
    "Zero",
    "explain",
    "load",
    "methods",
    "operators",
    "rules",
]
