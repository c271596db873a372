"""The table of method names."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..errors import RuleError
from .base import Method
from .connection_weights import ConnectionWeights
from .deep_lift import DeepLift
from .deep_shap import DeepShap
from .expected_gradients import ExpectedGradients
from .gradient import Gradient
from .integrated_gradients import IntegratedGradients
from .lrp import LRP
from .smooth import SmoothGrad

#: name → (how it is made, what it does in a line)
METHODS: dict[str, tuple[Callable[..., Method], str]] = {
    "gradient": (Gradient, "∂f/∂x"),
    "gradient_input": (lambda **k: Gradient(times_input=True, **k), "x ⊙ ∂f/∂x"),
    "smoothgrad": (SmoothGrad, "mean gradient at noisy copies of x"),
    "integrated_gradients": (IntegratedGradients, "(x − x̄) ⊙ mean gradient on the straight path from the baseline"),
    "expected_gradients": (ExpectedGradients, "the same, over random references and points"),
    "deeplift": (DeepLift, "f(x) − f(x̄), shared out exactly"),
    "deepshap": (DeepShap, "DeepLIFT averaged over references"),
    "lrp": (LRP, "f(x), shared out backwards by rules"),
    "connection_weights": (ConnectionWeights, "products of weights along all paths"),
}

_SYNONYMS = {
    "saliency": "gradient",
    "input_x_gradient": "gradient_input",
    "gradient_x_input": "gradient_input",
    "grad": "gradient",
    "smooth_grad": "smoothgrad",
    "ig": "integrated_gradients",
    "intgrad": "integrated_gradients",
    "gradient_shap": "expected_gradients",
    "deep_lift": "deeplift",
    "deep_shap": "deepshap",
    "cw": "connection_weights",
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
        raise RuleError(f"there is no method {spec!r}{hint} The methods are {', '.join(METHODS)}")
    try:
        return METHODS[key][0](**options)
    except TypeError as error:
        raise RuleError(f"method {key!r}: {error}") from error
