"""zennit's composites and attributors by our names."""

from __future__ import annotations

import importlib
import sys
import types
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from ..ask import Ask
from ..nets import Add
from .base import Peer, holds

GRADIENTS = ("gradient", "gradient_input", "ig", "smoothgrad")
RULES = ("epsilon", "zplus", "plus_flat", "alpha2beta1", "alpha_beta", "gamma", "gamma_box")


class Zennit(Peer):
    library = "zennit"
    methods = frozenset({*GRADIENTS, *RULES})

    def __init__(self, net: nn.Module) -> None:
        super().__init__(net)
        self.net = merged(self.net)

    @classmethod
    def version(cls) -> str | None:
        _with_torchvision()
        return super().version()

    def knows(self, method: str) -> bool:
        return method in self.methods and not (method in RULES and holds(self.net, nn.LayerNorm, nn.RNNBase))

    def run(self, ask: Ask) -> Tensor:
        with self._attributor(ask) as attributor:
            found = [attributor(ask.x.detach().clone(), self._seed(ask.method, t))[1].detach() for t in ask.targets]
        return torch.stack(found) * (ask.x if ask.method == "gradient_input" else 1.0)

    def one(self, ask: Ask, target: int) -> Tensor:
        return self.run(ask.for_target(target))[0]

    def _attributor(self, ask: Ask) -> Any:
        from zennit.attribution import Gradient, IntegratedGradients, SmoothGrad

        if ask.method == "ig":
            return IntegratedGradients(self.net, n_iter=ask.n, baseline_fn=lambda x: ask.start.expand_as(x))
        if ask.method == "smoothgrad":
            return SmoothGrad(self.net, noise_level=0.1, n_iter=ask.n)
        return Gradient(self.net, composite(ask) if ask.method in RULES else None)

    def _seed(self, method: str, target: int) -> Any:
        def of_value(y: Tensor) -> Tensor:
            return _unit(y, target) * y

        def of_one(y: Tensor) -> Tensor:
            return _unit(y, target).expand_as(y)

        return of_value if method in RULES else of_one


def _unit(y: Tensor, target: int) -> Tensor:
    return nn.functional.one_hot(torch.tensor(target), y.shape[1]).to(y)


def composite(ask: Ask) -> Any:
    from zennit import composites, rules, types

    epsilon, own = rules.Epsilon(epsilon=ask.epsilon), ask.method
    if own == "plus_flat":
        return composites.EpsilonPlusFlat()
    if own == "gamma_box":
        low, high = torch.full_like(ask.x, -4.0), torch.full_like(ask.x, 4.0)
        return composites.EpsilonGammaBox(low=low, high=high)
    for_convolutions = {
        "epsilon": epsilon,
        "zplus": rules.ZPlus(),
        "alpha2beta1": rules.AlphaBeta(alpha=2, beta=1),
        "alpha_beta": rules.AlphaBeta(alpha=2, beta=1),
        "gamma": rules.Gamma(gamma=0.25),
    }[own]
    dense = for_convolutions if own == "alpha_beta" else epsilon
    rows = [*composites.layer_map_base(), (types.Convolution, for_convolutions), (types.Linear, dense)]
    return composites.LayerMapComposite(rows)


def _with_torchvision() -> None:
    """zennit imports three classes of torchvision's, which the nets here do not use; without torchvision they may
    as well be empty."""
    try:
        importlib.import_module("torchvision.models.resnet")
    except ImportError:
        for name in ("torchvision", "torchvision.models", "torchvision.models.resnet"):
            sys.modules.setdefault(name, types.ModuleType(name))
        for name in ("Bottleneck", "BasicBlock"):
            setattr(sys.modules["torchvision.models.resnet"], name, type(name, (), {}))


def merged(net: nn.Module) -> nn.Module:
    """The net with batch normalisations merged into convolutions (zennit's own way leaves their ε behind) and
    additions replaced by zennit's."""
    if not holds(net, Add, nn.BatchNorm1d, nn.BatchNorm2d):
        return net
    from zennit.layer import Sum

    class Stacked(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.sum = Sum()

        def forward(self, a: Tensor, b: Tensor) -> Tensor:
            return self.sum(torch.stack((a, b), -1))

    for m in list(net.modules()):
        for (name, first), (after, second) in pairwise(list(m.named_children())):
            if isinstance(first, nn.Conv1d | nn.Conv2d) and isinstance(second, nn.BatchNorm1d | nn.BatchNorm2d):
                setattr(m, name, fuse_conv_bn_eval(first, second))
                setattr(m, after, nn.Identity())
        if isinstance(getattr(m, "add", None), Add):
            m.add = Stacked()
    return net.requires_grad_(False)
