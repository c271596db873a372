"""The table of method names."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..errors import RuleError
from ..rules.composites import ExcitationBackprop
from .base import Method
from .blackbox.feature_ablation import FeatureAblation
from .blackbox.kernel_shap import KernelShap
from .blackbox.lime import Lime
from .blackbox.occlusion import Occlusion
from .blackbox.permutation_shap import PermutationShap
from .blackbox.rise import Rise
from .connection_weights import ConnectionWeights
from .deep_lift import DeepLift
from .deep_shap import DeepShap
from .expected_gradients import ExpectedGradients
from .grad_cam import GradCam, GradCamPlusPlus, LayerCam
from .gradient import Gradient
from .guided import Deconvnet, GuidedBackprop
from .integrated_gradients import IntegratedGradients
from .lrp import LRP
from .smooth import SmoothGrad, SmoothGradSquared, VarGrad
from .tree_shap import TreeShap

#: name → (how it is made, what it does in a line)
METHODS: dict[str, tuple[Callable[..., Method], str]] = {
    "gradient": (Gradient, "∂f/∂x"),
    "gradient_input": (lambda **k: Gradient(times_input=True, **k), "x ⊙ ∂f/∂x"),
    "smoothgrad": (SmoothGrad, "mean gradient at noisy copies of x"),
    "smoothgrad_squared": (SmoothGradSquared, "mean squared gradient at noisy copies of x"),
    "vargrad": (VarGrad, "variance of the gradient over noisy copies of x"),
    "integrated_gradients": (IntegratedGradients, "(x − x̄) ⊙ mean gradient on the straight path from the baseline"),
    "expected_gradients": (ExpectedGradients, "the same, over random references and points"),
    "deeplift": (DeepLift, "f(x) − f(x̄), shared out exactly"),
    "deepshap": (DeepShap, "DeepLIFT averaged over references"),
    "treeshap": (TreeShap, "Shapley values of trees, by how many rows came through their nodes"),
    "lrp": (LRP, "f(x), shared out backwards by rules"),
    "connection_weights": (ConnectionWeights, "products of weights along all paths"),
    "excitation_backprop": (
        lambda **k: LRP(**{"composite": ExcitationBackprop(), "seed": "one", **k}),
        "the chance that a random walk back from the unit, along positive contributions, ends at x",
    ),
    "guided_backprop": (GuidedBackprop, "∂f/∂x with only positive signals passing rectifiers, both ways"),
    "deconvnet": (Deconvnet, "∂f/∂x with rectifiers applied on the way back"),
    "grad_cam": (GradCam, "map of the last convolution's channels, weighted by their mean gradients"),
    "grad_cam_plus_plus": (GradCamPlusPlus, "the same, weighted towards where gradients are positive"),
    "layer_cam": (LayerCam, "the same, each place weighted by its own positive gradient"),
    "occlusion": (Occlusion, "what f loses when a window is covered"),
    "feature_ablation": (FeatureAblation, "what f loses when a group of features is replaced"),
    "rise": (Rise, "mean f under random masks that show an element"),
    "lime": (Lime, "coefficients of a linear model of f near x"),
    "kernel_shap": (KernelShap, "Shapley values by weighted least squares"),
    "permutation_shap": (PermutationShap, "Shapley values by random orders"),
}

_SYNONYMS = {
    "saliency": "gradient",
    "input_x_gradient": "gradient_input",
    "gradient_x_input": "gradient_input",
    "grad": "gradient",
    "smooth_grad": "smoothgrad",
    "smoothgrad2": "smoothgrad_squared",
    "smooth_grad_squared": "smoothgrad_squared",
    "var_grad": "vargrad",
    "guided_backpropagation": "guided_backprop",
    "gradcam": "grad_cam",
    "gradcam++": "grad_cam_plus_plus",
    "grad_cam++": "grad_cam_plus_plus",
    "gradcam_plus_plus": "grad_cam_plus_plus",
    "layercam": "layer_cam",
    "ig": "integrated_gradients",
    "intgrad": "integrated_gradients",
    "gradient_shap": "expected_gradients",
    "deep_lift": "deeplift",
    "deep_shap": "deepshap",
    "cw": "connection_weights",
    "ablation": "feature_ablation",
    "kernelshap": "kernel_shap",
    "permutationshap": "permutation_shap",
}


def methods() -> tuple[str, ...]:
    """The names that `explain(method=…)` takes."""
    return tuple(METHODS)


def method_from(spec: Any, **options: Any) -> Method:
    """A method from its name or an instance; `options` go to the constructor of a named one."""
    if isinstance(spec, Method):
        if options:
            raise RuleError(f"options {sorted(options)} go into the method itself: {type(spec).__name__}(…)")
        return spec
    if isinstance(spec, type) and issubclass(spec, Method):
        return spec(**options)
    key = str(spec).lower().replace("-", "_").replace(" ", "_")
    key = _SYNONYMS.get(key, key)
    if key not in METHODS:
        from difflib import get_close_matches

        near = get_close_matches(key, METHODS, 1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise RuleError(f"there is no method {spec!r}{hint}; the methods are {', '.join(METHODS)}")
    try:
        return METHODS[key][0](**options)
    except TypeError as error:
        raise RuleError(f"method {key!r}: {error}") from error
