"""Conventions: what other libraries compute under the same names, as presets of our methods.

`PRESETS[method name][library]` says what `convention=library` changes; a method's own parameters win where they were
given. Formulas and versions are on the documentation's page of conventions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ..errors import RuleError
from . import deep_lift, gradient, innsight, lrp
from .preset import Preset, SeedOf

__all__ = ["PRESETS", "Preset", "SeedOf", "preset_of"]

#: without a convention nothing changes
OURS = Preset()

PRESETS: Mapping[str, Mapping[str, Preset]] = {
    "gradient": {"innsight": innsight.GRADIENT, "zennit": gradient.AS_GIVEN, "captum": gradient.AS_GIVEN},
    "smoothgrad": {
        "innsight": innsight.SMOOTHGRAD,
        "zennit": gradient.SMOOTH_ZENNIT,
        "captum": gradient.SMOOTH_CAPTUM,
        "innvestigate": gradient.SMOOTH_INNVESTIGATE,
    },
    "integrated_gradients": {
        "innsight": innsight.INTEGRATED,
        "zennit": gradient.INTEGRATED_ZENNIT,
        "captum": gradient.INTEGRATED_CAPTUM,
        "innvestigate": gradient.INTEGRATED_INNVESTIGATE,
    },
    "expected_gradients": {
        "innsight": innsight.GRADIENT,
        "captum": gradient.EXPECTED_CAPTUM,
        "shap": gradient.EXPECTED_SHAP,
    },
    "deeplift": {
        "innsight": innsight.DEEP_LIFT,
        "captum": deep_lift.CAPTUM,
        "shap": deep_lift.SHAP,
        "deeplift": deep_lift.DEEPLIFT,
        "tangermeme": deep_lift.TANGERMEME,
    },
    "deepshap": {
        "innsight": innsight.DEEP_LIFT,
        "captum": deep_lift.CAPTUM,
        "shap": deep_lift.SHAP,
        "deeplift": deep_lift.DEEPLIFT,
        "tangermeme": deep_lift.TANGERMEME,
    },
    "lrp": {
        "innsight": innsight.LRP,
        "zennit": lrp.ZENNIT,
        "captum": lrp.CAPTUM,
        "innvestigate": lrp.INNVESTIGATE,
        "lxt": lrp.LXT,
    },
    "connection_weights": {"innsight": innsight.CONNECTION_WEIGHTS},
}


def preset_of(method: Any) -> Preset:
    """The preset of a method's `convention`; raises `RuleError` for a pair that is not known."""
    if method.convention is None:
        inner = getattr(getattr(method, "method", None), "preset", OURS)  # Smooth's: the graph that its method sees
        return OURS if inner is OURS else replace(inner, parameters={}, instead={}, rules=None)
    known = PRESETS.get(method.name, {})
    if method.convention not in known:
        here = f"it knows {', '.join(map(repr, known))}" if known else "it has none"
        others = [name for name, table in PRESETS.items() if method.convention in table]
        more = f"; {method.convention!r} is known to {', '.join(others)}" if others else ""
        raise RuleError(f"{type(method).__name__} has no convention {method.convention!r}: {here}{more}")
    return known[method.convention]
