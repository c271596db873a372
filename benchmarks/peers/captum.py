"""captum's methods by our names."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from ..ask import Ask
from ..nets import Add, Concat
from .base import Peer, holds

CONVOLUTIONS = (nn.Conv1d, nn.Conv2d)
LINEAR = (*CONVOLUTIONS, nn.Linear, Add)
#: captum's ε rule stands for passing here: these have nothing to stabilise
PASSING = (
    *(nn.BatchNorm1d, nn.BatchNorm2d, nn.MaxPool1d, nn.MaxPool2d, nn.AvgPool2d, nn.AdaptiveAvgPool1d, nn.AdaptiveAvgPool2d),
    *(nn.ConstantPad1d, nn.Flatten),
)
GRADIENTS = ("gradient", "gradient_input", "ig", "smoothgrad", "expected")
QUADRATURES = {"gauss_legendre": "gausslegendre", "riemann_right": "riemann_right"}


class Captum(Peer):
    library = "captum"
    methods = frozenset({*GRADIENTS, "epsilon", "zplus", "deeplift", "deepshap"})

    def knows(self, method: str) -> bool:
        if method not in self.methods or method in GRADIENTS:
            return method in self.methods
        if holds(self.net, nn.LayerNorm, nn.RNNBase, nn.ReLU6, nn.ConvTranspose2d, Concat):
            return False  # it has no rules for these and would fail, or take them for linear without a word
        return not (method in ("deeplift", "deepshap") and holds(self.net, Add))

    def one(self, ask: Ask, target: int) -> Tensor:
        import captum.attr as ca

        x = ask.x.detach().requires_grad_()
        match ask.method:
            case "gradient":
                return ca.Saliency(self.net).attribute(x, target, abs=False)
            case "gradient_input":
                return ca.InputXGradient(self.net).attribute(x, target)
            case "ig":
                ig, how = ca.IntegratedGradients(self.net), QUADRATURES[ask.steps]
                return ig.attribute(x, ask.start, target, n_steps=ask.n, internal_batch_size=ask.rows, method=how)
            case "smoothgrad":
                noisy, at_once = ca.NoiseTunnel(ca.Saliency(self.net)), max(1, ask.rows // len(x))
                return noisy.attribute(x, nt_samples=ask.n, nt_samples_batch_size=at_once, target=target, abs=False)
            case "expected":
                torch.manual_seed(0)
                return ca.GradientShap(self.net).attribute(x, ask.beside, n_samples=ask.n, target=target)
            case "deeplift":
                return ca.DeepLift(self.net).attribute(x, ask.start, target=target)
            case "deepshap":
                return ca.DeepLiftShap(self.net).attribute(x, ask.beside, target=target)
        self.set_rules(ask)
        return ca.LRP(self.net).attribute(x, target=target)

    def set_rules(self, ask: Ask) -> None:
        from captum.attr._utils import lrp_rules

        module: Any
        for module in self.net.modules():
            if isinstance(module, PASSING):
                module.rule = lrp_rules.EpsilonRule(1e-10)
            elif isinstance(module, LINEAR):
                plus = ask.method == "zplus" and isinstance(module, CONVOLUTIONS)
                module.rule = lrp_rules.Alpha1_Beta0_Rule() if plus else lrp_rules.EpsilonRule(ask.epsilon)
