"""The gradient family's numbers in zennit 1.0.0, captum 0.9.0, iNNvestigate 2.1.2 and shap 0.51."""

from __future__ import annotations

from .lrp import NOTHING
from .preset import Preset

AS_GIVEN = Preset(last=NOTHING)

SMOOTH_ZENNIT = Preset({"n_samples": 20}, last=NOTHING)
SMOOTH_CAPTUM = Preset({"n_samples": 5, "noise_level": 1.0, "spread": "absolute"}, last=NOTHING)
SMOOTH_INNVESTIGATE = Preset({"n_samples": 64, "noise_level": 1.0, "spread": "absolute"})

INTEGRATED_ZENNIT = Preset({"n_steps": 20, "quadrature": "riemann_right"}, last=NOTHING)
QUADRATURES = ("gauss_legendre", "riemann_right", "riemann_left", "riemann_middle", "riemann_trapezoid")
INTEGRATED_CAPTUM = Preset(instead={"quadrature": {q: f"captum_{q}" for q in QUADRATURES}}, last=NOTHING)
INTEGRATED_INNVESTIGATE = Preset({"n_steps": 64, "quadrature": "riemann_left"})

EXPECTED_CAPTUM = Preset({"n_samples": 5}, last=NOTHING)
EXPECTED_SHAP = Preset({"n_samples": 200}, last=NOTHING)
